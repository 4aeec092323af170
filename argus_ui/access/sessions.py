"""Sessions of logged-in browsers: signed cookies, nothing kept here."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Final

from itsdangerous import BadData, URLSafeTimedSerializer

COOKIE: Final = "argus_session"
LIFETIME_SECONDS: Final = 7 * 24 * 3600


class Sessions:
    """Knows the password, and the sessions of those who knew it.

    Args:
        password: The password.
        secret: Signs sessions; a random one, which ends them with the process, if empty.
    """

    def __init__(self, password: str, secret: str = "") -> None:
        self._password = _digest(password)
        # Another password makes all sessions of the old one invalid.
        key = hmac.digest((secret or secrets.token_hex(32)).encode(), self._password, "sha256")
        self._serializer = URLSafeTimedSerializer(key, salt="argus-ui-session")

    def is_password(self, given: str) -> bool:
        """Whether this is it. Takes as long whether it is nearly or not at all."""
        return hmac.compare_digest(_digest(given), self._password)

    def start(self) -> str:
        """Value of the cookie of a new session."""
        return self._serializer.dumps(secrets.token_hex(8))

    def is_valid(self, cookie: str) -> bool:
        """Whether it is a session that has been started here and has not ended."""
        try:
            self._serializer.loads(cookie, max_age=LIFETIME_SECONDS)
        except BadData:
            return False
        return True


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
