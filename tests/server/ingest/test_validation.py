from __future__ import annotations

import math

import numpy as np
import protovalidate
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from argus.v1 import ingest_pb2, metrics_pb2
from argus_server.contract import batch_constraints
from argus_server.ingest.columns import decode
from argus_server.ingest.rejections import NO_REJECTIONS, REPORTED_ROWS, RejectedRow, Rejections
from argus_server.ingest.validation import FIELDS, MAX_SKEW_MS, TimeLimit, validate
from argus_server.metrics import METRICS

NOW_MS = 1_700_000_000_000
YEAR_10000_MS = 253_402_300_800_000


def batch_of(rows: int = 3, **columns: list[object]) -> metrics_pb2.MetricBatch:
    """Valid rows, with columns replaced."""
    whole: dict[str, list[object]] = {
        "timestamp": [NOW_MS] * rows,
        "server_name": [f"ppdb{row:02d}" for row in range(rows)],
        "state": [2] * rows,
        **{metric: [1.0] * rows for metric in METRICS},
    }
    return metrics_pb2.MetricBatch(**(whole | columns))


# Bounds, their neighbours, and what no bound foresees.
timestamps = st.one_of(
    st.sampled_from([NOW_MS, 1, 0, -1, YEAR_10000_MS - 1, YEAR_10000_MS, -(1 << 63), (1 << 63) - 1]),
    st.integers(-(1 << 63), (1 << 63) - 1),
)
names = st.one_of(
    st.sampled_from(
        [
            "ppdb01",
            "",
            " ",
            " a",
            "a ",
            "a b",
            "a" * 253,
            "a" * 254,
            "é",
            "é" * 253,
            "a\n",
            "\n",
            "a\x7f",
            "~",
            "!",
        ]
    ),
    st.text(max_size=6),
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=300),
)
states = st.one_of(st.integers(-2, 12), st.sampled_from([256, 258, (1 << 31) - 1, -(1 << 31)]))
metrics = st.one_of(
    st.sampled_from(
        [0.0, -0.0, 1.0, 100.0, np.nextafter(np.float32(100), np.float32(200)), -1e-45, 3.4028235e38]
    ),
    st.floats(width=32),
)
rows = st.tuples(timestamps, names, states, st.tuples(*[metrics] * len(METRICS)))


def broken_by_protovalidate(batch: metrics_pb2.MetricBatch) -> set[tuple[str, int]]:
    cells = set()
    for violation in protovalidate.collect_violations(batch):
        element = violation.proto.field.elements[0]
        assert element.subscript is not None  # every rule of a batch is one of its items
        cells.add((element.field_name, element.subscript.value))
    return cells


@settings(max_examples=150, deadline=None)
@given(st.lists(rows, max_size=8))
@example([])
@example([(1, "a", 0, tuple([math.nan] * len(METRICS)))])
@example([(1, "a", 0, tuple([math.inf] * len(METRICS))), (1, "a", 0, tuple([-math.inf] * len(METRICS)))])
def test_agrees_with_protovalidate_on_every_cell(
    drawn: list[tuple[int, str, int, tuple[float, ...]]],
) -> None:
    batch = metrics_pb2.MetricBatch(
        timestamp=[row[0] for row in drawn],
        server_name=[row[1] for row in drawn],
        state=[row[2] for row in drawn],
        **{metric: [row[3][index] for row in drawn] for index, metric in enumerate(METRICS)},
    )
    not_measured = {
        (metric, row)
        for row in range(len(drawn))
        for index, metric in enumerate(METRICS)
        if math.isnan(drawn[row][3][index])
    }
    expected = broken_by_protovalidate(batch) - not_measured

    validation = validate(decode(batch))
    got = set()
    if validation.broken is not None:
        got = {(FIELDS[field], row) for field, row in np.argwhere(validation.broken).tolist()}
    assert got == expected
    bad_rows = {row for _, row in expected}
    assert set(np.flatnonzero(~validation.valid).tolist()) == bad_rows
    assert {row.row_index for row in validation.rejections.rows} == bad_rows
    assert validation.rejections.total == len(bad_rows)
    assert all((row.field, row.row_index) in expected for row in validation.rejections.rows)


BAD_ROWS = [
    ("cpu_user_pct", math.inf, "NOT_FINITE", "got inf; send NaN for what was not measured"),
    ("load_average", -math.inf, "NOT_FINITE", "got -inf; send NaN for what was not measured"),
    ("net_in_mb_s", math.inf, "NOT_FINITE", "got inf; send NaN for what was not measured"),
    ("mem_used_pct", 100.5, "OUT_OF_RANGE", "got 100.5; allowed is 0 to 100"),
    ("uptime_days", -1.0, "OUT_OF_RANGE", "got -1; allowed is 0 to 100000"),
    ("state", 9, "UNKNOWN_STATE", "got 9; known states are [0, 1, 2, 3, 4, 5, 6, 7, 8]"),
    ("state", 258, "UNKNOWN_STATE", "got 258; known states are [0, 1, 2, 3, 4, 5, 6, 7, 8]"),
    ("state", -1, "UNKNOWN_STATE", "got -1; known states are [0, 1, 2, 3, 4, 5, 6, 7, 8]"),
    ("server_name", "", "EMPTY_NAME", "the name is empty; 1 to 253 characters are allowed"),
    ("server_name", "x" * 254, "NAME_TOO_LONG", "the name has 254 characters; at most 253 are allowed"),
    (
        "server_name",
        "web\x1b[31m",
        "INVALID_NAME",
        "got 'web\\x1b[31m'; printable ASCII without a space at either end is allowed",
    ),
    ("server_name", " web", "INVALID_NAME", None),
    (
        "timestamp",
        0,
        "INVALID_TIMESTAMP",
        "got 0; a timestamp is Unix milliseconds from 1 to 253402300799999",
    ),
    ("timestamp", YEAR_10000_MS, "INVALID_TIMESTAMP", None),
    (
        "timestamp",
        NOW_MS + MAX_SKEW_MS + 1_000,
        "IN_FUTURE",
        "2023-11-14T22:18:21Z is 301 s ahead of the server's clock; at most 300 s are allowed. "
        "Check the clock of the sender",
    ),
]


@pytest.mark.parametrize(("column", "value", "reason", "message"), BAD_ROWS)
def test_a_bad_row_is_refused_alone_with_its_reason(
    column: str, value: object, reason: str, message: str | None
) -> None:
    batch = batch_of()
    getattr(batch, column)[1] = value
    validation = validate(decode(batch), limit=TimeLimit(NOW_MS))
    assert validation.valid.tolist() == [True, False, True]
    number = ingest_pb2.RowRejectionReason.Value(f"ROW_REJECTION_REASON_{reason}")
    assert validation.rejections.counts == {number: 1}
    (row,) = validation.rejections.rows
    assert (row.row_index, row.field, row.reason) == (1, column, number)
    assert message is None or row.message == message


def test_every_reason_of_a_row_check_is_covered_here() -> None:
    """The two left over are the window's to give."""
    covered = {f"ROW_REJECTION_REASON_{reason}" for _, _, reason, _ in BAD_ROWS}
    others = {"UNSPECIFIED", "TOO_OLD", "TOO_MANY_SERVERS"}
    assert covered | {f"ROW_REJECTION_REASON_{name}" for name in others} == set(
        ingest_pb2.RowRejectionReason.keys()
    )


def test_nan_is_not_measured_and_valid() -> None:
    validation = validate(decode(batch_of(**{metric: [math.nan] * 3 for metric in METRICS})))
    assert validation.valid.all()
    assert validation.rejections == NO_REJECTIONS


def test_a_row_with_many_faults_is_one_rejection_that_names_them_all() -> None:
    batch = batch_of(state=[2, 9, 2], cpu_sys_pct=[1.0, 101.0, 1.0], load_average=[1.0, -1.0, 1.0])
    rejections = validate(decode(batch)).rejections
    assert rejections.total == 1
    assert rejections.rows[0].field == "state"
    assert rejections.rows[0].message.endswith("(invalid too: cpu_sys_pct, load_average)")


def test_the_future_begins_after_the_skew_and_only_with_a_wall_clock() -> None:
    columns = decode(batch_of(timestamp=[NOW_MS + MAX_SKEW_MS, NOW_MS + MAX_SKEW_MS + 1, NOW_MS]))
    assert validate(columns, limit=TimeLimit(NOW_MS)).valid.tolist() == [True, False, True]
    assert validate(columns).valid.all()


def test_known_names_are_not_checked_again() -> None:
    columns = decode(batch_of(server_name=["né", "ppdb01", "ok"]))
    assert validate(columns, known_names={"ppdb01"}).valid.tolist() == [False, True, True]
    assert validate(columns, known_names={"né": 7}).valid.all()


def test_the_first_hundred_are_told_and_all_are_counted() -> None:
    rows = 3 * REPORTED_ROWS
    bad = [math.inf if row % 2 else 101.0 for row in range(rows)]
    rejections = validate(decode(batch_of(rows, cpu_user_pct=bad))).rejections
    assert [row.row_index for row in rejections.rows] == list(range(REPORTED_ROWS))
    assert rejections.total == rows
    assert rejections.counts == {
        ingest_pb2.ROW_REJECTION_REASON_NOT_FINITE: rows // 2,
        ingest_pb2.ROW_REJECTION_REASON_OUT_OF_RANGE: rows // 2,
    }


def test_largest_batch_of_nothing_but_faults() -> None:
    rows = batch_constraints().max_rows
    rejections = validate(decode(batch_of(rows, server_name=[" "] * rows))).rejections
    assert rejections.total == rows
    assert len(rejections.rows) == REPORTED_ROWS


def test_rejections_add_up_in_row_order() -> None:
    first = Rejections((RejectedRow(5, "state", 3, "a"),), {3: 1})
    second = Rejections((RejectedRow(2, "timestamp", 9, "b"), RejectedRow(7, "state", 3, "c")), {9: 1, 3: 1})
    both = first + second
    assert [row.row_index for row in both.rows] == [2, 5, 7]
    assert both.counts == {3: 2, 9: 1}
    assert both.total == 3
    assert first + NO_REJECTIONS == first
    assert NO_REJECTIONS + first == first
    many = Rejections(
        tuple(RejectedRow(row, "state", 3, "") for row in range(REPORTED_ROWS)), {3: REPORTED_ROWS}
    )
    assert len((many + first).rows) == REPORTED_ROWS
    assert (many + first).total == REPORTED_ROWS + 1
