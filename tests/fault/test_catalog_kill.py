"""A process killed while it commits: what it acknowledged is stored whole, and nothing is torn."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import time
from pathlib import Path

import numpy as np
import pytest

from retrieval.catalog import Catalog
from retrieval.ports import Unit
from retrieval.types import (
    CharSpan,
    Coverage,
    Embedding,
    Evidence,
    Filter,
    Interval,
    Kind,
    Layer,
    Principal,
    Provenance,
)

ANN = Principal("t")
PIECES = 20
HALF = PIECES // 2


def unit(number: int, half: int) -> Unit:
    """Half a source: the first leaves it open, the second closes it."""
    source = f"s{number}"
    evidence = [
        Evidence(
            id=f"ev_{number}_{part}",
            tenant="t",
            source=source,
            kind=Kind.PASSAGE,
            locator=CharSpan(part, part + 1),
            text="text " * 200,
            provenance=Provenance("test"),
        )
        for part in range(half * HALF, (half + 1) * HALF)
    ]
    vectors = [Embedding(e.id, "text", np.full(384, number + 1, dtype=np.float32)) for e in evidence]
    looked = Coverage(source=source, subject="CAM", layer=Layer.RECORDED, tenant="t", valid=Interval(half, half + 1))
    return Unit("t", source, "h", "reader", evidence, vectors, [looked], closes=half == 1)


def ingest(path: Path, acknowledge: int) -> None:
    """Commit for ever, telling each acknowledged source down the pipe."""
    catalog = Catalog(path)
    number = len(catalog.sources(ANN))
    while True:
        catalog.commit(unit(number, 0))
        catalog.commit(unit(number, 1))
        os.write(acknowledge, b"%d\n" % number)
        number += 1


def kill_midway(path: Path, rng: random.Random) -> set[int]:
    """Start an ingest, kill it after a few acknowledgements and a random wait; the acknowledged sources."""
    reading, writing = os.pipe()
    child = multiprocessing.get_context("fork").Process(target=ingest, args=(path, writing))
    child.start()
    os.close(writing)
    told = os.read(reading, 64)
    time.sleep(rng.uniform(0.0, 0.15))
    assert child.pid is not None
    os.kill(child.pid, signal.SIGKILL)
    child.join()
    assert child.exitcode == -signal.SIGKILL
    while block := os.read(reading, 65536):
        told += block
    os.close(reading)
    return {int(line) for line in told.split(b"\n")[:-1]}


def check(path: Path, acknowledged: set[int]) -> None:
    catalog = Catalog(path)
    assert catalog.sound()
    states = {int(state.source[1:]): state for state in catalog.sources(ANN)}
    assert acknowledged <= {number for number, state in states.items() if state.whole}
    assert sum(not state.whole for state in states.values()) <= 1
    for number, state in states.items():
        expected = PIECES if state.whole else HALF
        ids = [e.id for e in catalog.scan(Filter(sources=(state.source,)), ANN)]
        vectors = [float(values[0]) for _, _, values in catalog.embeddings(ids)]
        assert (len(ids), vectors) == (expected, [number + 1.0] * expected)
        assert len(catalog.coverage(ANN, [state.source])) == expected // HALF
    log = catalog.log(0, 100_000)
    assert [entry.sequence for entry in log] == list(range(1, catalog.sequence() + 1))
    assert len([id_ for entry in log for id_ in entry.evidence]) == len(catalog.row_numbers())
    catalog.close()


def resume(path: Path) -> None:
    """The half source a kill left is finished by reading it again."""
    catalog = Catalog(path)
    for state in catalog.sources(ANN):
        if not state.whole:
            number = int(state.source[1:])
            assert [catalog.commit(unit(number, half)).added for half in (0, 1)] == [0, HALF]
    catalog.close()


@pytest.mark.timeout(60)
def test_kill_loses_nothing_acknowledged_and_tears_nothing(tmp_path: Path) -> None:
    path, rng, acknowledged = tmp_path / "catalog.db", random.Random(7), set()
    Catalog(path).close()
    for _ in range(5):
        told = kill_midway(path, rng)
        assert told
        acknowledged |= told
        check(path, acknowledged)
        resume(path)
    assert len(acknowledged) >= 5
