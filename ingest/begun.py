"""Which sources were being read when the process died: reading one may have been the cause, and counts as a try.

A mark is made before a source is read and taken away when that has ended, well or badly. What is left at the next start was not ended.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import NamedTuple

import msgspec

from retrieval.ids import content_hash

CODE = "crashed"
REASON = "the process ended while this was being read: killed, or out of memory"


class Mark(NamedTuple):
    """`tried` is the digest of content and reader under which tries are counted."""

    tenant: str
    source: str
    tried: str


class Begun:
    """Marks as files of a folder, one a source. One ingesting process at a time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def begin(self, mark: Mark) -> None:
        """On disk before this returns, so that it outlives the process whatever ends that."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with self._place(mark.tenant, mark.source).open("wb") as file:
            file.write(msgspec.json.encode(mark))
            file.flush()
            os.fsync(file.fileno())

    def end(self, tenant: str, source: str) -> None:
        self._place(tenant, source).unlink(missing_ok=True)

    def left(self) -> list[Mark]:
        """The marks that were never taken away, in order of source; they are taken away now. One that was cut off tells nothing."""
        marks = []
        for place in self._folder.glob("*.begun"):
            with contextlib.suppress(msgspec.DecodeError):
                marks.append(msgspec.json.decode(place.read_bytes(), type=Mark))
            place.unlink(missing_ok=True)
        return sorted(marks)

    def _place(self, tenant: str, source: str) -> Path:
        return self._folder / f"{content_hash(tenant, source)}.begun"
