"""Fetched objects on disk: staged while they are read, and recordings kept for a while so that they can be played."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from retrieval.errors import StoreError
from retrieval.ids import content_hash

_SPARE_BYTES = 1 << 30


class Kept:
    """Recordings that were fetched, the ones asked for longest ago thrown away first. Several processes may share a folder."""

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self._folder, self.most_bytes = folder, most_bytes

    def place(self, uri: str, fingerprint: str) -> Path:
        """Where this content of this object is kept, if it is."""
        suffix = Path(uri).suffix.lower()
        return self._folder / f"{content_hash(uri, fingerprint)[:40]}{suffix if suffix[1:].isalnum() else ''}"

    def keep(self, path: Path, place: Path) -> None:
        """Move a whole file to its place; what is larger than all that may be kept is left where it is."""
        if path.stat().st_size > self.most_bytes:
            return
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.replace(place)
        place.touch()
        self._forget_oldest(place)

    def _forget_oldest(self, spare: Path) -> None:
        files = sorted(self._held())
        held = sum(size for _, size, _ in files)
        for _, size, path in files:
            if held <= self.most_bytes:
                return
            if path != spare:
                path.unlink(missing_ok=True)
                held -= size

    def _held(self) -> Iterator[tuple[int, int, Path]]:
        """When each was last asked for, its size, and where; another process may throw some away meanwhile."""
        for path in self._folder.iterdir():
            with suppress(FileNotFoundError):
                found = path.stat()
                if path.is_file():
                    yield found.st_mtime_ns, found.st_size, path


class Spool:
    """Folders of this process alone below `folder`; what processes that ended left there is removed.

    `most_bytes` bounds what is fetched at once, and so the largest object that is taken.
    """

    def __init__(self, folder: Path, most_bytes: int, kept: Kept) -> None:
        self._folder, self.most_bytes, self.kept = folder / str(os.getpid()), most_bytes, kept
        for left in folder.glob("*"):
            if left.name.isdigit() and (left == self._folder or not psutil.pid_exists(int(left.name))):
                shutil.rmtree(left, ignore_errors=True)

    @contextmanager
    def stage(self, size: int) -> Iterator[Path]:
        """An empty folder for files of `size` bytes together, removed at the end. Raises StoreError where the disk has no room."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if shutil.disk_usage(self._folder).free < size + _SPARE_BYTES:
            raise StoreError(
                f"the disk has no room for {size >> 20} MiB more, and a GiB to spare; make room for {self._folder}"
            )
        folder = Path(tempfile.mkdtemp(dir=self._folder))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
