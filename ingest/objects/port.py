"""What is asked of an object store, so that S3 is one of several."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Protocol


class Seen(NamedTuple):
    """An object as the store tells of it: another `etag` is another content. `size` in bytes."""

    key: str
    etag: str
    size: int


class ObjectStore(Protocol):
    """Every method raises UpstreamError where the store cannot be reached, or refuses altogether: the same may be asked again."""

    def listed(self, bucket: str, start: str) -> Iterator[Seen]:
        """Objects whose key begins so, in order of key."""

    def stat(self, bucket: str, key: str) -> Seen | None:
        """What stands there now. Raises SourceRejected (forbidden, unsafe_key) where this one cannot be asked for."""

    def fetch(self, bucket: str, seen: Seen, to: Path, within_s: float | None = None) -> bool:
        """Write the object's bytes to a new file; False, and no file, where another stands there by now, or none.

        Raises SourceRejected (forbidden, unsafe_key), and UpstreamError also where `within_s` seconds were not enough.
        """
