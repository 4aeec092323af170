"""Reading through the source of MongoDB."""

from __future__ import annotations

from functools import partial

from argus_client.adapters.mongodb import SPEC
from tests.client.adapters import pulling

Harness = partial(pulling.Harness, SPEC)
