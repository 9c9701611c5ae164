"""A claim holds while it is renewed, and what has lost it commits nothing more."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from app.jobs.job import Claim
from app.jobs.lease import Lease
from retrieval.errors import LeaseLost, StoreBusy
from retrieval.types import Micros, Principal

CLAIM = Claim("job_1", "w", 1, Principal("t"), (Path("/a"),))


class Beats:
    """Renews for ten seconds at a time, or raises what it is told to."""

    def __init__(self) -> None:
        self.now: Micros = 0
        self.count = 0
        self.cancelling = False
        self.problem: Exception | None = None

    def beat(self, claim: Claim) -> tuple[bool, Micros]:
        self.count += 1
        if self.problem is not None:
            raise self.problem
        return self.cancelling, self.now + 10_000_000


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not true():
        assert time.monotonic() < end
        time.sleep(0.001)


@pytest.fixture
def beats() -> Beats:
    return Beats()


def lease(beats: Beats, ending: threading.Event | None = None) -> Lease:
    return Lease(beats, CLAIM, lambda: beats.now, ending or threading.Event(), 0.001)


def test_it_is_renewed_and_ends_with_its_block(beats: Beats) -> None:
    with lease(beats) as held:
        until(lambda: beats.count > 5)
        assert not held.stop()
    after = beats.count
    time.sleep(0.02)
    assert beats.count == after


def test_it_hears_of_being_cancelled_and_of_the_process_ending(beats: Beats) -> None:
    ending = threading.Event()
    with lease(beats, ending) as held:
        ending.set()
        assert held.stop() and not held.cancelled
        beats.cancelling = True
        until(lambda: held.cancelled)


def test_one_that_is_lost_says_so_from_then_on(beats: Beats) -> None:
    with lease(beats) as held:
        beats.problem = LeaseLost()
        until(lambda: held._lost is not None)
        for _ in range(2):
            with pytest.raises(LeaseLost):
                held.stop()


def test_a_busy_store_is_borne_until_the_lease_lapses(beats: Beats) -> None:
    with lease(beats) as held:
        beats.problem = StoreBusy()
        before = beats.count
        until(lambda: beats.count > before + 3)
        assert not held.stop()
        beats.now += 10_000_000
        with pytest.raises(LeaseLost, match="another goes on"):
            held.stop()
        beats.problem = None
        until(lambda: held._until > beats.now)


def test_what_stood_still_for_too_long_finds_out_before_it_commits(beats: Beats) -> None:
    """Like a process that was suspended: its clock has moved, its thread has not run yet."""
    held = Lease(beats, CLAIM, lambda: beats.now, threading.Event(), beat_s=60)
    with held:
        beats.now += 10_000_000
        with pytest.raises(LeaseLost):
            held.stop()


def test_a_claim_that_is_gone_is_not_begun(beats: Beats) -> None:
    beats.problem = LeaseLost()
    with pytest.raises(LeaseLost), lease(beats):
        raise AssertionError("it was begun")
