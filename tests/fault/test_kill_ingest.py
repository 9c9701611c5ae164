"""A process that takes evidence in and indexes it is killed anywhere, again and again: nothing acknowledged is lost, doubled or torn.

The process loads no models. In full: 60 kills on each of 3 seeds, and 50 starts whose times and disk use are compared.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from children import Child, ingest
from invariants import check
from yard import Policy, Yard, unit

from retrieval.failpoints import NOWHERE


@pytest.mark.timeout(3600)
def test_killed_while_it_takes_evidence_in(
    tmp_path: Path, store_at: Callable[[Path], Path], full: bool, seed: int
) -> None:
    for round_ in range(3 if full else 1):
        folder, rng, acknowledged = tmp_path / str(round_), random.Random(seed + round_), set[str]()
        folder.mkdir()
        store_at(folder / "catalog.sqlite3")
        for kill in range(60 if full else 3):
            child = Child(ingest, folder, 1_000 * kill)
            assert child.hear() == "ready", f"seed {seed}: not ready after kill {kill}"
            assert child.hear() is not None
            time.sleep(rng.uniform(0, 0.4))
            child.kill()
            assert child.end() == -9
            acknowledged |= set(child.told) - {"ready"}
            if kill % 10 == 2:
                yard = Yard(folder)
                check(yard, acknowledged)
                yard.close()
        assert len(acknowledged) > (60 if full else 3), f"seed {seed}"


@pytest.mark.timeout(3600)
def test_ready_soon_after_a_kill_of_a_large_store(tmp_path: Path, full: bool) -> None:
    """In full 50,000 pieces; the seconds are printed (pytest -s), since machines differ."""
    yard = Yard(tmp_path, policy=Policy(every=10**9, closing=1, probe_s=10**9))
    sources = 5_000 if full else 20
    for start in range(0, sources, 500):
        yard.catalog.commit_all([unit(number, pieces=10) for number in range(start, min(sources, start + 500))])
    yard.upkeep.catch_up()
    yard.close()
    child = Child(ingest, tmp_path, sources)
    child.hear()
    child.hear()
    child.kill()
    child.end()
    began = time.monotonic()
    again = Yard(tmp_path)
    assert again.upkeep.catch_up() == {}
    took = time.monotonic() - began
    assert again.upkeep.standing().loaded == sources
    rows = again.catalog.row_numbers()
    assert again.vectors.rows() == again.words.rows() == again.graph.rows() == rows and len(rows) >= 10 * sources
    again.close()
    print(f"\nready {took:.2f} s after a kill, with {len(rows):,} pieces")


def on_disk(folder: Path) -> int:
    """Bytes of all files but the catalog's write-ahead log, which ends with its process."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and "-wal" not in path.name)


SAME = 40


@pytest.mark.timeout(3600)
def test_starting_again_and_again_leaves_nothing_behind(
    tmp_path: Path, store_at: Callable[[Path], Path], full: bool
) -> None:
    """The same 40 sources each time, so that whatever grows is left-overs. Seconds are printed (pytest -s), bytes and files counted."""
    store_at(tmp_path / "catalog.sqlite3")
    _killed_after(tmp_path, 0.0, told=SAME + 9)
    times, sizes, files = list[float](), [on_disk(tmp_path)], list[int]()
    for _ in range(50 if full else 4):
        times.append(_killed_after(tmp_path, 3.0 if full else 0.3))
        sizes.append(on_disk(tmp_path))
        files.append(len(list((tmp_path / "projections" / "snapshots").glob("*"))))
    assert max(files) <= 4, f"snapshots pile up: {files}"
    assert max(sizes) <= 1.1 * sizes[0], f"the disk fills: {sizes}"
    yard = Yard(tmp_path)
    check(yard, {unit(number).source for number in range(SAME)})
    yard.close()
    some = max(1, len(times) // 5)
    first, last = sorted(times[:some])[some // 2], sorted(times[-some:])[some // 2]
    print(f"\nstart: first {first:.2f} s, last {last:.2f} s; bytes: {sizes[0]:,} … {sizes[-1]:,}")


def _killed_after(folder: Path, seconds: float, told: int = 2) -> float:
    """Start, load for so long and until so much was told, and kill; how long the start took (s)."""
    began = time.monotonic()
    child = Child(ingest, folder, 0, NOWHERE, SAME)
    assert child.hear() == "ready"
    took = time.monotonic() - began
    while time.monotonic() - began - took < seconds or len(child.told) < told:
        assert child.hear() is not None
    child.kill()
    assert child.end() == -9
    return took
