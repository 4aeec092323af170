"""What goes over the wire, told once for both clients: a path, a request, how to read the answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Generic, Literal, TypeVar

from google.protobuf.message import DecodeError, Message

from argus.v1 import ingest_pb2, prediction_pb2
from argus_client._config import DEFAULT, Timeout, Timeouts
from argus_client._errors import Incompatible

T = TypeVar("T")
M = TypeVar("M", bound=Message)


def method_path(file: Any, service: str, method: str) -> str:
    """Path of a method, out of the contract's own descriptors."""
    descriptor = file.DESCRIPTOR.services_by_name[service].methods_by_name[method]
    return f"/{descriptor.containing_service.full_name}/{descriptor.name}"


STREAM_METRICS: Final = method_path(ingest_pb2, "IngestService", "StreamMetrics")
SUBSCRIBE: Final = method_path(prediction_pb2, "PredictionService", "Subscribe")


@dataclass(frozen=True, slots=True)
class UnaryCall(Generic[T]):
    """One request and how to read its answer.

    Attributes:
        path: `/package.Service/Method`.
        request: Bytes of the request.
        read: Makes the result from the bytes of the answer.
        deadline: Which default deadline applies.
        idempotent: Whether the call may be sent again when nobody knows if it arrived.
    """

    path: str
    request: bytes
    read: Callable[[bytes], T]
    deadline: Literal["call", "model", "history"] = "call"
    idempotent: bool = True

    def seconds(self, timeout: Timeout, timeouts: Timeouts) -> float | None:
        """The deadline in seconds; None waits for ever."""
        if timeout is not DEFAULT:
            return timeout
        seconds: float | None = getattr(timeouts, f"{self.deadline}_seconds")
        return seconds


def parse(kind: type[M], data: bytes) -> M:
    """A message from its bytes.

    Raises:
        Incompatible: they are not such a message.
    """
    try:
        return kind.FromString(data)
    except DecodeError as error:
        raise Incompatible(
            f"The server's answer is no {kind.DESCRIPTOR.full_name}. Use client and server of the same "
            "contract version; get_server_info() names the server's."
        ) from error
