"""Tables from files: what is shipped, what an operator may change, what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from argus_server.metrics import METRIC_INDEX
from argus_server.profiles import PROFILE_INDEX
from argus_server.risk.scoring import score
from argus_server.risk.table_file import TableError, load_tables
from argus_server.risk.tables import Limits
from tests.server.risk.fleets import server


def write(folder: Path, text: str) -> Path:
    path = folder / "tables.toml"
    path.write_text(text, "utf-8")
    return path


def test_shipped_thresholds_cover_idle_cpu_from_below_and_databases() -> None:
    thresholds = load_tables().thresholds
    idle = thresholds[METRIC_INDEX["cpu_idle_pct"]]
    memory = thresholds[METRIC_INDEX["mem_used_pct"]]

    assert idle.low_is_bad
    assert idle.of(PROFILE_INDEX["generic"]) == Limits(15.0, 5.0)
    assert memory.of(PROFILE_INDEX["generic"]) == Limits(90.0, 98.0)
    assert memory.of(PROFILE_INDEX["database"]) == Limits(98.0, 99.0)


def test_own_file_changes_only_what_it_holds(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        """
        [thresholds.mem_used_pct.profiles.ml_compute]
        warning = 96.0
        critical = 99.5
        [signals.swap]
        current = [[40.0, 10.0]]
        """,
    )
    tables = load_tables(path)
    shipped = load_tables()
    memory = tables.thresholds[METRIC_INDEX["mem_used_pct"]]

    assert memory.of(PROFILE_INDEX["ml_compute"]) == Limits(96.0, 99.5)
    assert memory.of(PROFILE_INDEX["database"]) == Limits(98.0, 99.0)
    assert tables.ladder == shipped.ladder
    swapping = server({"swap_used_pct": 30})
    assert score(swapping, shipped).scores[0] == pytest.approx(14.0)  # 0.7 * 20
    assert score(swapping, tables).scores[0] == 0


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[score", "not a TOML file"),
        ("[scores]\nx = 1", "unknown key scores"),
        ("[score]\nweight = 1", "unknown key score.weight"),
        ("[score]\ncurrent_weight = 0.9", "weights"),
        ("[score]\ncurrent_weight = 'much'", "score.current_weight must be a finite number, got 'much'"),
        ("[score]\nsilent_score = nan", "score.silent_score must be a finite number"),
        ("[score]\nsilent_score = 101", "silent_score must lie within 0 and 100"),
        ("score = 3", r"\[score\] must be a table"),
        ("[urgency]\npoints = [[30, 50], [480, 60]]", "must not rise"),
        ("[urgency]\nminimum_probability = 0", "minimum_probability"),
        ("[thresholds.cpu_pct]\nwarning = 1\ncritical = 2", "unknown metric 'cpu_pct'"),
        ("[thresholds.mem_used_pct]\ncritical = 80", "critical must be positive and above warning"),
        ("[thresholds.cpu_idle_pct]\ncritical = 20", "critical must be positive and below warning"),
        ("[thresholds.load_average]\nbad = 'low'", "only a percentage"),
        ("[thresholds.cpu_idle_pct]\nbad = 'odd'", '"high" or "low"'),
        ("[thresholds.mem_used_pct.profiles.web]\nwarning = 1\ncritical = 2", "unknown profile 'web'"),
        ("[signals.memory]\ncurrent = [[90, 10], [85, 20]]", "values must ascend"),
        ("[signals.memory]\ncurrent = [[90, 10], [90, 20]]", "values must ascend"),
        ("[signals.memory]\ncurrent = [[85, 20], [90, 10]]", "points must not fall"),
        ("[signals.memory]\ncurrent = [[85, 101]]", "points must lie within 0 and 100"),
        ("[signals.memory]\ncurrent = [85]", "pairs of numbers"),
        ("[signals.memory]\nmetric = 'net_in_mb_s'", r"no \[thresholds.net_in_mb_s\]"),
        ("[signals.memory]\nmetric = 'memory'", "unknown metric 'memory'"),
        ("[signals.memory]\nsubstitutes = ['swap_used_pct']", "bad when low"),
        ("[signals.java]\nmetric = 'mem_used_pct'", "signals.java.label is missing"),
        ("ladder = []", "every priority must have one rung"),
        ("[display.cpu]\ndead_band = -1", "must not be negative"),
        ("[display.java]\nmetric = 'java_cpu_pct'", "unknown key display.java"),
        ("[environment]\nwarning_probability = 0.7", "warning below critical"),
        ("[states]\nbusy = 1", "unknown key states.busy"),
    ],
)
def test_nonsense_is_refused_and_named(tmp_path: Path, text: str, complaint: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(TableError, match=complaint) as refused:
        load_tables(path)
    assert str(path) in str(refused.value)


def test_ladder_must_ascend(tmp_path: Path) -> None:
    shipped = load_tables().ladder
    names = ["healthy", "watch", "degrading", "warning", "danger", "critical", "imminent_failure"]
    levels = ["healthy", "healthy", "degrading", "warning", "warning", "critical", "critical"]

    def ladder(floors: list[float]) -> str:
        return "\n".join(
            f'[[ladder]]\npriority = "{name}"\nlevel = "{level}"\nminimum_score = {floor}\nlabel = "x"\n'
            f'color = "#000000"\nemoji = "x"\nsla_seconds = 0'
            for name, level, floor in zip(names, levels, floors, strict=True)
        )

    floors = [rung.minimum_score for rung in shipped.rungs]
    assert load_tables(write(tmp_path, ladder(floors))).ladder.rungs[3].minimum_score == 60
    for wrong in ([1.0, *floors[1:]], [*floors[:4], 60.0, *floors[5:]], [*floors[:6], 101.0]):
        with pytest.raises(TableError, match="ladder"):
            load_tables(write(tmp_path, ladder(wrong)))


def test_missing_file_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load_tables(tmp_path / "none.toml")
