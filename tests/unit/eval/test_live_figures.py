"""The figures of a watch, on records that were made up so that the answer is known."""

from __future__ import annotations

from eval.bench.live_figures import Fault, Told, edges, memory, noticed
from retrieval.types import Interval


def us(begin: float, end: float) -> Interval:
    return Interval(int(begin * 1e6), int(end * 1e6))


FAULTS = [Fault("A", "cut", 100.0, 110.0), Fault("A", "freeze", 200.0, 215.0)]


def test_borders_are_held_against_what_was_sent() -> None:
    # recorded 0.5 s longer than it ran; back 3 s after the camera was, of which 2.5 s passed until it was asked for pictures
    recorded = [us(0, 100.5), us(113, 199), us(215.2, 300)]
    found = edges(FAULTS, [0.0, 112.5, 203.0], recorded, us(0, 300))
    assert (found.early_s, found.late_s, found.worst_s, found.reconnect_s) == (1.0, 0.5, 1.0, 2.5)
    assert (found.inside_s, found.ran_s) == (0.5, 300 - 12.5 - 15)
    assert found.other_gaps_s == round(0.5 + 1.0 + 0.2, 2)


def test_what_is_told_of_the_time_of_a_fault_counts() -> None:
    found = edges(FAULTS[:1], [], [us(0, 104), us(110, 200)], us(0, 200))
    assert (found.early_s, found.inside_s) == (-4.0, 4.0)


def test_a_fault_that_was_not_told_counts_whole() -> None:
    told = [Told("A", "stalled", 104.0), Told("B", "frozen", 201.0), Told("A", "recording", 203.0)]
    assert noticed(FAULTS, told) == {"cut": 4.0, "freeze": 15.0}


def test_memory_that_grows_has_a_slope_and_memory_that_does_not_has_none() -> None:
    mib = 2**20
    flat = memory([(float(at), 500 * mib) for at in range(0, 1800, 5)])
    assert flat == (0.0, 500.0, 500.0, 500.0)
    passing = memory([(float(at), (530 if 1100 < at < 1600 else 500) * mib) for at in range(0, 1800, 5)])
    assert passing == (0.0, 500.0, 500.0, 530.0)
    assert memory([(float(at), (100 + at) * mib) for at in range(0, 1800, 5)]).mib_per_hour == 3600.0
