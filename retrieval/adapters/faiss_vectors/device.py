"""Where flat vectors are searched: on a GPU while one answers, and beside it always on the CPU, which holds everything."""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable
from itertools import count
from typing import Any, NamedTuple

import numpy as np
import structlog
from numpy.typing import NDArray

from retrieval.adapters.faiss_vectors.gpu import Gpu, GpuBusy, GpuFull, GpuLost, Hello, Positions
from retrieval.adapters.faiss_vectors.library import library, unused
from retrieval.adapters.faiss_vectors.rest import Rest
from retrieval.adapters.faiss_vectors.selector import selector_works
from retrieval.types import Vector

__all__ = ["Device", "Gpus", "Nearest", "Wanted", "library", "selector_works"]

# of so few the CPU is done before a GPU has begun: a question and its answer cross to the other process in 0.06 to 0.12 ms, in which 600
# are compared (November 2026, two cores); what kernels take on top has not been measured on a GPU yet, `watchfloor bench gpu` does
FEW = 4096
# a store that is new to a GPU gets there in pieces, one a search: none waits for longer than such a piece takes
_PIECE_BYTES = 16 << 20
# how long a search waits for others' turn on the GPU before the CPU answers it
_TURN_S = 0.05
# inner products of float32 on another processor: sums of 1,024 products of unit vectors differ by some 1e-6
_WRONG = 1e-3


class Gpus(NamedTuple):
    """How a GPU is had (`start` does not wait for it), from how many candidates on it is asked, and how long it rests once it failed."""

    start: Callable[[], Gpu]
    few: int = FEW
    rest_s: float = 30.0
    clock: Callable[[], float] = time.monotonic


# None uses a GPU where there is one, False never, True insists (ValueError), Gpus is one of the caller's own
Wanted = bool | Gpus | None


class Nearest(NamedTuple):
    """Positions and inner products, best first, both of shape (n,)."""

    positions: Positions
    scores: NDArray[np.float32]


class _Copy:
    """How much of a store is on the GPU, under which key; it rests where it did not fit."""

    def __init__(self, key: int, rest: Rest) -> None:
        self.key, self.rest = key, rest
        self.sent, self.settled = 0, 0


class Device:
    """Whether and how vectors are searched outside the caller's own index. Thread-safe; searches take turns on the GPU.

    `selects`: whether flat indexes honour selectors on the CPU. A GPU is started when first there is enough to search, gets its copies
    piece by piece, and is left alone for a while, longer each time, once it is lost. Every answer of it is checked before it is given.
    """

    def __init__(self, gpu: Wanted, self_test: Callable[[Any], bool] = selector_works) -> None:
        faiss = library()
        self._gpus = gpu if isinstance(gpu, Gpus) else _installed(gpu)
        self._idle = "" if self._gpus or gpu is False else unused()
        self._turn = threading.Lock()
        self._log = structlog.get_logger(__name__)
        self._keys = count()
        self._gone: list[int] = []
        self._when_lost: list[Callable[[], None]] = []
        self._gpu: Gpu | None = None
        self._hello: Hello | None = None
        self._copies: weakref.WeakKeyDictionary[Any, _Copy] = weakref.WeakKeyDictionary()
        self._rest = self._resting()
        probe = faiss.IndexFlatIP(4)
        probe.add(np.eye(4, dtype=np.float32))
        self.selects = self_test(probe)

    @property
    def gpu(self) -> bool:
        """Whether a GPU takes searches, or will when there is enough to search."""
        return self._gpus is not None and not self._rest.resting

    @property
    def told(self) -> str:
        """Where vectors are searched and how filters reach them: "cpu, selectors" or "gpu (NVIDIA H100 80GB HBM3), gathered"."""
        cpu = f"cpu, {'selectors' if self.selects else 'gathered'}"
        if self._gpus is None:
            return f"{cpu}{self._idle}"
        if not self.gpu:
            return f"{cpu}; the GPU rests"
        hello = self._hello
        if hello is None:
            return f"gpu ({'starting' if self._gpu else 'not asked yet'}), until then {cpu}"
        return f"gpu ({hello.name}), {hello.way if hello.way != 'cpu' else 'filters on the cpu'}"

    @property
    def trouble(self) -> str:
        """What the GPU cannot do at present, in words; "" where nothing is amiss."""
        if self._gpus is None:
            return ""
        if self._rest.resting:
            return f"the GPU is lost ({self._rest.why}); the CPU searches, and the GPU is tried again in {self._rest.left_s:.0f} s"
        with self._turn:
            short = [copy.rest for copy in self._copies.values() if copy.rest.resting]
        if not short:
            return ""
        again = f"tried again in {short[0].left_s:.0f} s"
        return f"{len(short)} of the stores do not fit the GPU ({short[0].why}); the CPU searches them, {again}"

    def nearest(
        self, owner: Any, vectors: Vector, query: Vector, k: int, positions: Positions | None = None
    ) -> Nearest | None:
        """The k nearest of `vectors`, or of those at `positions` (ascending), from a GPU. None: the caller's own index answers.

        `vectors`, shape (n, dim), are those of `owner`: rows may be appended, but none may ever change under the same owner. The copy is
        forgotten with the owner. `query` has shape (dim,).
        """
        size = len(vectors) if positions is None else positions.size
        if self._gpus is None or k < 1 or size <= self._gpus.few or self._rest.resting:
            return None
        if not self._turn.acquire(timeout=_TURN_S):
            return None
        try:
            return self._answered(owner, vectors, query, min(k, size), positions)
        except GpuBusy:
            return None
        except GpuFull as error:
            self._full(owner, error)
        except GpuLost as error:
            self._lost(error)
        finally:
            self._turn.release()
        return None

    def when_lost(self, call: Callable[[], None]) -> None:
        """Call this, which must not wait, each time the GPU is lost: what the CPU can do better with is built then."""
        self._when_lost.append(call)

    def clear(self) -> None:
        """Take everything off the GPU, and its process with it; what is searched next goes there anew."""
        with self._turn:
            self._let_go()

    close = clear

    def _answered(
        self, owner: Any, vectors: Vector, query: Vector, k: int, positions: Positions | None
    ) -> Nearest | None:
        gpu = self._running()
        if gpu is None or self._hello is None or k > self._hello.most_k:
            return None
        if positions is not None and self._hello.way == "cpu":
            return None
        copy = self._copy(owner)
        if copy.rest.resting or not self._brought(gpu, copy, vectors):
            return None
        found = gpu.search(copy.key, np.asarray(query, np.float32)[None], k, positions)
        checked = _checked(Nearest(found.positions[0], found.scores[0]), vectors, query, k, positions)
        self._rest.over()
        return checked

    def _running(self) -> Gpu | None:
        """The GPU, once it has started; what nobody owns any more is taken off it."""
        assert self._gpus is not None
        if self._gpu is None:
            try:
                self._gpu = self._gpus.start()
            except OSError as error:
                raise GpuLost(f"it cannot be started: {error}") from error
        if self._hello is None:
            self._hello = self._gpu.hello()
            if self._hello is None:
                return None
            self._log.info("vectors are searched on a GPU", gpu=self._hello.name, filters=self._hello.way)
        while self._gone:
            self._gpu.drop(self._gone[0])
            del self._gone[0]
        return self._gpu

    def _copy(self, owner: Any) -> _Copy:
        copy = self._copies.get(owner)
        if copy is None:
            copy = self._copies[owner] = _Copy(next(self._keys), self._resting())
            # may run at any time, in any thread: it only leaves a note
            weakref.finalize(owner, self._gone.append, copy.key).atexit = False
        return copy

    def _brought(self, gpu: Gpu, copy: _Copy, vectors: Vector) -> bool:
        """Send the next piece of what is missing. Whether all is there, and what is built over it."""
        if copy.sent < len(vectors):
            piece = max(1, _PIECE_BYTES // vectors[0].nbytes)
            end = min(len(vectors), copy.sent + piece)
            gpu.put(copy.key, vectors[copy.sent : end])
            copy.sent = end
        if copy.sent < len(vectors):
            return False
        if copy.settled < copy.sent:
            gpu.settle(copy.key)
            copy.settled = copy.sent
        return True

    def _full(self, owner: Any, error: GpuFull) -> None:
        """This store is searched on the CPU for a while; the others stay where they are."""
        copy = self._copy(owner)
        copy.rest.begin(str(error))
        self._log.warning("vectors do not fit the GPU", why=str(error), again_in_s=copy.rest.left_s)
        copy.sent = copy.settled = 0
        self._gone.append(copy.key)

    def _lost(self, error: GpuLost) -> None:
        self._rest.begin(str(error))
        self._log.warning("GPU lost; the CPU searches", why=str(error), again_in_s=self._rest.left_s)
        self._let_go()
        for call in self._when_lost:
            call()

    def _let_go(self) -> None:
        gpu, self._gpu, self._hello = self._gpu, None, None
        self._copies = weakref.WeakKeyDictionary()
        self._gone = []
        if gpu is not None:
            gpu.close()

    def _resting(self) -> Rest:
        return Rest(self._gpus.rest_s, self._gpus.clock) if self._gpus else Rest(0.0, time.monotonic)


def _checked(found: Nearest, vectors: Vector, query: Vector, k: int, positions: Positions | None) -> Nearest:
    """The answer with scores of our own, best first. Raises GpuLost where it is not k different rows that were asked for, rightly scored.

    A selector that is ignored, a row that was never sent and memory that flips a bit must not become evidence.
    """
    rows = found.positions
    if rows.shape != (k,) or np.unique(rows).size != k or rows.min() < 0 or rows.max() >= len(vectors):
        raise GpuLost(f"it returned {np.unique(rows[rows >= 0]).size} rows where {k} were there")
    if positions is not None and not np.array_equal(
        positions[np.minimum(np.searchsorted(positions, rows), positions.size - 1)], rows
    ):
        raise GpuLost("it returned rows that the filter does not let through")
    chosen = vectors[rows]
    scores = (chosen @ query).astype(np.float32)
    far = np.abs(scores - found.scores) > _WRONG * np.linalg.norm(chosen, axis=1) * np.linalg.norm(query)
    if far.any() or not np.isfinite(found.scores).all():
        raise GpuLost("it returned scores that are wrong")
    order = np.argsort(-scores, kind="stable")
    return Nearest(rows[order], scores[order])


def _installed(wanted: bool | None) -> Gpus | None:
    if wanted is False:
        return None
    from retrieval.adapters.faiss_vectors.gpu_faiss import installed
    from retrieval.adapters.faiss_vectors.gpu_process import GpuProcess

    if installed():
        return Gpus(GpuProcess)
    if wanted:
        raise ValueError("gpu=True, but faiss sees no GPU")
    return None
