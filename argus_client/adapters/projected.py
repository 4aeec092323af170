"""`Projected`: documents of which only the mapped fields were fetched, that still know what other fields there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from argus_client.adapters.core.documents import Documents


class Projected(Documents):
    """Documents with fewer fields than they have in the source; implements `Records`.

    Args:
        documents: One per row.
        others: Fields of a whole document, so that `fields` can tell what nobody has mapped.
        hidden: A field that came along for the sake of the cursor.
    """

    def __init__(
        self, documents: Sequence[Mapping[str, Any]], others: Sequence[str], hidden: str = ""
    ) -> None:
        super().__init__(documents)
        self._others = others
        self._hidden = hidden

    def fields(self) -> Sequence[str]:
        """The dotted names of the values in the first documents and in the whole one, by name."""
        return sorted({*super().fields(), *self._others} - {self._hidden})
