"""Who may see evidence: who holds one of its labels, or anybody of the tenant where it has none; and today's labels hold as of any time.

A state of a piece that has ended is shown to nobody who may not see what stands in its place today (where nothing does, what stood there
last), nor anything of what its source tells today (where that is nothing, of what it told last): gone from its place, it may stand in any
other. What was made out of a piece is judged like that piece too. What stands, and what never came under other labels, is judged by its
own labels alone. A label that was taken off since opens nothing: the earlier text may hold what the later one leaves out. Nor does an
erasure of what judges: from whom that kept what stays is written down for it (withholding).
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple, TypeAlias

from sqlalchemy import BindParameter, ColumnElement, Connection, Text, and_, bindparam, case, exists, func, or_, select

from retrieval.catalog import tables as t
from retrieval.catalog.codec import chunks
from retrieval.catalog.pieces import of_tenant
from retrieval.ids import derived_from
from retrieval.types import Micros, Principal

_ev = t.evidence.c
_labelled = select(t.labels.c.row).where(t.labels.c.row == _ev.row).exists()


def granted(labels: Any) -> ColumnElement[bool]:
    """Who holds one of these labels, or needs none."""
    held = select(t.labels.c.row).where(t.labels.c.row == _ev.row, t.labels.c.label.in_(labels)).exists()
    return or_(~_labelled, held)


Labels: TypeAlias = frozenset[str]
# of no labels: what anybody may see
OPEN = Labels()


def any_of(sets: Collection[Labels]) -> Labels:
    """The labels of which one is enough to see anything that is under one of these sets; none where one is open, or there are none."""
    return OPEN.union(*sets) if all(sets) else OPEN


class Ended(NamedTuple):
    """A state of a piece that stands no more; `place` is its locator as it is stored."""

    row: int
    source: str
    place: str


# a source, and a place in it
Place: TypeAlias = tuple[str, str]
# what ended before orders before what ended after, and both before what stands; of one time what came last is last
Order: TypeAlias = tuple[bool, Micros, int]
_SOURCES: BindParameter[Any] = bindparam("sources", expanding=True)
_IDS: BindParameter[Any] = bindparam("ids", expanding=True)
_TENANT = bindparam("tenant", type_=Text())
_OF_SOURCES = and_(_ev.tenant == _TENANT, _ev.source.in_(_SOURCES))
_GRANTED = granted(bindparam("granted", expanding=True))
_SEQUENCE = select(t.head.c.sequence)
_ANY = select(exists(select(t.labels.c.row)), exists(select(t.withheld.c.row)))
_ONE_HELD = func.sum(case((t.withheld.c.label.in_(bindparam("granted", expanding=True)), 1), else_=0))
_LEFT_WITHHELD = (
    select(t.withheld.c.row)
    .where(t.withheld.c.row.in_(bindparam("rows", expanding=True)))
    .group_by(t.withheld.c.row, t.withheld.c.part)
    .having(_ONE_HELD == 0)
)
_CLOSED_IN_PART = select(_ev.source).where(_OF_SOURCES, ~_GRANTED).distinct()
_STANDING = _ev.superseded_at.is_(None)
_STANDS = select(_ev.source).where(_OF_SOURCES, _STANDING).distinct()
_SHOWN_IN_PART = select(_ev.source).where(_OF_SOURCES, _STANDING, _GRANTED).distinct()
_STATES = select(_ev.row, _ev.source, _ev.locator, _ev.superseded_at, _GRANTED.label("granted")).where(_OF_SOURCES)
_PLACES = select(_ev.id, _ev.locator).where(of_tenant(_TENANT), _ev.id.in_(_IDS))
# places that are remembered to be kept from somebody: some 150 bytes each; and sources
_MOST_PLACES, _MOST_SOURCES = 200_000, 50_000


class _Kept(NamedTuple):
    """What a source keeps of its ended states from one asker: all of them, or those at some places."""

    all: bool
    places: frozenset[str]

    def has(self, place: str) -> bool:
        return self.all or place in self.places


_NOTHING, _ALL = _Kept(False, frozenset()), _Kept(True, frozenset())


class _Today:
    """What a source tells today, or told last, as far as one asker may see it."""

    def __init__(self) -> None:
        self._places: dict[str, tuple[Order, bool]] = {}
        self._latest: tuple[bool, Micros] | None = None
        self._seen = False

    def add(self, place: str, order: Order, seen: bool) -> None:
        known = self._places.get(place)
        if known is None or known[0] < order:
            self._places[place] = order, seen
        if self._latest is None or self._latest < order[:2]:
            self._latest, self._seen = order[:2], seen
        elif self._latest == order[:2]:
            self._seen = self._seen or seen

    def kept(self) -> _Kept:
        """Nothing is known of what was never told: it keeps nothing from anybody."""
        if not self._seen:
            return _ALL
        return _Kept(False, frozenset(place for place, (_, seen) in self._places.items() if not seen))


class Seeing:
    """Today's labels, asked of the catalog once for each source and set of labels until the log moves. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sequence = -1
        self._known: OrderedDict[tuple[str, tuple[str, ...], str], _Kept] = OrderedDict()
        self._held = 0

    def withheld(self, connection: Connection, ended: Sequence[Ended], principal: Principal) -> set[int]:
        """Rows of those that today's labels keep from the principal, or labels of what is erased."""
        labelled, left = connection.execute(_ANY).one()
        lost = _left_withheld(connection, ended, principal) if left else set()
        if not labelled:
            return lost
        judged = places(connection, ended, principal.tenant)
        kept = self._of(connection, {source for of in judged.values() for source, _ in of}, principal)
        return lost | {row for row, of in judged.items() if any(kept[source].has(place) for source, place in of)}

    def _of(self, connection: Connection, sources: Collection[str], principal: Principal) -> dict[str, _Kept]:
        sequence, owner = connection.execute(_SEQUENCE).scalar_one(), (principal.tenant, principal.labels)
        with self._lock:
            known = {source: self._known.get((*owner, source)) for source in sources if sequence == self._sequence}
        found = {source: kept for source, kept in known.items() if kept is not None}
        asked = _asked(connection, [source for source in sources if source not in found], principal)
        with self._lock:
            if sequence > self._sequence:
                self._known, self._held, self._sequence = OrderedDict(), 0, sequence
            if sequence == self._sequence:
                self._remember({(*owner, source): kept for source, kept in asked.items()})
        return found | asked

    def _remember(self, asked: dict[tuple[str, tuple[str, ...], str], _Kept]) -> None:
        for key, kept in asked.items():
            self._held += len(kept.places) - len(self._known.pop(key, _NOTHING).places)
            self._known[key] = kept
        while self._known and (self._held > _MOST_PLACES or len(self._known) > _MOST_SOURCES):
            self._held -= len(self._known.popitem(last=False)[1].places)


def _left_withheld(connection: Connection, ended: Sequence[Ended], principal: Principal) -> set[int]:
    """Those that were judged by what is erased."""
    lost, params = set[int](), {"granted": list(principal.labels)}
    for some in chunks(each.row for each in ended):
        lost |= set(connection.execute(_LEFT_WITHHELD, {**params, "rows": some}).scalars())
    return lost


def _asked(connection: Connection, sources: Sequence[str], principal: Principal) -> dict[str, _Kept]:
    """What each keeps, by as little as tells it: most keep nothing, many of the others all, and of the rest every state is read."""
    kept = dict.fromkeys(sources, _NOTHING)
    params = {"tenant": principal.tenant, "granted": list(principal.labels)}
    for some in chunks(sources):
        closed = set(connection.execute(_CLOSED_IN_PART, {**params, "sources": some}).scalars())
        standing = set(connection.execute(_STANDS, {**params, "sources": list(closed)}).scalars())
        shown = set(connection.execute(_SHOWN_IN_PART, {**params, "sources": list(standing)}).scalars())
        kept |= dict.fromkeys(standing - shown, _ALL)
        kept |= _by_states(connection, list(closed - (standing - shown)), params)
    return kept


def _by_states(connection: Connection, sources: list[str], params: dict[str, Any]) -> dict[str, _Kept]:
    today = {source: _Today() for source in sources}
    for row, source, place, end, seen in connection.execute(_STATES, {**params, "sources": sources}):
        today[source].add(place, (end is None, end or 0, row), bool(seen))
    return {source: told.kept() for source, told in today.items()}


def places(connection: Connection, ended: Sequence[Ended], tenant: str) -> dict[int, list[Place]]:
    """Row → its place, and that of the piece it was made out of."""
    judged = {each.row: [(each.source, each.place)] for each in ended}
    made = {each.row: hangs_on for each in ended if (hangs_on := derived_from(each.source))}
    locators: dict[str, str] = {}
    for some in chunks({of for _, of in made.values()}):
        found = connection.execute(_PLACES, {"tenant": tenant, "ids": some})
        locators.update((row.id, row.locator) for row in found)
    for row, (source, of) in made.items():
        judged[row].append((source, locators.get(of, "")))
    return judged
