"""What keeps a model from hurting anybody: a bounded queue before it, and a circuit breaker that spares users a dead one."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal, NamedTuple

from app.model.endpoint import ModelRefused
from app.model.port import Capabilities, ChatModel, Course, Part, Piece
from app.model.waiting import in_time
from retrieval.errors import ModelBusy, ModelUnavailable

Level = Literal["ok", "degraded", "failed"]
_WAIT_S = 0.05
# a request that had less time than this and got no word says nothing about the endpoint
_FAIR_S = 0.5
# how long a trial may take to its first piece: with the default cool-down of 3 s a model that is back answers within 5 s
_FIRST_S = 2.0
_PATIENT_EVERY = 4
FULL = "the queue before the model is full"


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


class Leave(NamedTuple):
    """What the breaker lets one call do: `trial` when it decides for all, and how long it may take to its first piece, in seconds."""

    trial: bool = False
    first_s: float = math.inf


class Breaker:
    """Open after `failures` in a row; then one trial in `cool_down_s`, counted from where it begins, and closed when one goes well.

    A trial that says nothing for two seconds is given up, so that a hanging endpoint puts the next one off no longer than a dead one
    does. Every fourth may take as long as its question has, and holds up nobody: an endpoint that is slow gets back in too.
    """

    def __init__(self, failures: int, cool_down_s: float, clock: Callable[[], float]) -> None:
        self._most, self._cool_down_s, self._clock = failures, cool_down_s, clock
        self._lock = threading.Lock()
        self._in_a_row = self._trials = 0
        self._first = self._retry_at = 0.0
        self._trying: Leave | None = None
        self._why = ""

    def refuse(self) -> None:
        """Raises ModelUnavailable while open, with no trial due."""
        with self._lock:
            self._refuse()

    def admit(self) -> Leave:
        """Leave for one call; to be followed by `passed`, `failed` or `undecided`. Raises ModelUnavailable as `refuse`."""
        with self._lock:
            self._refuse()
            if self._in_a_row < self._most:
                return Leave()
            self._trials += 1
            self._retry_at = self._clock() + self._cool_down_s
            if self._trials % _PATIENT_EVERY == 0:
                return Leave(trial=True)
            self._trying = Leave(True, _FIRST_S)
            return self._trying

    def passed(self) -> None:
        with self._lock:
            self._in_a_row = self._trials = 0
            self._trying = None

    def failed(self, why: str, leave: Leave) -> None:
        with self._lock:
            now = self._clock()
            if not self._in_a_row:
                self._first = now
            self._in_a_row += 1
            # what began before it opened and fails late must not put the next trial off
            if leave.trial or self._in_a_row <= self._most:
                self._why = why
            if self._in_a_row <= self._most:
                self._retry_at = now + self._cool_down_s
            self._ended(leave)

    def undecided(self, leave: Leave) -> None:
        """The call ended in a way that says nothing about the endpoint: the next one may try."""
        with self._lock:
            if leave.trial:
                self._trials = max(0, self._trials - 1)
                self._retry_at = min(self._retry_at, self._clock())
            self._ended(leave)

    def state(self) -> State:
        with self._lock:
            if self._in_a_row >= self._most:
                return State("failed", self._told())
            return State("degraded", self._why) if self._in_a_row else State("ok")

    def _ended(self, leave: Leave) -> None:
        if self._trying is leave:
            self._trying = None

    def _refuse(self) -> None:
        if self._in_a_row >= self._most and (self._trying is not None or self._clock() < self._retry_at):
            raise ModelUnavailable(self._told())

    def _told(self) -> str:
        now = self._clock()
        if self._trying is not None:
            again = "it is being tried again now"
        elif now < self._retry_at:
            again = f"it is tried again in {self._retry_at - now:.1f} s"
        else:
            again = "the next question tries it again"
        return f"{self._why} (failing for {now - self._first:.0f} s; {again})"


class _Look(NamedTuple):
    """What a look at the model found at a time, where the breaker stood so."""

    at: float
    level: Level
    found: Capabilities | str


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
        self._cool_down_s, self._clock = cool_down_s, clock
        self._looking = threading.Lock()
        self._look: _Look | None = None

    def capabilities(self) -> Capabilities:
        """What the model can do. Raises ModelUnavailable, at once while the breaker is open.

        Success does not close the breaker: what is known may have been asked long ago.
        """
        leave = self._breaker.admit()
        why: str | None = None
        try:
            if leave.first_s == math.inf:
                return self._model.capabilities()
            return in_time(Course(time.monotonic() + leave.first_s), self._model.capabilities)
        except ModelUnavailable as error:
            why = str(error)
            raise
        finally:
            self._settle(why, leave)

    def probe(self) -> Capabilities:
        """As the model's own: neither queue nor breaker has a part in it."""
        return self._model.probe()

    def look(self, course: Course) -> Capabilities:
        """What the next question would find, for those who only want to know: it counts neither for nor against the model.

        The endpoint is asked at most once in a cool-down, and anew where the last questions failed. Raises ModelUnavailable while the
        breaker leaves the model alone, and when it cannot be asked.
        """
        self._breaker.refuse()
        with self._looking:
            level, now = self._breaker.state().level, self._clock()
            look = self._look
            if look is None or look.level != level or now - look.at >= self._cool_down_s:
                look = self._look = _Look(now, level, self._seen(level, course))
        if isinstance(look.found, str):
            raise ModelUnavailable(look.found)
        return look.found

    def stream(self, parts: Sequence[Part], schema: dict[str, Any], course: Course) -> Iterator[Piece]:
        """The model's reply, once it is this question's turn; waiting counts against `course`.

        Raises ModelBusy when the queue is full, ModelUnavailable at once while the breaker is open.
        """
        # while the breaker is open nobody waits in the queue for nothing
        self._breaker.refuse()
        self._queue.enter(course)
        try:
            leave = self._breaker.admit()
            yield from self._watched(parts, schema, course, leave)
        finally:
            self._queue.leave()

    def state(self) -> State:
        """How the model stands, as far as the last questions told; no request is made."""
        state = self._breaker.state()
        if state.level == "ok" and self._queue.full:
            return State("degraded", FULL)
        return state

    def close(self) -> None:
        self._model.close()

    def _seen(self, level: Level, course: Course) -> Capabilities | str:
        try:
            return in_time(course, self._model.capabilities if level == "ok" else self._model.probe)
        except ModelUnavailable as error:
            return str(error)

    def _watched(self, parts: Sequence[Part], schema: dict[str, Any], whole: Course, leave: Leave) -> Iterator[Piece]:
        """The pieces; how it ends tells the breaker. Once the first has come, a trial has the time of its question."""
        course = whole.within(leave.first_s) if leave.trial else whole
        pieces = self._model.stream(parts, schema, course)
        given_s, spoke, why, well = course.left(), False, None, False
        try:
            for piece in pieces:
                spoke, course.until = True, whole.until
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
                self._settle(why, leave)

    def _settle(self, why: str | None, leave: Leave) -> None:
        if why is None:
            self._breaker.undecided(leave)
        else:
            self._breaker.failed(why, leave)


def _close(pieces: Iterator[Piece]) -> None:
    close = getattr(pieces, "close", None)
    if close:
        close()


def stands(model: Guarded, course: Course) -> State:
    """How a model stands for its readers: asked now where that tells more than the last questions did.

    "ok" means that the next question goes to it; "degraded" that the brief answers, or may have to.
    """
    try:
        able = model.look(course)
    except ModelUnavailable as error:
        left_alone = model.state().level == "failed"
        told = (
            "the evidence brief answers"
            if left_alone
            else "it is asked all the same, and the brief answers if it fails"
        )
        return State("degraded", f"{model.name}: {error}; {told}")
    level, why = model.state()
    if why == FULL:
        return State("degraded", f"{model.name}: {why}; the evidence brief answers what comes beyond")
    sees = f"{able.images} pictures a prompt" if able.images else "sees no pictures"
    served = f" on {able.server}" if able.server else ""
    before = "" if level == "ok" else "; it failed before and answers again"
    return State("ok", f"{able.name}{served}, {able.context} tokens, {sees}{before}")
