"""Who is told of alerts, as settings. Addresses and secrets are never printed: both may let their finder in."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator


class AlertTarget(BaseModel):
    """One target of notifications. Its address comes from exactly one of `url`, `url_file` and `url_env`.

    Attributes:
        kind: What speaks there.
        name: Name in metrics, logs and the queue; keep it when the address changes.
        url: Address. For an Alertmanager without `/api/v2`.
        url_file: File that holds the address, for one that is a secret itself.
        url_env: Environment variable that holds it.
        secret_file: File that holds the secret a webhook is signed with.
        secret_env: Environment variable that holds it.
        timeout_seconds: How long an attempt may take.
        give_up_hours: How long a notification is tried.
        resend_seconds: How often an Alertmanager is told again what is firing.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    kind: Literal["alertmanager", "webhook", "slack"]
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
    url: SecretStr | None = None
    url_file: Path | None = None
    url_env: str | None = None
    secret_file: Path | None = None
    secret_env: str | None = None
    timeout_seconds: Annotated[float, Field(gt=0, le=300)] = 10.0
    give_up_hours: Annotated[float, Field(gt=0, le=24 * 30)] = 24.0
    resend_seconds: Annotated[float, Field(gt=0, le=3600)] = 60.0

    @model_validator(mode="after")
    def _one_address(self) -> Self:
        given = [name for name in ("url", "url_file", "url_env") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"give one of url, url_file and url_env, not {len(given)} of them")
        if self.secret_file is not None and self.secret_env is not None:
            raise ValueError("give secret_file or secret_env, not both")
        if self.kind != "webhook" and (self.secret_file or self.secret_env):
            raise ValueError(f"a target of kind {self.kind} signs nothing: only a webhook has a secret")
        if self.url is not None:
            _check_address(self.url.get_secret_value(), self.name)
        return self

    def address(self, environment: Mapping[str, str] = os.environ) -> str:
        """Where to send to.

        Raises:
            ValueError: It cannot be had, or is no address. The message names where it should be, never what it is.
        """
        if self.url is not None:
            return self.url.get_secret_value().rstrip("/")
        found = _from(self.name, "address", self.url_file, self.url_env, environment)
        _check_address(found, self.name)
        return found.rstrip("/")

    def secret(self, environment: Mapping[str, str] = os.environ) -> str:
        """What to sign with; empty for a target that signs nothing.

        Raises:
            ValueError: It cannot be had.
        """
        if self.secret_file is None and self.secret_env is None:
            return ""
        return _from(self.name, "secret", self.secret_file, self.secret_env, environment)


def _from(
    target: str, what: str, file: Path | None, variable: str | None, environment: Mapping[str, str]
) -> str:
    if file is not None:
        try:
            found = file.read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not text"
            raise ValueError(f"alert target {target}: cannot read its {what} from {file}: {reason}") from None
    else:
        found = environment.get(variable or "", "").strip()
    if not found:
        raise ValueError(f"alert target {target}: its {what} in {file or variable} is empty")
    return found


def _check_address(address: str, target: str) -> None:
    try:
        parts = urlsplit(address)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        sound = False
    if not sound:
        raise ValueError(f"alert target {target}: its address must be http://HOST... or https://HOST...")
