"""What an API key looks like, and how it is found in the metadata of a call.

    argus_4f1c9a02d7e3_<64 hexadecimal digits>
          id           secret

The id finds the key's record and is no secret. The secret is 256 random bits, so its SHA-256 tells nothing about it
and nobody can try them all: a slow hash, which makes *guessable* secrets dear to guess, would only make every call
dear. The fixed start lets scanners find keys that were committed or logged by mistake.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

_PATTERN: Final = re.compile(r"argus_([0-9a-f]{12})_([0-9a-f]{64})")
_SCHEME: Final = "bearer"
_ID_BYTES: Final = 6
_SECRET_BYTES: Final = 32


class CredentialError(ValueError):
    """Credentials that cannot be read. The message never has any part of them."""


@dataclass(frozen=True, slots=True)
class Token:
    """An API key as its holder has it.

    Attributes:
        key_id: Finds the record; no secret.
        secret: Proves that the holder holds it.
    """

    key_id: str
    secret: str = field(repr=False)

    @classmethod
    def new(cls) -> Token:
        """A fresh one."""
        return cls(secrets.token_hex(_ID_BYTES), secrets.token_hex(_SECRET_BYTES))

    @classmethod
    def parse(cls, text: str) -> Token | None:
        """Reads a key; None when it is no Argus key."""
        found = _PATTERN.fullmatch(text)
        return cls(*found.groups()) if found else None

    def reveal(self) -> str:
        """The whole key, to be shown once."""
        return f"argus_{self.key_id}_{self.secret}"

    def digest(self) -> str:
        """What is stored instead of the secret."""
        return hashlib.sha256(self.secret.encode()).hexdigest()


def credential(metadata: Iterable[tuple[str, str | bytes]]) -> str | None:
    """The API key in the metadata of a call, as text; None when there is none.

    `authorization: Bearer KEY` and `x-api-key: KEY` are taken. Other schemes of `authorization`, several keys, and
    bytes are refused: what two readers could understand differently is not guessed at.

    Args:
        metadata: Keys in lower case, as gRPC hands them over.

    Raises:
        CredentialError: There is something, but it is not one key.
    """
    found: list[str] = []
    for name, value in metadata:
        if name not in ("authorization", "x-api-key"):
            continue
        if not isinstance(value, str):
            raise CredentialError(f"{name} is not text")
        if name == "x-api-key":
            found.append(value.strip())
            continue
        scheme, _, rest = value.strip().partition(" ")
        if scheme.lower() != _SCHEME:
            raise CredentialError("authorization has another scheme than Bearer")
        found.append(rest.strip())
    if len(found) > 1:
        raise CredentialError(f"there are {len(found)} API keys in the metadata; send one")
    return found[0] if found else None
