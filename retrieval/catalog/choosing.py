"""Which rows a target of an erasure means, and which of them a legal hold keeps."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import ColumnElement, Connection, Select, and_, exists, func, or_, select

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
    """What an erasure takes: revisions by row, the ids of which no other revision stands, rows of coverage, persons with all their names,
    and whole sources. `held` is hold id → rows it keeps, none where it keeps persons or sources alone."""

    pieces: dict[int, Piece]
    gone: set[str]
    coverage: list[int]
    persons: list[Entity]
    sources: list[str]
    held: dict[str, set[int]]


_PIECE = select(_ev.row, _ev.id, _ev.source, _ev.kind, _ev.media, _ev.valid_t0, _ev.valid_t1)


def choose(connection: Connection, tenant: str, target: Target, limit: int | None = None) -> Chosen:
    """Everything that the target means now, what was made out of it too, less what is held. `limit` takes the oldest so many."""
    persons = _persons(connection, tenant, target.subject)
    wanted = _PIECE.where(_ev.tenant == tenant, *_conditions(target, persons)).order_by(_ev.row)
    if limit is not None:
        # of so many the held ones must not be all
        wanted = wanted.where(*(_ev.row.not_in(select(_ev.row).where(_keeps(h))) for h in holds(connection, tenant)))
    pieces, held = _taken(connection, tenant, wanted, limit)
    whole, keeping = _whole(connection, tenant, target, held)
    free, shielding = _free(connection, tenant, persons)
    gone = {piece.id for piece in pieces.values()} - _still(connection, tenant, pieces)
    covered = _coverage(connection, tenant, target, free, [each for each in pieces.values() if each.id in gone])
    told = {id_: rows for id_, rows in held.items() if rows} | {
        id_: held.get(id_, set()) for id_ in keeping | shielding
    }
    return Chosen(pieces, gone, _unheld(connection, tenant, covered), free, whole, told)


def _taken(
    connection: Connection, tenant: str, wanted: Select[Any], limit: int | None
) -> tuple[dict[int, Piece], dict[str, set[int]]]:
    """The revisions that go, with what was made out of them, and hold → rows it keeps. Where all of a batch is held through what it hangs
    on, the next is taken: what follows it must not wait for the hold's end."""
    last, every = 0, defaultdict[str, set[int]](set)
    while True:
        batch = _pieces(connection, [wanted.where(_ev.row > last).limit(limit)])
        pieces = batch | _made_out_of(connection, tenant, batch.values())
        for hold, rows in _held(connection, tenant, pieces).items():
            every[hold] |= rows
        for row in set().union(*every.values()):
            pieces.pop(row, None)
        if pieces or limit is None or len(batch) < limit:
            return pieces, every
        last = max(batch)


def _still(connection: Connection, tenant: str, pieces: Mapping[int, Piece]) -> set[str]:
    """Ids of the pieces of which another revision stands and goes on standing."""
    found: set[str] = set()
    for some in chunks({piece.id for piece in pieces.values()}):
        rows = connection.execute(select(_ev.row, _ev.id).where(_ev.id.in_(some), _ev.tenant == tenant))
        found |= {id_ for row, id_ in rows if row not in pieces}
    return found


def holds(connection: Connection, tenant: str, *, all_: bool = False) -> list[Hold]:
    """Those in force, the oldest first; `all_` those released too."""
    mine = [t.holds.c.tenant == tenant] + ([] if all_ else [t.holds.c.released_at.is_(None)])
    bodies = connection.execute(
        select(t.holds.c.body).where(*mine).order_by(t.holds.c.placed_at, t.holds.c.id)
    ).scalars()
    return [_hold.decode(body) for body in bodies]


# --- what a hold keeps besides evidence ---


def _whole(
    connection: Connection, tenant: str, target: Target, held: Mapping[str, set[int]]
) -> tuple[list[str], set[str]]:
    """Sources of which nothing is held: their records go, and they are not taken in again; and the holds that keep others."""
    if not target.whole:
        return [], set()
    known = set(connection.execute(select(t.sources.c.source).where(t.sources.c.tenant == tenant)).scalars())
    known |= set(connection.execute(select(t.rejections.c.source).where(t.rejections.c.tenant == tenant)).scalars())
    named = [each for each in target.sources if each in known]
    kept = {hold.id: _of_site(connection, tenant, hold) for hold in holds(connection, tenant)}
    keeping = {id_ for id_, sources in kept.items() if not sources.isdisjoint(named)}
    stays = set().union(*kept.values())
    for some in chunks(set().union(*held.values())):
        stays |= set(connection.execute(select(_ev.source).where(_ev.row.in_(some))).scalars())
    stays |= {of[0] for source in stays if (of := derived_from(source))}
    return [each for each in named if each not in stays], keeping


def _of_site(connection: Connection, tenant: str, hold: Hold) -> set[str]:
    """Sources that a hold names, and those that brought entities it names, or their links."""
    found = set(hold.sources) | {of[0] for source in hold.sources if (of := derived_from(source))}
    for entity in hold.entities:
        named = select(t.entities.c.source).where(t.entities.c.tenant == tenant, t.entities.c.id == entity)
        linked = select(t.links.c.source).where(t.links.c.tenant == tenant, touches(entity))
        found |= set(connection.execute(named.union(linked)).scalars())
    return found


def touches(entity: str) -> ColumnElement[bool]:
    """Whether a link begins or ends at an entity."""
    return or_(
        *(t.links.c.body.contains(f'"{end}":{to_json(entity)}', autoescape=True) for end in ("source", "target"))
    )


def _free(connection: Connection, tenant: str, persons: Sequence[Entity]) -> tuple[list[Entity], set[str]]:
    """The persons that no hold keeps, by their id or by a source that tells of them; and the holds that keep others."""
    ids, kept, keeping = {each.id for each in persons}, set[str](), set[str]()
    for hold in holds(connection, tenant) if ids else []:
        of = (t.entities.c.tenant == tenant, t.entities.c.id.in_(ids), t.entities.c.source.in_(hold.sources))
        mine = ids & set(hold.entities) | set(connection.execute(select(t.entities.c.id).where(*of)).scalars())
        kept |= mine
        keeping |= {hold.id} if mine else set()
    return [each for each in persons if each.id not in kept], keeping


def held_ids(connection: Connection, tenant: str, ids: Iterable[str]) -> set[str]:
    """Those of the pieces that a hold keeps."""
    found: set[str] = set()
    for some in chunks(dict.fromkeys(ids)):
        mine = select(_ev.id).where(_ev.tenant == tenant, _ev.id.in_(some))
        for hold in holds(connection, tenant):
            found |= set(connection.execute(mine.where(_keeps(hold))).scalars())
    return found


def held_sources(connection: Connection, tenant: str, sources: Iterable[str]) -> set[str]:
    """Those of which, or of what was made out of whose pieces, a hold keeps any."""
    found: set[str] = set()
    for hold in holds(connection, tenant):
        for source in sources:
            on = or_(_ev.source == source, and_(_ev.source >= source + "#", _ev.source < source + "$"))
            kept = select(_ev.row).where(_ev.tenant == tenant, on, _keeps(hold)).limit(1)
            found |= {source} if connection.execute(kept).first() else set()
    return found


def count_held(connection: Connection, hold: Hold) -> int:
    """Pieces of evidence that a hold keeps, in any revision."""
    of = select(func.count(_ev.id.distinct())).where(_ev.tenant == hold.tenant, _keeps(hold))
    return int(connection.execute(of).scalar_one())


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
        for source in target.sources:
            made = (mine, _cov.source >= source + "#", _cov.source < source + "$")
            rows |= set(connection.execute(select(_cov.row).where(*made)).scalars())
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
        kept += [and_(_cov.source >= source + "#", _cov.source < source + "$") for source in hold.sources]
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


def standing(connection: Connection, tenant: str, ids: Iterable[str]) -> set[str]:
    """Those of the ids that are there, in any revision."""
    found: set[str] = set()
    for some in chunks(dict.fromkeys(ids)):
        found |= set(connection.execute(select(_ev.id).where(_ev.id.in_(some), _ev.tenant == tenant)).scalars())
    return found


def any_of_source(connection: Connection, tenant: str, source: str) -> bool:
    return bool(connection.execute(select(exists().where(_ev.tenant == tenant, _ev.source == source))).scalar())
