"""What was taken in of a followed folder, so that what has not changed is not read again to find that out. May be lost: then it is.

Files are told apart by a digest under the tenant's key: a follower that runs while one of them is erased writes no name of it back.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from retrieval.errors import StoreError
from retrieval.ids import followed_name


class _File(msgspec.Struct, frozen=True):
    shape: str
    marks: dict[str, str]


class Marks:
    """One file for one folder; it is replaced whole. `key` is the tenant's."""

    def __init__(self, path: Path, key: bytes) -> None:
        self._path, self._key = path, key

    def name(self, uri: str) -> str:
        """What stands for a file."""
        return followed_name(self._key, uri)

    def read(self, shape: str) -> dict[str, str]:
        """By name, how each file looked when it was taken in; empty where that was under another `shape`, or cannot be told."""
        try:
            found = msgspec.json.decode(self._path.read_bytes(), type=_File)
        except (FileNotFoundError, msgspec.DecodeError):
            return {}
        except OSError as problem:
            raise StoreError(f"{self._path} cannot be read: {problem.strerror}") from problem
        if found.shape != shape:
            return {}
        # earlier versions wrote uris
        return {self.name(told) if ":" in told else told: mark for told, mark in found.marks.items()}

    def write(self, shape: str, marks: Mapping[str, str]) -> None:
        """`marks` by name. Raises StoreError."""
        fresh = self._path.with_suffix(f".{os.getpid()}.tmp")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            fresh.write_bytes(msgspec.json.encode(_File(shape, dict(marks))))
            fresh.replace(self._path)
        except OSError as problem:
            raise StoreError(f"{self._path} cannot be written: {problem.strerror}") from problem
