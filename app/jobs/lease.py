"""A claim on a job, kept for as long as it is worked on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Protocol

import structlog

from app.jobs.job import Claim
from retrieval.errors import LeaseLost, StoreError
from retrieval.types import Micros

_BEAT_S = 1.0


class Beating(Protocol):
    def beat(self, claim: Claim) -> tuple[bool, Micros]: ...


class Lease:
    """Says every `beat_s` seconds, from a thread of its own, that the worker lives, and hears whether the job is to stop.

    A worker that stood still for too long (a suspended machine) finds its lease lapsed before it commits anything more.
    """

    def __init__(
        self,
        store: Beating,
        claim: Claim,
        clock: Callable[[], Micros],
        ending: threading.Event,
        beat_s: float = _BEAT_S,
    ) -> None:
        self._store, self._claim, self._clock, self._ending, self._beat_s = store, claim, clock, ending, beat_s
        self._over = threading.Event()
        self._lost: LeaseLost | None = None
        self._until: Micros = 0
        self.cancelled = False
        self._thread = threading.Thread(target=self._run, name="job-lease", daemon=True)
        self._log = structlog.get_logger(__name__)

    def __enter__(self) -> Lease:
        """Raises LeaseLost where the claim is gone already."""
        self.cancelled, self._until = self._store.beat(self._claim)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._over.set()
        self._thread.join()

    def stop(self) -> bool:
        """Whether to stop, cancelled or with the process. Raises LeaseLost once the job may be another's."""
        if self._lost is not None:
            raise self._lost
        if self._clock() >= self._until:
            raise LeaseLost(f"{self._claim.job}: this worker was not heard of in time; another goes on with it")
        return self.cancelled or self._ending.is_set()

    def _run(self) -> None:
        while not self._over.wait(self._beat_s):
            try:
                self.cancelled, self._until = self._store.beat(self._claim)
            except LeaseLost as lost:
                self._lost = lost
                return
            except StoreError as problem:
                # a store that is busy for longer than the lease holds ends it; until then there is the next beat
                self._log.warning("a job's lease could not be renewed", job=self._claim.job, why=str(problem))
