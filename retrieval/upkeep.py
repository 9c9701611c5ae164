"""What keeps the indexes well: they follow the log, come back from a snapshot, are probed, and are rebuilt when a probe is lost."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from typing import NamedTuple

import structlog

from retrieval.canary import Canary
from retrieval.errors import StoreBusy, StoreError
from retrieval.projector import Failure, Progress, Projector
from retrieval.reconciling import Report
from retrieval.snapshots import Manifest, Snapshots, Snapshotted


class Policy(NamedTuple):
    """When what is done. `every`, `closing`: log entries since the last snapshot after which a process that stays takes one, and one
    that ends does. Seconds: between probes, between looks at the log, and how long a search waits for an index that is behind
    while another thread brings it up."""

    every: int = 5_000
    closing: int = 500
    probe_s: float = 300.0
    look_s: float = 0.5
    patience_s: float = 1.0


class Memory(NamedTuple):
    """A projection that lives in memory, and its snapshots."""

    part: Snapshotted
    snapshots: Snapshots


class Standing(NamedTuple):
    """How it is: the projections that are not as they should be, what was wrong with snapshots, and what the canary said.

    `loaded`: the sequence of the snapshot this process began with, 0 = none. `probes`: how many were looked for at the last look;
    `probed`: what the monotonic clock said then, None = not yet.
    """

    failures: dict[str, Failure]
    trouble: tuple[str, ...]
    loaded: int
    probes: int
    probed: float | None


class Upkeep:
    """A projector that begins from a snapshot and is probed. Safe to call from several threads.

    Alone, whoever calls `catch_up` does the work and waits for it. While `keep` runs, that thread does, and others wait no longer
    than `patience_s`: what is still behind is then told in `failures`.
    """

    def __init__(
        self,
        projector: Projector,
        canary: Canary,
        memory: Memory | None = None,
        policy: Policy | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """Without `memory` every projection keeps itself, and there are no snapshots."""
        self._projector, self._canary, self._memory = projector, canary, memory
        self._policy = policy or Policy()
        self._now = now
        self._once = threading.Lock()
        self._begun = self._keeping = False
        self._loaded = self._at = self._probes = 0
        self._refused: tuple[str, ...] = ()
        self._untaken = ""
        self._probed: float | None = None
        self._lost_at: dict[str, int] = {}
        self._log = structlog.get_logger("watchfloor.upkeep")

    # --- what a projector does ---

    def catch_up(self, progress: Progress | None = None) -> dict[str, Failure]:
        """As the projector's; the first call begins from the newest snapshot, and probes."""
        if self._keeping:
            return self._projector.catch_up(progress, self._policy.patience_s, kept=True)
        self._begin(progress)
        return self._projector.catch_up(progress)

    def reindex(self, progress: Progress | None = None) -> dict[str, int]:
        """As the projector's; what was rebuilt is probed."""
        self._begun = True
        reached = self._projector.reindex(progress)
        self.probe()
        return reached

    def rebuild(self, name: str) -> Failure | None:
        """As the projector's."""
        self._begin(None)
        return self._projector.rebuild(name)

    def reconcile(self) -> dict[str, Report]:
        """As the projector's."""
        self._begin(None)
        return self._projector.reconcile()

    def lag(self) -> dict[str, int]:
        return self._projector.lag()

    # --- keeping ---

    def keep(self, stop: threading.Event) -> None:
        """Keep the indexes well until told to stop. Raises StoreError where the catalog fails: to be called again."""
        self._keeping = True
        try:
            while not stop.is_set():
                self.tick()
                stop.wait(self._policy.look_s)
        finally:
            self._keeping = False

    def tick(self) -> None:
        """One look: begin, follow the log for a moment, probe and take a snapshot where it is time."""
        self._begin(None)
        behind = self._projector.catch_up(patience_s=10 * self._policy.patience_s)
        if self._probed is None or self._now() - self._probed >= self._policy.probe_s:
            self.probe()
        if not behind and self._new() >= self._policy.every:
            self._take_or_tell()

    def snapshot(self) -> Manifest:
        """Take one now. Raises StoreBusy, StoreFull, StoreError (also where nothing lives in memory)."""
        if self._memory is None:
            raise StoreError("no index lives in memory: there is nothing to take a snapshot of")
        self.catch_up()
        part, snapshots = self._memory
        still: Callable[[], AbstractContextManager[object]] = partial(self._projector.holding, part.name)
        told = snapshots.take(part, still)
        self._at, self._untaken = told.sequence, ""
        return told

    def renew(self) -> Manifest:
        """Remove every snapshot and take a new one: what was erased is in none. Raises as `snapshot` does."""
        if self._memory is not None:
            self._memory.snapshots.clear()
        return self.snapshot()

    def probe(self) -> dict[str, str]:
        """Look for what must be there; an index that has lost it is told, rebuilt and looked into again. One that fails is left alone.

        One that loses it again right after that is not rebuilt before the log has moved: it stays told.
        """
        lost = self._look()
        for name in lost:
            self._projector.distrust(name, lost[name])
            self._log.error("canary lost", projection=name, why=lost[name])
        mended = [name for name in lost if self._lost_at.get(name) != self._sequence(name)]
        for name in mended:
            self._projector.rebuild(name)
            self._lost_at[name] = self._sequence(name)
        again = self._look() if mended else lost
        for name, why in again.items():
            self._projector.distrust(name, why)
        return again

    def close(self) -> None:
        """Take a snapshot where much came in since the last."""
        if self._begun and self._new() >= self._policy.closing and not self._projector.failures:
            self._take_or_tell()

    # --- telling ---

    @property
    def failures(self) -> dict[str, Failure]:
        return dict(self._projector.failures)

    def told(self) -> list[str]:
        """What answers should say of the indexes, one line each; [] when all is well."""
        return [f"{name}: {failure.reason}" for name, failure in self._projector.failures.items()]

    def standing(self) -> Standing:
        trouble = (*self._refused, *([self._untaken] if self._untaken else []))
        return Standing(self.failures, trouble, self._loaded, self._probes, self._probed)

    def snapshots(self) -> list[Manifest]:
        """Those there are, newest first."""
        return [] if self._memory is None else self._memory.snapshots.kept()

    # --- inside ---

    def _begin(self, progress: Progress | None) -> None:
        with self._once:
            if self._begun:
                return
            if self._memory is not None:
                part, snapshots = self._memory
                with self._projector.holding(part.name):
                    found = snapshots.load(part)
                self._loaded = self._at = found.sequence
                self._refused = found.refused
            self._begun = True
        if not self._keeping:
            self._projector.catch_up(progress)
            self.probe()

    def _look(self) -> dict[str, str]:
        """Of those that can be blamed: one that fails or is behind says so itself, and is not thrown away for it."""
        probes, reach = self._canary.take(), self._canary.reach()
        failures = self._projector.catch_up(patience_s=10 * self._policy.patience_s)
        ailing = {name for name, failure in failures.items() if failure.kind != "doubted"}
        able = [name for name in self._projector.lag() if name not in ailing]
        # one that is doubted may fail too
        fit = [name for name in able if self._projector.applied(name) >= reach]
        lost = self._canary.look(probes, fit)
        if not any(failure.kind == "behind" for failure in failures.values()):
            self._probes, self._probed = len(probes), self._now()
        return lost

    def _take_or_tell(self) -> None:
        try:
            self.snapshot()
        except StoreBusy:
            # another process takes one of the same store: as good
            self._at += self._new()
        except StoreError as error:
            # tried again when as much has come in once more
            self._untaken = f"no snapshot could be taken: {error}"
            self._at += self._new()
            self._log.warning("no snapshot", why=str(error))

    def _new(self) -> int:
        """Log entries since the last snapshot."""
        return 0 if self._memory is None else self._memory.part.applied() - self._at

    def _sequence(self, name: str) -> int:
        return self._projector.applied(name)
