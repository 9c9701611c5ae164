"""Recordings that came from a bucket, as files to play: kept ones, else fetched again where the object is still what was read."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import structlog

from ingest.objects.address import Address, Prefix, address_of
from ingest.objects.port import ObjectStore
from ingest.objects.scene import Asked, Scene, scene_of
from ingest.objects.spool import Kept
from retrieval.errors import SourceRejected, UpstreamError
from retrieval.ports import SourceState

# somebody waits for the clip: what does not come by then is played as its kept frames
_PATIENCE_S = 20.0


class Originals:
    """`store` is None where no object store is configured: then only what is kept is given. Safe to share between threads."""

    def __init__(self, kept: Kept, store: ObjectStore | None) -> None:
        self._kept, self._store = kept, store
        self._log = structlog.get_logger(__name__)

    def file(self, source: str, state: SourceState) -> Path | None:
        """The object as it was read, whatever became of it in the catalog; None where it is not to be had any more, or not in time."""
        address = address_of(source)
        if address is None:
            return None
        place = self._kept.place(source, state.content_hash)
        if place.is_file():
            with suppress(OSError):
                os.utime(place)
            return place
        try:
            return place if self._store and self._again(address, state, place, self._store) else None
        except (UpstreamError, SourceRejected) as problem:
            self._log.warning("a recording cannot be fetched to be played", source=source, why=str(problem))
            return None

    def _again(self, address: Address, state: SourceState, place: Path, store: ObjectStore) -> bool:
        scene = next((s for s in _scenes(address, store) if s.fingerprint == state.content_hash), None)
        if scene is None or scene.seen.size > self._kept.most_bytes:
            return False
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryDirectory(dir=place.parent, prefix=".fetch-") as folder:
            fresh = Path(folder) / place.name
            if not store.fetch(address.bucket, scene.seen, fresh, _PATIENCE_S):
                return False
            self._kept.keep(fresh, place)
        return True


def _scenes(address: Address, store: ObjectStore) -> Iterator[Scene]:
    """The object with each site description that may have governed it: which prefix it was taken under is not remembered."""
    view = Asked(store, address.bucket)
    folders = address.key.split("/")
    for depth in range(len(folders) + 1):
        scene = scene_of(address.key, view, Prefix(address.bucket, "/".join(folders[:depth])))
        if scene is not None:
            yield scene
