"""What a server is doing, derived from its metrics when its source does not say.

Of the eight contract states five can be read from the metrics of a moment. Maintenance and recovery need to
know what people do and what was before. A morning spike is not derived either: a rule by the clock would say
what time it is, not what the server does, and would put a quiet server into a spike and a spike of another
time zone into none.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from argus.v1 import metrics_pb2
from argus_server.metrics import METRIC_INDEX
from argus_server.risk.signals import turned
from argus_server.risk.tables import RiskTables

_CPU = METRIC_INDEX["cpu_idle_pct"]
_MEMORY = METRIC_INDEX["mem_used_pct"]


def derive_states(
    current: npt.NDArray[np.float32], silent: npt.NDArray[np.bool_], tables: RiskTables
) -> npt.NDArray[np.uint8]:
    """`argus.v1.ServerState` numbers from metrics, uint8 [servers].

    What is not measured speaks for nothing: a server without CPU and memory is healthy until it falls silent.

    Args:
        current: Present values, float32 [servers, metrics]; NaN where not measured.
        silent: Stopped sending, bool [servers].
        tables: Hold the limits, and the substitutes of idle CPU.
    """
    limits = tables.states
    cpu = _cpu_in_use(current, tables)
    memory = current[:, _MEMORY]
    with np.errstate(invalid="ignore"):
        busiest = np.fmax(cpu, memory)
        return np.select(
            [
                silent,
                busiest > limits.critical_pct,
                busiest > limits.heavy_pct,
                (cpu < limits.idle_cpu_pct) & (memory < limits.idle_memory_pct),
            ],
            [
                np.uint8(metrics_pb2.SERVER_STATE_OFFLINE),
                np.uint8(metrics_pb2.SERVER_STATE_CRITICAL_ISSUE),
                np.uint8(metrics_pb2.SERVER_STATE_HEAVY_LOAD),
                np.uint8(metrics_pb2.SERVER_STATE_IDLE),
            ],
            np.uint8(metrics_pb2.SERVER_STATE_HEALTHY),
        )


def settle_states(
    sent: npt.NDArray[np.uint8],
    current: npt.NDArray[np.float32],
    silent: npt.NDArray[np.bool_],
    tables: RiskTables,
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.bool_]]:
    """The states to show and which of them are derived, both [servers].

    What the source sent holds, except that a silent server is offline whatever it last said.

    Args:
        sent: `argus.v1.ServerState` numbers as last sent, [servers]; 0 where the source sends none.
        current: Present values, float32 [servers, metrics].
        silent: Stopped sending, bool [servers].
        tables: Hold the limits.
    """
    derived = silent | (sent == metrics_pb2.SERVER_STATE_UNSPECIFIED)
    return np.where(derived, derive_states(current, silent, tables), sent), derived


def _cpu_in_use(current: npt.NDArray[np.float32], tables: RiskTables) -> npt.NDArray[np.float32]:
    for signal in tables.signals:
        if signal.metric == _CPU:
            return turned(current, signal)
    return np.float32(100.0) - current[:, _CPU]
