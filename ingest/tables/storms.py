"""Alert storms: so many alerts of related things in so short a time that nobody can follow each.

What counts as a flood is the field's own rule (ANSI/ISA-18.2 and IEC 62682, after EEMUA 191): it begins when an operator gets more
than ten alerts within ten minutes, and ends when there are fewer than five. One file is taken for what one operator sees.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from retrieval.types import Micros


class FloodRule(NamedTuple):
    """A flood begins with more than `begins` alerts within `window_us`, and ends with fewer than `ends`."""

    begins: int = 10
    ends: int = 5
    window_us: Micros = 600_000_000


FLOOD = FloodRule()


class Raised(NamedTuple):
    """An alert as storms see it: when it was raised (UTC µs), which it is, and the marks it shares with alerts it is related to."""

    at: Micros
    number: int
    marks: frozenset[str]


class FloodWatch:
    """Told alerts in order of time, it gives each flood as soon as it is over. What it gives never depends on what comes later."""

    def __init__(self, rule: FloodRule = FLOOD) -> None:
        self._rule = rule
        self._recent: deque[Raised] = deque()
        self._flood: list[Raised] = []

    def update(self, alert: Raised) -> tuple[Raised, ...]:
        """The flood that was over before this alert; empty where none was. Raises ValueError for an alert before the last one."""
        if self._recent and alert.at < self._recent[-1].at:
            raise ValueError("alerts must come in order of time")
        ended = self._pass(alert.at)
        self._recent.append(alert)
        if self._flood:
            self._flood.append(alert)
        elif len(self._recent) > self._rule.begins:
            self._flood = list(self._recent)
        return ended

    def close(self) -> tuple[Raised, ...]:
        """The flood that is still going on, as far as it is known."""
        ended, self._flood = tuple(self._flood), []
        self._recent.clear()
        return ended

    def _pass(self, now: Micros) -> tuple[Raised, ...]:
        """Let time pass until `now`."""
        while self._recent and self._recent[0].at <= now - self._rule.window_us:
            self._recent.popleft()
        # what belongs to a flood that is over begins no other
        return self.close() if self._flood and len(self._recent) < self._rule.ends else ()


def storms(alerts: Iterable[Raised], rule: FloodRule = FLOOD) -> list[tuple[Raised, ...]]:
    """The storms among alerts, whatever their order: floods of related alerts within a flood of all, in order of time.

    Every alert is in one storm at most; alerts without a relation to the others are in none.
    """
    ordered = sorted(alerts, key=lambda alert: (alert.at, alert.number))
    found = [
        storm for flood in _floods(ordered, rule) for group in related(flood) for storm in _floods(group, rule)
    ]  # fmt: skip
    return sorted(found, key=lambda storm: (storm[0].at, storm[0].number))


def related(alerts: Sequence[Raised]) -> list[list[Raised]]:
    """Alerts parted into groups: those that share a mark are in one, and so are those that share one with a third."""
    leader = list(range(len(alerts)))

    def head(at: int) -> int:
        while leader[at] != at:
            leader[at] = leader[leader[at]]
            at = leader[at]
        return at

    first: dict[str, int] = {}
    for at, alert in enumerate(alerts):
        for mark in alert.marks:
            leader[head(at)] = head(first.setdefault(mark, at))
    groups: dict[int, list[Raised]] = {}
    for at, alert in enumerate(alerts):
        groups.setdefault(head(at), []).append(alert)
    return list(groups.values())


def peak(storm: Sequence[Raised], rule: FloodRule = FLOOD) -> int:
    """The most alerts of a storm within the rule's window."""
    recent: deque[Micros] = deque()
    most = 0
    for alert in storm:
        recent.append(alert.at)
        while recent[0] <= alert.at - rule.window_us:
            recent.popleft()
        most = max(most, len(recent))
    return most


def _floods(ordered: Sequence[Raised], rule: FloodRule) -> Iterator[tuple[Raised, ...]]:
    watch = FloodWatch(rule)
    ended = [watch.update(alert) for alert in ordered]
    yield from (flood for flood in (*ended, watch.close()) if flood)
