"""Where, beside catalog and indexes, bytes of evidence lie in the data directory: blobs, caches, recordings and uploads.

blobs/<tenant>/…             media, and messages that could not be read
cache/charts/ID.REVISION…    charts that were drawn; cache/clips, cache/objects: made or fetched again when asked for
uploads/…, live/<camera>/…   the originals that are Watchfloor's own; others lie where their owner keeps them
follow/OWNER.json            what was taken in of a followed folder, by digest; earlier versions named the files
shown.json                   ids that were printed lately
"""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol
from urllib.parse import unquote, urlsplit

import msgspec

from retrieval.disk import sole_writer, sync_folder
from retrieval.errors import EvidenceNotFound, StoreError
from retrieval.ids import followed_name

_SHOWN = "shown.json"
# what is made or fetched again when it is asked for
_MADE_AGAIN = ("cache/clips", "cache/objects")
# a blob is written in less
_HALF_S = 3600
_LOSABLE = ("cache", "objects", "begun", "blobs")
_BESIDE = (".json", ".holes")


class Blobs(Protocol):
    """Blobs that can be given up."""

    def forget(self, tenant: str, key: str) -> bool:
        """Remove a blob; whether there was one."""

    def path(self, tenant: str, key: str) -> str: ...


class _Followed(msgspec.Struct):
    """A followed folder as its follower keeps it: by name (ids.followed_name), how each file looked."""

    shape: str
    marks: dict[str, str]


class Cleared(NamedTuple):
    """How many blobs and own originals were removed, and how many originals lie outside and were left to their owner."""

    blobs: int
    originals: int
    outside: int


class Places:
    """Of one data directory. `key` gives a tenant's; `forgetters` empty what this process keeps in memory. Everything may be done again.
    Raises StoreError."""

    def __init__(
        self,
        data_dir: Path,
        blobs: Blobs,
        key: Callable[[str], bytes],
        forgetters: Sequence[Callable[[], None]] = (),
    ) -> None:
        self.folder, self._blobs, self._key, self._forgetters = data_dir, blobs, key, tuple(forgetters)

    def clear(
        self, tenant: str, ids: Iterable[tuple[str, int]], keys: Iterable[str], sources: Iterable[str]
    ) -> Cleared:
        """Remove blobs by key, charts of (id, revision), caches whose names do not tell what is in them, and own originals."""
        told, wanted = list(ids), list(keys)
        with _translated():
            blobs = sum(self._blobs.forget(tenant, key) for key in wanted)
            self._caches(told)
            self._halves()
            self._unprint({id_ for id_, _ in told})
            originals = [self._original(source) for source in sorted(set(sources))]
        self.forget()
        return Cleared(blobs, originals.count(True), originals.count(None))

    def counted(self, tenant: str, keys: Iterable[str], sources: Iterable[str]) -> Cleared:
        """What `clear` would remove; nothing changes."""
        there = [self._own(source) for source in sorted(set(sources))]
        return Cleared(sum(self._has(tenant, key) for key in keys), there.count(True), there.count(None))

    def forget(self) -> None:
        """Empty what this process keeps in memory."""
        for forget in self._forgetters:
            forget()

    def is_blob_of(self, path: Path, tenant: str) -> bool:
        """Whether a file is the blob that its name says, of this tenant."""
        try:
            return Path(self._blobs.path(tenant, path.name)) == path
        except EvidenceNotFound:
            return False

    def unmark(self, tenant: str, sources: Collection[str]) -> None:
        """Forget that these were taken in of a followed folder, or refused: they are looked into again. By name too, as earlier versions
        noted them."""
        key = self._key(tenant) if sources else b""
        gone = {*sources, *(followed_name(key, source) for source in sources)}
        with _translated():
            for file in (self.folder / "follow").glob("*.json") if gone else ():
                with sole_writer(file), contextlib.suppress(FileNotFoundError, msgspec.DecodeError):
                    told = msgspec.json.decode(file.read_bytes(), type=_Followed)
                    if not gone.isdisjoint(told.marks):
                        kept = {name: mark for name, mark in told.marks.items() if name not in gone}
                        _replace(file, _Followed(told.shape, kept))

    def losable(self, path: Path) -> bool:
        """Whether a file is of a cache, or a blob: nobody's own."""
        return path.relative_to(self.folder).parts[0] in _LOSABLE

    def settled(self, path: Path) -> bool:
        """Whether a file is so old that no ingest is about to tell of it."""
        try:
            return path.stat().st_mtime < time.time() - _HALF_S
        except FileNotFoundError:
            return True

    def remove(self, path: Path) -> None:
        """Remove a file that is losable, in which something was found."""
        with _translated():
            path.unlink(missing_ok=True)

    def _has(self, tenant: str, key: str) -> bool:
        try:
            return Path(self._blobs.path(tenant, key)).is_file()
        except EvidenceNotFound:
            return False

    def _caches(self, ids: Sequence[tuple[str, int]]) -> None:
        charts = self.folder / "cache" / "charts"
        for id_, revision in ids:
            for path in charts.glob(f"{id_}.{revision}.*") if charts.is_dir() else ():
                path.unlink(missing_ok=True)
        for name in _MADE_AGAIN:
            for path in (self.folder / name).glob("*"):
                if path.is_file():
                    path.unlink(missing_ok=True)

    def _halves(self) -> None:
        """What a killed process left of blobs, and of notes on followed folders, that it was writing: nothing else knows of it."""
        before = time.time() - _HALF_S
        blobs = self.folder / "blobs"
        noted = (path for ending in ("tmp", "new") for path in (self.folder / "follow").glob(f"*.{ending}"))
        for path in (*blobs.glob(".new/*"), *blobs.glob("*/*/.new-*"), *noted):
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_mtime < before:
                    path.unlink()

    def _unprint(self, gone: Collection[str]) -> None:
        file = self.folder / _SHOWN
        with contextlib.suppress(FileNotFoundError, msgspec.DecodeError):
            shown = msgspec.json.decode(file.read_bytes(), type=list[str])
            if any(id_ in gone for id_ in shown):
                _replace(file, [id_ for id_ in shown if id_ not in gone])

    def _own(self, source: str) -> bool | None:
        """Whether the file of a source is ours and there; None where it lies outside."""
        place = urlsplit(source)
        if place.scheme != "file":
            return None if place.scheme else False
        path = Path(unquote(place.path))
        if not path.is_relative_to(self.folder) or ".." in path.parts:
            return None if path.exists() else False
        return path.is_file()

    def _original(self, source: str) -> bool | None:
        """Remove the file of a source that is ours, with what lies beside it; as `_own`."""
        there, path = self._own(source), Path(unquote(urlsplit(source).path))
        if there is None or not source.startswith("file:"):
            return there
        for each in (path, *(path.with_name(path.name + ending) for ending in _BESIDE)):
            each.unlink(missing_ok=True)
        if path.parent.is_dir():
            sync_folder(path.parent)
        self._tidy(path.parent)
        return there

    def _tidy(self, folder: Path) -> None:
        """An upload's folder goes with its last file."""
        uploads = self.folder / "uploads"
        if folder.is_relative_to(uploads) and folder != uploads and folder.is_dir() and not any(folder.iterdir()):
            shutil.rmtree(folder, ignore_errors=True)


def _replace(file: Path, told: object) -> None:
    fresh = file.with_suffix(".new")
    fresh.write_bytes(msgspec.json.encode(told))
    fresh.replace(file)


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(f"{error.filename} cannot be removed: {error.strerror}") from error
