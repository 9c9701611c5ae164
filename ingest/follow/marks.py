"""What was taken in of a followed folder, so that what has not changed is not read again to find that out. May be lost: then it is."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from retrieval.errors import StoreError


class _File(msgspec.Struct, frozen=True):
    shape: str
    marks: dict[str, str]


class Marks:
    """One file for one folder; it is replaced whole."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self, shape: str) -> dict[str, str]:
        """By uri, how each file looked when it was taken in; empty where that was under another `shape`, or cannot be told."""
        try:
            found = msgspec.json.decode(self._path.read_bytes(), type=_File)
        except (FileNotFoundError, msgspec.DecodeError):
            return {}
        except OSError as problem:
            raise StoreError(f"{self._path} cannot be read: {problem.strerror}") from problem
        return found.marks if found.shape == shape else {}

    def write(self, shape: str, marks: Mapping[str, str]) -> None:
        """Raises StoreError."""
        fresh = self._path.with_suffix(f".{os.getpid()}.tmp")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            fresh.write_bytes(msgspec.json.encode(_File(shape, dict(marks))))
            fresh.replace(self._path)
        except OSError as problem:
            raise StoreError(f"{self._path} cannot be written: {problem.strerror}") from problem
