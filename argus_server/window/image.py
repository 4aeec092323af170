"""`WindowImage`: some servers of a window as they are kept in a checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True, eq=False)
class WindowImage:
    """Some servers, exactly.

    Attributes:
        names: Servers.
        arrays: What `Rings.extract` gives of them; `slots` says which slots of the ring are among it, the others are
            empty.
    """

    names: tuple[str, ...]
    arrays: Mapping[str, npt.NDArray[np.generic]]


class LayoutChanged(RuntimeError):
    """Servers were forgotten while a window was being copied: the copy is of no use, start again."""
