"""Eight readers and two writers on one store while snapshots are taken and segments swapped: the history they leave is that of a log.

What a reader is told is checked against what had been acknowledged before it asked and what had been begun by the time it was told:
everything acknowledged is there (read-your-writes), nothing ended before is there, and no client ever sees the sequence go back.
"""

from __future__ import annotations

import contextlib
import itertools
import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from yard import ALL, SPACE, Yard, ids_of, tenant_of, unit, vector, word_of

from retrieval.errors import StoreBusy
from retrieval.search import Indexes, Models, Searcher, SearchResult, load_weights
from retrieval.types import Filter, Query
from retrieval.upkeep import Policy

READERS, WRITERS = 8, 2
_PATIENCE_S = 60.0
_BREATH_S = 0.05


@dataclass
class Written:
    """A source at a revision: acknowledged at a sequence; ended from the moment its successor was begun."""

    number: int
    revision: int
    sequence: int
    ending: int | None = None
    ended: int | None = None


@dataclass
class History:
    """What writers were told, and what readers were."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    written: list[Written] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)

    def pick(self, chance: random.Random) -> Written:
        """One that was acknowledged lately, or long ago."""
        with self.lock:
            recent = self.written[-20:]
            return chance.choice(recent if chance.random() < 0.7 else self.written)


class Run:
    """Everything of one run."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.yard = Yard(folder, policy=Policy(every=40, closing=10**9, probe_s=10**9, look_s=0.01))
        yard = self.yard
        indexes = Indexes(yard.catalog, yard.vectors, yard.words, yard.graph)
        self.searcher = Searcher(indexes, Models(None, None, None), load_weights(), None, yard.upkeep.told)
        self.history, self.seed, self.over = History(), seed, threading.Event()
        self.times, self.writing = list[float](), list[float]()

    def begin(self, numbers: Iterable[int]) -> None:
        """Store these, so that there is something to read."""
        for number in numbers:
            receipt = self.yard.catalog.commit(unit(number))
            self.history.written.append(Written(number, 1, receipt.sequence))

    def write(self, writer: int) -> None:
        chance, mine = random.Random(self.seed * 100 + writer), list[Written]()
        for step in itertools.count():
            # without a breath the writers alone would keep the machine busy, and readers would measure their queue
            if self.over.wait(_BREATH_S):
                return
            before = chance.choice(mine) if mine and chance.random() < 0.4 else None
            number = before.number if before else WRITERS * step + writer
            if before is not None:
                before.ending = self.yard.catalog.sequence()
                mine.remove(before)
            revision = before.revision + 1 if before else 1
            begun = time.perf_counter()
            receipt = self.yard.catalog.commit(unit(number, revision))
            self.writing.append(time.perf_counter() - begun)
            told = Written(number, revision, receipt.sequence)
            with self.history.lock:
                if before is not None:
                    before.ended = receipt.sequence
                self.history.written.append(told)
            mine.append(told)

    def read(self, reader: int) -> None:
        chance, last = random.Random(self.seed * 100 + 50 + reader), 0
        while not self.over.is_set():
            written = self.history.pick(chance)
            begun = time.perf_counter()
            last = self.look(written, chance.choice(ids_of(written.number, written.revision)), last)
            self.times.append(time.perf_counter() - begun)

    def look(self, written: Written, id_: str, last: int) -> int:
        """Ask for one piece by its word and by its vector; the sequence that was named."""
        ended = written.ended
        found = self._reached(Query(text=word_of(id_), channels=("words",), quick=True), written, last)
        near = self.searcher.nearest(SPACE, vector(id_), Filter(), ALL[tenant_of(written.number)], 1)
        told = {"words": [hit.evidence.id for hit in found.hits], "vectors": [hit.evidence.id for hit in near]}
        for name, ids in told.items():
            if ended is not None and id_ in ids:
                self.trouble(f"{name}: {id_} was ended at {ended}, and shown at {found.sequence}")
            if written.ending is None and id_ not in ids:
                self.trouble(f"{name}: {id_} was acknowledged at {written.sequence}, not in {ids} at {found.sequence}")
        return found.sequence

    def _reached(self, query: Query, written: Written, last: int) -> SearchResult:
        """Ask until the answer names a sequence at which the write, and its end if it has one, are known."""
        least, until = max(written.sequence, written.ended or 0), time.monotonic() + _PATIENCE_S
        while True:
            self.yard.upkeep.catch_up()
            found = self.searcher.find(query, ALL[tenant_of(written.number)])
            if found.sequence < last:
                self.trouble(f"the sequence went back from {last} to {found.sequence}")
            if found.sequence >= least:
                return found
            if time.monotonic() > until:
                self.trouble(f"{least} was acknowledged and not reached in {_PATIENCE_S} s: {found.degraded}")
                return found
            last = found.sequence

    def swap(self) -> None:
        """Snapshots, one after the other, and segments swapped."""
        while not self.over.is_set():
            # the keeper takes them too
            with contextlib.suppress(StoreBusy):
                self.yard.upkeep.snapshot()
            getattr(self.yard.vectors, "compact", lambda: None)()
            self.over.wait(0.5)

    def trouble(self, what: str) -> None:
        with self.history.lock:
            self.history.troubles.append(what)

    def guarded(self, work: Callable[[], None]) -> Callable[[], None]:
        def run() -> None:
            try:
                work()
            except BaseException as error:  # noqa: BLE001 - a thread that dies is what is looked for
                self.trouble(f"crashed: {error!r}")

        return run

    def last(self, seconds: float, until: Callable[[], bool] = lambda: True) -> None:
        """Let it go on for ``seconds``, and on a slow disk until enough has happened."""
        begun = time.monotonic()
        while time.monotonic() < begun + seconds + (0 if until() else _PATIENCE_S):
            time.sleep(0.1)

    def told(self) -> bool:
        """Whether enough was written and read beside each other to say something."""
        return len(self.writing) > 20 and len(self.times) > 50

    @contextmanager
    def threads(self, *works: Callable[[], None]) -> Iterator[None]:
        started = [threading.Thread(target=self.guarded(work)) for work in works]
        for thread in started:
            thread.start()
        yield
        self.over.set()
        for thread in started:
            thread.join(_PATIENCE_S)
        assert not any(thread.is_alive() for thread in started), "a thread hangs"

    def close(self) -> None:
        self.searcher.close()
        self.yard.close()


def _p99(times: list[float]) -> float:
    """In milliseconds."""
    return float(np.percentile(times, 99)) * 1e3 if times else 0.0


@pytest.mark.timeout(600)
def test_the_history_of_readers_and_writers_is_a_log(
    tmp_path: Path, full: bool, seed: int, record_property: pytest.RecordProperty
) -> None:
    run, seconds = Run(tmp_path, seed), 60.0 if full else 4.0
    run.yard.put(range(1_000_000, 1_000_010))
    run.begin(range(2_000_000, 2_000_020))
    readers = [lambda reader=reader: run.read(reader) for reader in range(READERS)]
    # the same readers while nothing is written: what they cost each other is no fault of writers
    with run.threads(*readers):
        run.last(seconds / 4)
    run.over.clear()
    quiet, run.times = run.times, []
    writers = [lambda writer=writer: run.write(writer) for writer in range(WRITERS)]
    with run.threads(lambda: run.yard.upkeep.keep(run.over), run.swap, *readers, *writers):
        run.last(seconds, until=run.told)
    history, yard = run.history, run.yard
    sequences = [each.sequence for each in history.written]
    yard.upkeep.catch_up()
    left = {name: (told.missing, told.extra, told.stale) for name, told in yard.projector.reconcile().items()}
    p99 = f"p99 {_p99(quiet):.1f} ms quiet, {_p99(run.times):.1f} busy, {_p99(run.writing):.1f} a write"
    figures = f"{len(run.writing)} writes, {len(run.times)} looks, {p99}"
    record_property("figures", figures)
    print(figures)
    run.close()
    assert not history.troubles, f"seed {seed}: {len(history.troubles)} troubles, first {history.troubles[:3]}"
    assert quiet and run.told(), f"seed {seed}: nothing happened: {figures}"
    assert len(set(sequences)) == len(sequences), f"seed {seed}: two writes have one place in the log"
    assert set(left.values()) == {(0, 0, 0)}, f"seed {seed}: {left}"
