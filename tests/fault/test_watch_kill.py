"""Two processes store and look at once and are killed at any moment, again and again: in the end each piece is counted once."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from ingest.watchfulness.groups import Places
from ingest.watchfulness.watch import Watchfulness
from retrieval.catalog import Catalog, system_clock
from retrieval.types import Filter, Principal

WORKER = Path(__file__).with_name("watching_worker.py")
KILLS, AT_ONCE = 4, 2


def started(store: Path, name: str) -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, str(WORKER), str(store), name], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline()
    return process


def test_a_kill_of_those_who_look_counts_nothing_twice_and_loses_nothing(
    tmp_path: Path, store_at: Callable[[Path], Path]
) -> None:
    store, rng = store_at(tmp_path / "catalog.db"), random.Random(7)
    for kill in range(KILLS):
        workers = [started(store, f"{kill}-{n}") for n in range(AT_ONCE)]
        time.sleep(rng.uniform(0, 0.3))
        for worker in workers:
            worker.kill()
            worker.communicate()
    catalog = Catalog(store)
    record = Watchfulness(catalog, "t", Places(), system_clock).look().records["feed:///alarms"]
    held = len(catalog.scan(Filter(), Principal("t"), 100_000))
    assert held > KILLS * AT_ONCE and (record.pieces, record.unknown["P-977"]) == (held, held)
    catalog.close()
