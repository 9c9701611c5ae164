"""Who may see evidence: who holds one of its labels, or anybody of the tenant where it has none; and today's labels hold as of any time.

A state of a piece that has ended is shown to nobody who may not see what stands in its place today (where nothing does, what stood there
last), nor anything of what its source tells today (where that is nothing, of what it told last): gone from its place, it may stand in any
other. What was made out of a piece is judged like that piece too. What stands, and what never came under other labels, is judged by its
own labels alone. A label that was taken off since opens nothing: the earlier text may hold what the later one leaves out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

from sqlalchemy import BindParameter, ColumnElement, Connection, Text, bindparam, or_, select

from retrieval.catalog import tables as t
from retrieval.catalog.codec import chunks
from retrieval.ids import derived_from
from retrieval.types import Micros, Principal

_ev = t.evidence.c
_labelled = select(t.labels.c.row).where(t.labels.c.row == _ev.row).exists()


def granted(labels: Any) -> ColumnElement[bool]:
    """Who holds one of these labels, or needs none."""
    held = select(t.labels.c.row).where(t.labels.c.row == _ev.row, t.labels.c.label.in_(labels)).exists()
    return or_(~_labelled, held)


class Ended(NamedTuple):
    """A state of a piece that stands no more; `place` is its locator as it is stored."""

    row: int
    source: str
    place: str


_Place: TypeAlias = tuple[str, str]
# what ended before orders before what ended after, and both before what stands; of one time what came last is last
_Order: TypeAlias = tuple[bool, Micros, int]
_SOURCES: BindParameter[Any] = bindparam("sources", expanding=True)
_IDS: BindParameter[Any] = bindparam("ids", expanding=True)
_OF_TENANT = _ev.tenant == bindparam("tenant", type_=Text())
_GRANTED = granted(bindparam("granted", expanding=True))
_STATES = select(_ev.row, _ev.source, _ev.locator, _ev.superseded_at, _GRANTED.label("granted")).where(
    _OF_TENANT, _ev.source.in_(_SOURCES)
)
_CLOSED_IN_PART = select(_ev.source).where(_OF_TENANT, _ev.source.in_(_SOURCES), ~_GRANTED).distinct()
_PLACES = select(_ev.id, _ev.locator).where(_OF_TENANT, _ev.id.in_(_IDS))


class _Today:
    """What sources tell today, or told last, as far as one asker may see it."""

    def __init__(self) -> None:
        self._places: dict[_Place, tuple[_Order, bool]] = {}
        self._sources: dict[str, tuple[tuple[bool, Micros], bool]] = {}

    def add(self, source: str, place: str, order: _Order, seen: bool) -> None:
        known = self._places.get((source, place))
        if known is None or known[0] < order:
            self._places[source, place] = order, seen
        latest, any_seen = self._sources.get(source, (order[:2], False))
        if latest <= order[:2]:
            self._sources[source] = order[:2], seen or (any_seen and latest == order[:2])

    def shows(self, source: str, place: str) -> bool:
        """Nothing is known of what was never told: it keeps nothing from anybody."""
        _, there = self._places.get((source, place), (None, True))
        _, anything = self._sources.get(source, (None, True))
        return there and anything


def withheld(connection: Connection, ended: Sequence[Ended], principal: Principal) -> set[int]:
    """Rows of those that today's labels keep from the principal."""
    judged = _places(connection, ended, principal)
    today = _Today()
    for some in chunks(dict.fromkeys(source for places in judged.values() for source, _ in places)):
        params = {"tenant": principal.tenant, "granted": list(principal.labels)}
        # most sources keep nothing from the asker: an index tells so, and only of the others all states are read
        closed = connection.execute(_CLOSED_IN_PART, {**params, "sources": some}).scalars().all()
        for row, source, place, end, seen in connection.execute(_STATES, {**params, "sources": closed}):
            today.add(source, place, (end is None, end or 0, row), bool(seen))
    return {row for row, places in judged.items() if not all(today.shows(*place) for place in places)}


def _places(connection: Connection, ended: Sequence[Ended], principal: Principal) -> dict[int, list[_Place]]:
    """Row → its place, and that of the piece it was made out of."""
    judged = {each.row: [(each.source, each.place)] for each in ended}
    made = {each.row: hangs_on for each in ended if (hangs_on := derived_from(each.source))}
    locators: dict[str, str] = {}
    for some in chunks({of for _, of in made.values()}):
        found = connection.execute(_PLACES, {"tenant": principal.tenant, "ids": some})
        locators.update((row.id, row.locator) for row in found)
    for row, (source, of) in made.items():
        judged[row].append((source, locators.get(of, "")))
    return judged
