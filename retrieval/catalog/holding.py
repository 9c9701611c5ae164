"""What legal holds keep. All of a tenant's are asked together: a condition for each is more than one statement takes.

A hold that keeps a piece keeps its family: what it was made out of (the frame of a caption), and all that was made out of that.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Connection, and_, func, or_, select

from retrieval.catalog import tables as t
from retrieval.catalog.codec import chunks
from retrieval.catalog.pieces import PIECE, Piece, at_or_on, family, of_tenant, read, relatives
from retrieval.catalog.reading import overlaps
from retrieval.erasure.values import Hold
from retrieval.ids import derived_from
from retrieval.types import Interval

_ev, _cov = t.evidence.c, t.coverage.c
_hold = msgspec.json.Decoder(Hold)
_PAGE = 5000


def holds(connection: Connection, tenant: str, *, all_: bool = False) -> list[Hold]:
    """Those in force, the oldest first; `all_` those released too."""
    mine = [t.holds.c.tenant == tenant] + ([] if all_ else [t.holds.c.released_at.is_(None)])
    bodies = connection.execute(
        select(t.holds.c.body).where(*mine).order_by(t.holds.c.placed_at, t.holds.c.id)
    ).scalars()
    return [_hold.decode(body) for body in bodies]


def in_force(connection: Connection, tenant: str) -> Holds:
    """All of a tenant, to be asked together."""
    return Holds(tenant, holds(connection, tenant))


class Kept(NamedTuple):
    """Rows that holds keep, and hold id → how many of them it does."""

    rows: set[int]
    by_hold: dict[str, int]


class Covered(NamedTuple):
    """A record of coverage. `valid` is [t0, t1) in UTC µs, (None, None) where unknown."""

    row: int
    source: str
    uri: str
    subject: str
    valid: tuple[int | None, int | None]


COVERED = select(_cov.row, _cov.source, _cov.uri, _cov.subject, _cov.valid_t0, _cov.valid_t1)


def covered(connection: Connection, *conditions: ColumnElement[bool], limit: int | None = None) -> list[Covered]:
    """Records of coverage, by row."""
    found = connection.execute(COVERED.where(*conditions).order_by(_cov.row).limit(limit))
    return [Covered(row, source, uri, subject, (t0, t1)) for row, source, uri, subject, t0, t1 in found]


class Holds:
    """The holds in force of one tenant, the oldest first."""

    def __init__(self, tenant: str, all_: Sequence[Hold]) -> None:
        self._tenant, self._ids = tenant, [each.id for each in all_]
        self._evidence = _by_name(each.evidence for each in all_)
        self._sources = _by_name(each.sources for each in all_)
        self._entities = _by_name(each.entities for each in all_)
        self._windows = {number: each.window for number, each in enumerate(all_) if each.window is not None}

    def __bool__(self) -> bool:
        return bool(self._ids)

    def kept(self, connection: Connection, pieces: Mapping[int, Piece]) -> Kept:
        """Which of these pieces, by row, are kept: named or met themselves, or through one of their family."""
        if not (self and pieces):
            return Kept(set(), {})
        members = list((relatives(connection, self._tenant, list(pieces.values())) | dict(pieces)).values())
        numbers: dict[str, int] = {}
        of = np.array([numbers.setdefault(family(each), len(numbers)) for each in members])
        sizes = np.bincount(of[[each.row in pieces for each in members]], minlength=len(numbers))
        kept, by_hold = np.zeros(len(numbers), np.bool_), dict[str, int]()
        for hold, places in self._met(connection, members):
            families = np.zeros(len(numbers), np.bool_)
            families[of[places]] = True
            kept |= families
            by_hold[self._ids[hold]] = int(sizes @ families)
        rows = {members[at].row for at in np.flatnonzero(kept[of]).tolist()}
        return Kept(rows & pieces.keys(), {id_: count for id_, count in by_hold.items() if count})

    def kept_coverage(self, connection: Connection, records: Sequence[Covered]) -> set[int]:
        """Rows of the records that are kept: by their source, by what was seen in it, by their subject, or by when they were."""
        if not (self and records):
            return set()
        shown = self._shown_in(connection)
        rows = {each.row for each in records if self._tells(each) or not shown.isdisjoint((each.source, each.uri))}
        timed = [each for each in records if each.valid[0] is not None]
        times = _Times.of([each.valid for each in timed])
        for window in set(self._windows.values()):
            rows |= {timed[at].row for at in times.within(window).tolist()}
        return rows

    def naming(self, *sources: str) -> set[str]:
        """Holds that name any of the sources."""
        return {self._ids[number] for source in sources for number in self._sources.get(source, ())}

    def of_source(self, source: str) -> set[str]:
        """Holds that name a source, or something that was made out of a piece of it."""
        return self.naming(source, *self._derived.get(source, ()))

    def of_entity(self, *entities: str) -> set[str]:
        """Holds that name any of the entities."""
        return {self._ids[number] for entity in entities for number in self._entities.get(entity, ())}

    def keeps_of(self, connection: Connection, source: str) -> bool:
        """Whether any piece of a source, or of what was made out of one of its pieces, is kept."""
        on = at_or_on(t.evidence, source)
        mine, last = PIECE.where(_ev.tenant == self._tenant, on).order_by(_ev.row).limit(_PAGE), 0
        while self and (page := read(connection, [mine.where(_ev.row > last)])):
            # of a family all are among these
            if next(self._met(connection, list(page.values())), None) is not None:
                return True
            last = max(page)
        return False

    @cached_property
    def _derived(self) -> dict[str, list[str]]:
        """Source → those named by holds that were made out of a piece of it."""
        found: dict[str, list[str]] = defaultdict(list)
        for name in self._sources:
            if of := derived_from(name):
                found[of[0]].append(name)
        return found

    def _met(self, connection: Connection, pieces: Sequence[Piece]) -> Iterator[tuple[int, NDArray[np.intp]]]:
        """Each hold, by number, with the places of the pieces that it names or whose time its window meets."""
        named = self._naming(connection, pieces)
        # of unknown times the recording counts
        times = _Times.of([p.valid if p.valid[0] is not None else (p.recorded_at, p.recorded_at) for p in pieces])
        for hold in sorted(named.keys() | self._windows.keys()):
            places = np.array(named.get(hold, ()), np.intp)
            if hold in self._windows:
                places = np.concatenate([places, times.within(self._windows[hold])])
            if places.size:
                yield hold, places

    def _naming(self, connection: Connection, pieces: Sequence[Piece]) -> dict[int, list[int]]:
        """Hold → places of the pieces that it names by id, by source or by an entity."""
        found: dict[int, list[int]] = defaultdict(list)
        for at, piece in enumerate(pieces):
            for hold in (*self._evidence.get(piece.id, ()), *self._evidence.get(family(piece), ())):
                found[hold].append(at)
            for name in _on(piece.source):
                for hold in self._sources.get(name, ()):
                    found[hold].append(at)
        place = {piece.row: at for at, piece in enumerate(pieces)} if self._entities else {}
        for some in chunks(place):
            mentions = select(t.mentions.c.row, t.mentions.c.entity).where(t.mentions.c.row.in_(some))
            for row, entity in connection.execute(mentions):
                for hold in self._entities.get(entity, ()):
                    found[hold].append(place[row])
        return found

    def _tells(self, record: Covered) -> bool:
        """Whether a hold names what a record of coverage is about, or was made out of, or something that was made out of it."""
        named = any(name in self._sources for name in (*_on(record.source), record.uri))
        below = record.source in self._derived or record.uri in self._derived
        of = derived_from(record.source)
        return named or below or record.subject in self._entities or (of is not None and of[1] in self._evidence)

    def _shown_in(self, connection: Connection) -> set[str]:
        """Sources of the pieces that are held by id, and what those hang on: what they were seen in must stay told of."""
        found: set[str] = set()
        for some in chunks(self._evidence):
            of = select(_ev.source).where(of_tenant(self._tenant), _ev.id.in_(some))
            found |= {name for source in connection.execute(of.distinct()).scalars() for name in _on(source)}
        return found


class _Times(NamedTuple):
    """When things were, [t0, t1) each: int64, shape (n,), UTC µs."""

    t0: NDArray[np.int64]
    t1: NDArray[np.int64]

    @classmethod
    def of(cls, spans: Sequence[tuple[int | None, int | None]]) -> _Times:
        """None must be in none of them."""
        told = np.array(spans, np.int64).reshape(-1, 2)
        return cls(told[:, 0], told[:, 1])

    def within(self, window: Interval) -> NDArray[np.intp]:
        """Places of those that a window meets, as Interval.overlaps has it."""
        at, until = window.t0, window.t1
        instant = self.t0 == self.t1
        if at == until:
            return np.flatnonzero((self.t0 <= at) & ((self.t1 > at) | (instant & (self.t0 == at))))
        return np.flatnonzero((self.t0 < until) & ((self.t1 > at) | (instant & (self.t0 >= at))))


def held_ids(connection: Connection, tenant: str, ids: Iterable[str], kept_by: Holds) -> set[str]:
    """Those of the pieces that a hold keeps."""
    named = (PIECE.where(of_tenant(tenant), _ev.id.in_(some)) for some in chunks(dict.fromkeys(ids)))
    pieces = read(connection, named) if kept_by else {}
    return {pieces[row].id for row in kept_by.kept(connection, pieces).rows}


def held_sources(connection: Connection, tenant: str, sources: Iterable[str]) -> set[str]:
    """Those of which, or of what was made out of whose pieces, a hold keeps any."""
    kept_by = in_force(connection, tenant)
    return {source for source in sources if kept_by.keeps_of(connection, source)}


def count_held(connection: Connection, hold: Hold) -> int:
    """Pieces of evidence that a hold names or whose time it meets, in any revision."""
    of = select(func.count(_ev.id.distinct())).where(_ev.tenant == hold.tenant, _names(hold))
    return int(connection.execute(of).scalar_one())


def _names(hold: Hold) -> ColumnElement[bool]:
    kept: list[ColumnElement[bool]] = []
    if hold.evidence:
        kept.append(_ev.id.in_(hold.evidence))
    if hold.sources:
        kept.append(_ev.source.in_(hold.sources))
        kept += [and_(_ev.source >= source + "#", _ev.source < source + "$") for source in hold.sources]
    if hold.entities:
        kept.append(_ev.row.in_(select(t.mentions.c.row).where(t.mentions.c.entity.in_(hold.entities))))
    if hold.window is not None:
        recorded = and_(_ev.recorded_at >= hold.window.t0, _ev.recorded_at < hold.window.t1)
        kept.append(or_(overlaps(_ev.valid_t0, _ev.valid_t1, hold.window), and_(_ev.valid_t0.is_(None), recorded)))
    return or_(*kept)


def _by_name(names: Iterable[Iterable[str]]) -> dict[str, list[int]]:
    """Name → numbers of the holds that have it."""
    found: dict[str, list[int]] = defaultdict(list)
    for number, given in enumerate(names):
        for name in dict.fromkeys(given):
            found[name].append(number)
    return dict(found)


def _on(source: str) -> Iterator[str]:
    """A source, and those that it hangs on."""
    yield source
    at = source.find("#")
    while at >= 0:
        yield source[:at]
        at = source.find("#", at + 1)
