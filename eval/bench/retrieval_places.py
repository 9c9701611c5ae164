"""Where a bench's material and store lie in its folder."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple


class Places(NamedTuple):
    """What a folder holds. `small` is the same at a tenth of the size."""

    folder: Path

    @property
    def material(self) -> Path:
        return self.folder / "material"

    @property
    def store(self) -> Path:
        return self.folder / "store"

    @property
    def small(self) -> Places:
        return Places(self.folder / "small")
