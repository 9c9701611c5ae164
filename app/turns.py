"""Whose turn it is to compute: questions of several askers share the processor by asker, not by how many each has under way.

Finding evidence is work of the processor, so two questions at once take as long as one after the other; what changes is who waits.
The asker who was served longest ago goes first, so that another's many questions cost one of mine at most the turn under way.
"""

from __future__ import annotations

import math
import threading
from collections import OrderedDict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeAlias

from retrieval.types import Principal

_Key: TypeAlias = tuple[str, str]
_REMEMBERED = 1000


class Turns:
    """At most `at_once` turns run together. Whoever has waited `patience_s` seconds, or all the time there is, goes on without one,
    so that a turn which hangs holds nobody up for longer. Safe to share between threads."""

    def __init__(self, at_once: int = 1, patience_s: float = 2.0) -> None:
        self._free, self._patience_s = at_once, patience_s
        self._lock = threading.Lock()
        self._waiting: dict[_Key, deque[threading.Event]] = {}
        # served longest ago first; whoever is not in it was served before all of them
        self._served: OrderedDict[_Key, None] = OrderedDict()

    @contextmanager
    def mine(self, principal: Principal, left_s: float = math.inf) -> Iterator[None]:
        """A turn of this asker's, waited for, but no longer than `left_s` seconds."""
        held = self._enter((principal.tenant, principal.subject), min(self._patience_s, left_s))
        try:
            yield
        finally:
            if held:
                self._leave()

    def _enter(self, key: _Key, patience_s: float) -> bool:
        """Whether a turn was had; False when patience ran out."""
        with self._lock:
            if self._free:
                self._free -= 1
                self._serve(key)
                return True
            ticket = threading.Event()
            self._waiting.setdefault(key, deque()).append(ticket)
        if ticket.wait(patience_s):
            return True
        with self._lock:
            if not ticket.is_set():
                self._drop(key, ticket)
            return ticket.is_set()

    def _leave(self) -> None:
        """Hand the turn on, or give it back where nobody waits."""
        with self._lock:
            if not self._waiting:
                self._free += 1
                return
            order = {key: n for n, key in enumerate(self._served, 1)}
            key = min(self._waiting, key=lambda key: order.get(key, 0))
            ticket = self._waiting[key][0]
            self._drop(key, ticket)
            self._serve(key)
            ticket.set()

    def _drop(self, key: _Key, ticket: threading.Event) -> None:
        self._waiting[key].remove(ticket)
        if not self._waiting[key]:
            del self._waiting[key]

    def _serve(self, key: _Key) -> None:
        self._served[key] = None
        self._served.move_to_end(key)
        if len(self._served) > _REMEMBERED:
            self._served.popitem(last=False)
