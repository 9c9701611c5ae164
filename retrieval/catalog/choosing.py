"""Which rows a target of an erasure means, and which of them a legal hold keeps."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import ColumnElement, Connection, and_, exists, func, or_, select

from retrieval.catalog import tables as t
from retrieval.catalog.codec import chunks, to_json
from retrieval.catalog.reading import overlaps
from retrieval.erasure.values import Hold, Target
from retrieval.ids import derived_from
from retrieval.types import Entity, EntityType, Interval, Layer

_ev, _cov = t.evidence.c, t.coverage.c
_entity = msgspec.json.Decoder(Entity)
_hold = msgspec.json.Decoder(Hold)


class Piece(NamedTuple):
    """A revision that is meant. `valid` is [t0, t1) in UTC µs, (None, None) where unknown."""

    row: int
    id: str
    source: str
    kind: str
    media: str | None
    valid: tuple[int | None, int | None]


class Chosen(NamedTuple):
    """What an erasure takes: revisions by row, rows of coverage, persons with all their names, and hold id → rows it keeps."""

    pieces: dict[int, Piece]
    coverage: list[int]
    persons: list[Entity]
    held: dict[str, set[int]]


_PIECE = select(_ev.row, _ev.id, _ev.source, _ev.kind, _ev.media, _ev.valid_t0, _ev.valid_t1)


def choose(connection: Connection, tenant: str, target: Target, limit: int | None = None) -> Chosen:
    """Everything that the target means now, what was made out of it too, less what is held. `limit` takes the oldest so many."""
    persons = _persons(connection, tenant, target.subject)
    wanted = _PIECE.where(_ev.tenant == tenant, *_conditions(target, persons)).order_by(_ev.row)
    if limit is not None:
        # of so many the held ones must not be all
        wanted = wanted.where(*(_ev.row.not_in(select(_ev.row).where(_keeps(h))) for h in holds(connection, tenant)))
    pieces = _pieces(connection, [wanted.limit(limit)])
    pieces |= _made_out_of(connection, tenant, pieces.values())
    held = _held(connection, tenant, pieces)
    for row in set().union(*held.values()):
        pieces.pop(row, None)
    covered = _coverage(connection, tenant, target, persons, pieces.values())
    return Chosen(
        pieces, _unheld(connection, tenant, covered), persons, {id_: rows for id_, rows in held.items() if rows}
    )


def holds(connection: Connection, tenant: str, *, all_: bool = False) -> list[Hold]:
    """Those in force, the oldest first; `all_` those released too."""
    mine = [t.holds.c.tenant == tenant] + ([] if all_ else [t.holds.c.released_at.is_(None)])
    bodies = connection.execute(
        select(t.holds.c.body).where(*mine).order_by(t.holds.c.placed_at, t.holds.c.id)
    ).scalars()
    return [_hold.decode(body) for body in bodies]


def whole_sources(connection: Connection, tenant: str, target: Target, kept: Iterable[str]) -> list[str]:
    """Sources of which nothing stays, if the target means whole ones; `kept` are those of held pieces."""
    return [source for source in target.sources if source not in set(kept)] if target.whole else []


def _pieces(connection: Connection, statements: Iterable[Any]) -> dict[int, Piece]:
    return {
        row: Piece(row, id_, source, kind, media, (t0, t1))
        for statement in statements
        for row, id_, source, kind, media, t0, t1 in connection.execute(statement)
    }


def _conditions(target: Target, persons: Sequence[Entity]) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if target.evidence:
        conditions.append(_ev.id.in_(target.evidence))
    if target.sources:
        conditions.append(_ev.source.in_(target.sources))
    if target.entities:
        conditions.append(_hangs_on(target.entities))
    if target.subject:
        conditions.append(_about(target.subject, persons))
    if target.before is not None:
        conditions.append(_older(target, target.before))
    if target.kinds:
        conditions.append(_ev.kind.in_([str(kind) for kind in target.kinds]))
    return conditions


def _hangs_on(entities: Sequence[str]) -> ColumnElement[bool]:
    return _ev.row.in_(select(t.mentions.c.row).where(t.mentions.c.entity.in_(entities)))


def _about(subject: str, persons: Sequence[Entity]) -> ColumnElement[bool]:
    """A label, the field "subject" of what was measured, or a person it hangs on."""
    labelled = _ev.row.in_(select(t.labels.c.row).where(t.labels.c.label == subject))
    field = _ev.data.contains(f'"subject":{to_json(subject)}', autoescape=True)
    return or_(labelled, field, *([_hangs_on([each.id for each in persons])] if persons else []))


def _older(target: Target, before: int) -> ColumnElement[bool]:
    if target.by == "recorded":
        return _ev.recorded_at < before
    return or_(_ev.valid_t1 <= before, and_(_ev.valid_t1.is_(None), _ev.recorded_at < before))


def _persons(connection: Connection, tenant: str, subject: str) -> list[Entity]:
    """Entities of type person, of every revision, that are called so."""
    if not subject:
        return []
    wanted = subject.casefold()
    bodies = connection.execute(select(t.entities.c.body).where(t.entities.c.tenant == tenant)).scalars()
    told = [entity for entity in map(_entity.decode, bodies) if entity.type is EntityType.PERSON]
    return [each for each in told if wanted in {name.casefold() for name in (each.id, each.name, *each.aliases)}]


def _made_out_of(connection: Connection, tenant: str, pieces: Iterable[Piece]) -> dict[int, Piece]:
    """Revisions of what was made out of these pieces, open and closed."""
    by_source: dict[str, set[str]] = defaultdict(set)
    for piece in pieces:
        by_source[piece.source].add(piece.id)
    found: dict[int, Piece] = {}
    for source, ids in by_source.items():
        named = (_ev.source >= source + "#", _ev.source < source + "$")
        below = _pieces(connection, [_PIECE.where(_ev.tenant == tenant, *named)])
        found |= {row: each for row, each in below.items() if (of := derived_from(each.source)) and of[1] in ids}
    return found


def _held(connection: Connection, tenant: str, pieces: dict[int, Piece]) -> dict[str, set[int]]:
    """Hold → the rows it keeps: those it names, and those that what it keeps was made out of."""
    found: dict[str, set[int]] = {}
    for hold in holds(connection, tenant) if pieces else []:
        rows: set[int] = set()
        for some in chunks(pieces):
            rows |= set(connection.execute(select(_ev.row).where(_ev.row.in_(some), _keeps(hold))).scalars())
        ids = {pieces[row].id for row in rows}
        bases = {of[1] for row in rows if (of := derived_from(pieces[row].source))}
        for row, piece in pieces.items():
            of = derived_from(piece.source)
            if piece.id in ids | bases or (of and of[1] in ids | bases):
                rows.add(row)
        found[hold.id] = rows
    return found


def _keeps(hold: Hold) -> ColumnElement[bool]:
    kept: list[ColumnElement[bool]] = []
    if hold.evidence:
        kept.append(_ev.id.in_(hold.evidence))
    if hold.sources:
        kept.append(_ev.source.in_(hold.sources))
        kept += [and_(_ev.source >= source + "#", _ev.source < source + "$") for source in hold.sources]
    if hold.entities:
        kept.append(_hangs_on(hold.entities))
    if hold.window is not None:
        recorded = and_(_ev.recorded_at >= hold.window.t0, _ev.recorded_at < hold.window.t1)
        kept.append(or_(overlaps(_ev.valid_t0, _ev.valid_t1, hold.window), and_(_ev.valid_t0.is_(None), recorded)))
    return or_(*kept)


# --- coverage ---


def _coverage(
    connection: Connection, tenant: str, target: Target, persons: Sequence[Entity], pieces: Iterable[Piece]
) -> list[int]:
    """Records of what is erased whole, and of what was examined where something was seen that is gone now: without it they would say
    that nothing was."""
    mine, rows = _cov.tenant == tenant, set[int]()
    if target.whole:
        named = or_(_cov.source.in_(target.sources), _cov.uri.in_(target.sources))
        rows |= set(connection.execute(select(_cov.row).where(mine, named)).scalars())
    about = [*(target.entities if not target.kinds else ()), *(each.id for each in persons)]
    if about and target.before is None and not target.evidence:
        rows |= set(connection.execute(select(_cov.row).where(mine, _cov.subject.in_(about))).scalars())
    for source, spans in _spans(pieces).items():
        examined = (mine, _cov.layer == str(Layer.EXAMINED), or_(_cov.source == source, _cov.uri == source))
        for row, t0, t1 in connection.execute(select(_cov.row, _cov.valid_t0, _cov.valid_t1).where(*examined)):
            if t0 is None or any(span.overlaps(Interval(t0, t1)) for span in spans):
                rows.add(row)
    return sorted(rows)


def _spans(pieces: Iterable[Piece]) -> dict[str, list[Interval]]:
    """Source → when its pieces happened, what touches joined; unknown times are left out."""
    found: dict[str, list[Interval]] = defaultdict(list)
    known = [(p.source, p.valid[0], p.valid[1]) for p in pieces if p.valid[0] is not None and p.valid[1] is not None]
    for source, t0, t1 in sorted(known):
        spans = found[source]
        if spans and t0 <= spans[-1].t1:
            spans[-1] = Interval(spans[-1].t0, max(spans[-1].t1, t1))
        else:
            spans.append(Interval(t0, t1))
    return found


def _unheld(connection: Connection, tenant: str, rows: Sequence[int]) -> list[int]:
    kept: set[int] = set()
    for hold in holds(connection, tenant) if rows else []:
        for some in chunks(rows):
            kept |= set(connection.execute(select(_cov.row).where(_cov.row.in_(some), keeps_coverage(hold))).scalars())
    return [row for row in rows if row not in kept]


def keeps_coverage(hold: Hold) -> ColumnElement[bool]:
    """Whether a hold keeps a record of coverage: by its source, its subject, or when it was."""
    kept: list[ColumnElement[bool]] = []
    if hold.evidence:
        # what it was seen in must stay told of
        of = select(_ev.source).where(_ev.id.in_(hold.evidence))
        kept += [_cov.source.in_(of), _cov.uri.in_(of)]
    if hold.sources:
        kept += [_cov.source.in_(hold.sources), _cov.uri.in_(hold.sources)]
    if hold.entities:
        kept.append(_cov.subject.in_(hold.entities))
    if hold.window is not None:
        kept.append(overlaps(_cov.valid_t0, _cov.valid_t1, hold.window))
    return or_(*kept)


def count_vectors(connection: Connection, rows: Iterable[int]) -> int:
    of = select(func.count()).select_from(t.vectors)
    return sum(connection.execute(of.where(t.vectors.c.row.in_(some))).scalar_one() for some in chunks(rows))


def unshared_media(connection: Connection, tenant: str, pieces: Iterable[Piece]) -> list[str]:
    """Keys of blobs that no other revision of the tenant has."""
    rows = {piece.row: piece.media for piece in pieces if piece.media}
    shared: set[str] = set()
    for some in chunks(dict.fromkeys(rows.values())):
        others = select(_ev.media, _ev.row).where(_ev.tenant == tenant, _ev.media.in_(some))
        shared |= {media for media, row in connection.execute(others) if row not in rows}
    return sorted({media for media in rows.values() if media} - shared)


def quoting(connection: Connection, tenant: str, ids: Iterable[str], persons: Sequence[Entity]) -> list[str]:
    """Answers that tell of any of this evidence, or name one of these persons."""
    found: set[str] = set()
    of = select(t.quotes.c.answer).join(t.asks, t.asks.c.id == t.quotes.c.answer).where(t.asks.c.tenant == tenant)
    for some in chunks(dict.fromkeys(ids)):
        found |= set(connection.execute(of.where(t.quotes.c.evidence.in_(some)).distinct()).scalars())
    names = {name for each in persons for name in (each.id, each.name, *each.aliases) if name}
    told = select(t.answers.c.id).join(t.asks, t.asks.c.id == t.answers.c.id).where(t.asks.c.tenant == tenant)
    for name in sorted(names):
        naming = told.where(t.answers.c.body.icontains(to_json(name)[1:-1], autoescape=True))
        found |= set(connection.execute(naming).scalars())
    return sorted(found)


def standing(connection: Connection, tenant: str, ids: Iterable[str]) -> set[str]:
    """Those of the ids that are there, in any revision."""
    found: set[str] = set()
    for some in chunks(dict.fromkeys(ids)):
        found |= set(connection.execute(select(_ev.id).where(_ev.id.in_(some), _ev.tenant == tenant)).scalars())
    return found


def any_of_source(connection: Connection, tenant: str, source: str) -> bool:
    return bool(connection.execute(select(exists().where(_ev.tenant == tenant, _ev.source == source))).scalar())
