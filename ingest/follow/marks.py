"""What was taken in of a followed folder, so that what has not changed is not read again to find that out. May be lost: then it is.

The file says what was, not who follows: an erasure takes what it erased out of it, and so does who allows that to be taken in again.
Files are told apart by a digest under the tenant's key: nobody reads here what was erased.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TypeAlias

import msgspec

from retrieval.disk import sole_writer
from retrieval.errors import StoreError
from retrieval.ids import followed_name

# what tells a file that was replaced: inode, time of writing, length
_Stamp: TypeAlias = tuple[int, int, int]


class _File(msgspec.Struct, frozen=True):
    shape: str
    marks: dict[str, str]


class Marks:
    """One file for one folder; it is replaced whole. `key` is the tenant's."""

    def __init__(self, path: Path, key: bytes) -> None:
        self._path, self._key = path, key
        self._stamp: _Stamp | None = None
        self._told = _File("", {})

    def name(self, uri: str) -> str:
        """What stands for a file."""
        return followed_name(self._key, uri)

    def read(self, shape: str) -> Mapping[str, str]:
        """As of now: by name, how each file looked when it was taken in; empty where that was under another `shape`, or cannot be told.
        Raises StoreError."""
        try:
            stamp = _stamp(self._path)
            if stamp != self._stamp:
                self._told, self._stamp = self._load(), stamp
        except OSError as problem:
            raise StoreError(f"{self._path} cannot be read: {problem.strerror}") from problem
        return self._told.marks if self._told.shape == shape else {}

    def change(self, shape: str, taken: Mapping[str, str], forgotten: Collection[str] = ()) -> None:
        """Write down what was taken and what is to be taken again, by name. Raises StoreError."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with sole_writer(self._path):
                kept = {name: mark for name, mark in self.read(shape).items() if name not in forgotten}
                self._write(_File(shape, kept | dict(taken)))
        except OSError as problem:
            raise StoreError(f"{self._path} cannot be written: {problem.strerror}") from problem

    def _write(self, told: _File) -> None:
        fresh = self._path.with_suffix(f".{os.getpid()}.tmp")
        fresh.write_bytes(msgspec.json.encode(told))
        stamp = _stamp(fresh)
        fresh.replace(self._path)
        self._told, self._stamp = told, stamp

    def _load(self) -> _File:
        try:
            found = msgspec.json.decode(self._path.read_bytes(), type=_File)
        except (FileNotFoundError, msgspec.DecodeError):
            return _File("", {})
        # earlier versions wrote uris
        return _File(found.shape, {self.name(told) if ":" in told else told: at for told, at in found.marks.items()})


def _stamp(path: Path) -> _Stamp | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
