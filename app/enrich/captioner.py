"""Captions for the frames that have none yet, one after the other, each stored as it comes: a run that is broken off is gone on with."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import msgspec

from app.enrich.asking import Describer, Told
from app.enrich.caption import By, Caption, content_of, evidence_of, made_from, said_in, source_of
from app.enrich.frames import Chosen, Hidden, choose, wanted
from app.model.port import Course
from app.words import source_name
from retrieval.errors import EvidenceNotFound, ModelUnavailable
from retrieval.ports import CatalogReader, CatalogWriter, SourceState, TextEncoder, Unit
from retrieval.types import Embedding, Evidence, Filter, Kind, Principal

# a day of one busy camera in one file
_FRAMES = 100_000
_PROBE_S = 60.0
_FAILURES_TOLD = 20
INTERRUPTED = "it was interrupted"
_MODEL = "model: "


class Shelf(CatalogReader, CatalogWriter, Protocol):
    """The catalog, as far as captions need it."""

    def sources(self, principal: Principal) -> list[SourceState]: ...

    def labels(self, tenant: str) -> tuple[str, ...]: ...

    def audit(self, principal: Principal, action: str, detail: dict[str, Any]) -> None: ...


class Wish(NamedTuple):
    """What a run may take (None = as much as there is): frames asked about, tokens, seconds. `pattern` picks sources by a shell pattern,
    `blurred_too` takes in cameras under a policy that blurs, and `at_once` frames are with the model at a time."""

    frames: int | None = None
    tokens: int | None = None
    seconds: float | None = None
    pattern: str | None = None
    blurred_too: bool = False
    at_once: int = 1


class Step(NamedTuple):
    """Progress: `done` of `total` frames asked about in this run, the name of the clip, and how many failed so far."""

    done: int
    total: int
    name: str
    failed: int


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """The end of a run. `moments` are all there are; of them `already` had a caption by this model and prompt, `hidden` are left out for
    the policy that blurs them, and `left` have none now. `stopped` says why the run ended before all was done ("" = all was asked)."""

    model: str
    prompt: str
    moments: int
    already: int
    hidden: int
    captioned: int
    failed: int
    gone: int
    left: int
    prompt_tokens: int
    completion_tokens: int
    seconds: float
    stopped: str = ""
    failures: tuple[dict[str, str], ...] = ()

    @property
    def interrupted(self) -> bool:
        return self.stopped == INTERRUPTED

    @property
    def broke(self) -> bool:
        """Whether the model let the run down."""
        return bool(self.failed and not self.captioned) or self.stopped.startswith(_MODEL)


@dataclass
class _Tally:
    """What a run has done so far."""

    moments: int = 0
    already: int = 0
    hidden: int = 0
    captioned: int = 0
    gone: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    stopped: str = ""
    failures: list[dict[str, str]] = field(default_factory=list)

    def spend(self, told: Told) -> None:
        self.prompt_tokens += told.usage.prompt_tokens
        self.completion_tokens += told.usage.completion_tokens

    def over(self, wish: Wish, course: Course) -> str:
        """Why no further frame is begun; "" while one may be."""
        if wish.tokens is not None and self.prompt_tokens + self.completion_tokens >= wish.tokens:
            return "the budget of tokens is spent"
        return "the time is up" if course.left() <= 0 else ""


class _Run(NamedTuple):
    """One run: who looks (under every label), by what, how much of it is wished for and how long it may take, and what is done."""

    eye: Principal
    by: By
    wish: Wish
    course: Course
    tally: _Tally


class Captioner:
    """One run at a time. What is captioned is seen whatever its labels; its caption lies under the same ones."""

    def __init__(self, shelf: Shelf, text: TextEncoder, describer: Describer) -> None:
        self._shelf, self._text, self._describer = shelf, text, describer

    def run(self, who: Principal, wish: Wish, progress: Callable[[Step], None] | None = None) -> Summary:
        """Caption what has no caption by this model and prompt, within the wish.

        Raises BadSettings and ModelUnavailable before anything is asked, StoreError. An interrupt (KeyboardInterrupt) ends the run with
        its summary, and gives up what is under way.
        """
        begun = time.monotonic()
        course = Course(math.inf if wish.seconds is None else begun + wish.seconds)
        able = self._describer.able(course.within(_PROBE_S))
        by = By(able.name, self._describer.prompt, self._text.space)
        eye = msgspec.structs.replace(who, labels=self._shelf.labels(who.tenant))
        run = _Run(eye, by, wish, course, _Tally())
        todo = sorted(self._todo(run), key=lambda chosen: chosen.turn)
        due = todo[: wish.frames]
        try:
            self._work(due, run, progress or _silent)
        except KeyboardInterrupt:
            run.tally.stopped = INTERRUPTED
        if not run.tally.stopped and len(due) < len(todo):
            run.tally.stopped = "the budget of frames is spent"
        summary = _summary(run, len(todo), time.monotonic() - begun)
        told = msgspec.to_builtins(summary)
        self._shelf.audit(who, "enrich captions", {name: told[name] for name in told if name != "failures"})
        return summary

    def _todo(self, run: _Run) -> Iterator[Chosen]:
        """The frames to caption, in no order. Sources that are being read are left alone until they are whole."""
        hidden, tally = Hidden(self._shelf.entities(run.eye)), run.tally
        for state in self._shelf.sources(run.eye):
            if not state.whole or not wanted(state.source, run.wish.pattern):
                continue
            frames = self._shelf.scan(Filter(kinds=(Kind.FRAME,), sources=(state.source,)), run.eye, _FRAMES)
            known = {frame.id: frame for frame in frames}
            for chosen in choose(frames):
                tally.moments += 1
                if not run.wish.blurred_too and hidden.covers(known[chosen.frame]):
                    tally.hidden += 1
                elif self._held(known[chosen.frame], run):
                    tally.already += 1
                else:
                    yield chosen

    def _held(self, frame: Evidence, run: _Run) -> bool:
        """Whether there is a caption by this model and prompt; one that was embedded by another encoder is embedded anew."""
        source = source_of(frame)
        state = self._shelf.state(frame.tenant, source)
        if state is None or not state.evidence or state.content_hash != made_from(frame):
            return False
        if state.ingester == run.by.ingester:
            return True
        if not run.by.worded(state.ingester):
            return False
        for piece in self._shelf.scan(Filter(sources=(source,)), run.eye):
            self._commit(frame, piece, said_in(piece), run.by)
        return True

    def _work(self, due: Sequence[Chosen], run: _Run, progress: Callable[[Step], None]) -> None:
        with ThreadPoolExecutor(run.wish.at_once, thread_name_prefix="caption") as pool:
            try:
                for done, (frame, told) in enumerate(self._asked(pool, due, run), 1):
                    run.tally.spend(told)
                    self._take(frame, told, run)
                    progress(Step(done, len(due), source_name(frame.source), len(run.tally.failures)))
            except ModelUnavailable as error:
                run.tally.stopped = f"{_MODEL}{error}"
            finally:
                # whatever ended it: nobody waits for what is still under way
                run.course.stop.set()

    def _asked(self, pool: Executor, due: Sequence[Chosen], run: _Run) -> Iterator[tuple[Evidence, Told]]:
        """Each frame with what became of it, in order. Once a budget is spent no further one is begun; those under way are ended."""
        window: deque[tuple[Evidence, Future[Told]]] = deque()
        for chosen in due:
            run.tally.stopped = run.tally.over(run.wish, run.course)
            if run.tally.stopped:
                break
            frame = self._shelf.get([chosen.frame], run.eye).get(chosen.frame)
            if frame is None:
                run.tally.gone += 1
                continue
            window.append((frame, pool.submit(self._describer.describe, frame, run.course)))
            if len(window) >= run.wish.at_once:
                yield _ended(window)
        while window:
            yield _ended(window)

    def _take(self, frame: Evidence, told: Told, run: _Run) -> None:
        """Store a caption, or note why there is none."""
        if told.said is None:
            # what was broken off because time was up says nothing of the frame
            if run.course.left() > 0:
                run.tally.failures.append({"evidence": frame.id, "source": frame.source, "reason": told.why})
            return
        piece = evidence_of(told.said, frame, run.by, self._shelf.tenant_key(frame.tenant))
        try:
            self._commit(frame, piece, told.said, run.by)
            run.tally.captioned += 1
        except EvidenceNotFound:
            # its clip was read again meanwhile
            run.tally.gone += 1

    def _commit(self, frame: Evidence, piece: Evidence, said: Caption, by: By) -> None:
        """Store one caption, in place of an earlier one of the same frame. Raises EvidenceNotFound where the frame is gone."""
        vector = self._text.encode([content_of(said)])[0]
        made = [Embedding(piece.id, by.space, vector)]
        self._shelf.commit(Unit(frame.tenant, piece.source, made_from(frame), by.ingester, [piece], made))


def _ended(window: deque[tuple[Evidence, Future[Told]]]) -> tuple[Evidence, Told]:
    """The frame that was begun first, with what became of it. Raises ModelUnavailable where the model is down."""
    frame, future = window.popleft()
    return frame, future.result()


def _summary(run: _Run, todo: int, seconds: float) -> Summary:
    tally, by = run.tally, run.by
    return Summary(
        model=by.model,
        prompt=by.prompt.id,
        moments=tally.moments,
        already=tally.already,
        hidden=tally.hidden,
        captioned=tally.captioned,
        failed=len(tally.failures),
        gone=tally.gone,
        left=todo - tally.captioned - tally.gone,
        prompt_tokens=tally.prompt_tokens,
        completion_tokens=tally.completion_tokens,
        seconds=round(seconds, 1),
        stopped=tally.stopped,
        failures=tuple(tally.failures[:_FAILURES_TOLD]),
    )


def _silent(step: Step) -> None:
    """Nobody watches."""
