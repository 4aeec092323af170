"""The server's certificate, followed as its files change, for gRPC and for HTTP."""

from __future__ import annotations

import logging
import os
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import grpc
from cryptography import x509

_LOG: Final = logging.getLogger(__name__)


class CertificateError(ValueError):
    """Certificate files that cannot be used. The message names the file and never shows what is in a key."""


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Where the PEM files are.

    Attributes:
        certificate: The server's certificate, followed by those of intermediate authorities.
        private_key: Its key, unencrypted.
        client_authority: Certificates of the authorities that sign clients; None does not ask clients for one.
    """

    certificate: Path
    private_key: Path
    client_authority: Path | None = None

    @property
    def paths(self) -> tuple[Path, ...]:
        """All of them."""
        given = (self.certificate, self.private_key, self.client_authority)
        return tuple(path for path in given if path is not None)


@dataclass(frozen=True, slots=True, eq=False)
class _Loaded:
    """One consistent set of files, in the forms that gRPC and HTTP take."""

    configuration: grpc.ServerCertificateConfiguration = field(repr=False)
    context: ssl.SSLContext = field(repr=False)
    expires_at: datetime
    subject: str


class Certificates:
    """Loads the files, and again when they change. A set that cannot be used leaves the former one in force.

    Open connections keep the certificate they began with; every later handshake, of gRPC and of HTTP, takes the
    newest. Thread-safe: gRPC asks from threads of its own.

    Args:
        files: Where they are.
        now: The time of day.

    Attributes:
        problem: Why the newest files are not in force; empty when they are.
        reloads: Times newer files came into force.
        failures: Times newer files were refused.

    Raises:
        CertificateError: They cannot be used now.
    """

    def __init__(self, files: TlsFiles, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.problem = ""
        self.reloads = 0
        self.failures = 0
        self._files = files
        self._now = now
        self._lock = threading.Lock()
        self._seen = self._signature()
        self._loaded = _load(files, now())
        self._handed = self._loaded

    @property
    def expires_at(self) -> datetime:
        """When the certificate in force expires."""
        return self._loaded.expires_at

    @property
    def context(self) -> ssl.SSLContext:
        """For the next HTTPS connection."""
        return self._loaded.context

    def server_credentials(self) -> grpc.ServerCredentials:
        """For a port of a gRPC server; every handshake asks for the newest certificate."""
        return grpc.dynamic_ssl_server_credentials(
            self._loaded.configuration,
            self._newer,  # type: ignore[arg-type]  # None means no change; the stubs do not know it
            self._files.client_authority is not None,
        )

    def refresh(self) -> None:
        """Reads the files again if one has changed."""
        if (signature := self._signature()) == self._seen:
            return
        self._seen = signature
        try:
            loaded = _load(self._files, self._now())
        except CertificateError as error:
            self.failures += 1
            self.problem = f"the former TLS certificate stays in force: {error}"
            _LOG.error("%s", self.problem)
            return
        self._loaded = loaded
        self.problem = ""
        self.reloads += 1
        _LOG.info("TLS certificate of %s in force, until %s", loaded.subject, loaded.expires_at)

    def _newer(self) -> grpc.ServerCertificateConfiguration | None:
        """What gRPC should use from now on; None for what it has."""
        with self._lock:
            if self._handed is self._loaded:
                return None
            self._handed = self._loaded
            return self._handed.configuration

    def _signature(self) -> tuple[tuple[int, ...] | None, ...]:
        """Changes whenever one of the files does, also behind a symbolic link."""
        return tuple(_stat(path) for path in self._files.paths)


def _load(files: TlsFiles, now: datetime) -> _Loaded:
    chain, key = _read(files.certificate), _read(files.private_key)
    authority = _read(files.client_authority) if files.client_authority is not None else None
    certificate = _certificates(chain, files.certificate)[0]
    if certificate.not_valid_after_utc <= now:
        raise CertificateError(
            f"{files.certificate} expired at {certificate.not_valid_after_utc}; renew the certificate"
        )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        # An encrypted key must not stop the server to ask somebody for its password.
        context.load_cert_chain(files.certificate, files.private_key, password=lambda: b"")
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or "it cannot be read"
        raise CertificateError(
            f"{files.private_key} is no unencrypted PEM key of {files.certificate} ({reason}); it begins with "
            "-----BEGIN PRIVATE KEY-----"
        ) from error
    if authority is not None and files.client_authority is not None:
        _certificates(authority, files.client_authority)
        context.load_verify_locations(cadata=authority.decode("ascii", "ignore"))
        context.verify_mode = ssl.CERT_REQUIRED
    return _Loaded(
        grpc.ssl_server_certificate_configuration([(key, chain)], authority),
        context,
        certificate.not_valid_after_utc,
        certificate.subject.rfc4514_string(),
    )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CertificateError(f"cannot read {path}: {error.strerror}") from error


def _certificates(data: bytes, path: Path) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(data)
    except ValueError as error:
        raise CertificateError(
            f"{path} has no PEM certificate; one begins with -----BEGIN CERTIFICATE-----. openssl x509 -in FILE "
            "-inform DER -out FILE.pem makes one of a DER file"
        ) from error


def _stat(path: Path) -> tuple[int, ...] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
