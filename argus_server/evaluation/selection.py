"""Which baselines a user asked for."""

from __future__ import annotations

from argus_server.command_line import names
from argus_server.evaluation.baselines import ALWAYS, FAST, Baseline, named
from argus_server.evaluation.protocol import EvaluationError
from argus_server.evaluation.statistical import STATISTICAL, Statistical

_GROUPS = {"": (), "fast": tuple(FAST), "all": (*FAST, *STATISTICAL)}


def chosen_baselines(given: str, series_seconds: float) -> dict[str, Baseline]:
    """Baselines from comma-separated names, `fast`, `all` or nothing; two are always there.

    Args:
        given: What the user wrote.
        series_seconds: Time limit of a series for each baseline that must be fitted.

    Raises:
        EvaluationError: A name is unknown.
        ImportError: statsforecast is needed and not installed.
    """
    wanted = _GROUPS.get(given.strip())
    if wanted is None:
        wanted = names(given)
    unknown = [name for name in wanted if name not in FAST and name not in STATISTICAL]
    if unknown:
        raise EvaluationError(
            f"unknown baseline {unknown[0]!r}; allowed: fast, all, {', '.join((*FAST, *STATISTICAL))}"
        )
    chosen = named(name for name in FAST if name in wanted or name in ALWAYS)
    return chosen | {name: Statistical(name, series_seconds) for name in STATISTICAL if name in wanted}
