"""How each kind of target is spoken to: from queued notifications to the body and headers of one POST.

Names, causes and notes come from outside. They stand in JSON as they are, and in Slack's markup escaped.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Protocol
from urllib.parse import quote

_ALERT_NAMES: Final = {"metric": "ArgusThreshold", "risk": "ArgusRisk", "silence": "ArgusServerSilent"}
_EMOJI: Final = {
    "critical": ":red_circle:",
    "warning": ":large_orange_circle:",
    "degrading": ":large_yellow_circle:",
}
_SECRET_PREFIX: Final = "whsec_"
# As Prometheus: an alert that is not sent again for four rounds counts as over.
_ROUNDS_UNTIL_OVER: Final = 4


@dataclass(frozen=True, slots=True)
class Post:
    """One request.

    Attributes:
        path: Appended to the target's address.
        body: JSON.
        headers: Beside the content type.
    """

    path: str
    body: bytes
    headers: Mapping[str, str]


class Format(Protocol):
    """A way to speak.

    Attributes:
        falls: Whether a level that falls is worth telling.
        batch: Notifications that go into one request, at most.
        resends: Whether what is firing must be told again and again.
    """

    @property
    def falls(self) -> bool: ...

    @property
    def batch(self) -> int: ...

    @property
    def resends(self) -> bool: ...

    def post(self, notifications: Sequence[Mapping[str, Any]], now: datetime) -> Post:
        """The request that tells some notifications, at most `batch`, in order."""
        ...


@dataclass(frozen=True, slots=True)
class Alertmanager:
    """The API v2 of an Alertmanager.

    Labels make the identity of an alert there, so one that changes its level is told as the old one being over and
    a new one firing.

    Attributes:
        dashboard_url: Address of the dashboard; empty for none.
        resend_seconds: How often what is firing is told again.
    """

    dashboard_url: str
    resend_seconds: float
    falls: bool = True
    batch: int = 64
    resends: bool = True

    def post(self, notifications: Sequence[Mapping[str, Any]], now: datetime) -> Post:
        """All of them in one list; of several about one alert the last counts."""
        alerts: dict[tuple[tuple[str, str], ...], dict[str, Any]] = {}
        for one in notifications:
            over = one["event"] == "resolved"
            before, level = one["previous_level"], one["level"]
            if before and (over or before != level):
                self._add(alerts, one, before, now, over=True)
            if not over:
                self._add(alerts, one, level, now, over=False)
        return Post("/api/v2/alerts", _json(list(alerts.values())), {})

    def _add(
        self,
        alerts: dict[tuple[tuple[str, str], ...], dict[str, Any]],
        one: Mapping[str, Any],
        level: str,
        now: datetime,
        *,
        over: bool,
    ) -> None:
        labels = {
            "alertname": _ALERT_NAMES[one["subject"]],
            "server": one["server"],
            "severity": level,
            "profile": one["profile"],
            **({"metric": one["metric"]} if one["metric"] else {}),
        }
        link = dashboard_link(self.dashboard_url, one["server"])
        annotations = {
            "summary": f"{one['server']}: {one['cause']}",
            "probability": f"{one['probability']:.2f}",
            "risk_score": f"{one['risk_score']:.0f}",
            "alert_id": one["alert_id"],
        }
        if one["minutes_to_breach"] is not None:
            annotations["minutes_left"] = f"{one['minutes_to_breach']:.0f}"
        if one["acknowledged_by"]:
            annotations["acknowledged_by"] = one["acknowledged_by"]
        if link:
            annotations["dashboard"] = link
        # A replayed clock may be ahead of the wall's, which the Alertmanager goes by.
        starts = min(one["fired_at_ms"] / 1000, now.timestamp())
        ends = now.timestamp() + (0 if over else _ROUNDS_UNTIL_OVER * self.resend_seconds)
        key = tuple(sorted(labels.items()))
        alerts.pop(key, None)
        alerts[key] = {
            "labels": labels,
            "annotations": annotations,
            "startsAt": _rfc3339(starts),
            "endsAt": _rfc3339(ends),
            **({"generatorURL": link} if link else {}),
        }


@dataclass(frozen=True, slots=True)
class Webhook:
    """Any HTTP server: one notification per request, signed as Standard Webhooks says.

    Attributes:
        dashboard_url: Address of the dashboard; empty for none.
        secret: What to sign with; empty for no signature. `whsec_` and Base64, or the bytes of any other text.
    """

    dashboard_url: str
    secret: str
    falls: bool = False
    batch: int = 1
    resends: bool = False

    def __repr__(self) -> str:
        return f"Webhook(signed={bool(self.secret)})"

    def post(self, notifications: Sequence[Mapping[str, Any]], now: datetime) -> Post:
        """The one notification."""
        (one,) = notifications
        link = dashboard_link(self.dashboard_url, one["server"])
        body = _json(
            {
                "type": f"alert.{one['event']}",
                "timestamp": _rfc3339(now.timestamp()),
                "data": {**one, "dashboard_url": link},
            }
        )
        # The same in every attempt, so that a receiver can tell a repetition.
        identity, seconds = f"{one['alert_id']}-{one['event']}-{one['at_ms']}", str(int(now.timestamp()))
        headers = {"webhook-id": identity, "webhook-timestamp": seconds}
        if self.secret:
            headers["webhook-signature"] = signature(self.secret, identity, seconds, body)
        return Post("", body, headers)


@dataclass(frozen=True, slots=True)
class Slack:
    """An incoming webhook of Slack, or of what understands the same (Mattermost, Rocket.Chat).

    Attributes:
        dashboard_url: Address of the dashboard; empty for none.
    """

    dashboard_url: str
    falls: bool = False
    batch: int = 1
    resends: bool = False

    def post(self, notifications: Sequence[Mapping[str, Any]], now: datetime) -> Post:
        """The one notification, as a line for people."""
        (one,) = notifications
        server, cause = escape_slack(one["server"]), escape_slack(one["cause"])
        if one["event"] == "resolved":
            text = f":white_check_mark: Resolved: *{server}* {cause}"
        else:
            emoji, level = _EMOJI.get(one["level"], ":white_circle:"), one["level"].capitalize()
            text = f"{emoji} {level}: *{server}* {cause}"
            if one["previous_level"]:
                text += f" (was {one['previous_level']})"
        if link := dashboard_link(self.dashboard_url, one["server"]):
            text += f" <{escape_slack(link)}|dashboard>"
        return Post("", _json({"text": text}), {})


def dashboard_link(dashboard_url: str, server: str) -> str:
    """Where a person sees a server; empty without a dashboard."""
    return f"{dashboard_url.rstrip('/')}/servers/{quote(server, safe='')}" if dashboard_url else ""


def signature(secret: str, identity: str, seconds: str, body: bytes) -> str:
    """The `webhook-signature` of a body: `v1,` and the Base64 of an HMAC-SHA256.

    Raises:
        ValueError: A secret that begins with `whsec_` goes on with something other than Base64.
    """
    key = (
        base64.b64decode(secret.removeprefix(_SECRET_PREFIX), validate=True)
        if secret.startswith(_SECRET_PREFIX)
        else secret.encode()
    )
    signed = b".".join((identity.encode(), seconds.encode(), body))
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def escape_slack(text: str) -> str:
    """Text that Slack shows and does not act on: no mention, no link."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, allow_nan=False).encode()


def _rfc3339(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
