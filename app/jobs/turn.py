"""One ingest at a time on a data directory: its marks of what is in hand, and its memory, are made for one."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from retrieval.errors import StoreBusy


class IngestTurn:
    """A lock between threads, and by a file between processes; the file's goes with the process that held it."""

    def __init__(self, file: Path) -> None:
        self._name = file.parent
        self._thread, self._process = threading.Lock(), FileLock(file, thread_local=False)

    @contextmanager
    def taken(self, patience_s: float) -> Iterator[None]:
        """Raises StoreBusy when the turn does not come in that time, in seconds."""
        if not self._thread.acquire(timeout=patience_s):
            raise self._busy()
        try:
            with self._process.acquire(timeout=patience_s):
                yield
        except Timeout as error:
            raise self._busy() from error
        finally:
            self._thread.release()

    def _busy(self) -> StoreBusy:
        return StoreBusy(
            f"another ingest into {self._name} is under way; wait for it, or queue behind it (--background, over HTTP ?wait=false)"
        )
