"""What keeps a model from hurting anybody: a bounded queue before it, and a circuit breaker that spares users a dead one."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal, NamedTuple

from app.model.endpoint import ModelRefused
from app.model.port import Capabilities, ChatModel, Course, Part, Piece
from retrieval.errors import ModelBusy, ModelUnavailable

Level = Literal["ok", "degraded", "failed"]
_WAIT_S = 0.05
# a request that had less time than this and got no word says nothing about the endpoint
_FAIR_S = 0.5


class State(NamedTuple):
    """How a model stands, and why in words ("" when it is ok)."""

    level: Level
    why: str = ""


class Queue:
    """At most `most` at once; at most `waiting` more wait, first come first served."""

    def __init__(self, most: int, waiting: int) -> None:
        self._most, self._waiting = most, waiting
        self._lock = threading.Lock()
        self._under_way = 0
        self._line: deque[threading.Event] = deque()

    @property
    def full(self) -> bool:
        return self._under_way >= self._most and self.waiting >= self._waiting

    @property
    def waiting(self) -> int:
        return len(self._line)

    def enter(self, course: Course) -> None:
        """Take a place; leave it with `leave`. Raises ModelBusy at once when too many wait, or when `course` ends before one's turn."""
        with self._lock:
            if self._under_way < self._most and not self._line:
                self._under_way += 1
                return
            if len(self._line) >= self._waiting:
                raise ModelBusy(f"{self._under_way} questions are with the model and {len(self._line)} wait for it")
            turn = threading.Event()
            self._line.append(turn)
        while not turn.wait(min(_WAIT_S, course.left())):
            if course.left() <= 0:
                self._give_up(turn)

    def leave(self) -> None:
        """Hand the place to the one who has waited longest."""
        with self._lock:
            if self._line:
                self._line.popleft().set()
            else:
                self._under_way -= 1

    def _give_up(self, turn: threading.Event) -> None:
        with self._lock:
            if not turn.is_set():
                self._line.remove(turn)
                raise ModelBusy("the model was busy with other questions until time was up")
        # the turn came at the same moment: it goes to the next
        self.leave()
        raise ModelBusy("the model was busy with other questions until time was up")


class Breaker:
    """Open after `failures` in a row; after `cool_down_s` it lets one trial through, and closes when that goes well."""

    def __init__(self, failures: int, cool_down_s: float, clock: Callable[[], float]) -> None:
        self._most, self._cool_down_s, self._clock = failures, cool_down_s, clock
        self._lock = threading.Lock()
        self._in_a_row = 0
        self._first = self._retry_at = 0.0
        self._trying = False
        self._why = ""

    def refuse(self) -> None:
        """Raises ModelUnavailable while open, with no trial due."""
        with self._lock:
            self._refuse()

    def admit(self) -> bool:
        """Whether this call is the trial; to be followed by `passed`, `failed` or `undecided`. Raises ModelUnavailable as `refuse`."""
        with self._lock:
            self._refuse()
            self._trying = trial = self._in_a_row >= self._most
            return trial

    def passed(self) -> None:
        with self._lock:
            self._in_a_row, self._trying = 0, False

    def failed(self, why: str, trial: bool) -> None:
        with self._lock:
            now = self._clock()
            if not self._in_a_row:
                self._first = now
            self._in_a_row += 1
            # what began before it opened and fails late must not put the next trial off
            if trial or self._in_a_row <= self._most:
                self._why, self._retry_at = why, now + self._cool_down_s
            self._trying = self._trying and not trial

    def undecided(self, trial: bool) -> None:
        """The call ended in a way that says nothing about the endpoint."""
        with self._lock:
            self._trying = self._trying and not trial

    def state(self) -> State:
        with self._lock:
            if self._in_a_row >= self._most:
                return State("failed", self._told())
            return State("degraded", self._why) if self._in_a_row else State("ok")

    def _refuse(self) -> None:
        if self._in_a_row >= self._most and (self._trying or self._clock() < self._retry_at):
            raise ModelUnavailable(self._told())

    def _told(self) -> str:
        now = self._clock()
        if self._trying:
            again = "it is being tried again now"
        elif now < self._retry_at:
            again = f"it is tried again in {self._retry_at - now:.1f} s"
        else:
            again = "the next question tries it again"
        return f"{self._why} (failing for {now - self._first:.0f} s; {again})"


class Guarded:
    """A chat model behind a queue and a breaker. A question that was withdrawn, refused or turned away busy is no failure."""

    def __init__(
        self,
        model: ChatModel,
        concurrency: int = 8,
        queue: int = 32,
        failures: int = 5,
        cool_down_s: float = 3.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = model.name
        self._model = model
        self._queue = Queue(concurrency, queue)
        self._breaker = Breaker(failures, cool_down_s, clock)

    def capabilities(self) -> Capabilities:
        """What the model can do. Raises ModelUnavailable, at once while the breaker is open.

        Success does not close the breaker: what is known may have been asked long ago.
        """
        trial = self._breaker.admit()
        why: str | None = None
        try:
            return self._model.capabilities()
        except ModelUnavailable as error:
            why = str(error)
            raise
        finally:
            self._settle(why, trial)

    def stream(self, parts: Sequence[Part], schema: dict[str, Any], course: Course) -> Iterator[Piece]:
        """The model's reply, once it is this question's turn; waiting counts against `course`.

        Raises ModelBusy when the queue is full, ModelUnavailable at once while the breaker is open.
        """
        # while the breaker is open nobody waits in the queue for nothing
        self._breaker.refuse()
        self._queue.enter(course)
        try:
            trial = self._breaker.admit()
            yield from self._watched(self._model.stream(parts, schema, course), course, trial)
        finally:
            self._queue.leave()

    def state(self) -> State:
        """How the model stands, as far as the last questions told; no request is made."""
        state = self._breaker.state()
        if state.level == "ok" and self._queue.full:
            return State("degraded", "the queue before the model is full")
        return state

    def _watched(self, pieces: Iterator[Piece], course: Course, trial: bool) -> Iterator[Piece]:
        """The pieces; how it ends tells the breaker."""
        given_s, spoke, why, well = course.left(), False, None, False
        try:
            for piece in pieces:
                spoke = True
                yield piece
            well = True
        except ModelUnavailable as error:
            withdrawn, late = course.stop.is_set(), course.left() <= 0
            # an endpoint that speaks, but slowly, is not down
            fair = not withdrawn and not (late and (spoke or given_s < _FAIR_S))
            why = str(error) if fair and not isinstance(error, ModelRefused | ModelBusy) else None
            well = isinstance(error, ModelRefused)
            raise
        finally:
            _close(pieces)
            if well or (spoke and why is None):
                self._breaker.passed()
            else:
                self._settle(why, trial)

    def _settle(self, why: str | None, trial: bool) -> None:
        if why is None:
            self._breaker.undecided(trial)
        else:
            self._breaker.failed(why, trial)


def _close(pieces: Iterator[Piece]) -> None:
    close = getattr(pieces, "close", None)
    if close:
        close()
