"""Keeps the projections up with the catalog's log, each at its own pace; a broken one never holds the others back."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Literal, NamedTuple, Protocol, TypeAlias, runtime_checkable

from retrieval.errors import GraphUnavailable, ProjectionError
from retrieval.failpoints import NOWHERE, Failpoints, Step
from retrieval.ports import LogReader, Projection
from retrieval.reconciling import Census, Difference, Marked, Report, compare, marked, repair
from retrieval.types import Micros

# (name of the projection, sequence applied, sequence to reach)
Progress: TypeAlias = Callable[[str, int, int], None]
_BATCH = 100
_BROKEN = (ProjectionError, GraphUnavailable)
# how often a comparison is begun anew because the log moved meanwhile
_TRIES = 5


class Ledger(LogReader, Protocol):
    """A log that can also say what exists at all."""

    @property
    def census(self) -> Census: ...

    def row_numbers(self) -> set[int]:
        """Every evidence row of every tenant, open and closed."""


@runtime_checkable
class Countable(Protocol):
    """A projection that can say which evidence rows it knows."""

    def rows(self) -> set[int]: ...


class Failure(NamedTuple):
    """Why a projection is not as it should be, and since when (UTC microseconds).

    `kind`: it failed; it is behind and being brought up, right as far as it goes; or a probe was lost and it is not to be trusted.
    """

    reason: str
    since: Micros
    kind: Literal["failed", "behind", "doubted"] = "failed"


class Projector:
    """Applies log entries, in order and in batches, to each projection. Calls from several threads take turns, a projection at a time.

    Only the typed failures of a projection (ProjectionError, GraphUnavailable) are kept as degraded state; a failure of
    the log itself is raised.
    """

    def __init__(
        self,
        log: Ledger,
        projections: Sequence[Projection],
        clock: Callable[[], Micros],
        batch: int = _BATCH,
        failpoints: Failpoints = NOWHERE,
    ) -> None:
        self._log = log
        self._projections = {projection.name: projection for projection in projections}
        self._clock = clock
        self._batch = batch
        self._failpoints = failpoints
        self._turns = {name: threading.RLock() for name in self._projections}
        self._failures: dict[str, Failure] = {}
        self._doubts: dict[str, Failure] = {}

    @property
    def failures(self) -> Mapping[str, Failure]:
        """Projections that failed when last tried, are still behind, or are not trusted; one that works again is taken off."""
        return {**self._failures, **self._doubts}

    def catch_up(
        self, progress: Progress | None = None, patience_s: float | None = None, *, kept: bool = False
    ) -> dict[str, Failure]:
        """Bring every projection to the end of the log; those that could not be, by name.

        With `patience_s` no projection is waited for longer than that: one that is still behind then, or that another thread is
        bringing up, is told as behind. `kept`: another thread keeps them, and one that is known not to be as it should be is left to
        it: nobody waits for a store that does not answer.
        """
        reach = self._log.sequence()
        for name, projection in self._projections.items():
            known = self._failures.get(name) if kept else None
            if (known is None or known.kind != "failed") and not self._is_at(projection, reach):
                follow = partial(self._follow, progress=progress, patience_s=patience_s, reach=reach)
                self._try(name, follow, 0.0 if known else patience_s)
        return dict(self.failures)

    def reindex(self, progress: Progress | None = None) -> dict[str, int]:
        """Throw every projection away and rebuild it; name → sequence reached. What failed is in `failures`."""
        for name in self._projections:
            self.rebuild(name, progress)
        return self._applied()

    def rebuild(self, name: str, progress: Progress | None = None) -> Failure | None:
        """Throw one projection away and follow the log from its start; it is trusted again. What kept it from being so, None where
        nothing did: by the next look, which follows on, it may have been taken off `failures`."""
        failure = self._try(name, lambda one: self._rebuild(one, progress))
        self._doubts.pop(name, None)
        return failure

    def applied(self, name: str) -> int:
        """The sequence a projection has applied; 0 for a broken one."""
        return self._applied()[name]

    def lag(self) -> dict[str, int]:
        """Log entries each projection has yet to apply; a broken one counts as having none."""
        reach = self._log.sequence()
        return {name: max(0, reach - applied) for name, applied in self._applied().items()}

    @contextmanager
    def holding(self, name: str) -> Iterator[None]:
        """Nothing is applied to the projection meanwhile."""
        with self._turns[name]:
            yield

    def distrust(self, name: str, why: str) -> None:
        """What the projection finds is not to be relied on, until it is rebuilt."""
        self._doubts.setdefault(name, Failure(why, self._clock(), "doubted"))

    def reconcile(self) -> dict[str, Report]:
        """Compare what each projection holds with the catalog, and repair what differs; name → what was found.

        One that cannot say what it holds is left out; one that still differs after the repair is rebuilt.
        """
        self.catch_up()
        found: dict[str, Report] = {}
        for name in self._projections:
            self._try(name, lambda one: self._reconcile(one, found))
        return found

    def _reconcile(self, projection: Projection, found: dict[str, Report]) -> None:
        before = self._compare(projection)
        if before is None:
            return
        after: Difference | None = before
        told = marked(projection)
        if before.keys and told is not None:
            repair(projection, told, before, self._log, self._log.census, self._failpoints)
            after = self._compare(projection)
        if after and after.keys:
            self._rebuild(projection, None)
            after = self._compare(projection)
        left = len(after.keys) if after else 0
        counts = (len(before.missing), len(before.extra), len(before.stale))
        found[projection.name] = Report(before.checked, *counts, max(0, sum(counts) - left))

    def _compare(self, projection: Projection) -> Difference | None:
        """None for one that cannot say what it holds. Ingest goes on meanwhile: what came in between is no difference."""
        found: Difference | None = None
        for _ in range(_TRIES):
            self._follow(projection, None)
            at = self._log.sequence()
            found = self._difference(projection)
            if found is None or not found.keys or self._log.sequence() == at:
                break
        return found

    def _difference(self, projection: Projection) -> Difference | None:
        told: Marked | None = marked(projection)
        if told is not None:
            return compare(projection, told, self._log, self._log.census)
        if not isinstance(projection, Countable):
            return None
        held, wanted = projection.rows(), self._log.row_numbers()
        return Difference(len(wanted), frozenset(wanted - held), frozenset(held - wanted), frozenset())

    def _is_at(self, projection: Projection, reach: int) -> bool:
        """Whether nothing need be done: asked without taking a turn, since every search asks."""
        if projection.name in self._failures:
            return False
        try:
            return projection.applied() == reach
        except _BROKEN:
            return False

    def _follow(
        self,
        projection: Projection,
        progress: Progress | None = None,
        patience_s: float | None = None,
        reach: int | None = None,
    ) -> None:
        """Up to `reach` at least, by default the end of the log. What came in while this thread waited for its turn is left to those who
        ask for it: else each of many would bring in the newest piece alone, and all others wait for that."""
        until = None if patience_s is None else time.monotonic() + patience_s
        reach = self._log.sequence() if reach is None else reach
        if projection.applied() > reach and projection.applied() > self._log.sequence():
            # it followed another store, or this one was put back to an earlier state
            projection.reset()
        while (applied := projection.applied()) < reach:
            entries = self._log.log(applied, self._batch)
            self._failpoints.reach(Step.LOG_READ)
            projection.apply(entries, self._log)
            self._failpoints.reach(Step.APPLIED)
            if projection.applied() <= applied:
                raise ProjectionError(f"{projection.name} does not advance beyond {applied}")
            if progress is not None:
                progress(projection.name, projection.applied(), reach)
            if until is not None and (now := projection.applied()) < reach and time.monotonic() >= until:
                raise _StillBehind(f"{now:,} of {reach:,} log entries are in it yet; it is being brought up")

    def _rebuild(self, projection: Projection, progress: Progress | None) -> None:
        projection.reset()
        self._follow(projection, progress)

    def _try(self, name: str, work: Callable[[Projection], None], patience_s: float | None = None) -> Failure | None:
        """What it failed of, None where it did not."""
        turn = self._turns[name]
        if not turn.acquire(timeout=-1 if patience_s is None else patience_s):
            return self._noted(name, _Awaited("it is being loaded or brought up"))
        try:
            work(self._projections[name])
        except _BROKEN as error:
            return self._noted(name, error)
        else:
            self._failures.pop(name, None)
            return None
        finally:
            turn.release()

    def _noted(self, name: str, error: Exception) -> Failure:
        before = self._failures.get(name)
        if before is not None and before.kind == "failed" and isinstance(error, _Awaited):
            # why it failed says more than that somebody is trying again
            return before
        since = before.since if before else self._clock()
        told = Failure(str(error), since, "behind" if isinstance(error, _StillBehind) else "failed")
        self._failures[name] = told
        return told

    def _applied(self) -> dict[str, int]:
        reached: dict[str, int] = {}
        for name, projection in self._projections.items():
            try:
                reached[name] = projection.applied()
            except _BROKEN:
                reached[name] = 0
        return reached


class _StillBehind(ProjectionError):
    """the projection is still behind"""


class _Awaited(_StillBehind):
    """another thread has its turn"""
