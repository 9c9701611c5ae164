"""Reading spread over Ray: workers decode, look and read text, this process commits what they read in the order it would read itself.

What is read hangs on the file and the site alone, so the catalog is the same as by reading here. Tables are read here: what comes after
them may hang on what they bring. Files, and the data directory, must lie at the same paths where workers run.
"""

from __future__ import annotations

import builtins
import importlib.util
import logging
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from ingest.media_types import BY_ENDING, STRUCTURED
from ingest.ports import Batch, Item, Reader
from retrieval import errors
from retrieval.errors import BadSettings, SourceRejected, UpstreamError

_STORE_BYTES = 256 * 2**20
_LOOPBACK: dict[str, Any] = {"include_dashboard": False, "_node_ip_address": "127.0.0.1"}
_CRASHED = "the Ray worker that read this ended: killed, or out of memory"


class Broken(NamedTuple):
    """What reading raised, in plain values: not every exception can leave its process, and none is unpickled here."""

    sort: str
    told: str
    word: str = ""
    number: int = 0

    def problem(self) -> Exception:
        """The exception as it was, where it is one of ours or of Python's own; else one that says the same."""
        if self.sort == SourceRejected.__name__:
            return SourceRejected(self.told, kind=self.word)
        if self.sort == OSError.__name__:
            return OSError(self.number, self.told)
        ours, plain = getattr(errors, self.sort, None), getattr(builtins, self.sort, None)
        if isinstance(ours, type) and issubclass(ours, errors.WatchfloorError):
            return ours(self.told)
        # those of Python that take other values than words (UnicodeDecodeError) are told in words
        if isinstance(plain, type) and issubclass(plain, Exception) and not issubclass(plain, UnicodeError):
            return plain(self.told)
        return RuntimeError(f"{self.sort}: {self.told}")


class Hand:
    """What runs in a worker: readers of its own, and one source at a time."""

    def __init__(self, make: Callable[[], Sequence[Reader]]) -> None:
        self._make, self._readers = make, dict[tuple[str, str], Reader]()
        self._batches: Iterator[Batch] = iter(())

    def start(self, reader: tuple[str, str], item: Item, tenant: str) -> str:
        """Begin to read; why not, where this worker cannot read as it is asked to."""
        try:
            self._readers = self._readers or {(each.name, each.version): each for each in self._make()}
        except Exception as problem:  # noqa: BLE001 - the edge of the worker: told where the source is committed
            return f"its readers cannot be made there ({type(problem).__name__}: {problem})"
        found = self._readers.get(reader)
        if found is None:
            return f"{'@'.join(reader)} is not what is installed there"
        self._batches = iter(found.read(item, tenant))
        return ""

    def more(self) -> Batch | Broken | None:
        """The next batch; None after the last."""
        try:
            return next(self._batches, None)
        except Exception as problem:  # noqa: BLE001 - the edge of the worker: raised again where the source is committed
            return broken(problem)

    def end(self) -> None:
        """Stop reading; the decoder ends with it."""
        close = getattr(self._batches, "close", None)
        if close is not None:
            close()


class RayEngine:
    """`make` gives a worker its readers; `address` is a cluster's head, None starts Ray here for as long as it is used.

    Raises BadSettings where Ray is not installed. Workers start with the first source that is read.
    """

    name = "ray"

    def __init__(self, make: Callable[[], Sequence[Reader]], address: str | None = None, workers: int = 2) -> None:
        if importlib.util.find_spec("ray") is None:
            raise BadSettings("the ray engine is not installed: install watchfloor[ray], or read with --engine local")
        self._make, self._address, self._workers = make, address, workers
        # one is committed while the others are read
        self.at_once = workers + 1
        self._starting = threading.Lock()
        self._free: queue.Queue[Any] | None = None
        self._hands: list[Any] = []
        self._ours = False
        self._away: UpstreamError | None = None

    def ahead(self, path: Path) -> bool:
        return BY_ENDING.get(path.suffix.lower(), "") not in STRUCTURED | {""}

    def read(self, reader: Reader, item: Item, tenant: str) -> Iterator[Batch]:
        """Raises UpstreamError where Ray fails, SourceRejected (crashed) where the worker died of the source."""
        if item.media_type in STRUCTURED:
            return reader.read(item, tenant)
        return self._spread((reader.name, reader.version), item, tenant)

    def _spread(self, reader: tuple[str, str], item: Item, tenant: str) -> Iterator[Batch]:
        import ray

        with self._hand() as hand:
            problem = ray.get(hand.start.remote(reader, item, tenant))
            if problem:
                raise UpstreamError(f"a Ray worker cannot read: {problem}")
            try:
                while (came := ray.get(hand.more.remote())) is not None:
                    if isinstance(came, Broken):
                        raise came.problem()
                    yield came
            finally:
                hand.end.remote()

    @contextmanager
    def _hand(self) -> Iterator[Any]:
        """A free worker. One that died is replaced."""
        from ray.exceptions import RayActorError, RayError

        free = self._started()
        hand = free.get()
        try:
            yield hand
        except RayActorError as problem:
            hand = self._worker()
            raise SourceRejected(_CRASHED, kind="crashed") from problem
        except RayError as problem:
            raise UpstreamError(f"Ray failed: {problem}") from problem
        finally:
            free.put(hand)

    def _started(self) -> queue.Queue[Any]:
        """The workers that are free; all of them before the first is used."""
        with self._starting:
            if self._away is not None:
                # Ray waits for long before it gives up: once is enough for a whole run
                raise UpstreamError(str(self._away))
            if self._free is None:
                self._ours = self._tried()
                self._free = queue.Queue()
                for _ in range(self._workers):
                    self._free.put(self._worker())
            return self._free

    def _tried(self) -> bool:
        try:
            return self._start()
        except UpstreamError as problem:
            self._away = problem
            raise

    def _start(self) -> bool:
        """Whether Ray was started here, and is to be ended here."""
        import ray

        if ray.is_initialized():
            return False
        here = {} if self._address else {"num_cpus": self._workers, "object_store_memory": _STORE_BYTES, **_LOOPBACK}
        try:
            ray.init(self._address, log_to_driver=False, logging_level=logging.ERROR, **here)
        except (ConnectionError, RuntimeError, ValueError) as problem:
            raise UpstreamError(f"Ray cannot be reached at {self._address or 'this machine'}: {problem}") from problem
        return True

    def _worker(self) -> Any:
        import ray

        made = ray.remote(Hand).options(num_cpus=1).remote(self._make)
        self._hands.append(made)
        return made

    def close(self) -> None:
        if self._free is None:
            return
        import ray

        for hand in self._hands:
            ray.kill(hand)
        self._hands, self._free = [], None
        if self._ours:
            ray.shutdown()


def broken(problem: Exception) -> Broken:
    """What is sent of an exception."""
    if isinstance(problem, SourceRejected):
        return Broken(SourceRejected.__name__, problem.reason, problem.kind)
    if isinstance(problem, OSError):
        return Broken(OSError.__name__, problem.strerror or str(problem), number=problem.errno or 0)
    only = problem.args[0] if len(problem.args) == 1 else None
    return Broken(type(problem).__name__, only if isinstance(only, str) else str(problem))
