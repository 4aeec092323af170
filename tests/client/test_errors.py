from __future__ import annotations

import inspect

import grpc
import pytest
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2, status_pb2

import argus_client
from argus_client import _errors
from argus_client._status import BY_CODE, DETAILS_KEY, error_from_status


def subclasses(kind: type[Exception]) -> set[type[Exception]]:
    children: list[type[Exception]] = kind.__subclasses__()
    return {kind}.union(*(subclasses(child) for child in children))


def status(code: grpc.StatusCode | None, details: str = "why", trailers: object = ()) -> _errors.ArgusError:
    return error_from_status(code, details, trailers, call="GetStatus", target="host:1")  # type: ignore[arg-type]


def trailer(*details: object) -> tuple[tuple[str, bytes], ...]:
    message = status_pb2.Status(code=3, message="why")
    for detail in details:
        packed = AnyMessage()
        packed.Pack(detail)  # type: ignore[arg-type]
        message.details.append(packed)
    return ((DETAILS_KEY, message.SerializeToString()),)


def test_every_grpc_code_is_mapped() -> None:
    unmapped = {code.name for code in grpc.StatusCode} - {"OK"} - {code.name for code in BY_CODE}
    assert not unmapped, f"map these in argus_client._status.BY_CODE: {sorted(unmapped)}"


@pytest.mark.parametrize("code", [code for code in grpc.StatusCode if code is not grpc.StatusCode.OK])
def test_a_mapped_error_names_call_server_and_cause(code: grpc.StatusCode) -> None:
    error = status(code)

    assert type(error) is BY_CODE[code]
    assert error.code == code.name
    assert "GetStatus at host:1: why" in str(error)


def test_an_unknown_code_is_a_server_error() -> None:
    assert type(status(None)) is argus_client.ServerError


def test_the_tree_in_the_docstring_is_complete() -> None:
    drawn = inspect.getdoc(_errors) or ""
    missing = {kind.__name__ for kind in subclasses(_errors.ArgusError) if kind.__name__ not in drawn}
    assert not missing, f"draw these in the docstring of argus_client._errors: {sorted(missing)}"


def test_every_error_is_public() -> None:
    hidden = {kind.__name__ for kind in subclasses(_errors.ArgusError)} - set(argus_client.__all__)
    assert not hidden


def test_errors_carry_no_transport_types() -> None:
    error = status(grpc.StatusCode.INVALID_ARGUMENT, "bad", trailer(error_details_pb2.BadRequest()))
    for name, value in vars(error).items():
        assert not type(value).__module__.startswith(("grpc", "google")), name


def test_field_violations_are_read() -> None:
    bad_request = error_details_pb2.BadRequest()
    bad_request.field_violations.add(field="filter.min_risk", description="got 101, at most 100")

    error = status(grpc.StatusCode.INVALID_ARGUMENT, "bad", trailer(bad_request))

    assert isinstance(error, argus_client.InvalidArgument)
    assert error.violations == (argus_client.FieldViolation("filter.min_risk", "got 101, at most 100"),)
    assert "filter.min_risk: got 101, at most 100" in str(error)


def test_retry_info_is_read() -> None:
    retry_info = error_details_pb2.RetryInfo(retry_delay=Duration(seconds=2, nanos=500_000_000))

    throttled = status(grpc.StatusCode.RESOURCE_EXHAUSTED, "slow down", trailer(retry_info))

    assert isinstance(throttled, argus_client.Throttled)
    assert throttled.retry_delay == 2.5
    assert "try again in 2.5 s" in str(throttled)


def test_unavailable_with_retry_info_means_that_the_server_answered() -> None:
    retry_info = error_details_pb2.RetryInfo(retry_delay=Duration(seconds=1))

    assert type(status(grpc.StatusCode.UNAVAILABLE)) is argus_client.ConnectionLost
    assert type(status(grpc.StatusCode.UNAVAILABLE, "", trailer(retry_info))) is argus_client.NotReady


def test_a_stream_that_broke_while_writing_is_a_lost_connection() -> None:
    assert type(status(grpc.StatusCode.INTERNAL, "Internal error from Core")) is argus_client.ConnectionLost
    assert type(status(grpc.StatusCode.INTERNAL, "internal error")) is argus_client.ServerError


def test_a_message_over_the_limit_is_told_from_throttling() -> None:
    details = "CLIENT: Received message larger than max (70000000 vs. 67108864)"

    error = status(grpc.StatusCode.RESOURCE_EXHAUSTED, details)

    assert type(error) is argus_client.MessageTooLarge
    assert "70000000 vs. 67108864" in str(error)


def test_damaged_details_do_not_hide_the_status() -> None:
    error = status(grpc.StatusCode.NOT_FOUND, "gone", ((DETAILS_KEY, b"\xff\xff"),))

    assert type(error) is argus_client.NotFound
    assert error.retry_delay is None


def test_only_a_call_that_never_left_is_known_not_to_be_done() -> None:
    unreachable = (
        "failed to connect to all addresses; last error: UNKNOWN: ipv4:127.0.0.1:1: Failed to connect"
    )
    assert not status(grpc.StatusCode.UNAVAILABLE, unreachable).maybe_done
    assert not status(grpc.StatusCode.UNAVAILABLE, "DNS resolution failed for nowhere:1").maybe_done
    assert status(grpc.StatusCode.UNAVAILABLE, "Socket closed").maybe_done
    assert status(grpc.StatusCode.DEADLINE_EXCEEDED).maybe_done
    assert not status(grpc.StatusCode.NOT_FOUND).maybe_done


def test_advice_ends_the_message() -> None:
    error = status(grpc.StatusCode.UNAVAILABLE, "failed to connect to all addresses; WRONG_VERSION_NUMBER")
    assert "does not speak TLS" in error.advice
    assert str(error).endswith(error.advice)
    assert status(grpc.StatusCode.NOT_FOUND).advice == ""
