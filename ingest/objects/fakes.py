"""An object store in memory, for tests and trials; it behaves as a real one does."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from pathlib import Path

from ingest.objects.port import Seen
from retrieval.errors import SourceRejected, UpstreamError


class MemoryObjects:
    """`fetched` counts the bytes that were read; `down` makes every call fail as a store that cannot be reached does."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: dict[tuple[str, str], bytes] = {}
        self.fetched = 0
        self.down = False

    def put(self, bucket: str, key: str, data: bytes) -> None:
        with self._lock:
            self._held[(bucket, key)] = data

    def delete(self, bucket: str, key: str) -> None:
        with self._lock:
            self._held.pop((bucket, key), None)

    def listed(self, bucket: str, start: str) -> Iterator[Seen]:
        with self._lock:
            held = {key: data for (where, key), data in self._held.items() if where == bucket and key.startswith(start)}
        self._reachable()
        yield from (_seen(key, held[key]) for key in sorted(held))

    def stat(self, bucket: str, key: str) -> Seen | None:
        self._reachable()
        if {".", ".."}.intersection(key.split("/")):
            # as clients do, which would have to put it into a path
            raise SourceRejected("it cannot be asked for", kind="unsafe_key")
        data = self._held.get((bucket, key))
        return None if data is None else _seen(key, data)

    def fetch(self, bucket: str, seen: Seen, to: Path, within_s: float | None = None) -> bool:
        if self.stat(bucket, seen.key) != seen:
            return False
        to.write_bytes(self._held[(bucket, seen.key)])
        self.fetched += seen.size
        return True

    def _reachable(self) -> None:
        if self.down:
            raise UpstreamError("the object store cannot be reached")


def _seen(key: str, data: bytes) -> Seen:
    return Seen(key, hashlib.md5(data, usedforsecurity=False).hexdigest(), len(data))
