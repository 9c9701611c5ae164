"""Turns are had by asker: no more than there are, and whoever was served longest ago is next."""

from __future__ import annotations

import random
import threading
from contextlib import ExitStack

import pytest

from app.turns import Turns
from retrieval.types import Principal

ANN, BOB, EVE = (Principal("t", name) for name in ("ann", "bob", "eve"))


class Queue:
    """Askers who wait in threads for one turn, and the order in which they had it."""

    def __init__(self) -> None:
        self.turns, self.order, self.threads = Turns(patience_s=60), list[str](), list[threading.Thread]()

    def join(self, principal: Principal) -> None:
        """Come to wait, after everybody who is here."""
        expected = self.waiting() + 1
        self.threads.append(threading.Thread(target=self._had, args=(principal,)))
        self.threads[-1].start()
        while self.waiting() < expected:
            threading.Event().wait(0.0005)

    def waiting(self) -> int:
        return sum(map(len, self.turns._waiting.values()))

    def _had(self, principal: Principal) -> None:
        with self.turns.mine(principal):
            self.order.append(principal.subject)

    def ended(self) -> list[str]:
        for thread in self.threads:
            thread.join(10)
        return self.order


def test_one_question_goes_before_another_askers_many() -> None:
    queue = Queue()
    with queue.turns.mine(ANN):
        for who in (ANN, ANN, ANN, BOB, ANN, EVE):
            queue.join(who)
    assert queue.ended() == ["bob", "eve", "ann", "ann", "ann", "ann"]


def test_askers_with_many_questions_each_alternate() -> None:
    queue = Queue()
    with queue.turns.mine(EVE):
        for who in (ANN, ANN, ANN, BOB, BOB, BOB):
            queue.join(who)
    assert queue.ended() == ["ann", "bob"] * 3


@pytest.mark.parametrize("at_once", [1, 3])
def test_no_more_than_there_are(at_once: int) -> None:
    turns, lock, random_ = Turns(at_once, patience_s=60), threading.Lock(), random.Random(1)
    running = most = 0

    def work(principal: Principal) -> None:
        nonlocal running, most
        for _ in range(50):
            with turns.mine(principal):
                with lock:
                    running += 1
                    most = max(most, running)
                with lock:
                    running -= 1

    threads = [threading.Thread(target=work, args=(random_.choice((ANN, BOB, EVE)),)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert most <= at_once and running == 0 and not turns._waiting
    with ExitStack() as held:  # every turn was given back
        for _ in range(at_once):
            assert turns._free > 0
            held.enter_context(turns.mine(ANN))
        assert turns._free == 0


def test_patience_ends_and_nothing_is_left_behind() -> None:
    turns = Turns(patience_s=0.0)
    with turns.mine(ANN):
        with turns.mine(BOB):
            assert turns._free == 0
        assert not turns._waiting and turns._free == 0
    assert turns._free == 1


def test_nobody_waits_longer_than_there_is_time() -> None:
    turns = Turns(patience_s=60)
    with turns.mine(ANN), turns.mine(BOB, left_s=0.0), turns.mine(EVE, left_s=0.01):
        assert turns._free == 0 and not turns._waiting
    assert turns._free == 1


def test_a_turn_that_fails_is_over() -> None:
    turns = Turns(patience_s=60)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError), turns.mine(ANN):
            raise ZeroDivisionError


def test_who_was_served_is_not_remembered_for_ever() -> None:
    turns = Turns()
    for n in range(2000):
        with turns.mine(Principal("t", str(n))):
            pass
    assert len(turns._served) <= 1000
