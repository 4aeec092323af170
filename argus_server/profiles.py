"""Server profiles: what kind of work a server does, read from its name's prefix."""

from __future__ import annotations

import re
from typing import Final

PROFILES: Final[tuple[str, ...]] = (
    "generic",
    "ml_compute",
    "database",
    "web_api",
    "conductor_mgmt",
    "data_ingest",
    "risk_analytics",
)

PROFILE_INDEX: Final[dict[str, int]] = {name: index for index, name in enumerate(PROFILES)}

_PREFIXES: Final[dict[str, tuple[str, ...]]] = {
    "ml_compute": ("ppml", "ppgpu", "cptrain", "ml-node-"),
    "database": ("ppdb", "psdb", "oracle", "mongo", "postgres", "mysql"),
    "web_api": ("ppweb", "ppapi", "nginx", "tomcat", "api-server-"),
    "conductor_mgmt": ("ppcon", "ppcond", "conductor", "egomgmt", "maestro"),
    "data_ingest": ("ppetl", "ppdi", "ppkafka", "stream", "spark", "flink"),
    "risk_analytics": ("pprisk", "ppra", "varrisk", "credit", "quant"),
}

# A prefix counts only when a number follows it, with at most one separator between: "mongo-01", never "mongoose".
_PATTERN: Final = re.compile(
    "|".join(
        f"(?P<{profile}>(?:{'|'.join(re.escape(p) for p in sorted(prefixes, key=len, reverse=True))}))"
        for profile, prefixes in _PREFIXES.items()
    ).join(("(?:", ")[-_.]?\\d")),
    re.IGNORECASE,
)


def profile_of(server_name: str) -> int:
    """Index into `PROFILES` of a server, `generic` when no prefix matches."""
    match = _PATTERN.match(server_name)
    return PROFILE_INDEX[match.lastgroup] if match and match.lastgroup else PROFILE_INDEX["generic"]
