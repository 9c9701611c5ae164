"""Retention: what is older than its kind may be is erased as anything is; what a legal hold keeps is left."""

from __future__ import annotations

import re
import secrets
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple

from app.governance.port import Retained
from retrieval.catalog.erasing import Some
from retrieval.catalog.erasures import ErasureBook
from retrieval.erasure.needles import SALT_BYTES
from retrieval.erasure.values import RULE, Target
from retrieval.errors import BadSettings, LegalHold
from retrieval.times import iso
from retrieval.types import Kind, Micros, Principal

# who asks where a rule does; somebody may be called so too
RULES = "retention"
# hidden in one transaction: some seconds, in which nobody else writes
_AT_ONCE = 20_000
_AGE = re.compile(r"(\d{1,5})(h|d|w|y)")
_UNIT_US = {"h": 3_600_000_000, "d": 86_400_000_000, "w": 604_800_000_000, "y": 31_557_600_000_000}


class Rules(NamedTuple):
    """Kind → how long it is kept, in µs; how long superseded coverage is (None = for ever); and by which time age is told."""

    kinds: Mapping[Kind, Micros]
    coverage: Micros | None
    by: Literal["recorded", "valid"] = "recorded"

    @property
    def any(self) -> bool:
        return bool(self.kinds) or self.coverage is not None


def age(given: str) -> Micros:
    """ "36h", "30d", "12w", "7y" (of 365.25 days) → µs. Raises BadSettings."""
    found = _AGE.fullmatch(given.strip())
    if found is None or not int(found[1]):
        raise BadSettings(f"{given!r} is no age; write 36h, 30d, 12w or 7y")
    return int(found[1]) * _UNIT_US[found[2]]


def told_age(kept: Micros) -> str:
    """µs → an age as it is written in the settings, in the largest unit that divides it."""
    fitting = [unit for unit in reversed(_UNIT_US) if kept % _UNIT_US[unit] == 0]
    return f"{kept // _UNIT_US[fitting[0]]}{fitting[0]}" if fitting else f"{kept} µs"


class Retention:
    """`clock` gives UTC µs."""

    def __init__(self, book: ErasureBook, rules: Rules, clock: Callable[[], Micros]) -> None:
        self._book, self.rules, self._clock = book, rules, clock

    def run(self, principal: Principal, asked: Principal) -> Retained:
        """Hide all that is too old now, and drop superseded coverage; removing the bytes is the purger's. `principal` erases; `asked` is
        who had the rules applied. Raises StoreError."""
        now, erased, held = self._clock(), Counter[str](), 0
        some = Some(_AT_ONCE, secrets.token_bytes(SALT_BYTES))
        for kind, kept in self.rules.kinds.items():
            target = Target(before=now - kept, by=self.rules.by, kinds=(kind,))
            held += sum(self._book.count(target, principal).held.values())
            erased[str(kind)] += self._hide(target, principal, some._replace(rule=self._told(target, kept)))
        dropped = 0
        if self.rules.coverage is not None:
            dropped = self._book.drop_coverage(principal.tenant, now - self.rules.coverage)
        done = Retained({kind: count for kind, count in erased.items() if count}, dropped, held)
        if done.erased or done.coverage:
            self._book.note(asked, "retention", {"erased": done.erased, "coverage": done.coverage, "held": held})
        return done

    def _told(self, target: Target, kept: Micros) -> str:
        """A rule as receipts have it: which kind, from before when, and how long that is kept."""
        grew = "recorded" if target.by == "recorded" else "over"
        return f"{RULE}{target.kinds[0]} {grew} before {iso(target.before or 0)}, kept for {told_age(kept)}"

    def _hide(self, target: Target, principal: Principal, some: Some) -> int:
        gone = 0
        while True:
            try:
                made = self._book.hide(target, principal, some)
            except LegalHold:
                return gone
            if made is None or not made.tally.revisions:
                return gone
            gone += made.tally.evidence
