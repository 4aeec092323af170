"""Puts a servicer on a gRPC server: parses, checks constraints, calls, and turns every failure into a typed status.

A servicer is a plain class with one coroutine or async generator per method of its service. Methods named in `raw`
deal in bytes, so that what is serialised once is sent to many without being touched again.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any, Final

import grpc
from google.protobuf import message_factory
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from argus_server.contract import violations
from argus_server.errors import ArgusServerError, InvalidArgument

_LOG: Final = logging.getLogger(__name__)
_DETAILS: Final = "grpc-status-details-bin"

_SHOWN_VIOLATIONS: Final = 5
# Trailers beyond 8 KB may be refused on the way, and this is in them three times, escaped.
_LONGEST_MESSAGE: Final = 600

Context = grpc.aio.ServicerContext[Any, Any]


def register(
    server: grpc.aio.Server, service: ServiceDescriptor, servicer: object, raw: frozenset[str]
) -> str:
    """Adds a service to a server.

    Args:
        server: Not started yet.
        service: Descriptor of the service.
        servicer: Has a method of the same name for every method of the service.
        raw: Methods whose responses, and for client streams also requests, are bytes.

    Returns:
        Full name of the service.
    """
    handlers = {
        method.name: _handler(method, getattr(servicer, method.name), method.name in raw)
        for method in service.methods
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service.full_name, handlers),))
    return service.full_name


def _handler(
    method: MethodDescriptor, call: Callable[..., Any], raw: bool
) -> grpc.RpcMethodHandler[Any, Any]:
    request_class = message_factory.GetMessageClass(method.input_type)
    serialize = None if raw else _serialize
    if method.client_streaming and method.server_streaming:
        return grpc.stream_stream_rpc_method_handler(_bidirectional(call), None, serialize)
    if method.server_streaming:
        return grpc.unary_stream_rpc_method_handler(_streaming(call), request_class.FromString, serialize)
    return grpc.unary_unary_rpc_method_handler(_unary(call), request_class.FromString, serialize)


def _serialize(message: Message) -> bytes:
    return message.SerializeToString()


def _unary(call: Callable[[Any], Awaitable[Any]]) -> Callable[[Message, Context], Awaitable[Any]]:
    async def handle(request: Message, context: Context) -> Any:
        try:
            check(request)
            return await call(request)
        except Exception as error:
            await abort(context, error)

    return handle


def _streaming(call: Callable[[Any], AsyncIterator[Any]]) -> Callable[[Message, Context], AsyncIterator[Any]]:
    async def handle(request: Message, context: Context) -> AsyncIterator[Any]:
        try:
            check(request)
            async for message in call(request):
                yield message
        except Exception as error:
            await abort(context, error)

    return handle


def _bidirectional(
    call: Callable[[AsyncIterator[bytes]], AsyncIterator[bytes]],
) -> Callable[[AsyncIterator[bytes], Context], AsyncIterator[bytes]]:
    async def handle(requests: AsyncIterator[bytes], context: Context) -> AsyncIterator[bytes]:
        try:
            async for message in call(requests):
                yield message
        except Exception as error:
            await abort(context, error)

    return handle


def check(request: Message) -> None:
    """Holds a control message to the constraints of the contract.

    Raises:
        InvalidArgument: It breaks one; the message names every field and rule.
    """
    if broken := violations(request):
        text = "; ".join(
            f"{violation.field}: {violation.message}" for violation in broken[:_SHOWN_VIOLATIONS]
        )
        if len(broken) > _SHOWN_VIOLATIONS:
            text += f"; and {len(broken) - _SHOWN_VIOLATIONS} more"
        raise InvalidArgument(text, field=broken[0].field)


async def abort(context: Context, error: Exception) -> None:
    """Ends a call with the status of an error; what is not an ArgusServerError becomes INTERNAL without detail."""
    if isinstance(error, grpc.aio.AbortError):
        raise error
    if not isinstance(error, ArgusServerError):
        _LOG.exception("a call failed")
        await context.abort(grpc.StatusCode.INTERNAL, "internal error; the server's log has the details")
        return
    message, field = error.message[:_LONGEST_MESSAGE], error.field[:_LONGEST_MESSAGE]
    status = status_pb2.Status(code=error.code.value[0], message=message)
    if field:
        violation = error_details_pb2.BadRequest.FieldViolation(field=field, description=message)
        status.details.add().Pack(error_details_pb2.BadRequest(field_violations=[violation]))
    if error.retry_delay_seconds is not None:
        retry = error_details_pb2.RetryInfo()
        retry.retry_delay.FromTimedelta(timedelta(seconds=error.retry_delay_seconds))
        status.details.add().Pack(retry)
    await context.abort(error.code, message, ((_DETAILS, status.SerializeToString()),))
