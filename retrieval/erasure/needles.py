"""Commitments to bytes that are to be gone, and looking for those bytes without knowing them.

A needle tells of a byte string its length, a salted 24-bit fingerprint of eight of its bytes and a salted HMAC of it all: whoever has the
salt can find the string in any file, wherever it begins; without the salt the needle says nothing.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import re
import stat
import struct
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
from numpy.typing import NDArray

ID, VECTOR, WORD = "id", "vector", "word"
SALT_BYTES = 32
_KINDS = (ID, VECTOR, WORD)
_PACKED = struct.Struct("<BIIi16s")
_MAC = 16
_WINDOW = 8
# of the 64 bits of a product so many are kept
_BITS = 24
_CHUNK = 4 << 20


class Needle(NamedTuple):
    """`anchor` is where in the string the eight bytes of the fingerprint stand, in bytes."""

    kind: str
    length: int
    anchor: int
    print: int
    mac: bytes


def needle(salt: bytes, kind: str, data: bytes) -> Needle | None:
    """None for what is too short or too plain to be told from chance: it has no eight bytes in a row that differ enough."""
    anchor = _anchor(data)
    if anchor is None:
        return None
    window = int.from_bytes(data[anchor : anchor + _WINDOW], "little")
    printed = (window * _multiplier(salt) % 2**64) >> (64 - _BITS)
    return Needle(kind, len(data), anchor, printed, _mac(salt, data))


def packed(needles: Iterable[Needle]) -> str:
    """As text that JSON can hold: base64 of 29 bytes each."""
    parts = (_PACKED.pack(_KINDS.index(n.kind), n.length, n.anchor, n.print, n.mac) for n in needles)
    return base64.b64encode(b"".join(parts)).decode()


def unpacked(text: str) -> list[Needle]:
    """Raises ValueError for what `packed` did not write."""
    try:
        told = _PACKED.iter_unpack(base64.b64decode(text, validate=True))
        return [Needle(_KINDS[kind], *rest) for kind, *rest in told]
    except (struct.error, IndexError) as error:
        raise ValueError(f"these are no commitments: {error}") from error


class Found(NamedTuple):
    """A needle, and where its string begins, in bytes."""

    needle: Needle
    offset: int


class Finder:
    """Looks for the strings behind needles. Safe to share between threads."""

    def __init__(self, salt: bytes, needles: Sequence[Needle]) -> None:
        self._salt, self._multiplier = salt, np.uint64(_multiplier(salt))
        # fingerprint → where in the string it stands, and how long that is → HMAC: what many begin alike is computed once
        self._by_print: dict[int, dict[tuple[int, int], dict[bytes, Needle]]] = defaultdict(lambda: defaultdict(dict))
        for each in needles:
            self._by_print[each.print][each.anchor, each.length][each.mac] = each
        self._reach = max((each.length for each in needles), default=0)

    @cached_property
    def _marked(self) -> NDArray[np.bool_]:
        """Shape (2**24,): which fingerprints a needle has."""
        table = np.zeros(1 << _BITS, np.bool_)
        table[list(self._by_print)] = True
        return table

    def in_bytes(self, data: bytes) -> Iterator[Found]:
        """Every occurrence, by place within one of the eight alignments."""
        if not self._by_print or len(data) < _WINDOW:
            return
        for shift in range(min(_WINDOW, len(data) - _WINDOW + 1)):
            count = (len(data) - shift) // _WINDOW
            windows = np.frombuffer(data, "<u8", count, shift)
            prints = ((windows * self._multiplier) >> np.uint64(64 - _BITS)).view(np.int64)
            for index in np.flatnonzero(self._marked.take(prints)).tolist():
                yield from self._confirmed(data, int(prints[index]), index * _WINDOW + shift)

    def in_file(self, file: IO[bytes]) -> Iterator[Found]:
        """Every occurrence in an open file; a string that two chunks share is found once or twice."""
        start, kept = 0, b""
        while chunk := file.read(_CHUNK):
            data = kept + chunk
            for found in self.in_bytes(data):
                yield found._replace(offset=found.offset + start)
            kept = data[-(self._reach - 1) :] if self._reach > 1 else b""
            start += len(data) - len(kept)

    def _confirmed(self, data: bytes, printed: int, place: int) -> Iterator[Found]:
        for (anchor, length), by_mac in self._by_print[printed].items():
            begin = place - anchor
            found = by_mac.get(_mac(self._salt, data[begin : begin + length])) if begin >= 0 else None
            if found is not None:
                yield Found(found, begin)


class Look(NamedTuple):
    """What a search of a folder met: how many files and bytes were read, which could not be, and where something was found."""

    files: int
    size: int
    unread: tuple[str, ...]
    found: tuple[tuple[Path, Found], ...]


# of one file more is not told
_MOST_TOLD = 8


def look_through(folder: Path, finder: Finder) -> Look:
    """Read every file below a folder, links followed, each place once; of messages in base64 what they say too. What goes away meanwhile
    is not there any more; folders and files that cannot be opened are among the unread."""
    files, size = 0, 0
    unread: list[str] = []
    found: list[tuple[Path, Found]] = []
    for path in sorted(_files(folder, unread)):
        try:
            with path.open("rb") as file:
                here = chain(finder.in_file(file), _in_letter(file, finder))
                found += [(path, each) for each, _ in zip(here, range(_MOST_TOLD), strict=False)]
                files, size = files + 1, size + path.stat().st_size
        except FileNotFoundError:
            continue
        except OSError as error:
            unread.append(f"{path.relative_to(folder)}: {error.strerror}")
    return Look(files, size, tuple(unread), tuple(found))


# a dead letter as earlier versions wrote it: [feed, key, body in base64, …]
_LETTER = re.compile(rb'\["(?:[^"\\]|\\.)*","(?:[^"\\]|\\.)*","')


def _in_letter(file: IO[bytes], finder: Finder) -> Iterator[Found]:
    """Every occurrence in the body of a message that lies in base64; offsets are those of the file, to the triple of bytes."""
    file.seek(0)
    if file.read(2) != b'["':
        return
    file.seek(0)
    head = _LETTER.match(file.read(_CHUNK))
    if head is not None:
        file.seek(head.end())
        for found in finder.in_file(_Decoded(file)):  # type: ignore[arg-type]
            yield found._replace(offset=head.end() + found.offset // 3 * 4)


class _Decoded:
    """What stands in base64 from here to a quotation mark, as a file to read; what is no base64 ends it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._over = file, False

    def read(self, size: int) -> bytes:
        if self._over:
            return b""
        text, quote, _ = self._file.read(size // 3 * 4).partition(b'"')
        self._over = bool(quote) or not text
        try:
            return binascii.a2b_base64(text, strict_mode=True)
        except binascii.Error:
            self._over = True
            return b""


def _files(folder: Path, unread: list[str]) -> Iterator[Path]:
    """Every regular file, the first of those that lead to the same; folders that cannot be listed are added to `unread`."""
    seen: set[tuple[int, int]] = set()

    def missed(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):
            unread.append(f"{os.path.relpath(error.filename, folder)}: {error.strerror}")

    for place, below, names in os.walk(folder, onerror=missed, followlinks=True):
        here = Path(place)
        below[:] = [name for name in sorted(below) if _first(here / name, seen, missed) is not None]
        for name in sorted(names):
            mode = _first(here / name, seen, missed)
            if mode is not None and stat.S_ISREG(mode):
                yield here / name


def _first(path: Path, seen: set[tuple[int, int]], missed: Callable[[OSError], None]) -> int | None:
    """The mode of what a path leads to; None where that was met before or is not there."""
    try:
        told = path.stat()
    except OSError as error:
        missed(error)
        return None
    place = (told.st_dev, told.st_ino)
    if place in seen:
        return None
    seen.add(place)
    return told.st_mode


def _multiplier(salt: bytes) -> int:
    """Odd, as multiply-shift hashing asks (Dietzfelbinger et al., 1997)."""
    return int.from_bytes(hashlib.sha256(b"fingerprint" + salt).digest()[:8], "little") | 1


def _mac(salt: bytes, data: bytes) -> bytes:
    """HMAC-SHA-256, the first 128 bits."""
    return hmac.digest(salt, data, "sha256")[:_MAC]


def _anchor(data: bytes) -> int | None:
    """Where the eight bytes that differ most begin: runs of zeros stand in every file."""
    if len(data) < _WINDOW:
        return None
    places = range(0, min(len(data) - _WINDOW, 4096) + 1, 4)
    best = max(places, key=lambda at: len(set(data[at : at + _WINDOW])))
    return best if len(set(data[best : best + _WINDOW])) > 2 else None
