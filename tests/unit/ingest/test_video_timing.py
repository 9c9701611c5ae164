"""The times of a clip: its start, what its clock showed, and how far that clock runs ahead."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.ports import SourcePolicy
from ingest.video.burnt_in import Line
from ingest.video.clock import Reading
from ingest.video.skew import ClipSkew, Skew, of_camera, of_cameras, skew
from ingest.video.start import Start
from ingest.video.timing import ClipTiming
from retrieval.times import iso, to_micros
from retrieval.types import Evidence, FrameAt, Interval, Kind, Mention, Provenance, Relation

SECOND = 1_000_000
HOUR = 3600 * SECOND
START = to_micros(datetime(2026, 3, 4, 2, 10, tzinfo=UTC))
READ = [Line("2026-03-04 02:10:00", (0, 0, 1, 0.1))]
CARRIED = [Line("CAM-07", (0, 0, 1, 0.1), carried=True)]


def clip(start: Start | None = None, made: str = "") -> ClipTiming:
    timing = ClipTiming(start or Start(), SourcePolicy())
    timing.opened(made)
    return timing


def clocks(seconds: list[int], ahead: int = 0) -> list[tuple[int, Reading]]:
    return [(s * SECOND, Reading(START + (s + ahead) * SECOND, False)) for s in seconds]


def test_the_burnt_in_clock_settles_a_start_that_nothing_else_tells() -> None:
    timing = clip()
    timing.take(clocks([5, 10, 15]))
    assert (timing.start.at, timing.start.how) == (START, "clock")
    assert timing.start.notes == ("start time from the burnt-in clock, 3 of 3 readings agree, read in UTC",)
    assert timing.data(5000, READ, clocks([5])[0][1]) == {"clock": {"at": "2026-03-04T02:10:05Z"}}


def test_the_start_stands_once_it_is_settled() -> None:
    timing = clip()
    timing.take(clocks([5, 10]))
    timing.take(clocks([20, 30, 40], ahead=3600))
    assert timing.start.at == START


def test_a_misread_clock_and_an_unread_one_are_mended_and_say_so() -> None:
    timing = clip()
    timing.take([*clocks([0, 5, 10]), *clocks([15], ahead=8)])
    wrong = clocks([15], ahead=8)[0][1]
    assert timing.data(15_000, READ, wrong)["clock"] == {"at": "2026-03-04T02:10:15Z", "read": "2026-03-04T02:10:23Z"}
    assert timing.data(20_000, READ, None)["clock"] == {"at": "2026-03-04T02:10:20Z", "read": None}
    assert timing.data(20_000, CARRIED, None) == {}


def test_one_reading_mends_nothing() -> None:
    timing = clip()
    timing.take(clocks([0]))
    assert timing.data(9000, READ, None) == {}
    assert timing.data(9000, READ, clocks([60])[0][1])["clock"] == {"at": "2026-03-04T02:11:00Z"}


def test_of_two_readings_that_differ_neither_mends_the_other() -> None:
    timing = clip()
    two = [*clocks([0]), *clocks([5], ahead=1)]
    timing.take(two)
    assert [timing.data(ms // 1000, READ, clock)["clock"] for ms, clock in two] == [
        {"at": "2026-03-04T02:10:00Z"},
        {"at": "2026-03-04T02:10:06Z"},
    ]
    assert timing.data(9000, READ, None) == {}


def test_a_clip_without_a_clock_keeps_nothing_of_one() -> None:
    timing = clip(made="2026-03-04T02:00:00.000000Z")
    timing.take([])
    assert timing.data(0, READ, None) == {}
    assert timing.start.at is None
    assert timing.start.notes[0] == "no start time known" and "2026-03-04T02:00:00" in timing.start.notes[1]


@given(st.integers(-10_000, 10_000), st.lists(st.integers(0, 300), min_size=2, max_size=9, unique=True))
def test_the_skew_against_the_file_name_is_kept_and_noted(ahead: int, seconds: list[int]) -> None:
    timing = clip(Start(START, "name"))
    timing.take(clocks(seconds, ahead))
    told = timing.data(seconds[0] * 1000, READ, clocks(seconds[:1], ahead)[0][1])
    assert told["clock_skew_s"] == ahead
    assert told["skew"] == {"seconds": ahead, "mad": 0.0, "readings": len(seconds), "against": "name"}
    assert timing.start.at == START
    assert bool(timing.start.notes) == (abs(ahead) > 2)


def test_a_clock_that_tells_the_start_is_compared_with_the_container() -> None:
    timing = clip(made="2026-03-04T02:09:00.000000Z")
    timing.take(clocks([0, 5]))
    told = timing.data(0, READ, clocks([0])[0][1])
    assert told["skew"] == {"seconds": 60.0, "mad": 0.0, "readings": 2, "against": "container"}
    assert "clock_skew_s" not in told
    assert timing.start.notes[-1].endswith("from the container's creation time by +60 s; the clock is kept")


@pytest.mark.parametrize(
    "made", ["", "yesterday", "1970-01-01T00:00:00.000000Z", "1904-01-01T00:00:00Z", "2026-03-04T02:09:00"]
)
def test_a_container_whose_clock_was_never_set_tells_nothing(made: str) -> None:
    timing = clip(made=made)
    timing.take(clocks([0, 5]))
    assert "skew" not in timing.data(0, READ, clocks([0])[0][1])


@given(
    st.integers(-1000, 1000),
    st.lists(st.integers(0, 7200), min_size=5, max_size=30, unique=True),
    st.integers(0, 10**6),
)
def test_the_skew_of_a_clip_is_robust(ahead: int, seconds: list[int], wild: int) -> None:
    votes = [(s * SECOND, (ahead + n % 2) * SECOND) for n, s in enumerate(sorted(seconds))]
    found = skew([(0, wild * SECOND), *votes], "name")
    assert found and ahead <= found.seconds <= ahead + 1 and found.mad <= 1


@given(st.floats(-20, 20))
def test_drift_within_a_clip_is_found(an_hour: float) -> None:
    votes = [(s * SECOND, round(an_hour * s / 3600 * SECOND)) for s in range(0, 7200, 60)]
    found = skew(votes, "name")
    assert found and found.drift == pytest.approx(an_hour, abs=0.01)
    assert skew(votes[:5], "name").drift is None  # type: ignore[union-attr]


def frame(source: str, at: int, ahead: float, camera: str | None = "CAM-07") -> Evidence:
    return Evidence(
        id=f"{source}{at}", tenant="t", source=source, kind=Kind.FRAME, text="x", locator=FrameAt(0),
        valid=Interval(at, at), provenance=Provenance("video"),
        data={"skew": {"seconds": ahead, "mad": 0.0, "readings": 3, "against": "name"}},
        entities=(Mention(camera, Relation.OBSERVED_AT),) if camera else (),
    )  # fmt: skip


def test_a_camera_is_as_far_ahead_as_its_clips_are() -> None:
    day = 24 * HOUR
    frames = [frame(f"{n}.mp4", START + n * day, 10 + 2 * n) for n in range(5)]
    frames.append(frame("0.mp4", START - 1, 99))  # an earlier frame of a clip that is told anew
    found = of_cameras([*frames, frame("x.mp4", START, 3, camera=None)])
    assert [(each.subject, each.seconds, each.mad, each.clips, each.drift) for each in found] == [
        ("CAM-07", 14.0, 2.0, 5, 2.0),
        ("x.mp4", 3.0, 0.0, 1, None),
    ]
    assert found[0].example == "4.mp4"


def test_clocks_compared_with_different_clocks_are_told_apart() -> None:
    clips = [ClipSkew(f"{n}", START, Skew(n, 0, 1, "name" if n else "container")) for n in range(3)]
    assert [(each.against, each.clips) for each in of_camera("CAM-07", clips)] == [("container", 1), ("name", 2)]


def test_times_are_told_in_utc() -> None:
    timing = ClipTiming(Start(), SourcePolicy(timezone="Europe/Berlin"))
    clock = timing.clock([Line("2026-03-04 03:10:00", (0, 0, 1, 0.1))])
    assert clock and iso(clock.at) == "2026-03-04T02:10:00Z"
