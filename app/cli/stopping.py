"""How a command that runs until it is stopped hears of that."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def stopped_by_signals(*, insisted: bool) -> Iterator[threading.Event]:
    """An event that SIGTERM and SIGINT set, so that what is in hand is ended well. `insisted`: a second one ends it at once.

    Raises KeyboardInterrupt then, wherever the main thread is.
    """
    stop = threading.Event()

    def heard(number: int, frame: FrameType | None) -> None:
        if insisted and stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    before = {each: signal.signal(each, heard) for each in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
