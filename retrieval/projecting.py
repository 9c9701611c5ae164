"""What every projection shares: how the log becomes changes, and how access and time become plain comparable values.

Access: evidence carries an *audience*, a principal carries the audiences it belongs to; evidence is visible when the two share
a member. Time: unknown valid times and open revisions are numbers outside every real time, so that a filter is a comparison.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from retrieval.ports import LogEntry, LogReader, Projected
from retrieval.types import Evidence, Filter, Micros, Principal

EVERYONE = "*"
UNKNOWN: Micros = -(2**62)
OPEN: Micros = 2**62
CHUNK = 2000


def audience(labels: Sequence[str]) -> list[str]:
    """Who may see a record with these labels: everyone of the tenant when there are none."""
    return [f"={label}" for label in sorted(set(labels))] or [EVERYONE]


def audiences(principal: Principal) -> list[str]:
    """The audiences a principal belongs to."""
    return [EVERYONE, *(f"={label}" for label in sorted(set(principal.labels)))]


def known_at(as_of: Micros | None) -> Micros:
    """The instant T for `recorded <= T < superseded`; None means now, which only open revisions pass."""
    return OPEN - 1 if as_of is None else as_of


class Times(NamedTuple):
    """The four times of a revision as plain integers (UTC microseconds, or UNKNOWN and OPEN)."""

    t0: Micros
    t1: Micros
    recorded: Micros
    superseded: Micros

    @classmethod
    def of(cls, evidence: Evidence) -> Times:
        valid = evidence.valid
        t0, t1 = (UNKNOWN, UNKNOWN) if valid is None else (valid.t0, valid.t1)
        closed = evidence.superseded_at
        return cls(t0, t1, evidence.recorded_at, OPEN if closed is None else closed)


def admits(evidence: Evidence, filter_: Filter, principal: Principal) -> bool:
    """The filter's meaning in plain words; adapters do the same with columns, fields or Cypher."""
    now, times = known_at(filter_.as_of), Times.of(evidence)
    window, valid = filter_.window, evidence.valid
    return (
        evidence.tenant == principal.tenant
        and not set(audience(evidence.labels)).isdisjoint(audiences(principal))
        and times.recorded <= now < times.superseded
        and (not filter_.kinds or evidence.kind in filter_.kinds)
        and (not filter_.sources or evidence.source in filter_.sources)
        and (not filter_.entities or any(m.entity in filter_.entities for m in evidence.entities))
        and (window is None or (valid is not None and valid.overlaps(window)))
    )


class Change(NamedTuple):
    """What the log touched of one tenant: every revision of `ids` that still exists. An id without one is gone.

    `fewer` are those of the ids that may have had revisions which exist no more.
    """

    tenant: str
    ids: list[str]
    present: list[Projected]
    fewer: list[str]


def changes(entries: Sequence[LogEntry], log: LogReader, size: int = CHUNK) -> Iterator[Change]:
    """The entries as changes of at most `size` ids, one tenant each, in order; each id is read once."""
    touched: dict[str, dict[str, bool]] = {}
    for entry in entries:
        named = touched.setdefault(entry.tenant, {})
        named.update((id_, entry.removes or named.get(id_, False)) for id_ in (*entry.evidence, *entry.closed))
    for tenant, ids in touched.items():
        ordered = list(ids)
        for start in range(0, len(ordered), size):
            part = ordered[start : start + size]
            present = [item for item in log.projected(part) if item.evidence.tenant == tenant]
            yield Change(tenant, part, present, [id_ for id_ in part if ids[id_]])


def sites(entries: Sequence[LogEntry]) -> list[str]:
    """Tenants whose entities or links changed, in order of appearance."""
    return list(dict.fromkeys(entry.tenant for entry in entries if entry.site))


def last(entries: Sequence[LogEntry], applied: int) -> int:
    """The sequence reached once the entries are applied; never less than before."""
    return max([applied, *(entry.sequence for entry in entries)])
