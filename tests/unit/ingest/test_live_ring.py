"""The ring: never more than may be kept, oldest first, and the same after a restart."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.live.cameras import Keep
from ingest.live.messages import Piece
from ingest.live.ring import Ring, Segment
from ingest.ports import Item, SourcePolicy
from ingest.video.start import find_start
from retrieval.errors import StoreError
from retrieval.types import Interval

SECOND = 1_000_000
NOW = 1_800_000_000 * SECOND
KB = 1e-6


def piece(at_s: float, size: int = 10_000, length_s: float = 10.0) -> Piece:
    begin = NOW + int(at_s * SECOND)
    return Piece(begin, begin + int(length_s * SECOND), b"x" * size, ".mp4", (), "arrival")


def ring(folder: Path, keep: Keep | None = None, now: int = NOW, free: int = 10**12) -> Ring:
    return Ring(folder, keep or Keep(), lambda: now, lambda _: free)


def on_disk(folder: Path) -> int:
    return sum(-(-p.stat().st_size // 4096) * 4096 for p in folder.rglob("*") if p.is_file())


def test_a_clip_and_its_sidecar_tell_camera_and_start(tmp_path: Path) -> None:
    segment = ring(tmp_path).add("CAM-01", piece(0.123))
    assert segment.path.name == "CAM-01_20270115T080000Z-123_10000ms.mp4"
    start = find_start(Item(segment.path, "", segment.path.name, "video/mp4", "", SourcePolicy()))
    assert (start.at, start.camera, start.how) == (NOW + 123_000, "CAM-01", "sidecar")


def test_holes_are_found_again_counted_and_go_with_their_clip(tmp_path: Path) -> None:
    hole = (NOW + 2 * SECOND, NOW + 5 * SECOND)
    kept = ring(tmp_path).add("CAM-01", msgspec.structs.replace(piece(0), holes=(hole,)))
    assert kept.holes == (Interval(*hole),) and ring(tmp_path).segments() == [kept]
    assert kept.size == on_disk(tmp_path)
    start = find_start(Item(kept.path, "", kept.path.name, "video/mp4", "", SourcePolicy()))
    assert (start.at, start.how) == (NOW, "sidecar")
    kept.path.with_name(f"{kept.path.name}.holes").write_bytes(b"x")
    assert [segment.holes for segment in ring(tmp_path).segments()] == [()]
    assert ring(tmp_path, now=NOW + 10**15).forget() == 1 and on_disk(tmp_path) == 0


def test_what_was_kept_is_found_again_and_what_was_half_written_is_not(tmp_path: Path) -> None:
    kept = [ring(tmp_path).add("CAM-01", piece(10 * n)) for n in range(3)]
    (tmp_path / "CAM-01" / "CAM-01_20270115T080100Z-000_10000ms.mp4.part").write_bytes(b"x")
    (tmp_path / "CAM-01" / "CAM-01_20270115T080100Z-000_10000ms.mp4.json").write_bytes(b"x")
    (tmp_path / "CAM-01" / "notes.txt").write_text("another hand's")
    again = ring(tmp_path)
    assert again.segments() == kept
    assert sorted(p.suffix for p in (tmp_path / "CAM-01").iterdir()) == [".json"] * 3 + [".mp4"] * 3 + [".txt"]


@given(st.lists(st.tuples(st.sampled_from("AB"), st.integers(1, 60_000)), min_size=1, max_size=15))
def test_the_cap_holds_before_and_after_every_write(clips: list[tuple[str, int]]) -> None:
    with TemporaryDirectory() as place:
        folder = Path(place)
        kept = ring(folder, Keep(max_gb=100 * KB))
        for number, (camera, size) in enumerate(clips):
            kept.add(camera, piece(10 * number, size))
            assert on_disk(folder) <= 100_000
            assert kept.held().size == on_disk(folder)
        # the oldest went first: what is left is the last of all cameras together
        left = [each.span.t0 for each in kept.segments()]
        assert left == [piece(10 * n).start for n in range(len(clips))][-len(left) :]


def test_age_removes_clips_and_their_sidecars(tmp_path: Path) -> None:
    ring(tmp_path).add("CAM-01", piece(0))
    later = ring(tmp_path, Keep(max_hours=1), now=NOW + 3611 * SECOND)
    assert later.forget() == 1
    assert later.held().clips == 0 and on_disk(tmp_path) == 0


def test_a_disk_that_others_fill_is_not_filled_further(tmp_path: Path) -> None:
    full = ring(tmp_path, Keep(free_gb=1), free=1_000_005_000)
    with pytest.raises(StoreError, match="free_gb"):
        full.add("CAM-01", piece(0))
    assert on_disk(tmp_path) == 0
    with pytest.raises(StoreError, match="max_gb"):
        ring(tmp_path, Keep(max_gb=1 * KB)).add("CAM-01", piece(0))


def test_what_is_being_read_stays(tmp_path: Path) -> None:
    kept = ring(tmp_path, Keep(max_gb=40 * KB))
    first = kept.add("CAM-01", piece(0))
    with kept.kept(first) as there:
        kept.add("CAM-01", piece(10))
        kept.add("CAM-01", piece(20))
        assert there and first.path.exists()
    kept.add("CAM-01", piece(30))
    assert not first.path.exists()
    with kept.kept(first) as there:
        assert not there


def test_a_folder_that_cannot_be_written_is_a_store_error(tmp_path: Path) -> None:
    (tmp_path / "CAM-01").write_text("a file where a folder belongs")
    with pytest.raises(StoreError, match="cannot be kept"):
        ring(tmp_path).add("CAM-01", piece(0))


def test_segments_are_in_order_of_time(tmp_path: Path) -> None:
    kept = ring(tmp_path)
    made: list[Segment] = [kept.add(camera, piece(at)) for camera, at in (("B", 20), ("A", 0), ("B", 10))]
    assert kept.segments() == sorted(made)
