"""How much memory work takes at its worst, looked at from beside it."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Callable, Iterator

import psutil


class PeakMemory:
    """The most memory that was held while it was inside, in bytes: `peak`, and `more`, by which that is over what was held before.

    `held` says what is held now. It is asked every `every_s` seconds: a shorter peak may be missed.
    """

    def __init__(self, held: Callable[[], int], every_s: float = 0.01) -> None:
        self._held, self._every_s = held, every_s
        self._before = self.peak = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> PeakMemory:
        gc.collect()
        self._before = self.peak = self._held()
        self._thread.start()
        return self

    def __exit__(self, *what: object) -> None:
        self._over.set()
        self._thread.join()

    @property
    def more(self) -> int:
        return self.peak - self._before

    def _watch(self) -> None:
        while not self._over.wait(self._every_s):
            self.peak = max(self.peak, self._held())


def own() -> int:
    """What this process holds, in bytes."""
    return int(psutil.Process(os.getpid()).memory_info().rss)


def largest_decoder() -> int:
    """What the largest decoding child of this process holds, in bytes; 0 without one."""
    return max(_decoders(), default=0)


def own_and_decoders() -> int:
    """What this process and its decoding children hold together, in bytes."""
    return own() + sum(_decoders())


def _decoders() -> Iterator[int]:
    for child in psutil.Process(os.getpid()).children(recursive=True):
        try:
            # between fork and exec a child still shows its parent's memory, and its command
            if "ingest.sandbox" in child.cmdline():
                yield int(child.memory_info().rss)
        except (psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
