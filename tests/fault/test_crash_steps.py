"""Killed at every step there is: the state is the one before or the one after, never between, and the next process goes on from it.

The steps are those of retrieval.failpoints: one that is added there is tried here, and fails where nothing passes it.
"""

from __future__ import annotations

import errno
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from children import Child, everything
from invariants import check
from yard import ALL, Yard, ids_of, unit

from retrieval.errors import StoreError
from retrieval.failpoints import Step
from retrieval.ports import Unit

# a failing call of the operating system can be met at these; what the others tell of has its own failures
ON_DISK = [
    step for step in Step if step.name.startswith(("BLOB", "SNAPSHOT_D", "SNAPSHOT_S", "SNAPSHOT_B", "MANIFEST"))
]


@pytest.mark.parametrize("step", Step)
def test_killed_at_a_step(step: Step, tmp_path: Path, store_at: Callable[[Path], Path], full: bool, seed: int) -> None:
    rng = random.Random(seed)
    for kill in range(5 if full else 1):
        folder, nth = tmp_path / str(kill), rng.randrange(1, 5) if full else rng.randrange(1, 3)
        folder.mkdir()
        store_at(folder / "catalog.sqlite3")
        child = Child(everything, folder, 0, step, nth)
        assert child.end() == -9, f"seed {seed}: {step.name} was not reached {nth} times: {child.told}"
        _before_or_after(folder, set(child.told), full)


def _before_or_after(folder: Path, acknowledged: set[str], full: bool) -> None:
    yard = Yard(folder)
    check(yard, acknowledged)
    root = folder / "projections" / "snapshots"
    yard.put([1_000])
    taken = yard.upkeep.snapshot()
    assert (taken.sequence, len(yard.upkeep.snapshots())) == (
        yard.catalog.sequence(),
        min(2, len(list(root.iterdir())) - 1),
    )
    assert len(list(root.iterdir())) <= 3, "something of a killed snapshot stays"
    yard.close()
    if not full:
        return
    again = Yard(folder)
    check(again, acknowledged | {unit(1_000).source})
    assert again.upkeep.standing().loaded == taken.sequence
    again.close()


class FailOnce:
    """An error of the disk at the first time that a step is reached."""

    def __init__(self, step: Step) -> None:
        self.step: Step | None = step

    def reach(self, step: Step) -> None:
        if step is self.step:
            self.step = None
            raise OSError(errno.EIO, "Input/output error")


@pytest.mark.parametrize("step", ON_DISK)
def test_a_failing_disk_is_told_once_and_leaves_nothing(step: Step, tmp_path: Path) -> None:
    yard = Yard(tmp_path, FailOnce(step))
    yard.put(range(4))
    yard.upkeep.catch_up()
    with pytest.raises(StoreError):
        yard.blobs.put("north", b"frame", "image/png")
        yard.upkeep.snapshot()
    assert not list(tmp_path.glob("blobs/.new/*")) and not list(tmp_path.rglob("*.json.new"))
    assert [path.name for path in (tmp_path / "projections" / "snapshots").glob("0*")] == []
    assert yard.blobs.get("north", yard.blobs.put("north", b"frame", "image/png")) == b"frame"
    assert yard.upkeep.snapshot().sequence == 4
    check(yard)
    yard.close()


def test_what_is_not_acknowledged_may_be_given_again(tmp_path: Path) -> None:
    class Unheard:
        def reach(self, step: Step) -> None:
            if step is Step.UNIT_COMMITTED:
                raise StoreError("the process was about to die")

    lost = Yard(tmp_path, Unheard())
    stored: Unit = unit(0)
    with pytest.raises(StoreError):
        lost.catalog.commit(stored)
    lost.close()
    yard = Yard(tmp_path)
    assert yard.catalog.commit(stored).added == 0
    assert yard.catalog.get(ids_of(0), ALL["north"]).keys() == set(ids_of(0))
    check(yard, [stored.source])
    yard.close()
