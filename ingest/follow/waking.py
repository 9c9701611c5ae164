"""When to look at a folder: when the system tells of a change, and every so often all the same, since events get lost."""

from __future__ import annotations

import threading
import time
from importlib.util import find_spec
from pathlib import Path

import structlog

# changes that follow each other so closely are told together
_DEBOUNCE_MS, _STEP_MS = 800, 50
_TICK_S = 0.5
_OFF = "looking now and then; the system's events need the extra [follow]: pip install 'watchfloor[follow]'"


class Waker:
    """Watches from the moment this is made, in a thread of its own; where it cannot, looking now and then must do, and it says so."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._happened, self._trouble = threading.Event(), ""
        self._log = structlog.get_logger(__name__)
        self._thread: threading.Thread | None = None
        self._over = threading.Event()
        if find_spec("watchfiles") is None:
            self._trouble = _OFF
            return
        self._thread = threading.Thread(target=self._watch, name="watch-folder", daemon=True)
        self._thread.start()

    def told(self) -> str:
        return self._trouble or "told of changes by the system, and looking now and then"

    def wait(self, seconds: float, stop: threading.Event) -> None:
        until = time.monotonic() + seconds
        while not stop.is_set() and (left := until - time.monotonic()) > 0:
            if self._happened.wait(min(_TICK_S, left)):
                break
        self._happened.clear()

    def close(self) -> None:
        self._over.set()

    def _watch(self) -> None:
        from watchfiles import watch

        try:
            for _ in watch(
                self._root,
                watch_filter=None,
                debounce=_DEBOUNCE_MS,
                step=_STEP_MS,
                stop_event=self._over,
                raise_interrupt=False,
                ignore_permission_denied=True,
            ):
                self._happened.set()
        except (OSError, RuntimeError) as problem:
            # too many folders for the system's limit, or the folder is gone
            self._trouble = f"looking now and then: the system tells of no changes ({problem})"
            self._log.warning("changes of a folder are not told", folder=str(self._root), why=str(problem))
