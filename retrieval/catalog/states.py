"""Earlier states of what is erased under a label: what was open to more people before goes with it.

Nobody is shown an ended state who may not see what stands in its place today, nor anything that its source tells today (seeing). Were the
later one taken alone, nothing would keep the earlier from anybody any more. Where no label kept it from anybody, it stays: a place is a
line of a table at times, and what stood there before is something else. What is not taken with it, since a hold keeps it or it is not old
enough, stays kept from the same people (withholding).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

from sqlalchemy import Column, Connection, func, or_, select

from retrieval.catalog import tables as t
from retrieval.catalog.codec import chunks
from retrieval.catalog.holding import Holds, Kept
from retrieval.catalog.pieces import PIECE, Piece, made_out_of, read
from retrieval.catalog.seeing import OPEN, any_of

_ev = t.evidence.c
_ENDED = select(_ev.row, _ev.source, _ev.locator).where(_ev.superseded_at.is_not(None))


class Gathered:
    """The revisions that go, and what holds keep of those that were met."""

    def __init__(self, connection: Connection, tenant: str, kept_by: Holds) -> None:
        self._connection, self._tenant, self._kept_by = connection, tenant, kept_by
        self.pieces: dict[int, Piece] = {}
        self._kept, self._by_hold = set[int](), Counter[str]()
        # rows that go with what is meant and say something else: they may be taken in again
        self.beside = frozenset[int]()

    @property
    def held(self) -> Kept:
        return Kept(self._kept, dict(self._by_hold))

    def meet(self, met: Mapping[int, Piece]) -> list[str]:
        """Take these, and what was made out of them, but for what is held; the sources of the latter."""
        made = made_out_of(self._connection, self._tenant, met.values())
        new = {row: p for row, p in {**met, **made}.items() if row not in self._kept and row not in self.pieces}
        held = self._kept_by.kept(self._connection, new)
        self._kept |= held.rows
        self._by_hold.update(held.by_hold)
        self.pieces |= {row: piece for row, piece in new.items() if row not in held.rows}
        return list(dict.fromkeys(piece.source for piece in made.values()))

    def meet_wider_states(self, meant: Collection[int]) -> None:
        """Take the ended states that the labels of what was taken kept from somebody too, what was made out of those, and so on. `meant`
        are those of the rows taken that are erased for themselves."""
        sources = list(dict.fromkeys(piece.source for piece in self.pieces.values()))
        while sources:
            rows = list(_going_with(self._connection, self._tenant, sources, self.pieces))
            named = (PIECE.where(_ev.row.in_(some)) for some in chunks(rows))
            before = len(self.pieces)
            made = self.meet(read(self._connection, named))
            # what is left of a source may keep less, now that these are gone
            sources = [*dict.fromkeys((*sources, *made))] if len(self.pieces) > before else []
        self.beside = _saying_else(self._connection, self.pieces.keys() - meant, meant)


class _State(NamedTuple):
    """A state that stands no more; `place` is its locator as it is stored."""

    row: int
    source: str
    place: str


def _going_with(
    connection: Connection, tenant: str, sources: Iterable[str], taken: Mapping[int, Piece]
) -> Iterator[int]:
    """Rows of the ended states that go with those that are taken of these sources."""
    of: dict[str, list[int]] = defaultdict(list)
    for row, piece in taken.items():
        of[piece.source].append(row)
    for some in chunks(sources):
        mine = _ENDED.where(_ev.tenant == tenant, _ev.source.in_(some)).order_by(_ev.source)
        states = (_State(*row) for row in connection.execute(mine))
        for source, ended in groupby(states, key=lambda state: state.source):
            yield from _of_source(connection, tenant, list(ended), of[source])


def _of_source(connection: Connection, tenant: str, ended: Sequence[_State], taken: Collection[int]) -> list[int]:
    """Of one source: what stood at the places of what is taken, and all where nothing is left of what it tells today, or told last; but
    for what was never open to anybody else."""
    mine, under = set(taken), labels_of(connection, taken)
    left = [state for state in ended if state.row not in mine]
    if not left or not under:
        return []
    keeping: dict[str | None, list[frozenset[str]]] = defaultdict(list)
    for row, place in values_of(connection, _ev.locator, mine).items():
        keeping[place].append(under.get(row, OPEN))
    keeping[None].append(told_last_under(connection, tenant, ended[0].source, mine, under))
    own = labels_of(connection, [state.row for state in left])
    return [
        state.row
        for state in left
        if any(wider(own.get(state.row, OPEN), each) for each in (*keeping[state.place], *keeping[None]))
    ]


def wider(own: frozenset[str], labels: frozenset[str]) -> bool:
    """Whether somebody may see what is under the first who may not see what is under the second."""
    return bool(labels) and not (own and own <= labels)


def told_last_under(
    connection: Connection, tenant: str, source: str, taken: Collection[int], under: Mapping[int, frozenset[str]]
) -> frozenset[str]:
    """The labels of all that a source tells today, or told last where that is nothing: who holds any of them may see what it told before.
    Empty where not all of that is taken, or some of it is open."""
    mine, most = (_ev.tenant == tenant, _ev.source == source), len(taken) + 1
    last = select(func.max(_ev.superseded_at)).where(*mine).scalar_subquery()
    latest: list[int] = []
    for when in (_ev.superseded_at.is_(None), _ev.superseded_at == last):
        latest = latest or list(connection.execute(select(_ev.row).where(*mine, when).limit(most)).scalars())
    return _of_latest(latest, taken, under)


def drafted_under(
    connection: Connection,
    tenant: str,
    source: str,
    revision: int,
    taken: Collection[int],
    under: Mapping[int, frozenset[str]],
) -> frozenset[str]:
    """The same of what a reading has told so far that is under way: once it closes, that is all that the source tells."""
    of_it = or_(_ev.revision == revision, _ev.row.in_(select(t.kept.c.row)))
    mine = (_ev.tenant == tenant, _ev.source == source, _ev.superseded_at.is_(None), of_it)
    latest = connection.execute(select(_ev.row).where(*mine).limit(len(taken) + 1)).scalars().all()
    return _of_latest(latest, taken, under)


def _of_latest(latest: Sequence[int], taken: Collection[int], under: Mapping[int, frozenset[str]]) -> frozenset[str]:
    sets = [under.get(row, OPEN) for row in latest] if set(taken).issuperset(latest) else []
    return any_of(sets)


def values_of(connection: Connection, column: Column[str], rows: Iterable[int]) -> dict[int, str]:
    """Row → what a column of evidence has there."""
    found: dict[int, str] = {}
    for some in chunks(rows):
        found.update((row, told) for row, told in connection.execute(select(_ev.row, column).where(_ev.row.in_(some))))
    return found


def labels_of(connection: Connection, rows: Iterable[int]) -> dict[int, frozenset[str]]:
    """Of those that have some."""
    found: dict[int, set[str]] = defaultdict(set)
    for some in chunks(rows):
        for row, label in connection.execute(select(t.labels.c.row, t.labels.c.label).where(t.labels.c.row.in_(some))):
            found[row].add(label)
    return {row: frozenset(labels) for row, labels in found.items()}


def _saying_else(connection: Connection, rows: Collection[int], meant: Collection[int]) -> frozenset[int]:
    """Those of the rows that say nothing which one of the meant ones says."""
    said = set(values_of(connection, _ev.text, meant).values()) if rows else set[str]()
    return frozenset(row for row, text in values_of(connection, _ev.text, rows).items() if text not in said)
