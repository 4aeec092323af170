"""Puts an adapter together from its kind and its configuration, and runs it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from argus_client.adapters.core.config import AdapterConfig
from argus_client.adapters.core.cursor import StateFile, fingerprint, without_secrets
from argus_client.adapters.core.errors import ConfigError
from argus_client.adapters.core.exporter import serving_metrics
from argus_client.adapters.core.guarded import Guarded, GuardedReceiver, guarding
from argus_client.adapters.core.mapping import Problem
from argus_client.adapters.core.notices import log
from argus_client.adapters.core.receiver import Receiver
from argus_client.adapters.core.runner import Runner, RunOptions
from argus_client.adapters.core.spec import AdapterSpec, SourceContext
from argus_client.adapters.core.tally import SOURCE_FIELD, Tally
from argus_client.adapters.pull import PullSource
from argus_client.adapters.source import wall_ms


@dataclass(frozen=True, slots=True)
class Adapter:
    """A kind of source with a configuration of it.

    Attributes:
        spec: The kind.
        config: The configuration.
        now_ms: Clock, Unix milliseconds UTC.
    """

    spec: AdapterSpec
    config: AdapterConfig
    now_ms: Callable[[], int] = wall_ms

    def context(self, tally: Tally) -> SourceContext:
        """What its source is given."""

        def refuse(problem: str, rows: int, example: str) -> None:
            if tally.problem(Problem(problem, SOURCE_FIELD, rows, example)):
                log.warning(
                    "the source cannot read some rows: %s, such as %s (further ones are only counted)",
                    problem.replace("_", " "),
                    example,
                )

        def count(event: str, times: int) -> None:
            tally.source_events[event] += times

        config = self.config
        return SourceContext(
            name=config.name,
            overlap_seconds=config.overlap_seconds,
            mapping=config.mapping,
            base_dir=config.base_dir,
            config_path=config.path,
            now_ms=self.now_ms,
            warn=lambda notice: log.warning("%s", notice),
            refuse=refuse,
            count=count,
        )

    def source(self, tally: Tally) -> PullSource:
        """Its source, if it is one that is asked.

        Raises:
            ConfigError: the `[source]` table is wrong, or the source is one that is sent to.
        """
        if self.spec.build is None:
            raise ConfigError(
                f"The adapter {self.spec.name} is sent to: what it gets can be looked at only while it runs."
            )
        with guarding(self.spec.name):
            return Guarded(self.spec.build(self.config.source, self.context(tally)), self.spec.name)

    def state(self) -> StateFile:
        """Where its cursor is kept, locked for this process.

        Raises:
            StateError: it cannot be used.
        """
        identify = self.spec.identity or without_secrets
        source = fingerprint(self.spec.name, identify(self.config.source))
        return StateFile(self.config.state_dir, self.config.name, source)

    async def run(self, stop: asyncio.Event, options: RunOptions, tally: Tally | None = None) -> Tally:
        """Runs it to its end, or until `stop` is set; returns what it has counted.

        Raises:
            SourceError: it cannot run; a `ConfigError` says what is wrong with the configuration.
            ArgusError: the server cannot be used.
        """
        tally = tally or Tally(self.now_ms)
        with self.state() as state:
            runner: Runner | Receiver
            if self.spec.serve is not None:
                with guarding(self.spec.name):
                    push = self.spec.serve(self.config.source, self.context(tally))
                receiver = GuardedReceiver(push, self.spec.name)
                runner = Receiver(self.config, receiver, stop, tally, self.now_ms)
            else:
                runner = Runner(self.config, self.source(tally), state, stop, options, tally, self.now_ms)
            name, kind = self.config.name, self.spec.name
            with serving_metrics(self.config.metrics_listen, name, kind, tally, runner.follow) as address:
                if address:
                    log.info("metrics are at http://%s/metrics", address)
                await runner.run()
        return tally
