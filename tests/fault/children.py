"""What is killed: functions that children run, made by a server that has loaded everything and started no thread."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from pathlib import Path

from planting import plant_missing
from yard import Yard, unit

from retrieval.failpoints import NOWHERE, Failpoints, Step

# the last four are loaded late by what uses them, each child anew
_MODULES = ["yard", "invariants", "planting", "children", "faiss", "ladybug", "tantivy", "sqlalchemy.dialects.sqlite"]
_LONG_S = 120.0


def context() -> ForkServerContext:
    made = multiprocessing.get_context("forkserver")
    made.set_forkserver_preload(_MODULES)
    return made


class Kill:
    """SIGKILL at the nth time that a step is reached."""

    def __init__(self, step: Step, nth: int) -> None:
        self.step, self.left = step, nth

    def reach(self, step: Step) -> None:
        if step is self.step:
            self.left -= 1
            if not self.left:
                os.kill(os.getpid(), signal.SIGKILL)


class Child:
    """One of them; what it told is in `told` once it has ended."""

    def __init__(self, work: Callable[..., None], *arguments: object) -> None:
        made = context()
        self._reading, writing = made.Pipe(duplex=False)
        self.process = made.Process(target=work, args=(writing, *arguments))
        self.process.start()
        writing.close()
        self.told: list[str] = []

    def hear(self) -> str | None:
        """The next thing it says; None when it has ended."""
        try:
            said: str = self._reading.recv()
        except (EOFError, OSError):
            return None
        self.told.append(said)
        return said

    def end(self) -> int:
        """Hear it out; its exit code."""
        while self.hear() is not None:
            pass
        self.process.join(_LONG_S)
        assert self.process.exitcode is not None
        return self.process.exitcode

    def kill(self) -> None:
        os.kill(self.process.pid or 0, signal.SIGKILL)


def ingest(tell: Connection, folder: Path, first: int, failpoints: Failpoints = NOWHERE, among: int = 10**9) -> None:
    """Commit sources, `among` so many from the first on, and bring the indexes up, for ever; says "ready", then each once it is stored."""
    yard = Yard(folder, failpoints)
    yard.upkeep.catch_up()
    tell.send("ready")
    number = first
    while True:
        stored = unit(first + (number - first) % among)
        yard.catalog.commit(stored)
        tell.send(stored.source)
        yard.upkeep.catch_up()
        number += 1
        if number % 8 == 0:
            yard.upkeep.snapshot()


def everything(tell: Connection, folder: Path, first: int, step: Step, nth: int) -> None:
    """Pass every step, at least `nth` times."""
    kill = Kill(step, nth)
    yard = Yard(folder, kill)
    for number in range(first, first + nth + 2):
        yard.blobs.put("north", f"blob {number}".encode(), "text/plain")
        stored = unit(number)
        yard.catalog.commit(stored)
        tell.send(stored.source)
        yard.upkeep.catch_up()
        yard.upkeep.snapshot()
    yard.close()
    for _ in range(nth):
        yard = Yard(folder, kill)
        yard.upkeep.catch_up()
        for part in (yard.vectors, yard.words, yard.graph):
            plant_missing(yard, part, [first])
        yard.projector.reconcile()
        yard.close()
    tell.send("passed")
    time.sleep(_LONG_S)
