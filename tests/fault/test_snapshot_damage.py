"""A damaged snapshot is never believed: it is detected, told, and the index comes from an older one or from the catalog.

In full: cut at every 4 KB, 1,000 flipped bits, every pair of files swapped. What fails names its seed.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path

import pytest
from invariants import check
from yard import Yard

from retrieval.errors import ProjectionError
from retrieval.snapshots.manifest import MANIFEST, files_in, read, verify

SOURCES = 40


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with two snapshots, which is copied to be damaged."""
    folder = tmp_path_factory.mktemp("original")
    yard = Yard(folder)
    yard.put(range(SOURCES // 2))
    yard.upkeep.snapshot()
    yard.put(range(SOURCES // 2, SOURCES))
    yard.upkeep.snapshot()
    yard.close()
    return folder


def snapshots(folder: Path) -> list[Path]:
    """Newest first."""
    return sorted((folder / "projections" / "snapshots").glob("0*"), reverse=True)


@pytest.fixture
def damaged(original: Path, tmp_path: Path) -> Iterator[Path]:
    yield Path(shutil.copytree(original, tmp_path / "copy"))


def every_file(folder: Path) -> list[Path]:
    return [*files_in(folder).values(), folder / MANIFEST]


def detected(folder: Path) -> bool:
    try:
        told = read(folder)
        verify(folder, told)
    except ProjectionError:
        return True
    return False


def test_a_cut_anywhere_is_detected(damaged: Path, full: bool) -> None:
    newest = snapshots(damaged)[0]
    for path in every_file(newest):
        whole = path.read_bytes()
        cuts = [*range(0, len(whole), 4096), len(whole) - 1]
        for cut in cuts if full else [cuts[0], cuts[-1]]:
            path.write_bytes(whole[:cut])
            assert detected(newest), f"{path.name} cut at {cut}"
        path.write_bytes(whole)
    assert not detected(newest)


def test_a_flipped_bit_anywhere_is_detected(damaged: Path, full: bool, seed: int) -> None:
    newest, rng = snapshots(damaged)[0], random.Random(seed)
    files = every_file(newest)
    for _ in range(1_000 if full else 60):
        path = rng.choice(files)
        whole = path.read_bytes()
        at, bit = rng.randrange(len(whole)), 1 << rng.randrange(8)
        path.write_bytes(whole[:at] + bytes([whole[at] ^ bit]) + whole[at + 1 :])
        assert detected(newest), f"seed {seed}: bit {bit} of byte {at} of {path.name}"
        path.write_bytes(whole)
    assert not detected(newest)


def test_swapped_files_are_detected(damaged: Path) -> None:
    newest, older = snapshots(damaged)
    pairs = [*combinations(every_file(newest), 2), *((newest / p.name, p) for p in every_file(older))]
    for one, other in pairs:
        if one.read_bytes() == other.read_bytes():
            continue
        _swap(one, other)
        assert detected(newest), (one.name, other)
        _swap(one, other)
    assert not detected(newest) and not detected(older)


def _swap(one: Path, other: Path) -> None:
    aside = one.with_suffix(".aside")
    one.replace(aside)
    other.replace(one)
    aside.replace(other)


def _cut(newest: Path, older: Path) -> None:
    path = every_file(newest)[0]
    path.write_bytes(path.read_bytes()[:-1])


def _old_manifest(newest: Path, older: Path) -> None:
    shutil.copy(older / MANIFEST, newest / MANIFEST)


def _old_whole(newest: Path, older: Path) -> None:
    """Everything of an older one under a newer one's name."""
    shutil.rmtree(newest)
    shutil.copytree(older, newest)


def _no_manifest(newest: Path, older: Path) -> None:
    (newest / MANIFEST).unlink()


def _left_over(newest: Path, older: Path) -> None:
    (newest / "more.npy").write_bytes(b"more")


DAMAGE = (_cut, _old_manifest, _old_whole, _no_manifest, _left_over)


@pytest.mark.parametrize("damage", DAMAGE)
def test_the_older_one_stands_in(damaged: Path, damage: Callable[[Path, Path], None]) -> None:
    newest, older = snapshots(damaged)
    damage(newest, older)
    yard = Yard(damaged)
    check(yard)
    standing = yard.upkeep.standing()
    assert standing.loaded == int(older.name[:12])
    assert len(standing.trouble) == (damage is not _no_manifest), standing.trouble
    yard.close()


def test_with_none_left_it_is_rebuilt_from_the_catalog(damaged: Path) -> None:
    for folder in snapshots(damaged):
        _cut(folder, folder)
    yard = Yard(damaged)
    check(yard)
    assert yard.upkeep.standing().loaded == 0 and len(yard.upkeep.standing().trouble) == 2
    yard.close()


def test_another_stores_snapshot_is_refused(original: Path, tmp_path: Path) -> None:
    other = Yard(tmp_path)
    other.put(range(SOURCES, 2 * SOURCES))
    other.upkeep.snapshot()
    other.close()
    for folder in snapshots(tmp_path):
        shutil.rmtree(folder)
    for folder in snapshots(original):
        shutil.copytree(folder, folder.parents[2].joinpath(tmp_path, "projections", "snapshots", folder.name))
    again = Yard(tmp_path)
    check(again)
    assert again.upkeep.standing().loaded == 0
    assert all("another store" in why for why in again.upkeep.standing().trouble)
    again.close()


def test_a_store_put_back_to_an_earlier_state_refuses_what_came_later(tmp_path: Path) -> None:
    yard = Yard(tmp_path)
    yard.put(range(6))
    yard.upkeep.snapshot()
    yard.close()
    backup = shutil.copy(tmp_path / "catalog.sqlite3", tmp_path / "backup")
    later = Yard(tmp_path)
    later.put(range(6, 20))
    later.upkeep.snapshot()
    later.close()
    for aside in tmp_path.glob("catalog.sqlite3*"):
        aside.unlink()
    shutil.copy(backup, tmp_path / "catalog.sqlite3")
    # another history with the same numbers, and words and graph on disk that followed the lost one: the canary does not find its own
    again = Yard(tmp_path)
    again.put(range(100, 120))
    check(again)
    assert again.upkeep.standing().loaded == 6
    assert "earlier state" in again.upkeep.standing().trouble[0]
    again.close()
