"""Keeps the projections up with the catalog's log, each at its own pace; a broken one never holds the others back."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol, TypeAlias, runtime_checkable

from retrieval.errors import GraphUnavailable, ProjectionError
from retrieval.ports import LogReader, Projection
from retrieval.types import Micros

# (name of the projection, sequence applied, sequence to reach)
Progress: TypeAlias = Callable[[str, int, int], None]
_BATCH = 100
_BROKEN = (ProjectionError, GraphUnavailable)


class Ledger(LogReader, Protocol):
    """A log that can also say which rows exist at all."""

    def row_numbers(self) -> set[int]:
        """Every evidence row of every tenant, open and closed."""


@runtime_checkable
class Countable(Protocol):
    """A projection that can say which evidence rows it knows."""

    def rows(self) -> set[int]: ...


class Failure(NamedTuple):
    """Why a projection is behind, and since when (UTC microseconds)."""

    reason: str
    since: Micros


class Projector:
    """Applies log entries, in order and in batches, to each projection. Calls from several threads take turns.

    Only the typed failures of a projection (ProjectionError, GraphUnavailable) are kept as degraded state; a failure of
    the log itself is raised.
    """

    def __init__(
        self, log: Ledger, projections: Sequence[Projection], clock: Callable[[], Micros], batch: int = _BATCH
    ) -> None:
        self._log = log
        self._projections = tuple(projections)
        self._clock = clock
        self._batch = batch
        self._turn = threading.RLock()
        self._failures: dict[str, Failure] = {}

    @property
    def failures(self) -> Mapping[str, Failure]:
        """Projections that failed when last tried, by name; one that works again is taken off."""
        return dict(self._failures)

    def catch_up(self, progress: Progress | None = None) -> dict[str, Failure]:
        """Bring every projection to the end of the log; those that could not be, by name."""
        with self._turn:
            for projection in self._projections:
                self._try(projection, lambda one: self._follow(one, progress))
            return dict(self._failures)

    def reindex(self, progress: Progress | None = None) -> dict[str, int]:
        """Throw every projection away and rebuild it; name → sequence reached. What failed is in `failures`."""
        with self._turn:
            for projection in self._projections:
                self._try(projection, lambda one: self._rebuild(one, progress))
            return self._applied()

    def lag(self) -> dict[str, int]:
        """Log entries each projection has yet to apply; a broken one counts as having none."""
        reach = self._log.sequence()
        with self._turn:
            return {name: max(0, reach - applied) for name, applied in self._applied().items()}

    def reconcile(self) -> dict[str, int]:
        """Compare the rows of each countable projection with the catalog's and rebuild those that differ.

        {checked: rows compared, differences: rows missing or left over, repaired: differences gone after the rebuild}.
        """
        with self._turn:
            self.catch_up()
            found = {"checked": 0, "differences": 0, "repaired": 0}
            for projection in self._projections:
                if isinstance(projection, Countable):
                    self._try(projection, lambda one: self._compare(one, found))
            return found

    def _compare(self, projection: Projection, found: dict[str, int]) -> None:
        found["checked"] += len(self._log.row_numbers())
        before = self._differences(projection)
        if before:
            found["differences"] += before
            self._rebuild(projection, None)
            found["repaired"] += max(0, before - self._differences(projection))

    def _differences(self, projection: Projection) -> int:
        return len(self._log.row_numbers() ^ projection.rows()) if isinstance(projection, Countable) else 0

    def _follow(self, projection: Projection, progress: Progress | None) -> None:
        reach = self._log.sequence()
        if projection.applied() > reach:
            # it followed another store, or this one was put back to an earlier state
            projection.reset()
        while (applied := projection.applied()) < reach:
            entries = self._log.log(applied, self._batch)
            projection.apply(entries, self._log)
            if projection.applied() <= applied:
                raise ProjectionError(f"{projection.name} does not advance beyond {applied}")
            if progress is not None:
                progress(projection.name, projection.applied(), reach)

    def _rebuild(self, projection: Projection, progress: Progress | None) -> None:
        projection.reset()
        self._follow(projection, progress)

    def _try(self, projection: Projection, work: Callable[[Projection], None]) -> None:
        try:
            work(projection)
        except _BROKEN as error:
            since = self._failures[projection.name].since if projection.name in self._failures else self._clock()
            self._failures[projection.name] = Failure(str(error), since)
        else:
            self._failures.pop(projection.name, None)

    def _applied(self) -> dict[str, int]:
        reached: dict[str, int] = {}
        for projection in self._projections:
            try:
                reached[projection.name] = projection.applied()
            except _BROKEN:
                reached[projection.name] = 0
        return reached
