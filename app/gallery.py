"""Pictures of evidence: charts of windows, drawn once and kept, and frames made small for a model."""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import msgspec

from app.charts import Drawn, draw
from app.model.pictures import shrunk
from app.ports import Samples
from retrieval.ports import Blobs
from retrieval.types import Evidence, Kind, Micros

# some 60 kB each
_SMALL_KEPT = 128


class Gallery:
    """Charts lie in a folder under the evidence's id and revision; small frames are kept in memory by content. Safe to share."""

    def __init__(self, blobs: Blobs, folder: Path) -> None:
        self._blobs, self._folder = blobs, folder
        # a blob's key is the hash of its bytes and is looked up within its tenant: nothing else can have this entry
        self._small = lru_cache(_SMALL_KEPT)(lambda tenant, key, longest: shrunk(blobs.get(tenant, key), longest))

    def forget(self) -> None:
        """Drop the small frames that are kept."""
        self._small.cache_clear()

    def chart(self, evidence: Evidence) -> Path:
        """The PNG of a window with samples. Raises EvidenceNotFound where they are gone."""
        path = self._folder / f"{evidence.id}.{evidence.revision}.png"
        if not path.is_file():
            samples = self._blobs.get(evidence.tenant, evidence.media or "")
            title = evidence.text.partition(": ")[0]
            png = draw(samples, title, evidence.data.get("limits"), evidence.data.get("anomalies", ()))
            path.parent.mkdir(parents=True, exist_ok=True)
            fresh = path.with_suffix(f".{threading.get_ident()}.tmp")
            fresh.write_bytes(png)
            fresh.replace(path)
        return path

    def samples(self, evidence: Evidence) -> tuple[Sequence[Micros], Sequence[float]] | None:
        """Times and values behind a window (NaN = gap); None for anything that has none. Raises EvidenceNotFound where they are gone."""
        read = self.readings(evidence)
        return read and (read.t, read.v)

    def readings(self, evidence: Evidence) -> Samples | None:
        """The same with their unit."""
        if evidence.kind is not Kind.WINDOW or evidence.media is None:
            return None
        drawn = msgspec.json.decode(self._blobs.get(evidence.tenant, evidence.media), type=Drawn)
        return Samples(drawn.t, [math.nan if value is None else value for value in drawn.v], drawn.unit)

    def small(self, evidence: Evidence, longest: int) -> bytes:
        """A frame as JPEG whose longer side is at most `longest` pixels. Raises EvidenceNotFound, OSError."""
        return self._small(evidence.tenant, evidence.media or "", longest)
