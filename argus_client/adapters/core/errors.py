"""What can be wrong with an adapter before it has fetched anything.

SourceError                     a source cannot deliver; `argus adapter run` ends with 3 if it never has
├── SourceUnavailable           not now; asked again for ever
└── ConfigError                 wrong configuration; exit code 2
    └── StateError              the file with the cursor cannot be used
"""

from __future__ import annotations

from argus_client.adapters.source import SourceError


class ConfigError(SourceError):
    """The configuration is wrong: the message names the key, what was got, what is allowed and what to do."""


class StateError(ConfigError):
    """The file that keeps the cursor is in use, damaged, or of another source."""
