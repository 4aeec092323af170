"""What the server's sub-commands of `argus` read from their command lines alike."""

from __future__ import annotations


def names(given: str) -> tuple[str, ...]:
    """Names from a comma-separated list, without blanks around them; none from an empty one."""
    return tuple(name.strip() for name in given.split(",") if name.strip())
