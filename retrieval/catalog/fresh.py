"""Sources never heard of, stored together: a dozen statements however many they are. What a bus brings is mostly such.

It writes what commits.commit would have written of each, one after the other: the same rows, the same log.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from sqlalchemy import BindParameter, Connection, bindparam, delete, select

from retrieval.catalog import commits, never_again
from retrieval.catalog import tables as t
from retrieval.catalog.clock import Clock
from retrieval.catalog.codec import (
    chunks,
    coverage_values,
    entity_values,
    link_values,
    vector_values,
)
from retrieval.catalog.lean import Ready
from retrieval.errors import UnitRefused
from retrieval.ids import derived_from
from retrieval.ports import Receipt, Unit
from retrieval.types import Evidence

_ev = t.evidence.c
# put into words once (see commits.py)
_TENANT: BindParameter[str] = bindparam("tenant")
_HELD = Ready.over(
    lambda sources: select(t.sources.c.source).where(t.sources.c.tenant == _TENANT, t.sources.c.source.in_(sources))
)
# of a source that was erased a hold may keep coverage: its revisions are counted on
_LEFT = Ready.over(
    lambda sources: (
        select(t.coverage.c.source).where(t.coverage.c.tenant == _TENANT, t.coverage.c.source.in_(sources)).distinct()
    )
)
_TAKEN = Ready.over(lambda ids: select(_ev.id).where(_ev.superseded_at.is_(None), _ev.id.in_(ids)).limit(1))
_TAKEN_IN = Ready.over(
    lambda sources: delete(t.rejections).where(t.rejections.c.tenant == _TENANT, t.rejections.c.source.in_(sources))
)


class _New(NamedTuple):
    """A unit with the work that stores it and its evidence, each id once."""

    unit: Unit
    work: commits.Work
    evidence: list[Evidence]


def runs(connection: Connection, units: Sequence[Unit]) -> Iterator[tuple[bool, list[Unit]]]:
    """The units in their order, as runs of those that `store` can take together and of those it cannot."""
    held, known = _held(connection, units), set[tuple[str, str]]()
    told = set[str]()
    marked: list[tuple[bool, Unit]] = []
    for unit in units:
        place, ids = (unit.tenant, unit.source), {piece.id for piece in unit.evidence}
        whole = unit.closes and derived_from(unit.source) is None
        marked.append((whole and place not in held and place not in known and told.isdisjoint(ids), unit))
        known.add(place)
        told |= ids
    for fresh, run in groupby(marked, key=lambda each: each[0]):
        yield fresh, [unit for _, unit in run]


def store(connection: Connection, units: Sequence[Unit], clock: Clock) -> list[Receipt]:
    """Store units that `runs` found to be new. Raises UnitRefused, SourceRejected and BadQuery, for all of them where one is bad."""
    new = _drawn(connection, never_again.without_erased(connection, units), clock)
    _refuse_taken(connection, new)
    commits.INTO[t.sources].put(connection, [{**each.work.owned(), **_about(each.unit)} for each in new])
    pieces = [(piece, each.work) for each in new for piece in each.evidence]
    rows = commits.insert_evidence(connection, pieces)
    commits.INTO[t.vectors].put(connection, [row for each in new for row in _vectors(each, rows)])
    for table, values in ((t.coverage, coverage_values), (t.entities, entity_values), (t.links, link_values)):
        commits.INTO[table].put(connection, _facts(new, table.name, values))
    _clear_rejections(connection, units)
    entries = [each.work.entry("commit", [e.id for e in each.evidence], [], _tells_site(each.unit)) for each in new]
    commits.append(connection, entries)
    return [Receipt(each.work.sequence, len(each.evidence), 0) for each in new]


def _held(connection: Connection, units: Sequence[Unit]) -> set[tuple[str, str]]:
    """(tenant, source) of those of which something was stored before."""
    held = set[tuple[str, str]]()
    for tenant, sources in _by_tenant(units):
        for some in chunks(sources):
            known = {source for (source,) in _HELD.read(connection, {"tenant": tenant, "wanted": some})}
            rest = [source for source in some if source not in known]
            known |= {source for (source,) in _LEFT.read(connection, {"tenant": tenant, "wanted": rest})}
            held |= {(tenant, source) for source in known}
    return held


def _by_tenant(units: Sequence[Unit]) -> Iterator[tuple[str, list[str]]]:
    """Tenants, each with the sources of its units."""
    for tenant in {unit.tenant for unit in units}:
        yield tenant, [unit.source for unit in units if unit.tenant == tenant]


def _drawn(connection: Connection, units: Sequence[Unit], clock: Clock) -> list[_New]:
    """The units, checked, each with its own place in the log and its own time."""
    sequence, known_at = commits.lock(connection)
    new: list[_New] = []
    for unit in units:
        commits.check(unit)
        sequence, known_at = sequence + 1, max(clock(), known_at + 1)
        work = commits.Work(connection, unit.tenant, unit.source, 1, sequence, known_at)
        new.append(_New(unit, work, list({e.id: e for e in reversed(unit.evidence)}.values())[::-1]))
    return new


def _refuse_taken(connection: Connection, new: Sequence[_New]) -> None:
    for some in chunks(piece.id for each in new for piece in each.evidence):
        for (taken,) in _TAKEN.read(connection, {"wanted": some}):
            raise UnitRefused(f"evidence {taken} already belongs to another source")


def _about(unit: Unit) -> dict[str, Any]:
    return {"content_hash": unit.content_hash, "ingester": unit.ingester, "whole": True, "version": unit.version}


def _vectors(new: _New, rows: dict[str, int]) -> Iterator[dict[str, Any]]:
    mine = {piece.id for piece in new.evidence}
    strays = [v.evidence for v in new.unit.embeddings if v.evidence not in mine]
    if strays:
        raise UnitRefused(f"a vector belongs to evidence that is not stored: {strays[0]}")
    # of two for the same place the first counts
    once = {(rows[v.evidence], v.space, v.part): v for v in reversed(new.unit.embeddings)}
    return ({"row": key[0], "revision": 1, **vector_values(v)} for key, v in once.items())


def _facts(new: Sequence[_New], name: str, values: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for each in new:
        told = {fact["digest"]: fact for fact in map(values, getattr(each.unit, name))}
        rows += [{**fact, **each.work.owned()} for fact in told.values()]
    return rows


def _clear_rejections(connection: Connection, units: Sequence[Unit]) -> None:
    for tenant, sources in _by_tenant(units):
        for some in chunks(sources):
            _TAKEN_IN.run(connection, {"tenant": tenant, "wanted": some})


def _tells_site(unit: Unit) -> bool:
    return bool(unit.entities or unit.links)
