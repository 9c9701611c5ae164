"""Whose turn it is, and what is given up when there is no time."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from ingest.live.board import RECORDING, Board, Change
from ingest.live.examiner import Clip, Waiting
from ingest.live.messages import Lost, Piece, Running
from ingest.live.ring import Segment
from retrieval.types import Interval


def clip(camera: str, number: int) -> Clip:
    return Clip(Segment(Interval(10 * number, 10 * number + 10), camera, Path(f"{camera}-{number}.mp4"), 1))


def test_the_camera_that_waited_longest_is_next_however_busy_another_is() -> None:
    waiting = Waiting(["A", "B", "C"], 4)
    for number in range(4):
        waiting.put(clip("A", number))
    waiting.put(clip("C", 0))
    turns = []
    for _ in range(3):
        found = waiting.next(0)
        assert found is not None
        turns.append((found[0].segment.camera, found[1]))
    assert turns == [("A", 3), ("C", 0), ("A", 2)]


def test_the_oldest_is_given_up_and_counted() -> None:
    waiting = Waiting(["A"], 2)
    assert [waiting.put(clip("A", number)) for number in range(4)] == [(1, 0), (2, 0), (2, 1), (2, 1)]
    found = waiting.next(0)
    assert found is not None and found[0].segment.span.t0 == 20


def test_nothing_comes_in_time() -> None:
    assert Waiting(["A"], 2).next(0.01) is None
    assert not Waiting(["A"], 2).takes("B")


@given(st.lists(st.sampled_from("ABC"), max_size=60))
def test_no_queue_grows_beyond_its_bound_and_nothing_is_lost_from_sight(coming: list[str]) -> None:
    waiting, gone = Waiting(list("ABC"), 3), 0
    for number, camera in enumerate(coming):
        left, dropped = waiting.put(clip(camera, number))
        gone += dropped
        assert left <= 3
    served = 0
    while waiting.next(0) is not None:
        served += 1
    assert served + gone == len(coming)


def test_holes_are_no_part_of_what_was_recorded() -> None:
    segment = Segment(Interval(0, 100), "A", Path("a.mp4"), 1)
    assert Clip(segment, [Interval(20, 30)]).spans == [Interval(0, 20), Interval(30, 100)]
    assert Clip(segment).spans == [Interval(0, 100)]


def test_a_change_is_told_once_and_since_when() -> None:
    told: list[Change] = []
    board = Board(["A"], lambda: 77, told.append)
    board.running("A", Running(1, "h264", 640, 360))
    board.running("A", Running(5, "h264", 640, 360))
    for at in (10, 20):
        board.lost("A", Lost(at, at - 5, "stalled", "nothing came for 5 s", 1.0))
    assert [(each.state, each.since, each.at) for each in told] == [(RECORDING, 1, 77), ("stalled", 5, 77)]
    now = board.standing()["A"]
    assert (now.state, now.since, now.lost) == ("stalled", 5, 2)


def test_what_is_told_of_trouble_ends_when_something_is_kept_again() -> None:
    board = Board(["A"], lambda: 77, lambda _: None)
    board.unkept("A", "the disk is full")
    board.unlooked("A", "")
    assert board.trouble == "the disk is full"
    board.kept("A", Piece(0, 5_000_000, b"x", ".mp4", (), "rtcp", 3.5))
    now = board.standing()["A"]
    assert (board.trouble, now.unkept, now.skipped, now.recorded_s, now.ahead_s) == ("", 1, 1, 5.0, 3.5)
