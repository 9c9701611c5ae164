"""What one asker may use: questions at once, questions a minute, tokens of the model a minute. Kept by principal, never by address.

Questions and tokens a minute are token buckets (Tanenbaum, Computer Networks, 5.4.2): a bucket holds one minute's worth, is
full at first, and fills evenly. What a model used is known only afterwards, so a bucket of tokens may go below empty; until it
is above empty again nothing more is let through.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from retrieval.errors import OverBudget
from retrieval.types import Principal

_ASKERS = 10_000
_SOON_S = 1.0


class Allowance(NamedTuple):
    """Questions and searches under way of one asker and of all together; questions and tokens a minute of one asker (None = any
    number)."""

    concurrent: int = 8
    total: int = 64
    asks_per_minute: int | None = None
    tokens_per_minute: int | None = None


class Bucket:
    """A token bucket. Times are seconds of one monotonic clock."""

    def __init__(self, per_minute: int, now: float) -> None:
        self._size = float(per_minute)
        self._rate = per_minute / 60
        self._level, self._at = self._size, now

    def level(self, now: float) -> float:
        """What is in it; below 0 after more was taken than there was."""
        self._level = min(self._size, self._level + max(0.0, now - self._at) * self._rate)
        self._at = max(self._at, now)
        return self._level

    def take(self, amount: float, now: float) -> None:
        self._level = self.level(now) - amount

    def wait(self, amount: float, now: float) -> float:
        """Seconds until it holds `amount`; 0 when it does."""
        return max(0.0, (amount - self.level(now)) / self._rate)

    def full(self, now: float) -> bool:
        return self.level(now) >= self._size


@dataclass
class _Account:
    """One asker: questions under way, and what is left of the minute."""

    asks: Bucket | None
    tokens: Bucket | None
    under_way: int = 0

    def wait(self, now: float) -> float:
        """Seconds until another question may be asked, by the minute's limits."""
        return max(
            self.asks.wait(1, now) if self.asks else 0.0,
            # one millionth: above empty, however little
            self.tokens.wait(1e-6, now) if self.tokens else 0.0,
        )

    def idle(self, now: float) -> bool:
        """Nothing would be lost by forgetting it."""
        return not self.under_way and all(bucket is None or bucket.full(now) for bucket in (self.asks, self.tokens))


class Budget:
    """Lets questions through within the allowance. Safe to share between threads; remembers at most `askers` askers."""

    def __init__(
        self, allowance: Allowance, clock: Callable[[], float] = time.monotonic, askers: int = _ASKERS
    ) -> None:
        self._allowance, self._clock, self._askers = allowance, clock, askers
        # least recently used first
        self._accounts: OrderedDict[tuple[str, str], _Account] = OrderedDict()
        self._under_way = 0
        self._lock = threading.Lock()

    @contextmanager
    def taken(self, principal: Principal) -> Iterator[None]:
        """One question under way. Raises OverBudget, with when to try again, and never waits."""
        with self._under(principal, counted=True):
            yield

    @contextmanager
    def shared(self, principal: Principal) -> Iterator[None]:
        """One search under way: it has a place among the questions, and nothing of the minute. Raises as `taken`."""
        with self._under(principal, counted=False):
            yield

    @contextmanager
    def _under(self, principal: Principal, counted: bool) -> Iterator[None]:
        with self._lock:
            account = self._admit(principal, counted)
        try:
            yield
        finally:
            with self._lock:
                account.under_way -= 1
                self._under_way -= 1

    def spend(self, principal: Principal, tokens: int) -> None:
        """Book what a model used for a question of this asker."""
        with self._lock:
            now = self._clock()
            bucket = self._account(principal, now).tokens
            if bucket is not None:
                bucket.take(tokens, now)

    def _admit(self, principal: Principal, counted: bool) -> _Account:
        now, allowed = self._clock(), self._allowance
        if self._under_way >= allowed.total:
            raise OverBudget(
                "too many questions and searches are under way here; try again soon", retry_after_s=_SOON_S
            )
        account = self._account(principal, now)
        if account.under_way >= allowed.concurrent:
            told = f"{allowed.concurrent} questions of yours are under way, searches among them, the most there may be; wait for one"
            raise OverBudget(told, retry_after_s=_SOON_S)
        wait = account.wait(now) if counted else 0.0
        if wait > 0:
            raise OverBudget(
                f"your questions of this minute are used up; try again in {wait:.0f} s", retry_after_s=wait
            )
        if account.asks is not None and counted:
            account.asks.take(1, now)
        account.under_way += 1
        self._under_way += 1
        return account

    def _account(self, principal: Principal, now: float) -> _Account:
        key = (principal.tenant, principal.subject)
        account = self._accounts.get(key)
        if account is None:
            asks, tokens = self._allowance.asks_per_minute, self._allowance.tokens_per_minute
            account = self._accounts[key] = _Account(_bucket(asks, now), _bucket(tokens, now))
        self._accounts.move_to_end(key)
        self._forget(key, now)
        return account

    def _forget(self, kept: tuple[str, str], now: float) -> None:
        """Look at the two used longest ago, so that the table shrinks as fast as it can grow.

        Those with nothing to remember go; beyond the cap also those with a bucket that is not full, which will be within a minute.
        """
        for key in tuple(islice(self._accounts, 2)):
            account = self._accounts[key]
            if key == kept:
                return
            if account.under_way:
                self._accounts.move_to_end(key)
            elif account.idle(now) or len(self._accounts) > self._askers:
                del self._accounts[key]

    def __len__(self) -> int:
        """How many askers are remembered."""
        return len(self._accounts)


def _bucket(per_minute: int | None, now: float) -> Bucket | None:
    return Bucket(per_minute, now) if per_minute else None
