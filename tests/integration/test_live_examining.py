"""Clips of the ring into a real catalog: evidence, failures that stop nothing, and what a killed run left untold."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from ingest.assemble import Assembler
from ingest.fault import FAULT
from ingest.live.board import Board
from ingest.live.cameras import Camera, Keep
from ingest.live.examiner import Clip, Examiner, Waiting
from ingest.live.messages import Piece
from ingest.live.ring import Ring, Segment
from ingest.live.roll import Roll
from ingest.live.taking import Encoding, Taking
from ingest.live.watching import Watch
from ingest.ports import Batch, Draft, Item
from retrieval.adapters.folder_blobs import FolderBlobs
from retrieval.catalog import Catalog
from retrieval.errors import SourceRejected, StoreBusy
from retrieval.fakes import HashTextEncoder
from retrieval.types import Coverage, Filter, FrameAt, Interval, Kind, Layer, Principal

NOW = 1_800_000_000_000_000
SECOND = 1_000_000
ANN = Principal("t", "ann")
MP4 = b"\x00\x00\x00\x18ftypisom" + bytes(100)


class Scribe:
    """A reader that tells what it is told to: frames at these milliseconds, or a failure."""

    name, version = "scribe", "1"

    def __init__(self, *frames: int, failure: Exception | None = None) -> None:
        self._frames, self._failure = frames, failure

    def accepts(self, item: Item) -> bool:
        return True

    def read(self, item: Item, tenant: str) -> Iterator[Batch]:
        for ms in self._frames:
            yield Batch([Draft(Kind.FRAME, FrameAt(ms, ms + 1000), f"{item.policy.camera} sees: person {ms}")])
        if self._failure is not None:
            raise self._failure
        yield Batch(
            coverage=[
                Coverage(source=item.uri, subject=item.uri, layer=layer, tenant=tenant, by=by, able={"person": 0.1})
                for layer, by in ((Layer.RECORDED, ""), (Layer.EXAMINED, "scribe"))
            ]
        )


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    opened = Catalog(tmp_path / "catalog.sqlite3")
    yield opened
    opened.close()


def ring(folder: Path) -> Ring:
    return Ring(folder / "live", Keep(max_gb=1, free_gb=0), lambda: NOW)


def segment(kept: Ring, number: int = 0, camera: str = "CAM-01") -> Segment:
    begin = NOW + 10 * number * SECOND
    return kept.add(camera, Piece(begin, begin + 10 * SECOND, MP4, ".mp4", (), "arrival"))


def taking(catalog: Catalog, folder: Path, reader: Scribe, labels: tuple[str, ...] = ()) -> Taking:
    encoder = HashTextEncoder()
    encoding = Encoding(Assembler(FolderBlobs(folder / "blobs"), encoder, None), encoder.space)
    return Taking(catalog, encoding, "t", {"CAM-01": Camera(url="rtsp://host/a", labels=labels)}, lambda _: reader)


def test_a_clip_is_evidence_of_its_camera_under_its_labels(catalog: Catalog, tmp_path: Path) -> None:
    kept = segment(ring(tmp_path))
    looked = taking(catalog, tmp_path, Scribe(0, 5000), ("guards",)).take(kept)
    guard = Principal("t", "guard", labels=("guards",))
    assert catalog.scan(Filter(), ANN) == []
    found = catalog.scan(Filter(), guard)
    assert [each.text for each in found] == ["CAM-01 sees: person 0", "CAM-01 sees: person 5000"]
    assert {each.source for each in found} == {kept.path.as_uri()}
    state = catalog.state("t", kept.path.as_uri())
    assert state is not None and state.whole
    # coverage is told on the camera's roll, not with each of thousands of clips
    assert catalog.coverage(guard, []) == [] and len(looked) == 2


def test_the_same_clip_twice_is_the_same_evidence(catalog: Catalog, tmp_path: Path) -> None:
    kept = segment(ring(tmp_path))
    for _ in range(2):
        taking(catalog, tmp_path, Scribe(0, 5000)).take(kept)
        assert len(catalog.scan(Filter(), ANN)) == 2


@pytest.mark.parametrize(
    ("failure", "code"),
    [(SourceRejected("the clip is cut off", kind="truncated"), "truncated"), (KeyError("oops"), FAULT)],
)
def test_a_clip_that_cannot_be_read_leaves_its_cause_and_nothing_else(
    catalog: Catalog, tmp_path: Path, failure: Exception, code: str
) -> None:
    kept = segment(ring(tmp_path))
    with pytest.raises(SourceRejected) as caught:
        taking(catalog, tmp_path, Scribe(0, failure=failure)).take(kept)
    assert caught.value.kind == code
    assert catalog.scan(Filter(), ANN) == []
    assert [(each.source, each.code) for each in catalog.rejections(ANN)] == [(kept.path.as_uri(), code)]


def examined(
    folder: Path, catalog: Catalog, take: Callable[[Segment], Sequence[Coverage]], clips: Sequence[Clip], kept: Ring
) -> tuple[Board, Roll]:
    """The clips through an examiner."""
    waiting, board = Waiting(["CAM-01"], 10), Board(["CAM-01"], lambda: NOW, lambda _: None)
    roll, stop = Roll(catalog, "t", "CAM-01", ()), threading.Event()
    for clip in clips:
        waiting.put(clip)
    running = threading.Thread(target=Examiner(take, waiting, kept, {"CAM-01": roll}, board).run, args=(stop,))
    running.start()
    until = time.monotonic() + 20
    while sum_of(board) < len(clips) and time.monotonic() < until:
        time.sleep(0.02)
    stop.set()
    running.join()
    return board, roll


def sum_of(board: Board) -> int:
    now = board.standing()["CAM-01"]
    return now.examined + now.failed + now.skipped


def test_what_fails_is_counted_and_the_next_is_taken(catalog: Catalog, tmp_path: Path) -> None:
    kept = ring(tmp_path)
    clips = [Clip(segment(kept, number)) for number in range(4)]
    answers: list[Exception | None] = [SourceRejected("no"), StoreBusy(), OSError("gone"), None]
    scribe = taking(catalog, tmp_path, Scribe(0))

    def take(one: Segment) -> Sequence[Coverage]:
        problem = answers.pop(0)
        if problem is not None:
            raise problem
        return scribe.take(one)

    board, roll = examined(tmp_path, catalog, take, clips, kept)
    now = board.standing()["CAM-01"]
    assert (now.examined, now.failed, now.skipped) == (1, 3, 0)
    roll.tell()
    told = [c.valid for c in catalog.coverage(ANN, ["CAM-01"], Layer.EXAMINED)]
    assert told == [clips[3].segment.span]


def test_a_hole_is_not_examined_and_a_clip_that_is_gone_is_skipped(catalog: Catalog, tmp_path: Path) -> None:
    kept = ring(tmp_path)
    hole = Interval(NOW + 3 * SECOND, NOW + 5 * SECOND)
    here, gone = Clip(segment(kept), [hole]), Clip(Segment(Interval(0, 1), "CAM-01", tmp_path / "no.mp4", 1))
    board, roll = examined(tmp_path, catalog, taking(catalog, tmp_path, Scribe(0)).take, [gone, here], kept)
    assert board.standing()["CAM-01"].skipped == 1
    roll.tell()
    spans = [c.valid for c in catalog.coverage(ANN, ["CAM-01"], Layer.EXAMINED)]
    assert spans == [Interval(NOW, hole.t0), Interval(hole.t1, NOW + 10 * SECOND)]


def test_a_disk_that_is_full_is_not_filled_with_frames(catalog: Catalog, tmp_path: Path) -> None:
    kept = ring(tmp_path)
    clip = Clip(segment(kept))
    full = Ring(tmp_path / "live", Keep(free_gb=2), lambda: NOW, lambda _: 1_000_000_000)
    board, _ = examined(tmp_path, catalog, taking(catalog, tmp_path, Scribe(0)).take, [clip], full)
    assert board.standing()["CAM-01"].skipped == 1 and "free_gb" in board.trouble
    assert catalog.scan(Filter(), ANN) == []


def test_what_a_killed_run_kept_and_did_not_tell_is_told_and_examined_by_the_next(
    catalog: Catalog, tmp_path: Path
) -> None:
    kept = ring(tmp_path)
    segments = [segment(kept, number) for number in range(5)]
    first = Roll(catalog, "t", "CAM-01", ())
    first.recorded([each.span for each in segments[:2]])
    first.examined([segments[0].span], taking(catalog, tmp_path, Scribe(0)).take(segments[0]))
    first.tell()
    # killed here: three clips are kept and not told
    roll, waiting = Roll(catalog, "t", "CAM-01", ()), Waiting(["CAM-01"], 3)
    board = Board(["CAM-01"], lambda: NOW, lambda _: None)
    Watch([], None, ring(tmp_path), {"CAM-01": roll}, board, Keep(), lambda: NOW).resume(waiting)
    roll.tell()
    told = [c.valid for c in catalog.coverage(ANN, ["CAM-01"], Layer.RECORDED)]
    assert told == [Interval(segments[0].span.t0, segments[-1].span.t1)]
    waits = [found[0].segment for found in iter(lambda: waiting.next(0), None)]
    assert waits == segments[2:]


def test_a_hole_in_what_a_killed_run_did_not_tell_is_never_told_as_recorded(catalog: Catalog, tmp_path: Path) -> None:
    hole = Interval(NOW + 3 * SECOND, NOW + 5 * SECOND)
    piece = Piece(NOW, NOW + 10 * SECOND, b"x", ".mp4", ((hole.t0, hole.t1),), "arrival")
    ring(tmp_path).add("CAM-01", piece)
    roll, waiting = Roll(catalog, "t", "CAM-01", ()), Waiting(["CAM-01"], 3)
    board = Board(["CAM-01"], lambda: NOW, lambda _: None)
    Watch([], None, ring(tmp_path), {"CAM-01": roll}, board, Keep(), lambda: NOW).resume(waiting)
    roll.tell()
    spans = [Interval(NOW, hole.t0), Interval(hole.t1, NOW + 10 * SECOND)]
    assert [c.valid for c in catalog.coverage(ANN, ["CAM-01"], Layer.RECORDED)] == spans
    (clip, _) = waiting.next(0) or (None, 0)
    assert clip is not None and clip.spans == spans
