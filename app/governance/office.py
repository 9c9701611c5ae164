"""Governance over a catalog: hides at once, removes in its own time, applies the rules when it is time. Safe to share between threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import cached_property
from typing import NamedTuple

import msgspec
import structlog
from filelock import FileLock, Timeout

from app.governance.places import Places
from app.governance.port import Again, Retained
from app.governance.purging import Purger
from app.governance.receipts import Seal, Signed, decoded
from app.governance.retention import RULES, Retention
from retrieval.catalog.erasures import ErasureBook
from retrieval.erasure.values import Erasure, Hold, State, Tally, Target
from retrieval.errors import StoreError, UpstreamError
from retrieval.types import Principal

_LOCK = "erase.lock"
_LOOK_S = 1.0
# what is in the way of an erasure is not gone in a second
_AGAIN_S = 15.0
_RARELY_S = 3600.0


class Pace(NamedTuple):
    """Seconds: between looks for what is hidden, after a failure, and between runs of the retention rules."""

    look_s: float = _LOOK_S
    again_s: float = _AGAIN_S
    rules_s: float = 86_400.0

    def after(self, vain: int) -> float:
        """How long to wait after so many tries in vain: each reads the whole store."""
        return min(self.again_s * 2.0 ** min(vain - 1, 16), max(self.again_s, _RARELY_S)) if vain else self.look_s


class Office:
    """The Governance port. `purger` is made when first used; a lock in the folder of `places` keeps two processes from removing at once;
    `tenant` is whose rules are applied."""

    def __init__(
        self,
        book: ErasureBook,
        seal: Seal,
        purger: Callable[[], Purger],
        retention: Retention,
        places: Places,
        tenant: str,
        pace: Pace | None = None,
    ) -> None:
        self._book, self._seal, self._make_purger, self._retention = book, seal, purger, retention
        self._places, self._tenant, self._pace = places, tenant, pace or Pace()
        self._lock = FileLock(places.folder / _LOCK, timeout=0, thread_local=False)
        # the file's lock lets every thread of its process in
        self._own = threading.Lock()
        self._came = threading.Event()
        self._due = time.monotonic() if retention.rules.any else float("inf")
        self._given_up = 0
        self._log = structlog.get_logger("watchfloor.governance")

    def close(self) -> None:
        self._book.close()

    @cached_property
    def _purger(self) -> Purger:
        return self._make_purger()

    # --- asking

    def count(self, target: Target, principal: Principal) -> Tally:
        return self._book.count(target, principal)

    def erase(self, target: Target, principal: Principal) -> Erasure | None:
        made = self._book.hide(target, principal)
        self._came.set()
        return made

    def erasures(self, principal: Principal, limit: int = 50) -> list[Erasure]:
        return self._book.listed(principal.tenant, limit)

    def erasure(self, id_: str, principal: Principal) -> Erasure:
        return self._book.one(principal.tenant, id_)

    def receipt(self, id_: str, principal: Principal) -> Signed | None:
        told, salt = self._book.hand_out(principal, id_)
        if not told:
            return None
        signed = decoded(told)
        return signed if salt is None else msgspec.structs.replace(signed, salt=salt.hex())

    def public_key(self) -> str:
        return self._seal.public()

    def allow(self, again: Again, principal: Principal) -> int:
        gone = self._book.allow(principal, again.sources, [*again.evidence, *again.entities])
        # whoever follows a folder has noted that they were refused; also where an earlier call was killed between the two
        self._places.unmark(principal.tenant, again.sources)
        return gone

    def hold(self, hold: Hold, principal: Principal) -> Hold:
        return self._book.hold(hold, principal)

    def release_hold(self, id_: str, principal: Principal) -> Hold:
        return self._book.release_hold(id_, principal)

    def holds(self, principal: Principal, *, all_: bool = False) -> list[Hold]:
        return self._book.holds(principal.tenant, all_=all_)

    def retain(self, principal: Principal) -> Retained:
        told = self._retention.run(Principal(principal.tenant, RULES), principal)
        self._came.set()
        return told

    # --- doing

    def resume(self) -> list[Erasure]:
        waiting = self._book.unfinished()
        if waiting:
            self._remove(waiting)
        return [self._book.one(each.tenant, each.id) for each in waiting]

    def keep(self, stop: threading.Event) -> None:
        vain = 0
        while not stop.is_set():
            if time.monotonic() >= self._due:
                self.retain(Principal(self._tenant, RULES))
                self._due = time.monotonic() + self._pace.rules_s
            troubled = any(each.trouble for each in self.resume())
            vain = vain + 1 if troubled or not self._gave_up() else 0
            if self._came_within(stop, self._pace.after(vain)):
                vain = 0

    def _gave_up(self) -> bool:
        """What another instance is removing, ours must give up too; whether it has."""
        try:
            newest = self._book.newest()
            if newest > self._given_up:
                self._purger.give_up_before(newest)
                self._given_up = newest
        except (StoreError, UpstreamError) as error:
            self._log.warning("what another instance erased is hidden, but not given up here yet", why=str(error))
            return False
        return True

    def _came_within(self, stop: threading.Event, seconds: float) -> bool:
        """Whether something was erased meanwhile."""
        until = time.monotonic() + seconds
        while not stop.is_set() and time.monotonic() < until:
            if self._came.wait(min(0.2, seconds)):
                self._came.clear()
                return True
        return False

    def _remove(self, waiting: list[Erasure]) -> None:
        """Nothing where another thread or process is at it."""
        if not self._own.acquire(blocking=False):
            return
        try:
            with self._lock:
                self._purger.purge(waiting)
                self._forget_rules_salts(waiting)
        except Timeout:
            return
        except (StoreError, UpstreamError) as error:
            self._log.warning("erased evidence is hidden, its bytes are not gone yet", why=str(error))
            for each in waiting:
                if self._book.one(each.tenant, each.id).state in (State.HIDDEN, State.PURGING):
                    self._book.trouble(each, str(error))
        finally:
            self._own.release()

    def _forget_rules_salts(self, waiting: list[Erasure]) -> None:
        for each in waiting:
            if each.by_rule:
                self._book.hand_out(Principal(each.tenant, RULES), each.id)
