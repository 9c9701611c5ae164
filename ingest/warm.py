"""A decoding child that is kept for many small files: starting an interpreter takes longer than reading most of them.

    worker = WarmWorker(Limits(memory_bytes=768 << 20))
    for part in worker.read_as(Piece | Picture, "ingest.reports.html:parts", path, owner=tenant): ...

The caps are those of `ingest.sandbox`, each file's time its own. The child is replaced when anything goes wrong with a file, when another
tenant's files come, and after so many files: what one file may have left behind reaches few others, and none of another tenant.
It ends by itself when nothing comes for a while.
"""

from __future__ import annotations

import tempfile
import weakref
from collections.abc import Generator, Iterator
from contextlib import closing
from pathlib import Path
from threading import Lock
from typing import IO, Any, Protocol, TypeVar

import msgspec

from ingest.sandbox import HEADER, Limits, Pipe, death, end, give, replies, run, start

SMALL = 1 << 20
_ORDERS = 100
_IDLE_S = 5.0
T = TypeVar("T")


class Worker(Protocol):
    """Has files read elsewhere than here."""

    def read_as(self, kind: type[T], worker: str, path: Path, owner: str) -> Generator[T, None, None]:
        """What the worker "package.module:function" yields for {"path": path}, each decoded as `kind`; `owner` is the tenant.

        Raises SourceRejected, OSError.
        """


class WarmWorker:
    """Reads small files one after another in one child; a larger one, or one that comes amid another, gets a child of its own.

    `orders`: so many files a child reads at most; `idle_s`: after so long without one it ends. May be shared between threads.
    """

    def __init__(self, limits: Limits, orders: int = _ORDERS, idle_s: float = _IDLE_S) -> None:
        self._limits, self._most, self._idle_s = limits, orders, idle_s
        self._turn = Lock()
        self._child: _Child | None = None

    def read_as(self, kind: type[T], worker: str, path: Path, owner: str) -> Generator[T, None, None]:
        """What the worker yields for {"path": path}, each decoded as `kind`. Raises SourceRejected as `sandbox.run` does, OSError."""
        decoder, args = msgspec.msgpack.Decoder(kind), {"path": str(path)}
        alone = path.stat().st_size > SMALL
        with closing(run(worker, args, self._limits) if alone else self.run(worker, args, owner)) as bodies:
            for body in bodies:
                yield decoder.decode(body)

    def run(self, worker: str, args: Any, owner: str) -> Generator[bytes, None, None]:
        """Yield what the worker yields, in the child that is kept for this owner. Raises as `sandbox.run` does."""
        if not self._turn.acquire(blocking=False):
            yield from run(worker, args, self._limits)
            return
        whole = False
        try:
            child = self._begun(msgspec.msgpack.encode([worker, args, self._limits]), owner)
            yield from child.answer(self._limits)
            whole = True
        finally:
            if not whole:  # what such a file left behind is not known
                self._end()
            self._turn.release()

    def close(self) -> None:
        """End the child; another is started when it is needed. Returns at once where it is at work: it ends with that."""
        if self._turn.acquire(blocking=False):
            try:
                self._end()
            finally:
                self._turn.release()

    def _begun(self, order: bytes, owner: str) -> _Child:
        """A child that has taken the order: the one that is kept, or a new one where there is none, or it has ended meanwhile."""
        kept = self._child
        if kept is not None and kept.owner == owner and kept.served < self._most and kept.begin(order, self._limits):
            return kept
        self._end()
        fresh = self._child = _Child(owner, self._idle_s)
        if not fresh.begin(order, self._limits):
            raise death(fresh.process, self._limits, fresh.errors)
        return fresh

    def _end(self) -> None:
        if self._child is not None:
            self._child.end()
            self._child = None


class _Child:
    """One serving child and whose files it reads. It is ended when nobody holds it any more."""

    def __init__(self, owner: str, idle_s: float) -> None:
        self.owner, self.served = owner, 0
        self.errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the child
        self.process = start(self.errors, f"{idle_s:g}")
        self._pipe: Pipe | None = None
        self.end = weakref.finalize(self, _ended, self.process, self.errors)

    def begin(self, order: bytes, limits: Limits) -> bool:
        """Whether it says that it begins."""
        self.errors.seek(0)  # the child writes at the same place of the same file
        self.errors.truncate()
        if not give(self.process, order):
            return False
        self._pipe = Pipe(self.process, limits)
        self.served += 1
        return len(self._pipe.take(HEADER)) == HEADER

    def answer(self, limits: Limits) -> Iterator[bytes]:
        assert self._pipe is not None
        return replies(self._pipe, self.process, limits, self.errors)


def _ended(process: Any, errors: IO[bytes]) -> None:
    end(process)
    errors.close()
