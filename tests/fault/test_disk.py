"""A full disk, and a disk that fails to sync: what is stored is read, what cannot be stored is refused with a typed failure, nothing that
was acknowledged is lost, and all goes on without a restart once the fault is over.

Every call that writes or syncs fails in its turn, for SQLite, tantivy, LadybugDB and our own files alike (io_faults.c, preloaded into a
child; in full at each n, else at a few), and a real file system of 64 MB runs full where one may be mounted.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from invariants import check
from yard import ALL, Yard, ids_of, tenant_of, unit

from app.http.errors import status_of
from retrieval.errors import StoreError, StoreFull
from retrieval.types import Filter

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None or sys.platform != "linux":
        pytest.skip("no C compiler for Linux: calls of the operating system cannot be made to fail")
    made = tmp_path_factory.mktemp("shim") / "io_faults.so"
    command = [compiler, "-shared", "-fPIC", "-O1", "-o", str(made), str(HERE / "io_faults.c"), "-ldl"]
    subprocess.run(command, check=True)
    return made


# where in a round the first call fails, and how far on the next round's does; so many calls has a round
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("kind", "stride"), [("writes", 41), ("syncs", 17)])
def test_each_call_fails_in_its_turn(kind: str, stride: int, shim: Path, tmp_path: Path, full: bool, seed: int) -> None:
    first, step = (1, 1) if full else (random.Random(seed).randrange(1, stride), stride)
    command = [sys.executable, str(HERE / "io_child.py"), str(tmp_path), kind, str(first), str(step)]
    environment = {**os.environ, "LD_PRELOAD": str(shim)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, f"seed {seed}, first {first}:\n{done.stdout[-2000:]}\n{done.stderr[-6000:]}"
    told = json.loads(done.stdout.splitlines()[-1])
    # the last round has no failing call; one that fails in a merge that goes on beside refuses nothing
    assert told["rounds"] > 1 and told["refused"] >= (0.75 if full else 0.5) * (told["rounds"] - 1), told
    print(f"\n{kind}: {told}")


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 MB; the test is skipped where none may be mounted."""
    place = tmp_path / "small"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(place)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True).returncode:
        pytest.skip(
            "no file system may be mounted here (it takes root): a disk that runs full is tried by failing calls alone"
        )
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_small_disk_runs_full(small: Path) -> None:
    yard, stored = Yard(small), set[str]()
    yard.put([0, 1])
    yard.upkeep.catch_up()
    ballast = small / "ballast"
    _fill(ballast)
    refused: list[StoreError] = []
    for number in range(2, 5_000):
        try:
            yard.catalog.commit(unit(number))
            stored.add(unit(number).source)
            yard.blobs.put("north", number.to_bytes(4, "big") * 100_000, "image/png")
        except StoreError as error:
            refused.append(error)
            if len(refused) == 5:
                break
        yard.upkeep.catch_up()
        _read(yard)
    assert len(refused) == 5 and {type(error) for error in refused} == {StoreFull}
    assert {status_of(error) for error in refused} == {507}
    _read(yard)
    ballast.unlink()
    for number in (10_000, 10_001):
        yard.catalog.commit(unit(number))
        stored.add(unit(number).source)
    check(yard, stored)
    assert yard.upkeep.snapshot().sequence == yard.catalog.sequence()
    yard.close()


def _fill(ballast: Path) -> None:
    """Leave room for little."""
    free = shutil.disk_usage(ballast.parent).free
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, free - 6 * 2**20)


def _read(yard: Yard) -> None:
    for number in (0, 1):
        who = ALL[tenant_of(number)]
        assert yard.catalog.get(ids_of(number), who).keys() == set(ids_of(number))
        assert yard.words.search("pump", 5, Filter(), who).rows.size


def test_a_folder_that_may_not_be_written_is_said(small: Path) -> None:
    """Snapshots are left out, the rest goes on: the folder of snapshots alone is read-only here."""
    yard = Yard(small)
    yard.put([0, 1])
    root = small / "projections" / "snapshots"
    root.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,ro", "tmpfs", str(root)], check=True)
    try:
        with pytest.raises(StoreError, match="Read-only"):
            yard.upkeep.snapshot()
        yard.upkeep._take_or_tell()
        assert "no snapshot could be taken" in yard.upkeep.standing().trouble[0]
        check(yard)
    finally:
        subprocess.run(["umount", str(root)], check=True)
    assert yard.upkeep.snapshot().sequence == 2
    assert yard.upkeep.standing().trouble == ()
    yard.close()
