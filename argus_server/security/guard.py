"""Stands before every method of every service: finds out who calls, and serves only what the caller may have."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import grpc
from google.protobuf.message import DecodeError

from argus_server.errors import (
    ArgusServerError,
    InvalidArgument,
    PermissionDenied,
    Throttled,
    Unauthenticated,
)
from argus_server.security.audit import AuditLog
from argus_server.security.caller import ANONYMOUS, Caller, Refusal, serve_for
from argus_server.security.keyring import Keyring
from argus_server.security.scopes import METHODS, Scope
from argus_server.security.token import CredentialError, credential
from argus_server.services.registration import Context, abort

MAX_OPEN_STREAMS: Final = 1_000
"""Streams of methods that need no key that may be open at once."""
_STREAM_RETRY_SECONDS: Final = 10.0
_BREAK_OFF_SECONDS: Final = 1.0

Metadata = Iterable[tuple[str, str | bytes]]


@dataclass(slots=True, eq=False)
class _Lease:
    """A call that is being served.

    Attributes:
        task: Serves it.
        context: Of the call.
        path: Of its method.
        caller: For whom.
        ended: Why it is being ended; None while it is not.
        told: Whether the caller was told why.
    """

    task: asyncio.Task[object] | None
    context: Context
    path: str
    caller: Caller
    ended: Refusal | None = None
    told: bool = False


class Guard(grpc.aio.ServerInterceptor):
    """Authenticates, authorises, limits and audits.

    Args:
        keyring: Knows the API keys.
        identities: Who a client is, by a name in its certificate.
        enforcing: Says whether callers must prove who they are; otherwise everybody may do everything.
        audit: Where admin calls and refusals are noted.
        refused: Called with the reason of every refusal, to count it.
        methods: Scope of every method by its path.
    """

    def __init__(
        self,
        keyring: Keyring,
        identities: Mapping[str, Caller],
        enforcing: Callable[[], bool],
        audit: AuditLog,
        refused: Callable[[str], None],
        methods: Mapping[str, Scope | None] = METHODS,
    ) -> None:
        self._keyring = keyring
        self._identities = identities
        self._enforcing = enforcing
        self._audit = audit
        self._refused = refused
        self._methods = methods
        self._streams: set[_Lease] = set()
        self._open_streams = 0

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """Puts the guard around the handler of a call."""
        handler = await continuation(handler_call_details)
        if handler is None:
            return None
        path = handler_call_details.method
        metadata = tuple(handler_call_details.invocation_metadata or ())
        return self._guarded(handler, path, metadata)

    async def end_streams(self) -> None:
        """Ends the streams of keys that do not work any more, and of nobody once keys are asked for."""
        ending = []
        for lease in self._streams:
            if lease.ended is None and (ended := self._why_ended(lease.caller)) is not None:
                lease.ended = ended
                ending.append(self._break_off(lease, ended))
        await asyncio.gather(*ending)

    def identify(self, metadata: Metadata, names: Iterable[str]) -> Caller:
        """Who calls.

        Args:
            metadata: Of the call, keys in lower case.
            names: Names in the caller's verified certificate.

        Raises:
            Refusal: Nobody who is known.
        """
        if not self._enforcing():
            return ANONYMOUS
        try:
            text = credential(metadata)
        except CredentialError as error:
            raise Refusal(
                "unreadable_key", Unauthenticated(f"{error}; send authorization: Bearer KEY")
            ) from None
        if text is not None:
            return self._keyring.authenticate(text)
        for name in names:
            if name in self._identities:
                return self._identities[name]
        raise Refusal(
            "no_key", Unauthenticated("this server asks for an API key; send authorization: Bearer KEY")
        )

    def note_refusal(self, refusal: Refusal, method: str, peer: str) -> None:
        """Counts and audits a refusal."""
        caller = refusal.caller
        self._refused(refusal.reason)
        self._audit.refused(
            method=method,
            caller=caller.name if caller else "",
            key_id=caller.key_id if caller else "",
            peer=peer,
            outcome=refusal.error.code.name,
            reason=refusal.reason,
        )

    # One call.

    def _admit(self, path: str, metadata: Metadata, context: Context) -> Caller:
        """Who calls, who may do so.

        Raises:
            Refusal: Not this caller, or not now.
        """
        if path not in self._methods:
            raise Refusal(
                "unlisted_method",
                PermissionDenied(f"no scope is laid down for {path}, so nobody may call it"),
            )
        if (needed := self._methods[path]) is None:
            return ANONYMOUS
        caller = self.identify(metadata, _certificate_names(context))
        check_scope(caller, needed, path)
        if caller.usage is not None and (wait := caller.usage.take_call()):
            limit = caller.usage.limits.calls_per_second
            raise Refusal(
                "too_many_calls",
                Throttled(
                    f"the API key {caller.name!r} may make {limit:g} calls per second",
                    retry_delay_seconds=wait,
                ),
                caller,
            )
        return caller

    def _enter(self, path: str, metadata: Metadata, context: Context, streaming: bool) -> _Lease:
        caller = self._admit(path, metadata, context)
        lease = _Lease(asyncio.current_task(), context, path, caller)
        if streaming and caller.usage is not None:
            open_now, limit = caller.usage.streams, caller.usage.limits.streams
            if open_now >= limit:
                raise Refusal(
                    "too_many_streams",
                    Throttled(
                        f"the API key {caller.name!r} has {open_now} streams open, and may have {limit}",
                        retry_delay_seconds=_STREAM_RETRY_SECONDS,
                    ),
                    caller,
                )
            caller.usage.streams += 1
        if streaming and self._methods[path] is None:
            self._enter_open_stream(path)
        elif streaming:
            self._streams.add(lease)
        serve_for(caller)
        return lease

    def _enter_open_stream(self, path: str) -> None:
        """Nobody's streams are no key's, so all of them together are limited."""
        if self._open_streams >= MAX_OPEN_STREAMS:
            raise Refusal(
                "too_many_streams",
                Throttled(
                    f"{self._open_streams} streams of {path} are open, the most this server allows without a key",
                    retry_delay_seconds=_STREAM_RETRY_SECONDS,
                ),
            )
        self._open_streams += 1

    def _leave(self, lease: _Lease, path: str, context: Context, outcome: str, streaming: bool) -> None:
        self._streams.discard(lease)
        if streaming and self._methods[path] is None:
            self._open_streams -= 1
        if streaming and lease.caller.usage is not None:
            lease.caller.usage.streams -= 1
        if self._methods[path] is Scope.ADMIN:
            caller = lease.caller
            self._audit.call(
                method=path, caller=caller.name, key_id=caller.key_id, peer=context.peer(), outcome=outcome
            )

    async def _refuse(self, refusal: Refusal, path: str, context: Context) -> None:
        self.note_refusal(refusal, path, context.peer())
        await abort(context, refusal.error)

    def _why_ended(self, caller: Caller) -> Refusal | None:
        """Why a caller's streams must end; None while they need not."""
        if caller.kind == "key" and not self._keyring.valid(caller.key_id):
            fault = f"the API key {caller.name!r} does not work any more: it was revoked or has expired"
            return Refusal("ended_key", Unauthenticated(fault), caller)
        if caller.kind == "anonymous" and self._enforcing():
            return Refusal("no_key", Unauthenticated("this server asks for an API key now"), caller)
        return None

    # Handlers.

    def _guarded(self, handler: Any, path: str, metadata: Metadata) -> Any:
        if not handler.response_streaming:
            inner = handler.stream_unary if handler.request_streaming else handler.unary_unary
            make = (
                grpc.stream_unary_rpc_method_handler
                if handler.request_streaming
                else grpc.unary_unary_rpc_method_handler
            )
        else:
            inner = handler.stream_stream if handler.request_streaming else handler.unary_stream
            make = (
                grpc.stream_stream_rpc_method_handler
                if handler.request_streaming
                else grpc.unary_stream_rpc_method_handler
            )
        # The one request of a call is only read once its caller is known; a stream's are read one by one anyhow.
        parse = None if handler.request_streaming else handler.request_deserializer
        wrap = self._generating if inspect.isasyncgenfunction(inner) else self._returning
        outer = wrap(inner, path, metadata, parse, handler.request_streaming or handler.response_streaming)
        deserializer = handler.request_deserializer if handler.request_streaming else None
        return make(outer, deserializer, handler.response_serializer)

    def _returning(
        self,
        inner: Callable[[Any, Context], Awaitable[Any]],
        path: str,
        metadata: Metadata,
        parse: Callable[[bytes], Any] | None,
        streaming: bool,
    ) -> Callable[[Any, Context], Awaitable[Any]]:
        async def serve(request: Any, context: Context) -> Any:
            try:
                lease = self._enter(path, metadata, context, streaming)
            except Refusal as refusal:
                await self._refuse(refusal, path, context)
                return None
            outcome = "OK"
            try:
                return await inner(await _parsed(request, parse, context), context)
            except BaseException as error:
                outcome = _outcome(error, context)
                await self._end(lease, error)
                raise
            finally:
                self._leave(lease, path, context, outcome, streaming)

        return serve

    def _generating(
        self,
        inner: Callable[[Any, Context], AsyncIterator[Any]],
        path: str,
        metadata: Metadata,
        parse: Callable[[bytes], Any] | None,
        streaming: bool,
    ) -> Callable[[Any, Context], AsyncIterator[Any]]:
        async def serve(request: Any, context: Context) -> AsyncIterator[Any]:
            try:
                lease = self._enter(path, metadata, context, streaming)
            except Refusal as refusal:
                await self._refuse(refusal, path, context)
                return
            outcome = "OK"
            try:
                async for message in inner(await _parsed(request, parse, context), context):
                    yield message
            except BaseException as error:
                outcome = _outcome(error, context)
                await self._end(lease, error)
                raise
            finally:
                self._leave(lease, path, context, outcome, streaming)

        return serve

    async def _end(self, lease: _Lease, error: BaseException) -> None:
        """Ends a stream with its reason, if it was `end_streams` that cancelled it."""
        if isinstance(error, asyncio.CancelledError) and lease.ended is not None and lease.task is not None:
            lease.task.uncancel()
            lease.told = True
            await self._refuse(lease.ended, lease.path, lease.context)

    async def _break_off(self, lease: _Lease, ended: Refusal) -> None:
        """Cancels the task of a stream, and ends the call itself when the task cannot.

        A task that waits for its reader to make room for a message is cancelled outside of our handler, and gRPC then
        ends the task but not the call: the reader would wait for ever.
        """
        if lease.task is None:
            return
        lease.task.cancel()
        await asyncio.wait({lease.task}, timeout=_BREAK_OFF_SECONDS)
        if not lease.told:
            with suppress(Exception):  # abort always raises; what else may come is of a call that is over
                await self._refuse(ended, lease.path, lease.context)


def check_scope(caller: Caller, needed: Scope, what: str) -> None:
    """Holds a caller to its scopes.

    Raises:
        Refusal: It lacks the one that is needed.
    """
    if needed not in caller.scopes:
        held = ", ".join(sorted(caller.scopes)) or "none"
        raise Refusal(
            "wrong_scope",
            PermissionDenied(f"{what} needs the scope {needed}; {caller.kind} {caller.name!r} has {held}"),
            caller,
        )


async def _parsed(request: Any, parse: Callable[[bytes], Any] | None, context: Context) -> Any:
    if parse is None:
        return request
    try:
        return parse(request)
    except DecodeError:
        error: ArgusServerError = InvalidArgument("the request is not the message this method takes")
        await abort(context, error)


def _outcome(error: BaseException, context: Context) -> str:
    """Name of the status a call failed with."""
    code: Any = context.code()
    if isinstance(code, grpc.StatusCode):
        return code.name
    return "CANCELLED" if isinstance(error, asyncio.CancelledError | GeneratorExit) else "UNKNOWN"


def _certificate_names(context: Context) -> Iterable[str]:
    """Common name and alternative names of the certificate that the transport has verified."""
    found = context.auth_context()
    for name in ("x509_subject_alternative_name", "x509_common_name"):
        for value in found.get(name, ()):
            yield value.decode("utf-8", "replace")
