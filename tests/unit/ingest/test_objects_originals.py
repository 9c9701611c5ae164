"""Recordings of a bucket are played from what is kept, else fetched again, and only as they were read."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingest.objects.address import Prefix
from ingest.objects.fakes import MemoryObjects
from ingest.objects.originals import Originals
from ingest.objects.scene import scene_of
from ingest.objects.spool import Kept
from ingest.objects.taking import GONE
from retrieval.ports import SourceState

URI = "s3://plant/north/cam/clip%20one.mp4"
KEY = "north/cam/clip one.mp4"


@pytest.fixture
def objects() -> MemoryObjects:
    made = MemoryObjects()
    made.put("plant", KEY, b"film")
    made.put("plant", "north/cam/clip one.json", b"{}")
    made.put("plant", "north/site.yaml", b"site: 1")
    made.put("plant", "site.yaml", b"site: 0")
    return made


def state(objects: MemoryObjects, start: str) -> SourceState:
    """As it was read under a prefix."""

    class _View:
        def get(self, key: str) -> object:
            return objects.stat("plant", key)

    scene = scene_of(KEY, _View(), Prefix("plant", start))  # type: ignore[arg-type]
    assert scene is not None
    return SourceState(URI, scene.fingerprint, "video@1", 1, True, 1)


@pytest.mark.parametrize("start", ["", "north/", "north/cam/"])
def test_what_is_not_kept_is_fetched_again_whatever_prefix_it_came_under(
    objects: MemoryObjects, tmp_path: Path, start: str
) -> None:
    originals, read = Originals(Kept(tmp_path / "kept", 100), objects), state(objects, start)
    found = originals.file(URI, read)
    assert found is not None and found.read_bytes() == b"film" and found.suffix == ".mp4"
    fetched = objects.fetched
    assert originals.file(URI, read) == found and objects.fetched == fetched
    assert [p for p in (tmp_path / "kept").rglob("*") if p.is_file()] == [found]


def test_another_content_is_not_what_was_read(objects: MemoryObjects, tmp_path: Path) -> None:
    read = state(objects, "")
    objects.put("plant", KEY, b"another")
    assert Originals(Kept(tmp_path / "kept", 100), objects).file(URI, read) is None
    objects.delete("plant", KEY)
    assert Originals(Kept(tmp_path / "kept", 100), objects).file(URI, read) is None
    assert Originals(Kept(tmp_path / "kept", 100), objects).file(URI, read._replace(content_hash=GONE)) is None


def test_a_store_that_is_away_or_none_plays_what_is_kept(objects: MemoryObjects, tmp_path: Path) -> None:
    kept, read = Kept(tmp_path / "kept", 100), state(objects, "")
    objects.down = True
    assert Originals(kept, objects).file(URI, read) is None
    objects.down = False
    found = Originals(kept, objects).file(URI, read)
    assert found is not None and Originals(kept, None).file(URI, read) == found
    assert Originals(kept, None).file("file:///a.mp4", read) is None


def test_the_ones_asked_for_longest_ago_make_room(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "kept", 10)
    for n in range(4):
        fresh = tmp_path / "fresh"
        fresh.write_bytes(b"1234")
        kept.keep(fresh, kept.place(f"s3://plant/{n}.mp4", "x"))
    there = [kept.place(f"s3://plant/{n}.mp4", "x").exists() for n in range(4)]
    assert there == [False, False, True, True]
    fresh.write_bytes(b"1" * 11)
    kept.keep(fresh, kept.place("s3://plant/big.mp4", "x"))
    assert fresh.exists() and there == [kept.place(f"s3://plant/{n}.mp4", "x").exists() for n in range(4)]
