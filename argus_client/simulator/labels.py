"""The truth about every simulated failure: which server, how, from when, and when it fails."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from argus_client.extras import require


@dataclass(frozen=True, slots=True)
class Label:
    """One failure of one server.

    Attributes:
        server_name: the server that fails.
        mode: failure mode, one of `modes.MODES`.
        onset_ms: first moment at which any metric is affected. Equal to `failure_ms` for a server that dies
            without warning.
        failure_ms: when it fails: it then is in `critical_issue` or sends nothing. None when it was remedied
            before, or when the scenario only degrades it.
        end_ms: when it is over; None while a scenario holds it.
        scenario: `background`, or the scenario that caused it.
        upstream_server: the failing server that caused this one, for a dependant of a cascade.
    """

    server_name: str
    mode: str
    onset_ms: int
    failure_ms: int | None
    end_ms: int | None
    scenario: str
    upstream_server: str | None


def write_labels(path: Path, labels: Sequence[Label]) -> None:
    """Write a label table as Parquet, sorted by onset; one column per field of `Label`."""
    pa = require("pyarrow", "adapters")
    parquet = require("pyarrow.parquet", "adapters")
    ordered = sorted(labels, key=lambda label: (label.onset_ms, label.server_name))
    schema = pa.schema(
        [
            pa.field("server_name", pa.string(), nullable=False),
            pa.field("mode", pa.string(), nullable=False),
            pa.field("onset_ms", pa.int64(), nullable=False),
            pa.field("failure_ms", pa.int64()),
            pa.field("end_ms", pa.int64()),
            pa.field("scenario", pa.string(), nullable=False),
            pa.field("upstream_server", pa.string()),
        ]
    )
    columns = {name: [getattr(label, name) for label in ordered] for name in schema.names}
    parquet.write_table(pa.table(columns, schema=schema), path, compression="zstd")
