"""All that decides who gets in, made from settings and kept up to date while the server runs."""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from typing import Final

import grpc
from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from argus_server.security.audit import AUDIT_FILE, AuditLog
from argus_server.security.caller import Caller, Refusal
from argus_server.security.certificates import Certificates, TlsFiles
from argus_server.security.guard import Guard, check_scope
from argus_server.security.key_file import KeyFile
from argus_server.security.keyring import USED_FILE, Keyring
from argus_server.security.limits import KeyLimits, KeyUsage
from argus_server.security.scopes import Scope
from argus_server.settings import ServerSettings

_LOG: Final = logging.getLogger(__name__)

REFRESH_SECONDS: Final = 1.0
"""How soon a change of keys or certificates is in force."""

_METRICS: Final = "/metrics"


class Access:
    """Keys, certificates, limits and audit of one server. Lives on its event loop.

    Args:
        settings: Where files are and what is asked for.
        fleet: The names in the fleet now.

    Raises:
        ValueError: Keys or certificates cannot be used; better no server than an open one.
        OSError: A file cannot be read or written.
    """

    def __init__(self, settings: ServerSettings, fleet: Callable[[], Collection[str]]) -> None:
        self._settings = settings
        self._refusals: Counter[str] = Counter()
        self._certificates: Certificates | None = None
        if settings.tls_cert is not None and settings.tls_key is not None:
            self._certificates = Certificates(
                TlsFiles(settings.tls_cert, settings.tls_key, settings.tls_client_ca)
            )
        data_dir, keys_file = settings.data_dir, settings.keys_file
        self._keyring = Keyring(
            KeyFile(keys_file) if keys_file else None, data_dir / USED_FILE if data_dir else None, fleet=fleet
        )
        self._audit = AuditLog(data_dir / AUDIT_FILE if data_dir else None)
        identities = {
            name: Caller(
                name, "certificate", scopes, usage=KeyUsage(name, KeyLimits(), fleet, time.monotonic)
            )
            for name, scopes in settings.tls_identities.items()
        }
        self._required = settings.require_keys or bool(identities) or settings.is_exposed
        self.guard = Guard(self._keyring, identities, self._is_enforcing, self._audit, self._count)
        self._warn()

    @property
    def problem(self) -> str:
        """What is wrong with keys and certificates now; empty when nothing is."""
        tls = self._certificates.problem if self._certificates else ""
        return "; ".join(filter(None, (tls, self._keyring.problem)))

    @property
    def credentials(self) -> grpc.ServerCredentials | None:
        """For the gRPC port; None to serve it in the clear."""
        return self._certificates.server_credentials() if self._certificates else None

    @property
    def context(self) -> Callable[[], ssl.SSLContext] | None:
        """For the metrics port; None to serve it in the clear."""
        certificates = self._certificates
        return None if certificates is None else lambda: certificates.context

    async def run(self) -> None:
        """Follows the files until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(REFRESH_SECONDS)
            try:
                # Off the loop: parsing certificates takes milliseconds, and a disk may take seconds.
                await loop.run_in_executor(None, self._refresh_certificates)
                self._keyring.refresh()
                await self.guard.end_streams()
                if used := self._keyring.due():
                    await loop.run_in_executor(None, self._keyring.save, used)
            except Exception:
                # Whatever it is, keys must not stop being revoked because of it.
                _LOG.exception("keys and certificates could not be followed; trying again")

    def close(self) -> None:
        """Writes what is left to write."""
        self._keyring.save(self._keyring.used())
        self._audit.close()

    def authorise_scrape(
        self, authorization: str | None, api_key: str | None, names: tuple[str, ...], peer: str
    ) -> str:
        """Why a scrape of the metrics is refused; empty when it is not. For the exporter's threads."""
        if not self._settings.metrics_need_key:
            return ""
        given = (("authorization", authorization), ("x-api-key", api_key))
        metadata = [(name, value) for name, value in given if value is not None]
        try:
            check_scope(self.guard.identify(metadata, names), Scope.READ, _METRICS)
        except Refusal as refusal:
            self.guard.note_refusal(refusal, _METRICS, peer)
            return refusal.error.message
        return ""

    def collect(self) -> Iterator[Metric]:
        """What Prometheus is told: an `prometheus_client` collector."""
        refusals = CounterMetricFamily(
            "argus_refused_calls", "Calls refused by the access control, by reason.", labels=("reason",)
        )
        for reason, count in self._refusals.copy().items():
            refusals.add_metric((reason,), count)
        yield refusals
        yield GaugeMetricFamily(
            "argus_keys_file_stale",
            "1 while the newest file of API keys cannot be used and the former keys stay in force.",
            value=int(bool(self._keyring.problem)),
        )
        if (certificates := self._certificates) is None:
            return
        yield GaugeMetricFamily(
            "argus_tls_certificate_expiry_timestamp_seconds",
            "When the TLS certificate in force expires, Unix time.",
            value=certificates.expires_at.timestamp(),
        )
        yield CounterMetricFamily(
            "argus_tls_reloads",
            "TLS certificates that came into force after the first.",
            value=certificates.reloads,
        )
        yield CounterMetricFamily(
            "argus_tls_reload_failures",
            "TLS certificates refused; the former one was kept.",
            value=certificates.failures,
        )

    def _is_enforcing(self) -> bool:
        # Once there is a key it stays so: keys that vanish must not open the door.
        self._required = self._required or len(self._keyring) > 0
        return self._required

    def _refresh_certificates(self) -> None:
        if self._certificates is not None:
            self._certificates.refresh()

    def _count(self, reason: str) -> None:
        self._refusals[reason] += 1

    def _warn(self) -> None:
        settings = self._settings
        if self._is_enforcing() and not len(self._keyring) and not settings.tls_identities:
            _LOG.warning(
                "there is no API key yet, so every call is refused; make one with: argus keys create"
            )
        if settings.is_reachable and self._certificates is None:
            _LOG.warning("nothing is encrypted: API keys and metrics can be read on the network")
