from __future__ import annotations

from enum import StrEnum

import pytest

from argus.v1 import metrics_pb2
from argus_client._enums import (
    _PROTO,
    ForecastSource,
    View,
    from_number,
    metric_name,
    metric_number,
    to_number,
)
from argus_client.samples import METRICS


@pytest.mark.parametrize("kind", _PROTO, ids=lambda kind: kind.__name__)
def test_every_value_of_the_contract_has_a_member(kind: type[StrEnum]) -> None:
    proto, prefix = _PROTO[kind]
    names = {name.removeprefix(prefix) for name, _ in proto.items()}

    assert set(kind.__members__) == names - ({"UNSPECIFIED"} if kind is View else set())
    for member in kind:
        assert from_number(kind, to_number(member)) is member


def test_a_value_of_a_newer_server_is_unspecified() -> None:
    assert from_number(ForecastSource, 99) is ForecastSource.UNSPECIFIED


def test_metrics_have_the_numbers_of_the_contract() -> None:
    for number, name in enumerate(METRICS, 1):
        assert metric_name(number) == name
        assert metric_number(name) == number == metrics_pb2.Metric.Value(f"METRIC_{name.upper()}")
    assert metric_name(0) == metric_name(99) == ""
    with pytest.raises(ValueError, match="no metric 'cpu'"):
        metric_number("cpu")
