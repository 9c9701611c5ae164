"""Uploads that come in pieces, on disk: what was acknowledged is there after a crash, and what was not is cut off again.

Each is two files below the folder: ID.bin with the bytes, ID.json with what is known of it, replaced whole. The bytes are synced before the
offset that vouches for them.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from app.http.errors import Refused
from app.http.uploads import Saved, settle
from retrieval.disk import sync_folder
from retrieval.types import Micros

_ID = re.compile(r"[0-9a-f]{32}")
# an upload sent in one piece is vouched for so often
_HOUR_US = 3_600_000_000
_CHECKPOINT = 8 << 20
_TOLD_S = 3600
RECEIVING, WHOLE, TAKEN, REFUSED = "receiving", "whole", "taken", "refused"


class Caps(NamedTuple):
    """Largest upload in bytes, uploads that may be unfinished at once, and how long one may lie untouched, in seconds."""

    most_bytes: int
    most: int = 16
    age_s: int = 24 * 3600


class Partial(msgspec.Struct, frozen=True):
    """`metadata` is the header as it was sent; `offset` bytes are on disk. `touched` is when it last grew, or was taken in, in UTC µs.
    `told` is what became of it once it was whole."""

    id: str
    name: str
    length: int
    offset: int
    metadata: str
    touched: Micros
    state: str = RECEIVING
    told: dict[str, Any] | None = None


class Checksum(NamedTuple):
    """`algorithm` is one of hashlib's; `digest` what it must give."""

    algorithm: str
    digest: bytes


class ChecksumMismatch(Exception):
    """The piece is not what its sender says it is; it was thrown away."""


class Partials:
    """Not for several callers at once with one id: the route sees to that."""

    def __init__(self, folder: Path, root: Path, caps: Caps) -> None:
        """`folder` holds what is unfinished, `root` receives what is whole; both on one file system."""
        self._folder, self._root, self.caps = folder, root, caps

    def create(self, length: int, name: str, metadata: str, now: Micros) -> Partial:
        """Raises Refused: 413 for one that is too large, 429 where too many are unfinished."""
        self.expire(now)
        if length > self.caps.most_bytes:
            raise Refused(413, "too_large", f"an upload may have {self.caps.most_bytes} bytes at most")
        if sum(each.state in (RECEIVING, WHOLE) for each in self.all()) >= self.caps.most:
            raise Refused(429, "over_budget", f"{self.caps.most} uploads are unfinished; finish or delete one of them")
        made = Partial(secrets.token_hex(16), name, length, 0, metadata, now, RECEIVING if length else WHOLE)
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._bytes(made.id).open("xb") as file:
            os.fsync(file.fileno())
        self.save(made)
        return made

    def find(self, id_: str, now: Micros) -> Partial:
        """Raises Refused: 404, and 410 for one that lay untouched too long."""
        found = self._read(self._folder / f"{id_}.json") if _ID.fullmatch(id_) else None
        if found is None:
            raise Refused(404, "not_found", "there is no such upload")
        if self.expires(found) <= now and found.state != WHOLE:
            self.remove(id_)
            raise Refused(410, "expired", "this upload lay untouched for too long and was thrown away; begin again")
        return found

    def expires(self, partial: Partial) -> Micros:
        """What became of one that was taken in is told for an hour."""
        age_s = self.caps.age_s if partial.state in (RECEIVING, WHOLE) else min(self.caps.age_s, _TOLD_S)
        return partial.touched + age_s * 1_000_000

    def all(self) -> Iterator[Partial]:
        found = (self._read(path) for path in sorted(self._folder.glob("*.json")))
        return (each for each in found if each is not None)

    def expire(self, now: Micros) -> None:
        """Throw away what lay untouched too long, and bytes of which nothing is known; what is whole waits for its turn however long that
        takes."""
        for lost in self._folder.glob("*.bin"):
            with suppress(FileNotFoundError):
                # one that has just been begun has no record yet
                if not lost.with_suffix(".json").exists() and lost.stat().st_mtime * 1e6 < now - _HOUR_US:
                    lost.unlink()
        for each in list(self.all()):
            if self.expires(each) <= now and each.state != WHOLE:
                self.remove(each.id)

    def remove(self, id_: str) -> None:
        for ending in ("json", "bin"):
            (self._folder / f"{id_}.{ending}").unlink(missing_ok=True)

    async def append(
        self, partial: Partial, stream: AsyncIterator[bytes], checksum: Checksum | None, now: Micros
    ) -> Partial:
        """Write what comes behind what is there; returns once it is on disk. Of a stream that breaks off, what came is kept, unless it was
        to be checked. Raises Refused (413) for more bytes than were announced, ChecksumMismatch."""
        with self._bytes(partial.id).open("r+b") as file:
            if os.fstat(file.fileno()).st_size < partial.offset:
                self.remove(partial.id)
                raise Refused(
                    410, "expired", "what was sent of this upload is damaged and was thrown away; begin again"
                )
            file.truncate(partial.offset)
            file.seek(partial.offset)
            growing = _Growing(self, file, partial, now)
            if checksum is not None:
                return await _checked(growing, stream, checksum)
            try:
                async for chunk in stream:
                    growing.write(chunk)
                    if growing.unsaved >= _CHECKPOINT:
                        growing.save()
            finally:
                growing.save()
            return growing.partial

    def save(self, partial: Partial) -> None:
        place = self._folder / f"{partial.id}.json"
        fresh = place.with_suffix(".new")
        with fresh.open("wb") as file:
            file.write(msgspec.json.encode(partial))
            os.fsync(_flushed(file))
        fresh.replace(place)
        sync_folder(self._folder)

    def put_in_place(self, partial: Partial) -> Saved:
        """The whole file under its own name in its folder of uploads; may be done again. The bytes here stay until `done`."""
        scratch = self._root / f".whole-{partial.id}"
        scratch.mkdir(parents=True, exist_ok=True)
        named = scratch / partial.name
        named.unlink(missing_ok=True)
        os.link(self._bytes(partial.id), named)
        with named.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        sync_folder(scratch)
        saved = settle(scratch, self._root, {partial.name: digest})
        sync_folder(self._root)
        if scratch.exists():
            named.unlink(missing_ok=True)
            scratch.rmdir()
        return saved

    def done(self, partial: Partial, state: str, told: dict[str, Any], now: Micros) -> None:
        """Remember what became of it; its bytes lie elsewhere by now, or were good for nothing."""
        self.save(msgspec.structs.replace(partial, state=state, told=told, touched=now))
        self._bytes(partial.id).unlink(missing_ok=True)

    def _bytes(self, id_: str) -> Path:
        return self._folder / f"{id_}.bin"

    def _read(self, path: Path) -> Partial | None:
        try:
            return msgspec.json.decode(path.read_bytes(), type=Partial)
        except (FileNotFoundError, msgspec.DecodeError):
            return None


class _Growing:
    """An upload while a piece of it comes in."""

    def __init__(self, partials: Partials, file: Any, partial: Partial, now: Micros) -> None:
        self._partials, self._file, self._now = partials, file, now
        self.partial, self.unsaved = partial, 0

    def write(self, chunk: bytes) -> None:
        """Raises Refused."""
        if self.partial.offset + self.unsaved + len(chunk) > self.partial.length:
            raise Refused(413, "too_large", f"more than the {self.partial.length} bytes that were announced")
        self._file.write(chunk)
        self.unsaved += len(chunk)

    def save(self) -> None:
        if not self.unsaved:
            return
        os.fsync(_flushed(self._file))
        offset = self.partial.offset + self.unsaved
        state = WHOLE if offset == self.partial.length else RECEIVING
        self.partial = msgspec.structs.replace(self.partial, offset=offset, state=state, touched=self._now)
        self.unsaved = 0
        self._partials.save(self.partial)


async def _checked(growing: _Growing, stream: AsyncIterator[bytes], checksum: Checksum) -> Partial:
    """Nothing is vouched for before all of it agrees; what is not vouched for is cut off by the next piece."""
    digest = hashlib.new(checksum.algorithm, usedforsecurity=False)
    async for chunk in stream:
        growing.write(chunk)
        digest.update(chunk)
    if not secrets.compare_digest(digest.digest(), checksum.digest):
        raise ChecksumMismatch
    growing.save()
    return growing.partial


def _flushed(file: Any) -> int:
    file.flush()
    handle: int = file.fileno()
    return handle
