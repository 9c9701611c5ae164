"""What an erasure takes goes on judging what it leaves: from whom its labels kept that is written down before it is hidden.

Nobody is shown an earlier state who may not see what stands in its place today, or anything that its source tells today (seeing). What
judges may go while the earlier state stays: a legal hold keeps that, or it is not old enough for a rule. The labels are written down for
each state that stays, and hold for good: what comes to stand there later opens nothing of what was told before.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, and_, insert, or_, select, update

from retrieval.catalog import tables as t
from retrieval.catalog import telling
from retrieval.catalog.codec import chunks, to_json
from retrieval.catalog.pieces import Piece, at_or_on
from retrieval.catalog.seeing import OPEN, Ended, Labels, Order, places
from retrieval.catalog.states import drafted_under, labels_of, told_last_under, values_of, wider
from retrieval.ids import derived_from
from retrieval.types import Micros

_ev, _cov = t.evidence.c, t.coverage.c
# each of a statement's ranges is a condition: SQLite takes a thousand, one in another
_RANGES = 100
_STATE = select(_ev.row, _ev.source, _ev.locator, _ev.superseded_at)
_WITHHELD = select(t.withheld.c.row, t.withheld.c.part, t.withheld.c.label)
_RECORD = select(_cov.row, _cov.subject, _cov.under)


class _State(NamedTuple):
    """A state of a piece; `place` is its locator as it is stored, `ended` UTC µs, None where it stands."""

    row: int
    source: str
    place: str
    ended: Micros | None

    @property
    def order(self) -> Order:
        return self.ended is None, self.ended or 0, self.row


class _Lost(NamedTuple):
    """What a source loses: by place, when what is taken there last stood, and under which labels; and those of all that it told
    last, and of all that a reading under way has told so far."""

    at: dict[str, tuple[Order, frozenset[str]]]
    of_all: frozenset[frozenset[str]]


def go_on_judging(connection: Connection, tenant: str, taken: Mapping[int, Piece]) -> None:
    """Write down from whom the labels of what is taken keep what stays."""
    under, of = labels_of(connection, taken), defaultdict[str, list[int]](list)
    for row, piece in taken.items():
        of[piece.source].append(row)
    kept_from, same = dict[int, set[frozenset[str]]](), dict[int, frozenset[str]]()
    labelled = {taken[row].source for row in under}
    begun = _begun(connection, tenant, labelled)
    for source in begun.keys() | _ended(connection, tenant, labelled) | _ended_below(connection, tenant, labelled):
        draft = begun.get(source)
        if left := _left(connection, tenant, source, taken, draft):
            lost = _lost(connection, tenant, source, of[source], under, draft)
            judged = dict(_unjudged(connection, tenant, source, left, lost, taken))
            kept_from |= {row: sets | kept_from.get(row, set()) for row, sets in judged.items()}
            said = _saying_the_same(connection, judged, {row: under[row] for row in of[source] if row in under})
            same |= {row: labels | same.get(row, OPEN) for row, labels in said.items()}
    _write(connection, kept_from)
    _mark_same(connection, same)


def _begun(connection: Connection, tenant: str, among: Iterable[str]) -> dict[str, int]:
    """Source → the revision of a reading that is under way."""
    so, found = t.sources.c, dict[str, int]()
    for some in chunks(among):
        mine = (so.tenant == tenant, so.source.in_(some), so.whole.is_(False))
        found.update((row[0], row[1]) for row in connection.execute(select(so.source, so.revision).where(*mine)))
    return found


def _ended(connection: Connection, tenant: str, among: Iterable[str]) -> set[str]:
    """Those of the sources of which something has ended."""
    mine, found = (_ev.tenant == tenant, _ev.superseded_at.is_not(None)), set[str]()
    for some in chunks(among):
        found |= set(connection.execute(select(_ev.source.distinct()).where(*mine, _ev.source.in_(some))).scalars())
    return found


def _ended_below(connection: Connection, tenant: str, sources: Collection[str]) -> set[str]:
    """Those of the sources out of whose pieces something was made that has ended."""
    mine, found = (_ev.tenant == tenant, _ev.superseded_at.is_not(None)), set[str]()
    for some in chunks(sources, _RANGES):
        below = or_(*(and_(_ev.source >= source + "#", _ev.source < source + "$") for source in some))
        made = connection.execute(select(_ev.source.distinct()).where(*mine, below)).scalars()
        found |= {of[0] for each in made if (of := derived_from(each))}
    return found.intersection(sources)


def _left(connection: Connection, tenant: str, source: str, taken: Collection[int], draft: int | None) -> list[_State]:
    """The earlier states of a source, and of what was made out of its pieces, that stay; and what ends with the reading that is under
    way."""
    going: ColumnElement[bool] = _ev.superseded_at.is_not(None)
    if draft is not None:
        going = or_(going, _ev.source != source, _ev.revision < draft)
    mine = _STATE.where(_ev.tenant == tenant, at_or_on(t.evidence, source), going)
    return [state for state in _states(connection, mine) if state.row not in taken]


def _states(connection: Connection, statement: Any) -> Iterator[_State]:
    return (_State(*row) for row in connection.execute(statement))


def _lost(
    connection: Connection,
    tenant: str,
    source: str,
    taken: Sequence[int],
    under: Mapping[int, frozenset[str]],
    draft: int | None,
) -> _Lost:
    at: dict[str, tuple[Order, frozenset[str]]] = {}
    for some in chunks(taken):
        for state in _states(connection, _STATE.where(_ev.row.in_(some))):
            if state.place not in at or at[state.place][0] < state.order:
                at[state.place] = state.order, under.get(state.row, OPEN)
    of_all = {told_last_under(connection, tenant, source, set(taken), under)}
    if draft is not None:
        of_all.add(drafted_under(connection, tenant, source, draft, taken, under))
    return _Lost({place: told for place, told in at.items() if told[1]}, frozenset(of_all - {OPEN}))


def _unjudged(
    connection: Connection, tenant: str, source: str, left: Sequence[_State], lost: _Lost, taken: Collection[int]
) -> Iterator[tuple[int, set[frozenset[str]]]]:
    """Row → the labels that judged it and go, but for those that its own are as strict as."""
    judged = places(connection, [Ended(*state[:3]) for state in left], tenant)
    here = {row: {place for by, place in of if by == source} for row, of in judged.items()}
    asked = frozenset[str]().union(*here.values()) & lost.at.keys()
    standing = _standing(connection, tenant, source, asked, taken)
    gone = _last_there(lost, asked, [*(state for state in left if state.source == source), *standing])
    own = labels_of(connection, judged)
    for row, at in here.items():
        sets = {gone.get(place, OPEN) for place in at} | (lost.of_all if at else set())
        yield row, {each for each in sets if wider(own.get(row, OPEN), each)}


def _standing(
    connection: Connection, tenant: str, source: str, at: Iterable[str], taken: Collection[int]
) -> Iterator[_State]:
    """What stands at some places of a source, and stays."""
    now = _STATE.where(_ev.tenant == tenant, _ev.source == source, _ev.superseded_at.is_(None))
    found = (state for some in chunks(at) for state in _states(connection, now.where(_ev.locator.in_(some))))
    return (state for state in found if state.row not in taken)


def _last_there(lost: _Lost, asked: Iterable[str], left: Iterable[_State]) -> dict[str, frozenset[str]]:
    """Place → the labels it loses: none where something that stays stood later."""
    last: dict[str, Order] = {}
    for state in left:
        last[state.place] = max(last.get(state.place, state.order), state.order)
    return {at: lost.at[at][1] for at in asked if at not in last or last[at] < lost.at[at][0]}


def _write(connection: Connection, kept_from: Mapping[int, Collection[frozenset[str]]]) -> None:
    known = defaultdict[int, dict[int, set[str]]](dict)
    for some in chunks(kept_from):
        for row, part, label in connection.execute(_WITHHELD.where(t.withheld.c.row.in_(some))):
            known[row].setdefault(part, set()).add(label)
    fresh = [
        {"row": row, "part": part, "label": label, "same": False}
        for row, sets in kept_from.items()
        for part, each in enumerate(_strictest(sets, known[row].values()), len(known[row]))
        for label in sorted(each)
    ]
    for rows in chunks(fresh):
        connection.execute(insert(t.withheld), rows)


def _saying_the_same(
    connection: Connection, rows: Iterable[int], under: Mapping[int, frozenset[str]]
) -> dict[int, frozenset[str]]:
    """Those of the rows that say what one under a label says which is taken → its labels."""
    said = defaultdict[str, frozenset[str]](frozenset)
    for row, text in values_of(connection, _ev.text, under).items():
        said[text] |= under[row]
    return {row: said[text] for row, text in values_of(connection, _ev.text, rows).items() if text in said}


def _mark_same(connection: Connection, same: Mapping[int, frozenset[str]]) -> None:
    of = defaultdict[frozenset[str], list[int]](list)
    for row, labels in same.items():
        of[labels].append(row)
    for labels, rows in of.items():
        for some in chunks(rows):
            mine = (t.withheld.c.row.in_(some), t.withheld.c.label.in_(labels))
            connection.execute(update(t.withheld).where(*mine).values(same=True))


def _strictest(sets: Collection[frozenset[str]], known: Collection[AbstractSet[str]]) -> list[frozenset[str]]:
    """Those that none of the others, and none that is known, is as strict as."""
    fresh = (each for each in sets if not any(one <= each for one in known) and not any(one < each for one in sets))
    return sorted(fresh, key=sorted)


# --- coverage ---


def hand_on(connection: Connection, tenant: str, records: Collection[int]) -> None:
    """Before these records of coverage go: write down from whom their labels keep what stays of their sources."""
    gone, pairs = set(records), set[telling.About]()
    for some in chunks(gone):
        of = connection.execute(select(_cov.source, _cov.subject).where(_cov.row.in_(some)).distinct())
        pairs |= {(row.source, row.subject) for row in of}
    # what ended long ago judges nothing any more: most of what goes by age
    judges = telling.judges(connection, tenant, pairs)
    losing = {pair[0] for pair in pairs if any(told.row in gone and told.labels for told in judges.about[pair])}
    for source, revision in {**dict.fromkeys(losing), **_begun(connection, tenant, losing)}.items():
        _keep_from(connection, tenant, source, revision, gone)


def _keep_from(connection: Connection, tenant: str, source: str, draft: int | None, gone: Collection[int]) -> None:
    """`draft`: the revision of a reading that is under way."""
    left = [row for row in _left_of(connection, tenant, source, draft) if row.row not in gone]
    judges = telling.judges(connection, tenant, {(source, row.subject) for row in left})
    drafted = _lost_of_draft(connection, tenant, source, draft, gone)
    lost = {subject: judges.lost(source, subject, gone) | drafted for subject in {row.subject for row in left}}
    fresh = defaultdict[str, list[int]](list)
    for row in left:
        known = telling.under(row.under)
        if more := _strictest(lost[row.subject], known):
            fresh[to_json([sorted(each) for each in (*known, *more)])].append(row.row)
    for sets, rows in fresh.items():
        for some in chunks(rows):
            connection.execute(update(t.coverage).where(_cov.row.in_(some)).values(under=sets))


def _left_of(connection: Connection, tenant: str, source: str, draft: int | None) -> Sequence[Row[Any]]:
    """Records of a source that have ended, or would with the reading that is under way."""
    mine = _RECORD.where(_cov.tenant == tenant, _cov.source == source)
    ended = _cov.superseded_at.is_not(None)
    return connection.execute(mine.where(ended if draft is None else or_(ended, _cov.revision < draft))).all()


def _lost_of_draft(
    connection: Connection, tenant: str, source: str, draft: int | None, gone: Collection[int]
) -> set[Labels]:
    """What would judge all else once the reading closes, where nothing is left of it."""
    mine = (_cov.tenant == tenant, _cov.source == source, _cov.revision == draft, _cov.superseded_at.is_(None))
    told = telling.records(connection, *mine) if draft is not None else []
    lost = telling.labels_of_any(told) if all(each.row in gone for each in told) else OPEN
    return {lost} - {OPEN}
