"""Holds the rows of a batch to what their sender may bring into the fleet."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import replace
from typing import Final

from argus.v1 import ingest_pb2
from argus_server.ingest.columns import Columns
from argus_server.ingest.rejections import REPORTED_ROWS, RejectedRow, Rejections
from argus_server.ingest.throttle import Quota
from argus_server.ingest.validation import Validation

_TOO_MANY: Final = ingest_pb2.ROW_REJECTION_REASON_TOO_MANY_SERVERS


def hold_to_quota(
    columns: Columns, validation: Validation, known_names: Container[str], quota: Quota
) -> Validation:
    """Refuses the valid rows of new servers that the sender may not add.

    Args:
        columns: The batch.
        validation: Which of its rows keep the rules of the contract.
        known_names: Names in the fleet.
        quota: What the sender may do.
    """
    valid = validation.valid
    # In order of appearance, so that it is the later names that find no room.
    new = dict.fromkeys(
        name for row, name in enumerate(columns.server_names) if name not in known_names and valid[row]
    )
    if not new or not (refused := quota.refuse(new)):
        return validation
    rows = [row for row, name in enumerate(columns.server_names) if name in refused and valid[row]]
    left = valid.copy()
    left[rows] = False
    reported = tuple(
        RejectedRow(row, "server_name", _TOO_MANY, refused[columns.server_names[row]])
        for row in rows[:REPORTED_ROWS]
    )
    return replace(
        validation,
        valid=left,
        rejections=validation.rejections + Rejections(reported, {_TOO_MANY: len(rows)}),
    )
