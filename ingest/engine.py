"""Where sources are read, and how many before their turn comes. Whatever the engine, one writer commits them in one order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from ingest.media_types import BY_ENDING, VIDEO
from ingest.ports import Batch, Item, Reader


class Engine(Protocol):
    """Reads sources. `at_once` is how many are under way together: the one whose turn it is, and those read ahead of it."""

    name: str
    at_once: int

    def ahead(self, path: Path) -> bool:
        """Whether the file may be read before its turn: while only such files come before it, nothing that is read of it hangs on
        what they bring."""

    def read(self, reader: Reader, item: Item, tenant: str) -> Iterator[Batch]:
        """What the reader yields, wherever that is done; closing it ends the reading. Raises what the reader raises."""

    def close(self) -> None:
        """Give back what reading took. Safe to call twice."""


class LocalEngine:
    """Reads in this process. Clips are read ahead: decoding and looking take long, and another process does most of it."""

    name = "local"

    def __init__(self, at_once: int = 2) -> None:
        self.at_once = at_once

    def ahead(self, path: Path) -> bool:
        return BY_ENDING.get(path.suffix.lower()) in VIDEO

    def read(self, reader: Reader, item: Item, tenant: str) -> Iterator[Batch]:
        return reader.read(item, tenant)

    def close(self) -> None:
        """Nothing was taken."""
