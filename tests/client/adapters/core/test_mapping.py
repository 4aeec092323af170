"""Records into rows: whatever a source holds, every record is a row or is accounted for."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from argus_client.adapters.core.columnar import Columns
from argus_client.adapters.core.documents import Documents
from argus_client.adapters.core.errors import ConfigError
from argus_client.adapters.core.mapping import LOSING, Mapped, Mapper
from argus_client.adapters.core.mapping_config import MappingConfig
from argus_client.samples import METRICS, STATES

TIME_MS = 1_750_000_000_123


def row(**fields: Any) -> dict[str, Any]:
    return {"timestamp": TIME_MS, "server_name": "web-1", "mem_used_pct": 50.0, **fields}


def mapped(*documents: dict[str, Any], **mapping: Any) -> Mapped:
    return Mapper(MappingConfig.from_table(mapping)).apply(Documents(documents))


def metric(found: Mapped, name: str) -> list[float | None]:
    values = found.samples.metrics[:, METRICS.index(name)].tolist()
    return [None if math.isnan(value) else value for value in values]


def problems(found: Mapped) -> dict[tuple[str, str], int]:
    return {(problem.kind, problem.field): problem.rows for problem in found.problems}


@pytest.mark.parametrize(
    "cell",
    [
        1_750_000_000,
        1_750_000_000.123,
        1_750_000_000_123,
        1_750_000_000_123_000,
        1_750_000_000_123_000_000,
        "1750000000123",
        "2025-06-15T15:06:40.123Z",
        "2025-06-15T15:06:40.123456789Z",
        "2025-06-15 15:06:40.123",
        "2025-06-15 15:06:40.123 UTC",
        "2025-06-15T17:06:40.123+02:00",
        datetime(2025, 6, 15, 15, 6, 40, 123_000),
        datetime(2025, 6, 15, 17, 6, 40, 123_999, tzinfo=timezone(timedelta(hours=2))),
        np.datetime64("2025-06-15T15:06:40.123"),
    ],
)
def test_a_time_of_any_kind_is_the_same_moment(cell: object) -> None:
    expected = TIME_MS if not isinstance(cell, int) or cell > 10**10 else TIME_MS // 1000 * 1000
    assert mapped(row(timestamp=cell)).samples.timestamp_ms.tolist() == [expected]
    # Beside another kind, cells are read one by one.
    both = mapped(row(timestamp=cell), row(timestamp="2025-06-15T15:06:40Z"), row(timestamp=TIME_MS))
    assert both.samples.timestamp_ms.tolist() == [expected, TIME_MS // 1000 * 1000, TIME_MS]


@pytest.mark.parametrize(
    "column",
    [
        np.array(["2025-06-15T15:06:40.123"], "datetime64[ns]"),
        np.array([TIME_MS], np.int64),
        np.array([TIME_MS / 1000]),
    ],
)
def test_a_column_of_times_is_read_at_once(column: np.ndarray[Any, Any]) -> None:
    records = Columns(
        {"timestamp": column, "server_name": np.array(["a"], object), "load_average": np.ones(1)}
    )
    assert Mapper(MappingConfig()).apply(records).samples.timestamp_ms.tolist() == [TIME_MS]


@given(st.integers(1, 253_402_300_799_999), st.sampled_from(["s", "ms", "us", "ns"]))
def test_a_unit_that_is_said_holds_whatever_the_size(time_ms: int, unit: str) -> None:
    counted = {"s": time_ms // 1000, "ms": time_ms, "us": time_ms * 1000, "ns": time_ms * 1_000_000}[unit]
    assume(0 < counted < 1 << 63)
    found = mapped(row(timestamp=counted), timestamp_unit=unit).samples.timestamp_ms.tolist()
    assert found == [time_ms // 1000 * 1000 if unit == "s" else time_ms]


@pytest.mark.parametrize(
    "cell", ["yesterday", "", None, float("nan"), 0, -5, 10**30, True, [1], {"a": 1}, "NaT"]
)
def test_a_row_without_a_time_is_refused_and_counted(cell: object) -> None:
    found = mapped(row(timestamp=cell), row())
    assert len(found.samples) == 1
    assert found.lost_rows == 1
    assert sum(count for (kind, _), count in problems(found).items() if kind in LOSING) == 1


@pytest.mark.parametrize("cell", ["", "  ", None, float("nan"), [1], {"a": 1}])
def test_a_row_without_a_name_is_refused_and_counted(cell: object) -> None:
    found = mapped(row(server_name=cell), row())
    assert found.samples.server_name.tolist() == ["web-1"]
    assert problems(found) == {("no_server_name", "server_name"): 1}
    assert "server_name" in found.problems[0].example


def test_a_cell_that_is_no_number_costs_the_cell_only() -> None:
    cells = [
        1,
        "2.5",
        " 3 ",
        None,
        "",
        "n/a",
        "12%",
        "x" * 200,
        True,
        math.inf,
        1e300,
        10**400,
        [4],
        {"v": 5},
    ]
    found = mapped(*(row(cpu_user_pct=cell) for cell in cells))
    assert len(found.samples) == len(cells)
    assert metric(found, "cpu_user_pct") == [1.0, 2.5, 3.0, *[None] * 11]
    assert problems(found) == {("not_a_number", "cpu_user_pct"): 8}, "lists and objects too"
    assert found.problems[0].example == "web-1: '12%'"


def test_fields_are_tried_in_turn_with_a_scale_each_and_a_default_at_last() -> None:
    columns = {
        "cpu_user_pct": ["cpu_user", {"field": ["system.cpu.user.pct", "u"], "scale": 100}],
        "swap_used_pct": {"field": "swap", "default": 7},
    }
    found = mapped(
        row(cpu_user=12.0),
        row(system={"cpu": {"user.pct": 0.25}}, swap=1),
        row(cpu_user="bad", u=0.5),
        row(cpu_user=math.nan, **{"system.cpu.user.pct": 0.75}),
        columns=columns,
    )
    assert metric(found, "cpu_user_pct") == [12.0, 25.0, 50.0, 75.0]
    assert metric(found, "swap_used_pct") == [7.0, 1.0, 7.0, 7.0]


def test_a_default_does_not_make_a_metric_of_a_record_that_has_none() -> None:
    found = mapped(
        {"timestamp": TIME_MS, "server_name": "web-1", "message": "a log line"},
        {"timestamp": TIME_MS, "server_name": "web-2", "state": "maintenance"},
        columns={"swap_used_pct": {"field": "swap", "default": 0}},
    )
    assert found.samples.server_name.tolist() == ["web-2"]
    assert problems(found) == {("no_metric", "*"): 1}


def test_idle_follows_from_the_others_where_it_is_not_measured() -> None:
    documents = [
        row(cpu_user_pct=30, cpu_sys_pct=10, cpu_iowait_pct=5),
        row(cpu_user_pct=30, cpu_sys_pct=10),
        row(cpu_user_pct=30),
        row(cpu_user_pct=90, cpu_sys_pct=20),
        row(cpu_user_pct=30, cpu_sys_pct=10, cpu_idle_pct=1),
    ]
    assert metric(mapped(*documents), "cpu_idle_pct") == [55.0, 60.0, None, 0.0, 1.0]
    assert metric(mapped(*documents, derive_idle=False), "cpu_idle_pct") == [None, None, None, None, 1.0]


@pytest.mark.parametrize(
    ("cell", "state"),
    [
        ("OK", "healthy"),
        ("Warn", "heavy_load"),
        ("ALERT", "critical_issue"),
        ("unreachable", "offline"),
        ("Maintenance window", "maintenance"),
        ("low", "idle"),
        ("Starting", "recovery"),
        ("PEAK", "morning_spike"),
        ("heavy_load", "heavy_load"),
        ("", "unspecified"),
        (None, "unspecified"),
        ("mine", "idle"),
    ],
)
def test_states_have_many_names(cell: object, state: str) -> None:
    found = mapped(row(state=cell), states={"MINE": "idle"})
    assert (STATES[found.samples.state[0]], found.problems) == (state, ())


def test_an_unknown_state_is_unspecified_and_counted() -> None:
    found = mapped(row(state="on fire"), row(state=3), row(state="OK"))
    assert found.samples.state.tolist() == [0, 0, STATES.index("healthy")]
    assert problems(found) == {("unknown_state", "state"): 2}
    assert found.problems[0].example == "web-1: 'on fire'"


def test_names_are_rewritten_in_order() -> None:
    rules = [{"match": r":\d+$"}, {"match": r"\.example\.com$"}, {"match": "^(db)-0*", "replace": r"\1"}]
    found = mapped(row(server_name="db-007.example.com:9100"), row(server_name=42), names=rules)
    assert found.samples.server_name.tolist() == ["db7", "42"]


def test_a_name_without_a_utf_8_form_can_be_sent_all_the_same() -> None:
    (name,) = mapped(row(server_name="web-\ud800")).samples.server_name.tolist()
    assert name.encode()


CELLS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    st.binary(max_size=3),
    st.lists(st.integers(), max_size=2),
    st.datetimes(timezones=st.none() | st.just(UTC)),
    st.dictionaries(st.sampled_from(["a", "b"]), st.integers(), max_size=1),
)
DOCUMENTS = st.lists(
    st.dictionaries(st.sampled_from(["timestamp", "server_name", "state", "load_average"]), CELLS),
    max_size=20,
)


@given(DOCUMENTS)
def test_every_record_is_a_row_or_is_counted(documents: list[dict[str, Any]]) -> None:
    found = mapped(*documents)
    # A record may lack its time and its name; it is lost once.
    lost = sum(count for (kind, _), count in problems(found).items() if kind in LOSING)
    assert found.records == len(documents)
    assert found.lost_rows <= lost <= 2 * found.lost_rows
    assert np.isfinite(found.samples.metrics[~np.isnan(found.samples.metrics)]).all()
    assert (found.samples.timestamp_ms > 0).all()
    assert all(found.samples.server_name)


@given(DOCUMENTS)
def test_records_do_not_depend_on_each_other(documents: list[dict[str, Any]]) -> None:
    whole = mapped(*documents).samples
    alone = [mapped(document).samples for document in documents]
    assert whole.timestamp_ms.tolist() == [
        time for samples in alone for time in samples.timestamp_ms.tolist()
    ]
    parts = [samples.metrics for samples in alone if len(samples)]
    if parts:
        np.testing.assert_array_equal(whole.metrics, np.concatenate(parts))


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"timestmp": "x"}, r"\[mapping\] has no key 'timestmp'; did you mean 'timestamp'\?"),
        (
            {"columns": {"cpu_user": "x"}},
            "cpu_user is no metric of the contract; did you mean 'cpu_user_pct'",
        ),
        ({"columns": {"load_average": 3}}, "load_average is 3; it must be a field"),
        ({"columns": {"load_average": {"feld": "x"}}}, "has no key 'feld'; did you mean 'field'"),
        ({"columns": {"load_average": {"field": "x", "scale": "y"}}}, "scale is 'y'; it must be a number"),
        ({"timestamp": []}, "timestamp names no field"),
        ({"timestamp_unit": "minutes"}, "allowed are 'auto', 's', 'ms', 'us', 'ns'"),
        ({"states": {"x": "broken"}}, "x is 'broken'; the states are unspecified"),
        ({"names": [{"match": "("}]}, r"match is '\('"),
        ({"names": [{"match": "a", "replace": r"\7"}]}, "invalid group reference"),
        ({"preset": "nope"}, "preset is 'nope'; allowed are 'contract', 'mine'"),
    ],
)
def test_a_wrong_mapping_is_refused_with_what_is_allowed(table: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        MappingConfig.from_table(table, {"mine": ""})


def test_a_table_stands_on_its_preset() -> None:
    preset = (
        'timestamp = "@timestamp"\n[columns]\nload_average = "load"\nswap_used_pct = []\n[states]\nx = "idle"'
    )
    config = MappingConfig.from_table({"columns": {"load_average": "load1"}}, {"p": preset}, "p")
    assert config.timestamp == ("@timestamp",)
    assert [choice.name for choice in config.columns["load_average"].choices] == ["load1"]
    assert config.columns["swap_used_pct"].choices == ()
    assert config.states["x"] == "idle"
    assert "swap_used_pct" not in config.fields
    assert config.fields[0] == "@timestamp"


def test_a_field_that_holds_an_object_or_a_list_is_told_and_not_taken_for_absent() -> None:
    documents = [
        {"t": 1_750_000_000, "h": "a", "cpu": {"pct": 5}, "load": 1, "s": {"code": 1}},
        {"t": 1_750_000_000, "h": "b", "cpu": [1, 2], "load": 1},
        {"t": 1_750_000_000, "h": "c", "cpu": {}, "load": 1},
        {"t": 1_750_000_000, "h": "d", "cpu": 7, "load": 1},
    ]
    found = mapped(
        *documents,
        timestamp="t",
        server_name="h",
        state="s",
        columns={"cpu_user_pct": "cpu", "load_average": ["cpu", "load"]},
    )
    assert {(p.kind, p.field): p.rows for p in found.problems} == {
        ("not_a_number", "cpu_user_pct"): 2,
        ("unknown_state", "state"): 1,
    }, "load_average has another field to come from; an empty object holds nothing"
    (problem,) = [p for p in found.problems if p.kind == "not_a_number"]
    assert problem.example == "a: {'pct': 5}; name the field inside it"
    assert len(found.samples) == 4
