"""Runs with io_faults.c preloaded: io_child.py FOLDER writes|syncs FIRST STRIDE. Walks over the calls that fail, in one process.

For n = FIRST, FIRST + STRIDE, …: from the nth write on there is no room (or the nth sync fails, once). What cannot be stored is refused
with a typed failure, what is stored is read meanwhile, and once the fault is over everything goes on, without a restart. Ends when n is
beyond the calls of a whole round. Prints one line of JSON: {"rounds", "refused", "calls"}.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

from invariants import check
from yard import ALL, SPACE, Yard, ids_of, tenant_of, unit, vector, word_of

from retrieval.errors import ProjectionError, StoreError, StoreFull, WatchfloorError
from retrieval.types import Filter

EVER = 10**9
_faults = ctypes.CDLL(None)
for arm in (_faults.io_faults_writes, _faults.io_faults_syncs):
    arm.argtypes = [ctypes.c_char_p, ctypes.c_long, ctypes.c_long, ctypes.c_int]
for count in (_faults.io_faults_written, _faults.io_faults_synced):
    count.restype = ctypes.c_long


class Walk:
    """One walk over the calls of a kind."""

    def __init__(self, folder: Path, kind: str) -> None:
        self.folder, self.writes = folder, kind == "writes"
        self.arm = _faults.io_faults_writes if self.writes else _faults.io_faults_syncs
        self.made = _faults.io_faults_written if self.writes else _faults.io_faults_synced
        self.yard = Yard(folder)
        self.yard.put([0, 1])
        assert self.yard.upkeep.catch_up() == {}
        self.acknowledged = {unit(0).source, unit(1).source}
        self.refused = 0

    def walk(self, first: int, stride: int) -> dict[str, int]:
        n, rounds = first, 0
        while True:
            rounds += 1
            calls = self.round(n, rounds + 1)
            if calls < n:
                self.yard.close()
                return {"rounds": rounds, "refused": self.refused, "calls": calls}
            n += stride

    def round(self, n: int, number: int) -> int:
        """One round with the nth call failing; how many calls it made."""
        self.arm(str(self.folder).encode(), n, EVER if self.writes else 1, errno.ENOSPC if self.writes else errno.EIO)
        for work in (self._blob, self._commit, self._follow, self._snapshot):
            self._try(work, n, number)
            self._read()
        calls = int(self.made())
        self.arm(str(self.folder).encode(), 0, 0, 0)
        for work in (self._blob, self._commit, self._follow, self._snapshot):
            work(number)
        if number % 10 == 2:
            check(self.yard, self.acknowledged)
        return calls

    def _try(self, work: Callable[[int], None], n: int, number: int) -> None:
        before = int(self.made())
        try:
            work(number)
        except StoreError as error:
            self.refused += 1
            assert not self.writes or work == self._follow or isinstance(error, (StoreFull, ProjectionError)), repr(
                error
            )
        else:
            # not a word of it, and yet told as done
            failed = before < n <= int(self.made()) and not (work == self._commit and self._unsaid())
            assert not failed or work == self._follow, f"{work.__name__} passed over failing call {n}"

    def _unsaid(self) -> bool:
        """Whether SQLite says nothing of what failed: it may be moving its log into the file (the log stays, and holds all of it), or a
        connection that writes for the first time syncs the folder in which the log lies already."""
        checkpoints = (self.folder / "catalog.sqlite3-wal").stat().st_size > 900 * 4096
        return checkpoints or bool(_faults.io_faults_on_folder())

    def _blob(self, number: int) -> None:
        self.yard.blobs.put("north", f"frame {number}".encode(), "image/png")

    def _commit(self, number: int) -> None:
        stored = unit(number)
        self.yard.catalog.commit(stored)
        self.acknowledged.add(stored.source)

    def _follow(self, number: int) -> None:
        failures = self.yard.upkeep.catch_up()
        if failures:
            raise ProjectionError("; ".join(f"{name}: {why.reason}" for name, why in failures.items()))
        # merges go on beside: what fails there is not to be taken for what fails next
        self.yard.words.settle()

    def _snapshot(self, number: int) -> None:
        self.yard.upkeep.snapshot()

    def _read(self) -> None:
        """What was there before is found, by everything."""
        for number in (0, 1):
            wanted, who = ids_of(number), ALL[tenant_of(number)]
            assert self.yard.catalog.get(wanted, who).keys() == set(wanted)
            rows = self.yard.vectors.search(SPACE, vector(wanted[0]), 1, Filter(), who).rows.tolist()
            assert list(self.yard.catalog.shown(rows, who).values()) == wanted[:1]
            rows = self.yard.words.search(word_of(wanted[0]), 1, Filter(), who).rows.tolist()
            assert list(self.yard.catalog.shown(rows, who).values()) == wanted[:1]
            assert wanted[0] in self.yard.graph.evidence([f"pump-{number % 7}"], who)


def main() -> None:
    folder, kind, first, stride = sys.argv[1:]
    walk = Walk(Path(folder), kind)
    told = walk.walk(int(first), int(stride))
    again = Yard(Path(folder))
    check(again, walk.acknowledged)
    again.close()
    print(json.dumps(told))
    sys.stdout.flush()
    # the indexes' own threads are not waited for
    os._exit(0)


if __name__ == "__main__":
    try:
        main()
    except WatchfloorError as error:
        raise SystemExit(f"{type(error).__name__}: {error}") from error
