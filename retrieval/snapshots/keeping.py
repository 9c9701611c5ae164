"""Taking, loading and removing snapshots.

ROOT/<sequence>-<n>/ holds what the projection wrote and, renamed last, manifest.json. Order on disk: files synced, folder synced,
manifest synced under another name, renamed, folder synced, ROOT synced. Whoever is killed in between leaves a folder without a
manifest, which nobody loads and the next taker removes.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import NamedTuple, Protocol, runtime_checkable

import structlog
from filelock import FileLock, Timeout

from retrieval.disk import sync_file, sync_folder
from retrieval.errors import ProjectionError, StoreBusy, StoreError, StoreFull
from retrieval.failpoints import NOWHERE, Failpoints, Step
from retrieval.snapshots.manifest import FORMAT, MANIFEST, Manifest, files_in, measured, read, verify
from retrieval.types import Micros

KEPT = 2
_NAME = re.compile(r"(\d{12})-(\d+)")


class Seen(Protocol):
    """What a projection held at one moment, whatever has become of it since."""

    @property
    def applied(self) -> int:
        """The sequence applied then."""

    def write(self, folder: Path) -> None:
        """Write plain files into the empty folder: everything, and the sequence applied."""


@runtime_checkable
class Snapshotted(Protocol):
    """A projection that can be put into a folder and come back from it."""

    name: str

    def applied(self) -> int: ...

    def seen(self) -> Seen:
        """Everything held at this moment: what comes in while it is written is not in it, and does not wait for the disk."""

    def restore(self, folder: Path) -> int:
        """Become what was written there; the sequence applied. Raises ProjectionError when the files do not fit together."""

    def reset(self) -> None: ...


class History(Protocol):
    """Which store the projection follows, and its log's times."""

    def store_id(self) -> str: ...

    def recorded_at(self, sequence: int) -> Micros | None: ...


class Loaded(NamedTuple):
    """The sequence of the snapshot that was loaded (0 = none) and, newest first, why others were not."""

    sequence: int
    refused: tuple[str, ...] = ()


class Snapshots:
    """The snapshots of one projection below `root`. Any number of processes may load; one at a time takes."""

    def __init__(
        self,
        root: Path,
        history: History,
        clock: Callable[[], Micros],
        failpoints: Failpoints = NOWHERE,
        kept: int = KEPT,
    ) -> None:
        self._root = root
        self._history = history
        self._clock = clock
        self._failpoints = failpoints
        self._kept = kept
        self._log = structlog.get_logger("watchfloor.snapshots")

    def take(self, part: Snapshotted, still: Callable[[], AbstractContextManager[object]] = nullcontext) -> Manifest:
        """Write one of what the projection holds now; `still` keeps it from changing while that is looked at.

        Raises StoreBusy while another process takes one, StoreFull, StoreError; nothing of one that failed stays.
        """
        with _translated(), self._alone():
            self._sweep()
            with still():
                seen = part.seen()
            folder = self._fresh(seen.applied)
            with _whole(folder):
                self._failpoints.reach(Step.SNAPSHOT_BEGUN)
                seen.write(folder)
                told = self._finish(folder, part.name, seen.applied)
            self._failpoints.reach(Step.SNAPSHOT_TAKEN)
            self._prune()
            return told

    def load(self, part: Snapshotted) -> Loaded:
        """Bring the projection to the newest snapshot that is whole, this store's, and further than it has come.

        With none it stays as it is; one that would not be restored leaves it empty. What was refused is logged and told.
        """
        refused: list[str] = []
        for folder in self._folders():
            try:
                told = self._checked(folder, part.name)
                if told.sequence <= part.applied():
                    break
                verify(folder, told)
                self._restore(folder, told, part)
            except ProjectionError as error:
                refused.append(f"snapshot {folder.name} is not used: {error}")
                self._log.warning("snapshot refused", folder=folder.name, why=str(error))
                continue
            self._failpoints.reach(Step.SNAPSHOT_RESTORED)
            return Loaded(told.sequence, tuple(refused))
        return Loaded(0, tuple(refused))

    def kept(self) -> list[Manifest]:
        """The manifests of those that have a readable one, newest first; their files are not read."""
        found = []
        for folder in self._folders():
            with contextlib.suppress(ProjectionError):
                found.append(read(folder))
        return found

    def clear(self) -> int:
        """Remove all, whole or not, and wait for the disk; how many. For what must not come back (erasure)."""
        with _translated(), self._alone():
            folders = self._folders(whole=False)
            for folder in folders:
                self._remove(folder)
            sync_folder(self._root)
        return len(folders)

    def _restore(self, folder: Path, told: Manifest, part: Snapshotted) -> None:
        try:
            reached = part.restore(folder)
        except ProjectionError:
            part.reset()
            raise
        if reached != told.sequence:
            part.reset()
            raise ProjectionError(f"it was restored at sequence {reached}, its manifest says {told.sequence}")

    def _checked(self, folder: Path, projection: str) -> Manifest:
        """Its manifest, if it is this store's, this projection's, and of the history that the log tells now."""
        told = read(folder)
        if told.store != self._history.store_id():
            raise ProjectionError("it belongs to another store")
        if told.projection != projection or not folder.name.startswith(f"{told.sequence:012d}-"):
            raise ProjectionError("its manifest belongs to another snapshot")
        if told.sequence and self._history.recorded_at(told.sequence) != told.recorded_at:
            raise ProjectionError(
                f"the store has no such log entry {told.sequence}: it was put back to an earlier state"
            )
        return told

    def _finish(self, folder: Path, projection: str, sequence: int) -> Manifest:
        self._failpoints.reach(Step.SNAPSHOT_DUMPED)
        files = files_in(folder)
        for path in files.values():
            sync_file(path)
        for inner in {path.parent for path in files.values()} | {folder}:
            sync_folder(inner)
        self._failpoints.reach(Step.SNAPSHOT_SYNCED)
        told = Manifest(
            FORMAT, self._history.store_id(), projection, sequence, self._history.recorded_at(sequence) or 0,
            self._clock(), {name: measured(path) for name, path in files.items()},
        ).sealed()  # fmt: skip
        draft = folder / f"{MANIFEST}.new"
        draft.write_bytes(told.encoded())
        sync_file(draft)
        self._failpoints.reach(Step.MANIFEST_WRITTEN)
        draft.replace(folder / MANIFEST)
        self._failpoints.reach(Step.MANIFEST_RENAMED)
        sync_folder(folder)
        sync_folder(self._root)
        return told

    def _folders(self, *, whole: bool = True) -> list[Path]:
        """Newest first; those without a manifest were never finished."""
        try:
            named = [path for path in self._root.iterdir() if _NAME.fullmatch(path.name)]
        except OSError:
            return []
        found = [path for path in named if not whole or (path / MANIFEST).exists()]
        return sorted(found, key=lambda path: tuple(map(int, path.name.split("-"))), reverse=True)

    def _fresh(self, sequence: int) -> Path:
        taken = [int(path.name.split("-")[1]) for path in self._folders(whole=False)]
        folder = self._root / f"{sequence:012d}-{max([0, *taken]) + 1}"
        folder.mkdir()
        return folder

    def _sweep(self) -> None:
        """Remove what a killed taker left."""
        whole = set(self._folders())
        for folder in self._folders(whole=False):
            if folder not in whole:
                self._remove(folder)

    def _prune(self) -> None:
        """The one just taken is on disk: older ones may go. One that cannot be removed is tried again next time."""
        for folder in self._folders()[self._kept :]:
            try:
                self._remove(folder)
            except OSError as error:
                self._log.warning("old snapshot stays", folder=folder.name, why=error.strerror)

    def _remove(self, folder: Path) -> None:
        """The manifest first: a folder half removed is no snapshot."""
        (folder / MANIFEST).unlink(missing_ok=True)
        shutil.rmtree(folder)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        self._root.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self._root / ".lock")
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            raise StoreBusy("another process is taking a snapshot; this one is not needed") from error
        try:
            yield
        finally:
            lock.release()


@contextmanager
def _whole(folder: Path) -> Iterator[None]:
    """Nothing stays of a folder whose filling fails."""
    try:
        yield
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StoreFull(
                f"no room for a snapshot: {os.strerror(error.errno)}; free some and it is taken again"
            ) from error
        raise StoreError(f"a snapshot cannot be written: {error.strerror}: {error.filename}") from error
