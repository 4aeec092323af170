"""What holds until a first cursor is kept: a configuration that fits nothing ends the run, and skips nothing."""

from __future__ import annotations

from typing import Final

from argus_client.adapters.core.config import AdapterConfig
from argus_client.adapters.core.errors import ConfigError
from argus_client.adapters.core.mapping import Mapped
from argus_client.adapters.core.session import hint
from argus_client.adapters.core.tally import Tally
from argus_client.adapters.pull import Page

_TOO_OLD: Final = "too_old"
_SHOWN_FIELDS: Final = 30
_NOTHING_LOST: Final = "Nothing was sent and nothing was skipped."


def unusable(mapped: Mapped, page: Page, tally: Tally, config: AdapterConfig) -> ConfigError | None:
    """The error of a first page of which nothing could be used; None when there was nothing to be used."""
    if (loss := mapped.worst_loss) is not None:
        present = list(page.records.fields())
        shown = ", ".join(present[:_SHOWN_FIELDS]) + (", ..." if len(present) > _SHOWN_FIELDS else "")
        return ConfigError(
            f"None of the first {mapped.records} records could be mapped: {loss.kind.replace('_', ' ')} "
            f"({loss.example}). The source has the fields {shown or '(none)'}; name the right ones in "
            f"[mapping]{_of(config)}. {_NOTHING_LOST}"
        )
    if page.problem:
        return ConfigError(f"{page.problem.rstrip('.')}. {_NOTHING_LOST}")
    if tally.problems and not mapped.records:
        ((kind, name), rows) = tally.problems.most_common(1)[0]
        return ConfigError(
            f"Nothing of what the source gave could be read: {rows} rows: {kind.replace('_', ' ')}, such as "
            f"{tally.examples.get((kind, name), '')}. Mend what writes them, or say in [source]{_of(config)} what "
            f"they are. {_NOTHING_LOST}"
        )
    return None


def has_taken(tally: Tally, config: AdapterConfig, *, is_over: bool = False) -> bool:
    """Whether the server has taken a row yet; before that no cursor may be kept.

    Args:
        tally: Everything the server has answered.
        config: The adapter.
        is_over: Nothing more will be sent in this run.

    Raises:
        ConfigError: it has refused every row so far, and what comes would fare no better. Rows that are too old may
            be followed by some that are not: for them alone a run goes on until it is over.
    """
    if tally.accepted or tally.duplicate:
        return True
    if not tally.rejected:
        return False
    told = tally.rejections.most_common(1)
    ((reason, field), _) = told[0] if told else (("no reason was given", ""), 0)
    if {reason for reason, _ in tally.rejections} == {_TOO_OLD} and not is_over:
        return False
    where = f" in {field}" if field else ""
    example = f", such as {shown}" if (shown := tally.examples.get((reason, field))) else ""
    raise ConfigError(
        f"The server has refused all {tally.rejected} rows that it was sent: {reason.replace('_', ' ')}{where}{example}"
        f"{hint(reason, field)}. Mend the configuration{_of(config)} and run again: no cursor was kept, and nothing "
        "is skipped."
    )


def _of(config: AdapterConfig) -> str:
    return f" of {config.path}" if config.path else ""
