"""The ring: what the cameras recorded last, as files, never more than may be kept. The oldest goes before anything is written.

<folder>/CAM-01/CAM-01_20261126T140000Z-123_15000ms.mp4        and a sidecar beside it, which says the same;
                                                              where it has holes, a third file (.holes) tells them
"""

from __future__ import annotations

import os
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import msgspec

from ingest.live.cameras import Keep
from ingest.live.messages import Piece
from retrieval.errors import StoreError
from retrieval.times import iso, to_datetime, to_micros
from retrieval.types import Interval, Micros

_NAMED = re.compile(r"(.+)_(\d{8}T\d{6})Z-(\d{3})_(\d+)ms\.(?:mp4|mkv)")
_STAMP = "%Y%m%dT%H%M%S"
# endings of what lies beside a clip
_BESIDE = (".json", ".holes")
# files take whole blocks of the disk
_BLOCK = 4096
_GB = 1_000_000_000
_HOUR = 3_600_000_000

FreeBytes = Callable[[Path], int]


class Segment(NamedTuple):
    """A clip in the ring, over [t0, t1); `size` is what it takes of the disk with what lies beside it, in bytes; of `holes` nothing
    came."""

    span: Interval
    camera: str
    path: Path
    size: int
    holes: tuple[Interval, ...] = ()


class Held(NamedTuple):
    """What the ring holds of all cameras."""

    clips: int
    size: int
    oldest: Micros | None


class Ring:
    """Safe to share between threads. `clock` gives UTC µs, `free` the bytes that the disk of a folder has left.

    Files of another hand are not counted. Raises StoreError where the folder cannot be read.
    """

    def __init__(
        self,
        folder: Path,
        keep: Keep,
        clock: Callable[[], Micros],
        free: FreeBytes = lambda p: shutil.disk_usage(p).free,
    ) -> None:
        self._folder, self._keep, self._clock, self._free = folder, keep, clock, free
        self._lock = threading.Lock()
        self._pinned: set[Path] = set()
        with _disk():
            # what cameras send is kept as it came, also where a site hides something
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o700)
            self._held = sorted(_found(folder))
        self._size = sum(each.size for each in self._held)

    def add(self, camera: str, piece: Piece) -> Segment:
        """Keep a piece, on disk when this returns. Raises StoreError where there is no room for it even with nothing else kept, or the disk
        refuses it."""
        span = Interval(piece.start, piece.end)
        path = self._folder / camera / _name(camera, span, piece.ending)
        holes = tuple(Interval(a, b) for a, b in piece.holes)
        beside = {_sidecar(path): msgspec.json.encode({"start": iso(piece.start), "camera": camera})}
        if holes:
            beside[_holes_file(path)] = msgspec.json.encode(holes)
        size = _blocks(len(piece.data)) + sum(_blocks(len(data)) for data in beside.values())
        with self._lock, _disk():
            self._make_room(size)
            path.parent.mkdir(exist_ok=True)
            for each, data in beside.items():
                _write(each, data)
            _write(path, piece.data)
            segment = Segment(span, camera, path, size, holes)
            self._held.append(segment)
            self._size += size
        return segment

    def forget(self) -> int:
        """Remove what is too old, and what is too much; how many clips went."""
        with self._lock, _disk():
            return self._make_room(0)

    def full(self) -> str:
        """Why nothing else may be written to the disk either; "" where it may."""
        with self._lock, _disk():
            return self._floor(0)

    def held(self) -> Held:
        with self._lock:
            oldest = min((each.span.t0 for each in self._held), default=None)
            return Held(len(self._held), self._size, oldest)

    def segments(self) -> list[Segment]:
        """All that is held, in order of time."""
        with self._lock:
            return sorted(self._held)

    @contextmanager
    def kept(self, segment: Segment) -> Iterator[bool]:
        """While it is read it stays; whether it is still there."""
        with self._lock:
            there = segment in self._held
            self._pinned |= {segment.path} if there else set()
        try:
            yield there
        finally:
            with self._lock:
                self._pinned.discard(segment.path)

    def _make_room(self, size: int) -> int:
        old = self._clock() - int(self._keep.max_hours * _HOUR)
        gone = 0
        for segment in sorted(self._held):
            if segment.span.t1 >= old and not self._short_by(size):
                break
            if segment.path not in self._pinned:
                self._remove(segment)
                gone += 1
        if size and (why := self._short_by(size)):
            raise StoreError(f"not recorded: {why}; make room on the disk of {self._folder}, or let more be kept")
        return gone

    def _short_by(self, size: int) -> str:
        """Why there is no room; "" where there is."""
        if self._size + size > self._keep.max_gb * _GB:
            return f"keep.max_gb is {self._keep.max_gb:g}"
        return self._floor(size)

    def _floor(self, size: int) -> str:
        if self._free(self._folder) - size < self._keep.free_gb * _GB:
            return f"less than {self._keep.free_gb:g} GB of the disk would stay free (keep.free_gb)"
        return ""

    def _remove(self, segment: Segment) -> None:
        segment.path.unlink(missing_ok=True)
        for beside in _beside(segment.path):
            beside.unlink(missing_ok=True)
        self._held.remove(segment)
        self._size -= segment.size


def _found(folder: Path) -> Iterator[Segment]:
    """What an earlier run left; what it left half written is removed."""
    for path in folder.glob("*/*"):
        if path.suffix == ".part" or (path.suffix in _BESIDE and not path.with_suffix("").exists()):
            path.unlink(missing_ok=True)
        elif named := _NAMED.fullmatch(path.name):
            begun = to_micros(datetime.strptime(f"{named[2]}+0000", f"{_STAMP}%z")) + int(named[3]) * 1000
            size = sum(_blocks(each.stat().st_size) for each in (path, *_beside(path)))
            yield Segment(Interval(begun, begun + int(named[4]) * 1000), named[1], path, size, _holes(path))


def _holes(path: Path) -> tuple[Interval, ...]:
    """Those that an earlier run noted of a clip; none where it noted nothing that can be read."""
    try:
        return msgspec.json.decode(_holes_file(path).read_bytes(), type=tuple[Interval, ...])
    except (FileNotFoundError, msgspec.DecodeError):
        return ()


def _name(camera: str, span: Interval, ending: str) -> str:
    begun = to_datetime(span.t0)
    length = round((span.t1 - span.t0) / 1000)
    return f"{camera}_{begun.strftime(_STAMP)}Z-{begun.microsecond // 1000:03}_{length}ms{ending}"


def _sidecar(path: Path) -> Path:
    return path.with_name(path.name + ".json")


def _holes_file(path: Path) -> Path:
    return path.with_name(path.name + ".holes")


def _beside(path: Path) -> list[Path]:
    """What there is beside a clip."""
    return [each for each in (_sidecar(path), _holes_file(path)) if each.exists()]


def _blocks(size: int) -> int:
    return -(-size // _BLOCK) * _BLOCK


def _write(path: Path, data: bytes) -> None:
    """Under its name only when it is whole and on disk."""
    part = path.with_name(path.name + ".part")
    with part.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


@contextmanager
def _disk() -> Iterator[None]:
    try:
        yield
    except OSError as problem:
        raise StoreError(
            f"the recordings cannot be kept: {problem.strerror or problem} ({problem.filename})"
        ) from problem
