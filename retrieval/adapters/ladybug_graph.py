"""The graph in an embedded LadybugDB file. One process has it open at a time."""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import Any

from filelock import FileLock, Timeout

from retrieval.cypher_graph import CypherGraph, Step
from retrieval.errors import GraphUnavailable, ProjectionError, StoreBusy, StoreError, StoreFull
from retrieval.failpoints import NOWHERE, Failpoints
from retrieval.failpoints import Step as Failpoint
from retrieval.ports import LogEntry, LogReader
from retrieval.queries import load
from retrieval.types import LinkType, Relation

_TIMEOUT_MS = 10_000
_BUFFER = 512 * 2**20
# until a checkpoint a change stays in the buffer: so much a transaction, and so much a node it changes (seen with ladybug 0.22: 23 and 150
# KiB at most). Once the buffer is full of them no write is taken any more, and ladybug's own checkpoint, after 16 MiB of log, comes later
_A_WRITE, _A_CHANGE, _UNTIL = 32 * 2**10, 160 * 2**10, 192 * 2**20
# what is made anew takes no more than its transaction
_CHANGING = ("set_evidence", "clear_relations_of", "clear_relations", "drop_rows", "upsert_entities")
_ROOM = 2**20
_NO_MORE = ("IO exception", "panic state", "buffer pool is full")


class LadybugGraph(CypherGraph):
    """The Graph port over LadybugDB; the store is the file `path` (and its log beside it).

    `fresh` throws away what is there first (how a damaged store is mended). Reads are cut off after `timeout_ms`. Raises
    StoreBusy when another process has it open, ProjectionError when the file cannot be read.
    """

    # one piece's relations are found by its key, those of several among all there are
    few = 100

    def __init__(
        self,
        path: str | Path,
        fresh: bool = False,
        timeout_ms: int = _TIMEOUT_MS,
        failpoints: Failpoints = NOWHERE,
    ) -> None:
        self._path = Path(path)
        self.failpoints = failpoints
        self._timeout_ms = timeout_ms
        self._statements = load("ladybug")
        self._reading, self._writing = Lock(), Lock()
        # this process alone has the store open, so that what it wrote last is what is there
        self._reached: int | None = None
        self._writes = 0
        self._pending = 0
        self._refusing = False
        # ladybug's own lock does not see a second opening in the same process
        # one thread opens the index, another may close it
        self._lock = FileLock(self._path.with_name(self._path.name + ".lock"), thread_local=False)
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._lock.acquire(timeout=0)
        except Timeout as error:
            raise StoreBusy(f"the graph in {self._path} is open in another process") from error
        except OSError as error:
            raise StoreError(f"the graph in {self._path} cannot be opened: {error.strerror}") from error
        try:
            if fresh:
                self._wipe()
            self._open()
        except (StoreError, GraphUnavailable):
            self._lock.release()
            raise

    def applied(self) -> int:
        kept, writes = self._reached, self._writes
        if kept is not None:
            return kept
        reached = super().applied()
        if writes == self._writes:
            self._reached = reached
        return reached

    def apply(self, entries: Sequence[LogEntry], log: LogReader) -> None:
        if self._refusing:
            # before anything is read: what was not synced may be there after all
            self._reopen()
        super().apply(entries, log)

    def reset(self) -> None:
        with self._reading, self._writing:
            self._reached = None
            with contextlib.suppress(RuntimeError):
                self._shut()
            self._wipe()
            self._open()
            self._refusing = False

    def close(self) -> None:
        with self._reading, self._writing:
            try:
                if self._refusing:
                    self._try_room()
                self._shut()
            except GraphUnavailable:
                # ladybug ends the process where it cannot write at closing; what is lost by not closing comes from the log
                _never_freed(self._reader, self._writer, self._database)
            finally:
                self._lock.release()

    def _read(self, name: str, params: Mapping[str, Any]) -> list[list[Any]]:
        with self._reading, _typed(name):
            result: Any = self._reader.execute(self._statements.get(name), dict(params))
            return [list(row) for row in result.get_all()]

    def _write(self, steps: Sequence[Step]) -> None:
        if not steps:
            return
        with self._writing, self._noticing(), _typed(steps[0].name):
            self._writer.execute("BEGIN TRANSACTION")
            try:
                for step in steps:
                    self._writer.execute(self._statements.get(step.name, step.kind), dict(step.params))
                self.failpoints.reach(Failpoint.GRAPH_WRITTEN)
            except (RuntimeError, OSError):
                # some errors end the transaction by themselves; the first one is what the caller needs
                with contextlib.suppress(RuntimeError):
                    self._writer.execute("ROLLBACK")
                raise
            self._writes, self._reached = self._writes + 1, None
            self._writer.execute("COMMIT")
            self._writes, self._reached = self._writes + 1, None
        self._make_room(steps)

    def _make_room(self, steps: Sequence[Step]) -> None:
        """Once what was written fills the buffer, into the file with it. Raises GraphUnavailable: what was written stays written."""
        with self._writing, _typed("checkpoint"):
            self._pending += _A_WRITE + _A_CHANGE * sum(map(_changed, steps))
            if self._pending < _UNTIL:
                return
            self._refusing = True
            self._writer.execute("CHECKPOINT")
            self._pending, self._refusing = 0, False

    @contextlib.contextmanager
    def _noticing(self) -> Iterator[None]:
        """After a write that the disk or the buffer did not take ladybug 0.22 refuses the next one or never returns from it, until it is
        opened anew; it reads on meanwhile."""
        try:
            yield
        except GraphUnavailable as error:
            self._refusing = self._refusing or any(told in str(error) for told in _NO_MORE)
            raise

    def _reopen(self) -> None:
        self._try_room()
        with self._reading, self._writing:
            self._reached = None
            with contextlib.suppress(RuntimeError):
                self._shut()
            try:
                self._open()
            except StoreFull as full:
                raise GraphUnavailable(str(full)) from full
            self._refusing = False

    def _try_room(self) -> None:
        """Opening writes: without room, what is open is better kept to read from. Raises GraphUnavailable."""
        tried = self._path.with_name(f"{self._path.name}.room")
        try:
            with tried.open("wb") as file:
                file.write(bytes(_ROOM))
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise GraphUnavailable(f"the graph cannot be written: {error.strerror}; what it has is read") from error
        finally:
            with contextlib.suppress(OSError):
                tried.unlink()

    def _open(self) -> None:
        import ladybug

        try:
            self._database = ladybug.Database(str(self._path), buffer_pool_size=_BUFFER)
            self._writer = ladybug.Connection(self._database)
            self._reader = ladybug.Connection(self._database)
        except RuntimeError as error:
            if "lock" in str(error).lower():
                raise StoreBusy(f"the graph in {self._path} is open in another process") from error
            if "No space left" in str(error):
                raise StoreFull(f"no room to open the graph in {self._path}; free some, then try again") from error
            raise ProjectionError(f"the graph in {self._path} cannot be read: {error}") from error
        self._reader.set_query_timeout(self._timeout_ms)
        self._pending = 0
        with _typed("schema"):
            for name in ("schema_entity", "schema_evidence", "schema_progress"):
                self._writer.execute(self._statements.get(name))
            for link in LinkType:
                self._writer.execute(self._statements.get("schema_link", link))
            for relation in Relation:
                self._writer.execute(self._statements.get("schema_relation", relation))

    def _shut(self) -> None:
        self._reader.close()
        self._writer.close()
        self._database.close()

    def _wipe(self) -> None:
        for file in self._path.parent.glob(f"{self._path.name}*"):
            if file.name == f"{self._path.name}.lock":
                continue
            if file.is_dir():
                shutil.rmtree(file)
            else:
                file.unlink()


def _changed(step: Step) -> int:
    """Nodes it changes, at most."""
    return len(step.params.get("rows", ("one",))) if step.name in _CHANGING else 0


def _never_freed(*parts: object) -> None:
    """Their destructors are not run, not even as the process ends."""
    for part in parts:
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(part))


@contextlib.contextmanager
def _typed(statement: str) -> Iterator[None]:
    """ladybug says RuntimeError for everything."""
    try:
        yield
    except RuntimeError as error:
        raise GraphUnavailable(f"the graph refused {statement}: {error}") from error
