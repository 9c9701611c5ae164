"""The budget of one asker: what it lets through, what it remembers, and for how long."""

from __future__ import annotations

from contextlib import ExitStack
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.budget import Allowance, Bucket, Budget
from retrieval.errors import OverBudget
from retrieval.types import Principal

ANN, BOB = Principal("t", "ann"), Principal("t", "bob")


class Clock:
    """Seconds, moved by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def refused(budget: Budget, principal: Principal) -> float | None:
    """When to try again; None where a question is let through, and at once over."""
    try:
        with budget.taken(principal):
            return None
    except OverBudget as error:
        return error.retry_after_s


def test_questions_at_once_are_counted_by_asker() -> None:
    budget = Budget(Allowance(concurrent=2, total=3), Clock())
    with ExitStack() as held:
        for _ in range(2):
            held.enter_context(budget.taken(ANN))
        assert refused(budget, ANN) is not None
        # labels and roles do not make another asker; a subject of another tenant is one
        assert refused(budget, Principal("t", "ann", ("ops",), ("admin",))) is not None
        assert refused(budget, Principal("u", "ann")) is None
        held.enter_context(budget.taken(BOB))
        with pytest.raises(OverBudget, match="under way here"), budget.taken(Principal("t", "eve")):
            pass
    assert refused(budget, ANN) is None


def test_a_question_that_fails_is_over_too() -> None:
    budget = Budget(Allowance(concurrent=1), Clock())
    with pytest.raises(ZeroDivisionError), budget.taken(ANN):
        raise ZeroDivisionError
    assert refused(budget, ANN) is None


def test_questions_of_a_minute() -> None:
    clock = Clock()
    budget = Budget(Allowance(asks_per_minute=6), clock)
    assert [refused(budget, ANN) for _ in range(6)] == [None] * 6
    assert refused(budget, ANN) == pytest.approx(10.0)
    assert refused(budget, BOB) is None
    clock.now += 9.9
    assert refused(budget, ANN) == pytest.approx(0.1)
    clock.now += 0.2
    assert refused(budget, ANN) is None


def test_tokens_of_a_minute_may_be_overdrawn_once() -> None:
    clock = Clock()
    budget = Budget(Allowance(tokens_per_minute=600), clock)
    assert refused(budget, ANN) is None
    budget.spend(ANN, 900)
    assert refused(budget, ANN) == pytest.approx(30.0, abs=0.01)
    assert refused(budget, BOB) is None
    clock.now += 30.1
    assert refused(budget, ANN) is None


def test_no_limit_is_no_limit() -> None:
    budget = Budget(Allowance(), Clock())
    for _ in range(1000):
        budget.spend(ANN, 10**9)
        assert refused(budget, ANN) is None


@given(st.integers(1, 100), st.lists(st.floats(0, 30), max_size=200))
def test_no_span_of_time_holds_more_than_its_share(per_minute: int, pauses: list[float]) -> None:
    """In any span of s seconds at most one bucketful and s/60 of a minute's worth are let through."""
    clock, let_through = Clock(), []
    budget = Budget(Allowance(concurrent=1, total=1, asks_per_minute=per_minute), clock)
    for pause in pauses:
        clock.now += pause
        if refused(budget, ANN) is None:
            let_through.append(clock.now)
    for n, start in enumerate(let_through):
        for m in range(n, len(let_through)):
            assert m - n + 1 <= per_minute + (let_through[m] - start) * per_minute / 60 + 1e-6


@given(st.lists(st.floats(0, 200), min_size=2))
def test_a_bucket_is_never_fuller_than_full(times: list[float]) -> None:
    bucket = Bucket(60, times[0])
    for before, now in pairwise(times):  # a clock that goes back gives nothing
        bucket.take(max(0.0, now - before) / 10, now)
        assert bucket.level(now) <= 60


@given(st.lists(st.tuples(st.integers(0, 40), st.sampled_from(["ask", "hold", "spend", "end", "wait"])), max_size=200))
def test_memory_is_bounded_and_nobody_under_way_is_forgotten(steps: list[tuple[int, str]]) -> None:
    clock = Clock()
    budget = Budget(Allowance(1, 5, 2, 10), clock, askers=8)
    held: dict[Principal, ExitStack] = {}
    for n, step in steps:
        who = Principal("t", str(n))
        if step == "hold" and who not in held:
            stack = ExitStack()
            try:
                stack.enter_context(budget.taken(who))
                held[who] = stack
            except OverBudget:
                pass
        elif step == "end" and who in held:
            held.pop(who).close()
        elif step == "spend":
            budget.spend(who, 7)
        elif step == "wait":
            clock.now += 5
        elif step == "ask":
            assert who not in held or refused(budget, who) is not None
        assert len(budget) <= 8 + 5 + 1
    assert len(held) <= 5


def test_askers_that_are_idle_are_forgotten() -> None:
    clock = Clock()
    budget = Budget(Allowance(asks_per_minute=60), clock)
    for n in range(5000):
        clock.now += 0.5
        assert refused(budget, Principal("t", str(n))) is None
    assert len(budget) < 10
