"""From a gRPC status to an error of the tree: the only place that knows both."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import grpc
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

from argus_client import _errors
from argus_client._errors import ArgusError, FieldViolation

DETAILS_KEY: Final = "grpc-status-details-bin"

BY_CODE: Final[dict[grpc.StatusCode, type[ArgusError]]] = {
    grpc.StatusCode.ABORTED: _errors.Superseded,
    grpc.StatusCode.ALREADY_EXISTS: _errors.AlreadyExists,
    grpc.StatusCode.CANCELLED: _errors.Cancelled,
    grpc.StatusCode.DATA_LOSS: _errors.ServerError,
    grpc.StatusCode.DEADLINE_EXCEEDED: _errors.DeadlineExceeded,
    grpc.StatusCode.FAILED_PRECONDITION: _errors.FailedPrecondition,
    grpc.StatusCode.INTERNAL: _errors.ServerError,
    grpc.StatusCode.INVALID_ARGUMENT: _errors.InvalidArgument,
    grpc.StatusCode.NOT_FOUND: _errors.NotFound,
    grpc.StatusCode.OUT_OF_RANGE: _errors.InvalidArgument,
    grpc.StatusCode.PERMISSION_DENIED: _errors.PermissionDenied,
    grpc.StatusCode.RESOURCE_EXHAUSTED: _errors.Throttled,
    grpc.StatusCode.UNAUTHENTICATED: _errors.Unauthenticated,
    grpc.StatusCode.UNAVAILABLE: _errors.ConnectionLost,
    grpc.StatusCode.UNIMPLEMENTED: _errors.Unimplemented,
    grpc.StatusCode.UNKNOWN: _errors.ServerError,
}
"""Every code a call can fail with. UNAVAILABLE with a RetryInfo is `NotReady`: the server itself answered."""

_ADVICE: Final[dict[type[ArgusError], str]] = {
    _errors.ConnectionLost: "Check the address and that the server runs.",
    _errors.DeadlineExceeded: "Allow more time, or ask for less.",
    _errors.Throttled: "Send less, or later.",
    _errors.MessageTooLarge: "Ask for fewer servers, fewer metrics or a smaller view.",
    _errors.Unauthenticated: "Give the client the API key the server's operator made for it.",
    _errors.PermissionDenied: "Use an API key with the scope this call needs.",
    _errors.Unimplemented: "get_server_info().capabilities lists what this server has.",
    _errors.Superseded: "Give every running publisher its own source_id.",
    _errors.ServerError: "The server's log has the cause.",
}

_CONNECTING_PHRASE: Final = "failed to connect"
# What gRPC says of a call that has not left this process.
_NEVER_SENT: Final = ("failed to connect to all addresses", "DNS resolution failed")
_CONNECTING_ADVICE: Final = (
    (
        "WRONG_VERSION_NUMBER",
        "The server does not speak TLS here: connect without TLSConfig (--tls, --cacert), or to another port.",
    ),
    (
        "Hostname Verification Check failed",
        "The server's certificate is for another name: connect by a name it has, or give that name as server_name "
        "(--server-name).",
    ),
    (
        "Tls handshake failed",
        "The server's certificate cannot be verified, or the handshake was refused: check that the authority "
        "(--cacert) is the one that issued it, and that it has not expired.",
    ),
    (
        "Socket closed",
        "The server ended the connection at once: it may ask for TLS (--tls, --cacert), or for a certificate of its "
        "authority (--cert, --cert-key).",
    ),
)
"""What to do about a connection that cannot be made, by what gRPC's own text has in it; the first that fits."""

_SIZE_LIMIT_PHRASE: Final = "message larger than max"
# What grpc.aio itself says, as INTERNAL, when a stream breaks while it writes: no server has answered.
_BROKEN_STREAM_DETAILS: Final = "Internal error from Core"


def error_from_call(error: Any, call: str, target: str) -> ArgusError:
    """The error of the tree for a failed call.

    Args:
        error: A `grpc.RpcError` that is a `grpc.Call`, or a `grpc.aio.AioRpcError`.
        call: Name of the method, for the message.
        target: Address of the server, for the message.
    """
    return error_from_status(
        error.code(), error.details() or "", error.trailing_metadata() or (), call=call, target=target
    )


def error_from_status(
    code: grpc.StatusCode | None,
    details: str,
    trailers: Iterable[tuple[str, str | bytes]],
    *,
    call: str,
    target: str,
) -> ArgusError:
    """The error of the tree for a status. A code this client does not know is a `ServerError`."""
    kind = _errors.ServerError if code is None else BY_CODE.get(code, _errors.ServerError)
    violations, retry_delay = _parse_details(trailers)
    if kind is _errors.ConnectionLost and retry_delay is not None:
        kind = _errors.NotReady
    if kind is _errors.ServerError and details == _BROKEN_STREAM_DETAILS:
        kind = _errors.ConnectionLost
    if kind is _errors.Throttled and _SIZE_LIMIT_PHRASE in details:
        kind = _errors.MessageTooLarge

    name = "UNKNOWN" if code is None else code.name
    message = f"{call} at {target}: {details or name}"
    if unsaid := [v for v in violations if v.description not in details]:
        message += "; " + "; ".join(f"{v.field}: {v.description}" for v in unsaid)
    if retry_delay is not None:
        message += f"; try again in {retry_delay:g} s"
    advice = _ADVICE.get(kind)
    if kind is _errors.ConnectionLost and _CONNECTING_PHRASE in details:
        advice = next((told for phrase, told in _CONNECTING_ADVICE if phrase in details), advice)
    if advice:
        message = f"{message.rstrip('.')}. {advice}"
    if kind is _errors.InvalidArgument:
        return _errors.InvalidArgument(message, code=name, retry_delay=retry_delay, violations=violations)
    error = kind(message, code=name, retry_delay=retry_delay)
    error.advice = advice or ""
    if kind is _errors.ConnectionLost and details.startswith(_NEVER_SENT):
        error.maybe_done = False
    return error


def _parse_details(
    trailers: Iterable[tuple[str, str | bytes]],
) -> tuple[tuple[FieldViolation, ...], float | None]:
    """Field violations and the retry delay (seconds) out of the `google.rpc.Status` trailer."""
    violations: list[FieldViolation] = []
    retry_delay: float | None = None
    for key, value in trailers:
        if key != DETAILS_KEY or not isinstance(value, bytes):
            continue
        try:
            status = status_pb2.Status.FromString(value)
            for detail in status.details:
                bad_request, retry_info = error_details_pb2.BadRequest(), error_details_pb2.RetryInfo()
                if detail.Unpack(bad_request):
                    violations += [
                        FieldViolation(v.field, v.description) for v in bad_request.field_violations
                    ]
                elif detail.Unpack(retry_info):
                    retry_delay = retry_info.retry_delay.ToTimedelta().total_seconds()
        except DecodeError:
            continue  # details are an extra; the status itself says enough
    return tuple(violations), retry_delay
