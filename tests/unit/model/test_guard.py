"""The queue and the breaker before a model, with time in the test's hands."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.model.endpoint import ModelRefused
from app.model.fakes import ABLE, ScriptedModel, saying
from app.model.guard import FULL, Breaker, Guarded, Queue, State, stands
from app.model.port import Course, Part, Piece
from retrieval.errors import ModelBusy, ModelUnavailable


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def course() -> Course:
    return Course(math.inf)


def failing(error: ModelUnavailable, after: Sequence[str] = ()) -> Callable[..., Iterator[str]]:
    def script(parts: Sequence[Part], schema: dict[str, Any]) -> Iterator[str]:
        yield from after
        raise error

    return script


DEAD = ModelUnavailable("the model's endpoint cannot be reached")


class Timed(ScriptedModel):
    """A scripted model that remembers the course it was given last."""

    course = Course(0.0)

    def stream(self, parts: Sequence[Part], schema: dict[str, Any], course: Course) -> Iterator[Piece]:
        self.course = course
        return super().stream(parts, schema, course)


class Bench:
    """A guarded model whose outcome is set, and a clock."""

    def __init__(self, **given: Any) -> None:
        self.clock = Clock()
        self.model = Timed(saying("well"))
        self.guarded = Guarded(self.model, clock=self.clock, **given)

    def ask(self, outcome: str | ModelUnavailable = "well") -> str:
        self.model.script = saying(outcome) if isinstance(outcome, str) else failing(outcome)
        return "".join(p.text for p in self.guarded.stream(["?"], {}, course()))

    def fails(self, outcome: str | ModelUnavailable = DEAD) -> str:
        with pytest.raises(ModelUnavailable) as told:
            self.ask(outcome)
        return str(told.value)


def test_it_opens_after_failures_in_a_row_and_says_so_without_asking() -> None:
    bench = Bench(failures=3)
    bench.fails()
    bench.fails()
    assert bench.ask() == "well"
    assert bench.guarded.state() == State("ok")
    for _ in range(3):
        assert bench.fails() == str(DEAD)
    asked = len(bench.model.asked)
    bench.clock.now += 1.0
    told = bench.fails("well")
    assert told == f"{DEAD} (failing for 1 s; it is tried again in 2.0 s)"
    assert len(bench.model.asked) == asked
    assert bench.guarded.state() == State("failed", told)
    with pytest.raises(ModelUnavailable, match=r"tried again in 2\.0 s"):
        bench.guarded.capabilities()


def test_a_failure_or_two_are_told_as_degraded() -> None:
    bench = Bench()
    bench.fails()
    assert bench.guarded.state() == State("degraded", str(DEAD))


def test_one_trial_after_the_cool_down_decides() -> None:
    bench = Bench(failures=1, cool_down_s=3.0)
    bench.fails()
    bench.clock.now += 3.0
    assert "the next question tries it again" in bench.guarded.state().why
    bench.fails()
    bench.clock.now += 2.9
    assert "tried again in 0.1 s" in bench.fails("well")
    bench.clock.now += 0.1
    assert bench.ask() == "well"
    assert bench.guarded.state() == State("ok")
    assert bench.ask() == "well"


def test_while_one_tries_the_others_are_turned_away() -> None:
    bench = Bench(failures=1)
    bench.fails()
    bench.clock.now += 3.0
    bench.model.script = saying("well enough")
    trial = iter(bench.guarded.stream(["?"], {}, course()))
    next(trial)
    with pytest.raises(ModelUnavailable, match="it is being tried again now"):
        bench.ask()
    bench.model.script = saying("well")
    assert list(trial)
    assert bench.ask() == "well"


def test_a_trial_that_says_nothing_leaves_the_next_one_to_try() -> None:
    bench = Bench(failures=1)
    bench.fails()
    bench.clock.now += 3.0
    bench.fails(ModelBusy())
    assert bench.ask() == "well"


def test_a_trial_has_two_seconds_to_its_first_word_and_then_the_time_of_its_question() -> None:
    bench, left = Bench(failures=1), list[float]()

    def script(parts: Sequence[Part], schema: dict[str, Any]) -> Iterator[str]:
        for word in ("well", "said"):
            left.append(bench.model.course.left())
            yield word

    bench.fails()
    bench.clock.now += 3.0
    bench.model.script = script
    assert len(list(bench.guarded.stream(["?"], {}, course()))) == 3
    assert 1.5 < left[0] <= 2.0 and left[1] == math.inf


def test_a_slow_model_gets_back_in_by_every_fourth_trial() -> None:
    bench, patient = Bench(failures=1), list[bool]()

    def script(parts: Sequence[Part], schema: dict[str, Any]) -> Iterator[str]:
        patient.append(bench.model.course.left() == math.inf)
        raise DEAD
        yield ""

    bench.fails()
    bench.model.script = script
    for _ in range(8):
        bench.clock.now += 3.0
        with pytest.raises(ModelUnavailable):
            list(bench.guarded.stream(["?"], {}, course()))
    assert patient == [False, False, False, True] * 2


def test_the_patient_trial_holds_up_nobody() -> None:
    clock = Clock()
    breaker = Breaker(1, 3.0, clock)
    breaker.failed("dead", breaker.admit())
    for _ in range(3):
        clock.now += 3.0
        breaker.failed("dead", breaker.admit())
    clock.now += 3.0
    patient = breaker.admit()
    with pytest.raises(ModelUnavailable, match=r"tried again in 3\.0 s"):
        breaker.refuse()
    clock.now += 3.0
    other = breaker.admit()
    # what the patient one says later puts nothing off
    breaker.failed("dead", patient)
    with pytest.raises(ModelUnavailable, match="being tried again now"):
        breaker.refuse()
    breaker.undecided(other)
    assert breaker.admit().trial


def test_looking_is_no_question_and_costs_little() -> None:
    bench = Bench(failures=1)
    bench.model.able = DEAD
    for _ in range(9):
        bench.clock.now += 3.0
        told = stands(bench.guarded, course())
    assert told == State("degraded", f"scripted: {DEAD}; it is asked all the same, and the brief answers if it fails")
    bench.model.able = ABLE
    bench.clock.now += 3.0
    assert stands(bench.guarded, course()) == State("ok", "scripted, 32768 tokens, 8 pictures a prompt")
    # nothing failed: what was found once is told again
    assert bench.model.probed == 0 and bench.ask() == "well"


def test_after_a_failure_it_is_looked_at_anew_once_in_a_cool_down() -> None:
    bench = Bench(failures=2, cool_down_s=3.0)
    bench.fails()
    for _ in range(5):
        told = stands(bench.guarded, course())
    assert told == State("ok", "scripted, 32768 tokens, 8 pictures a prompt; it failed before and answers again")
    assert bench.model.probed == 1
    bench.clock.now += 3.0
    stands(bench.guarded, course())
    assert bench.model.probed == 2 and bench.guarded.state().level == "degraded"


def test_a_model_that_is_left_alone_is_not_looked_at_until_it_may_be_tried() -> None:
    bench = Bench(failures=1)
    bench.fails()
    told = stands(bench.guarded, course())
    assert told.level == "degraded" and told.why.endswith("tried again in 3.0 s); the evidence brief answers")
    assert bench.model.probed == 0
    bench.clock.now += 3.0
    assert stands(bench.guarded, course()).level == "ok"
    # the next question decides, not the look
    assert bench.model.probed == 1 and bench.guarded.state().level == "failed"
    assert bench.ask() == "well" and bench.guarded.state() == State("ok")


def test_closing_reaches_the_model() -> None:
    bench = Bench()
    bench.guarded.close()
    assert bench.model.closed


@pytest.mark.parametrize("error", [ModelBusy(), ModelRefused("HTTP status 400")])
def test_busy_and_refused_are_no_failures(error: ModelUnavailable) -> None:
    bench = Bench(failures=1)
    bench.fails(error)
    assert bench.guarded.state() == State("ok")


def ending(over: Course, after: Sequence[str], stop: bool = False) -> Callable[..., Iterator[str]]:
    """A script during which the course ends."""

    def script(parts: Sequence[Part], schema: dict[str, Any]) -> Iterator[str]:
        yield from after
        if stop:
            over.stop.set()
        over.until = 0.0
        yield ""

    return script


@pytest.mark.parametrize(
    ("said", "stop", "state"),
    [((), False, "failed"), (("a word",), False, "ok"), ((), True, "ok"), (("a word",), True, "ok")],
)
def test_silence_is_a_failure_slowness_and_withdrawal_are_not(said: Sequence[str], stop: bool, state: str) -> None:
    bench, over = Bench(failures=1), course()
    bench.model.script = ending(over, said, stop)
    with pytest.raises(ModelUnavailable, match="withdrawn" if stop else "in time"):
        list(bench.guarded.stream(["?"], {}, over))
    assert bench.guarded.state().level == state


def test_a_question_without_time_tells_nothing() -> None:
    bench = Bench(failures=1)
    with pytest.raises(ModelUnavailable):
        list(bench.guarded.stream(["?"], {}, Course(0.0)))
    assert bench.guarded.state() == State("ok")


def test_capabilities_that_cannot_be_found_out_count() -> None:
    bench = Bench(failures=2)
    bench.model.able = DEAD
    for _ in range(2):
        with pytest.raises(ModelUnavailable, match=r"cannot be reached$"):
            bench.guarded.capabilities()
    with pytest.raises(ModelUnavailable, match="tried again in"):
        bench.guarded.capabilities()


OUTCOMES = st.lists(st.sampled_from(["pass", "fail", "nothing", "wait"]), max_size=60)


@given(OUTCOMES, st.integers(1, 5))
def test_the_breaker_agrees_with_its_definition(outcomes: list[str], most: int) -> None:
    """Open iff the last `most` decided calls failed and less than the cool-down has gone by since the last of them."""
    clock = Clock()
    breaker = Breaker(most, 3.0, clock)
    row, last = 0, -math.inf
    for outcome in outcomes:
        if outcome == "wait":
            clock.now += 1.25
            continue
        try:
            leave = breaker.admit()
        except ModelUnavailable:
            assert row >= most and clock.now < last + 3.0
            continue
        assert row < most or clock.now >= last + 3.0
        assert leave.trial == (row >= most)
        if outcome == "pass":
            breaker.passed()
            row = 0
        elif outcome == "fail":
            breaker.failed("dead", leave)
            row, last = row + 1, clock.now
        else:
            breaker.undecided(leave)
        assert breaker.state().level == ("failed" if row >= most else "degraded" if row else "ok")


def test_a_hundred_at_once_are_held_to_the_limits() -> None:
    """Those who get through never are more than the limit, those who wait are served, the rest is turned away."""
    go, gate = threading.Event(), threading.Lock()
    under_way = most = 0

    def script(parts: Sequence[Part], schema: dict[str, Any]) -> Iterator[str]:
        nonlocal under_way, most
        with gate:
            under_way += 1
            most = max(most, under_way)
        yield "well"
        go.wait(10)
        with gate:
            under_way -= 1

    guarded = Guarded(ScriptedModel(script), concurrency=4, queue=10)
    outcomes: list[str] = []

    def ask() -> None:
        try:
            outcomes.append("".join(p.text for p in guarded.stream(["?"], {}, course())))
        except ModelBusy as busy:
            outcomes.append(str(busy))

    threads = [threading.Thread(target=ask) for _ in range(100)]
    for thread in threads:
        thread.start()
    while len(outcomes) < 86:
        threads[0].join(0.001)
    assert set(outcomes) == {"4 questions are with the model and 10 wait for it"}
    assert guarded.state() == State("degraded", FULL)
    go.set()
    for thread in threads:
        thread.join(10)
    assert outcomes[86:] == ["well"] * 14 and most == 4
    assert guarded.state() == State("ok")


def test_first_come_first_served() -> None:
    queue, order, threads = Queue(1, 20), [], []
    queue.enter(course())

    def wait(number: int) -> None:
        queue.enter(course())
        order.append(number)
        queue.leave()

    for number in range(8):
        threads.append(threading.Thread(target=wait, args=(number,)))
        threads[-1].start()
        while queue.waiting <= number:
            threads[-1].join(0.001)
    queue.leave()
    for thread in threads:
        thread.join(10)
    assert order == list(range(8))
    assert not queue.full


def test_waiting_ends_with_the_course_and_leaves_no_trace() -> None:
    queue = Queue(1, 2)
    queue.enter(course())
    with pytest.raises(ModelBusy, match="until time was up"):
        queue.enter(Course(0.0))
    stopped = course()
    stopped.stop.set()
    with pytest.raises(ModelBusy):
        queue.enter(stopped)
    assert queue.waiting == 0
    queue.leave()
    queue.enter(course())
