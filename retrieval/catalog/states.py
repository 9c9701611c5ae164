"""Every state of what is erased: what a piece said before goes with it.

Nobody is shown an ended state who may not see what stands in its place today, nor anything that its source tells today (seeing). Were the
later one taken alone, nothing would keep the earlier from anybody any more.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

from sqlalchemy import Connection, select

from retrieval.catalog import tables as t
from retrieval.catalog.codec import chunks
from retrieval.catalog.holding import Holds, Kept
from retrieval.catalog.pieces import PIECE, Piece, made_out_of, read
from retrieval.types import Micros

_ev = t.evidence.c
_ENDED = select(_ev.row, _ev.source, _ev.locator, _ev.superseded_at).where(_ev.superseded_at.is_not(None))


class Gathered:
    """The revisions that go, and what holds keep of those that were met."""

    def __init__(self, connection: Connection, tenant: str, kept_by: Holds) -> None:
        self._connection, self._tenant, self._kept_by = connection, tenant, kept_by
        self.pieces: dict[int, Piece] = {}
        self._kept, self._by_hold = set[int](), Counter[str]()

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

    def meet_every_state(self) -> None:
        """Take the ended states of what was taken too, and what was made out of those, and so on."""
        sources = list(dict.fromkeys(piece.source for piece in self.pieces.values()))
        while sources:
            rows = list(_going_with(self._connection, self._tenant, sources, self.pieces))
            named = (PIECE.where(_ev.row.in_(some)) for some in chunks(rows))
            sources = self.meet(read(self._connection, named))


class _State(NamedTuple):
    """A state that stands no more; `place` is its locator as it is stored, `ended` UTC µs."""

    row: int
    source: str
    place: str
    ended: Micros


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
    """Of one source: what stood at the places of what is taken, and all where nothing is left of what it tells today, or told last."""
    mine = set(taken)
    left = [state for state in ended if state.row not in mine]
    if not left or not mine:
        return []
    if _tells_on(connection, tenant, ended, mine):
        places = _places(connection, mine)
        left = [state for state in left if state.place in places]
    return [state.row for state in left]


def _tells_on(connection: Connection, tenant: str, ended: Sequence[_State], taken: Collection[int]) -> bool:
    """Whether anything stays of what the source of these states tells today, or told last where that is nothing."""
    stands = select(_ev.row).where(_ev.tenant == tenant, _ev.source == ended[0].source, _ev.superseded_at.is_(None))
    latest = connection.execute(stands.limit(len(taken) + 1)).scalars().all()
    if not latest:
        last = max(state.ended for state in ended)
        latest = [state.row for state in ended if state.ended == last]
    return any(row not in taken for row in latest)


def _places(connection: Connection, rows: Iterable[int]) -> set[str]:
    found: set[str] = set()
    for some in chunks(rows):
        found |= set(connection.execute(select(_ev.locator).where(_ev.row.in_(some))).scalars())
    return found
