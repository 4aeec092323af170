"""States derived from metrics."""

from __future__ import annotations

import numpy as np
import pytest

from argus.v1 import metrics_pb2
from argus_server.risk.states import derive_states, settle_states
from argus_server.risk.table_file import load_tables
from tests.server.risk.fleets import server

CRITICAL = metrics_pb2.SERVER_STATE_CRITICAL_ISSUE
HEAVY = metrics_pb2.SERVER_STATE_HEAVY_LOAD
HEALTHY = metrics_pb2.SERVER_STATE_HEALTHY
IDLE = metrics_pb2.SERVER_STATE_IDLE
OFFLINE = metrics_pb2.SERVER_STATE_OFFLINE
MAINTENANCE = metrics_pb2.SERVER_STATE_MAINTENANCE


@pytest.mark.parametrize(
    ("current", "state"),
    [
        ({"cpu_idle_pct": 5, "mem_used_pct": 50}, HEAVY),
        ({"cpu_idle_pct": 4.9, "mem_used_pct": 50}, CRITICAL),
        ({"cpu_idle_pct": 50, "mem_used_pct": 95}, HEAVY),
        ({"cpu_idle_pct": 50, "mem_used_pct": 95.1}, CRITICAL),
        ({"cpu_idle_pct": 20, "mem_used_pct": 80}, HEALTHY),
        ({"cpu_idle_pct": 19.9, "mem_used_pct": 80}, HEAVY),
        ({"cpu_idle_pct": 50, "mem_used_pct": 80.1}, HEAVY),
        ({"cpu_idle_pct": 95.1, "mem_used_pct": 9.9}, IDLE),
        ({"cpu_idle_pct": 95, "mem_used_pct": 9.9}, HEALTHY),
        ({"cpu_idle_pct": 95.1, "mem_used_pct": 10}, HEALTHY),
        ({"cpu_idle_pct": 99}, HEALTHY),
        ({"mem_used_pct": 3}, HEALTHY),
        ({"mem_used_pct": 97}, CRITICAL),
        ({"cpu_user_pct": 70, "cpu_sys_pct": 26}, CRITICAL),
        ({"cpu_user_pct": 1, "cpu_sys_pct": 1, "mem_used_pct": 5}, IDLE),
        ({}, HEALTHY),
    ],
)
def test_state_from_metrics(current: dict[str, float], state: int) -> None:
    inputs = server(current)
    assert derive_states(inputs.current, inputs.silent, load_tables()).tolist() == [state]


def test_silent_is_offline_whatever_was_last_measured() -> None:
    inputs = server({"cpu_idle_pct": 1, "mem_used_pct": 99}, silent_minutes=15)
    assert derive_states(inputs.current, inputs.silent, load_tables()).tolist() == [OFFLINE]


def test_sent_states_hold_unless_the_server_is_silent() -> None:
    current = np.repeat(server({"cpu_idle_pct": 1}).current, 4, axis=0)
    sent = np.array([MAINTENANCE, 0, MAINTENANCE, 0], dtype=np.uint8)
    silent = np.array([False, False, True, True])
    states, derived = settle_states(sent, current, silent, load_tables())

    assert states.tolist() == [MAINTENANCE, CRITICAL, OFFLINE, OFFLINE]
    assert derived.tolist() == [False, True, True, True]
    assert states.dtype == np.uint8
