"""When pictures were taken, whether they still move, and how long is waited."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.live.still import Stillness
from ingest.live.waits import Waits
from ingest.live.wall import Wall
from retrieval.errors import SourceRejected

SECOND = 1_000_000
NOW = 1_800_000_000 * SECOND


@given(st.lists(st.integers(0, 3 * SECOND), min_size=1, max_size=40), st.integers(0, 10**12))
def test_the_quickest_packet_tells_the_time(delays: list[int], first: int) -> None:
    wall = Wall()
    for number, delay in enumerate(delays):
        wall.saw(first + number * SECOND, NOW + number * SECOND + delay, None)
    assert wall.settle().zero == NOW - first + min(delays)


def test_a_burst_of_what_was_held_back_does_not_make_pictures_late() -> None:
    wall = Wall()
    for number in range(30):
        wall.saw(number * SECOND // 15, NOW + 2 * SECOND, None)
    # the last of the burst was taken just now, so the first two seconds ago
    assert abs(wall.settle().zero - NOW) < SECOND // 10


def test_a_piece_is_timed_by_its_own_packets_so_that_a_slow_clock_does_not_drift_away() -> None:
    wall, found = Wall(), list[int]()
    for piece in range(100):
        for number in range(10):
            media = (10 * piece + number) * SECOND
            wall.saw(media, NOW + media + media // 10_000, None)
        found.append(wall.settle().zero - NOW)
    assert found[-1] == pytest.approx(99 * 10 * SECOND / 10_000, abs=SECOND // 1000)


@pytest.mark.parametrize(
    ("ahead", "clock", "zero"),
    [(0.3, "rtcp", NOW + 300_000), (-1.9, "rtcp", NOW - 1_900_000), (3600.0, "arrival", NOW)],
)
def test_a_cameras_clock_counts_where_it_agrees_with_ours(ahead: float, clock: str, zero: int) -> None:
    wall = Wall()
    wall.saw(5 * SECOND, NOW + 5 * SECOND, NOW + 5 * SECOND + int(ahead * SECOND))
    anchor = wall.settle()
    assert (anchor.clock, anchor.zero, anchor.ahead_s) == (clock, zero, ahead)


def test_nothing_seen_has_no_time() -> None:
    with pytest.raises(ValueError, match="no packet"):
        Wall().settle()


def test_the_same_picture_is_told_after_the_limit_and_again_in_the_next_connection() -> None:
    still = Stillness(5.0)
    still.begin(0.0)
    assert still.picture(1, 0.5) and still.picture(2, 2.5) and not still.picture(2, 6.0)
    with pytest.raises(SourceRejected, match="same picture") as caught:
        still.picture(2, 8.0)
    assert (caught.value.kind, still.changed_s, still.same_s) == ("frozen", 2.5, 6.0)
    still.begin(9.0)
    assert not still.picture(2, 9.5) and not still.alive
    assert still.picture(3, 10.0) and still.alive


def test_time_that_stands_still_is_told_and_time_that_falls_back_is_not_taken() -> None:
    still = Stillness(5.0)
    still.begin(0.0)
    assert still.time(10.0, 0.1) and not still.time(10.0, 3.0) and not still.time(9.0, 4.0)
    with pytest.raises(SourceRejected, match="time stands still"):
        still.time(10.0, 5.2)


def test_packets_without_a_picture_are_told_sooner_once_there_was_one() -> None:
    still = Stillness(5.0)
    still.begin(100.0)
    assert still.time(1.0, 129.0)
    still.picture(1, 129.5)
    assert still.time(2.0, 138.0)
    with pytest.raises(SourceRejected, match="no picture") as caught:
        still.time(3.0, 138.5)
    assert caught.value.kind == "undecodable"
    still.begin(200.0)
    with pytest.raises(SourceRejected, match="no picture"):
        still.time(1.0, 230.0)


def test_where_standing_still_is_usual_nothing_is_told() -> None:
    still = Stillness(0.0)
    still.begin(0.0)
    assert all(still.picture(1, float(at)) for at in range(100))


@given(st.integers(0, 10**6), st.integers(1, 20))
def test_waits_double_up_to_the_longest_and_are_half_chance(seed: int, failures: int) -> None:
    waits = Waits(0.5, 5.0, Random(seed))
    for number in range(failures):
        whole = min(5.0, 0.5 * 2**number)
        assert whole / 2 <= waits.next() <= whole
    waits.well()
    assert waits.next() <= 0.5
