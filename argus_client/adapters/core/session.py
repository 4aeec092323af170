"""`Session`: one connection of an adapter to the server, with what is to be said and counted about it."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

from argus_client import ArgusError, AsyncPublisher, ConnectionState, Rejection
from argus_client.adapters.core.config import AdapterConfig
from argus_client.adapters.core.notices import Notices, log
from argus_client.adapters.core.tally import Tally

_TROUBLE: Final = "server"


class Session:
    """An asynchronous context: a client and its publisher, under the adapter's name as source id.

    Args:
        config: The server, and the adapter's name.
        tally: Where to count.
        notices: Where to tell of trouble.
        on_rejection: Called for every refusal of which the server says why.
        asks: What is asked next, for the log of a server that is reached before the source has ever answered.
    """

    def __init__(
        self,
        config: AdapterConfig,
        tally: Tally,
        notices: Notices,
        on_rejection: Callable[[Rejection], None] = lambda _: None,
        asks: str = "",
    ) -> None:
        self._config = config
        self._tally = tally
        self._notices = notices
        self._on_rejection = on_rejection
        self._asks = asks
        self.was_live = False

    async def __aenter__(self) -> Self:
        self._client = self._config.server.client()
        self.publisher: AsyncPublisher = self._client.publisher(
            self._config.name, on_state_change=self._state_changed, on_rejection=self._rejected
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # Whoever leaves has waited for answers as long as it wanted to; the rest is fetched again.
        await self.publisher.close(timeout=0.0)
        self.follow()
        self._tally.keep()
        await self._client.close()

    def follow(self) -> None:
        """Takes over what the publisher has counted so far."""
        self._tally.follow(self.publisher.stats)

    def _state_changed(self, state: ConnectionState, error: ArgusError | None) -> None:
        target = self._config.server.target
        if state is ConnectionState.LIVE:
            self._notices.over(_TROUBLE, f"The server at {target} takes rows again.")
            if not self.was_live:
                next_step = f"; asking {self._asks}" if self._asks and not self._tally.last_success_ms else ""
                log.info("Argus server %s reached as %s%s", target, self._config.name, next_step)
            self.was_live = True
        elif state is ConnectionState.RECONNECTING:
            why = f": {error}" if error is not None else ""
            self._notices.trouble(_TROUBLE, f"The server at {target} is away; rows wait for it{why}")

    def _rejected(self, rejection: Rejection) -> None:
        self._on_rejection(rejection)
        if self._tally.rejection(rejection):
            log.warning(
                "refused by the server: %s (further ones are only counted)%s",
                described(rejection),
                hint(rejection.reason, rejection.field),
            )


def described(rejection: Rejection) -> str:
    """Which row or batch was refused, and why."""
    where = " ".join(filter(None, (rejection.server_name, rejection.field)))
    return f"{where or f'batch {rejection.sequence}'}: {rejection.reason}: {rejection.message}"


def hint(reason: str, field: str) -> str:
    """What may be behind a refusal."""
    reason = reason.upper()
    if reason == "OUT_OF_RANGE" and field.endswith("_pct"):
        return ". Is the scale of this column right? A percentage is 0 to 100 of all cores"
    if reason == "TOO_OLD":
        return ". Begin later, with [adapter] since or --since and --restart"
    return ""
