"""Which rows a target of an erasure means, and which of them a legal hold keeps."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import ColumnElement, Connection, Select, and_, exists, func, or_, select, union_all

from retrieval.catalog import tables as t
from retrieval.catalog.codec import chunks, to_json
from retrieval.catalog.holding import Holds, covered, in_force
from retrieval.catalog.pieces import PIECE, Piece, of_tenant, read
from retrieval.catalog.states import Gathered
from retrieval.erasure.values import Target
from retrieval.ids import derived_from
from retrieval.types import Entity, EntityType, Interval, Layer, Link

_ev, _cov = t.evidence.c, t.coverage.c
_entity = msgspec.json.Decoder(Entity)
_link = msgspec.json.Decoder(Link)


class Chosen(NamedTuple):
    """What an erasure takes: revisions by row, the ids of which no other revision stands, rows of coverage, persons with all their names,
    and whole sources. `held` is hold id → how many rows it keeps, 0 where it keeps persons or sources alone. `beside`: rows that may be
    taken in again."""

    pieces: dict[int, Piece]
    gone: set[str]
    coverage: list[int]
    persons: list[Entity]
    sources: list[str]
    held: dict[str, int]
    beside: frozenset[int] = frozenset()


def choose(connection: Connection, tenant: str, target: Target, limit: int | None = None) -> Chosen:
    """Everything that the target means now, what was made out of it, and what its labels kept of what stood there before; less what is
    held. `limit` takes the oldest so many, or some more."""
    persons, kept_by = _persons(connection, tenant, target.subject), in_force(connection, tenant)
    taken = Gathered(connection, tenant, kept_by)
    _meet(taken, connection, _wanted(tenant, target, persons), limit)
    meant = set(taken.pieces)
    if target.subject:
        _meet(taken, connection, _judged_by(tenant, target), limit)
    # a rule of age goes by each state's own; of a whole source all are there already
    if target.before is None and not target.whole:
        taken.meet_wider_states(meant)
    pieces, held = taken.pieces, taken.held
    whole, keeping = _whole(connection, tenant, target, held.rows, kept_by)
    free, shielding = _free(connection, tenant, persons, kept_by)
    gone = {piece.id for piece in pieces.values()} - _still(connection, tenant, pieces)
    touched = _coverage(connection, tenant, target, free, [each for each in pieces.values() if each.id in gone])
    told = dict.fromkeys(keeping | shielding, 0) | held.by_hold
    return Chosen(pieces, gone, _unheld(connection, touched, kept_by), free, whole, told, taken.beside)


def _meet(taken: Gathered, connection: Connection, wanted: Select[Any], limit: int | None) -> None:
    """Take what is wanted, with what was made out of it. So many are looked through as it takes to find enough that are not held: what
    follows the held ones must not wait for the hold's end."""
    last = 0
    while True:
        batch = read(connection, [wanted.where(_ev.row > last).limit(limit)])
        taken.meet(batch)
        if limit is None or len(batch) < limit or len(taken.pieces) >= limit:
            return
        last = max(batch)


def _still(connection: Connection, tenant: str, pieces: Mapping[int, Piece]) -> set[str]:
    """Ids of the pieces of which another revision stands and goes on standing."""
    found: set[str] = set()
    for some in chunks({piece.id for piece in pieces.values()}):
        rows = connection.execute(select(_ev.row, _ev.id).where(_ev.id.in_(some), of_tenant(tenant)))
        found |= {id_ for row, id_ in rows if row not in pieces}
    return found


# --- what a hold keeps besides evidence ---


def _whole(
    connection: Connection, tenant: str, target: Target, held: Collection[int], kept_by: Holds
) -> tuple[list[str], set[str]]:
    """Sources of which nothing is held: their records go, and they are not taken in again; and the holds that keep others."""
    if not target.whole:
        return [], set()
    known = set(connection.execute(select(t.sources.c.source).where(t.sources.c.tenant == tenant)).scalars())
    known |= set(connection.execute(select(t.rejections.c.source).where(t.rejections.c.tenant == tenant)).scalars())
    named = [each for each in target.sources if each in known]
    keeping = {source: kept_by.of_source(source) | _of_site(connection, tenant, source, kept_by) for source in named}
    stays = {source for source, by in keeping.items() if by}
    for some in chunks(held):
        stays |= set(connection.execute(select(_ev.source).where(_ev.row.in_(some))).scalars())
    stays |= {of[0] for source in stays if (of := derived_from(source))}
    return [each for each in named if each not in stays], set().union(*keeping.values())


def _of_site(connection: Connection, tenant: str, source: str, kept_by: Holds) -> set[str]:
    """Holds that name an entity which a source brought, or an end of one of its links."""
    if not kept_by:
        return set()
    links = select(t.links.c.body).where(t.links.c.tenant == tenant, t.links.c.source == source)
    ends = [end for body in connection.execute(links).scalars() for end in _ends(body)]
    ids = select(t.entities.c.id).where(t.entities.c.tenant == tenant, t.entities.c.source == source)
    return kept_by.of_entity(*ends, *connection.execute(ids).scalars())


def _ends(body: str) -> tuple[str, str]:
    link = _link.decode(body)
    return link.source, link.target


def touches(entity: str) -> ColumnElement[bool]:
    """Whether a link begins or ends at an entity."""
    return or_(
        *(t.links.c.body.contains(f'"{end}":{to_json(entity)}', autoescape=True) for end in ("source", "target"))
    )


def _free(
    connection: Connection, tenant: str, persons: Sequence[Entity], kept_by: Holds
) -> tuple[list[Entity], set[str]]:
    """The persons that no hold keeps, by their id or by a source that tells of them; and the holds that keep others."""
    keeping = {each.id: kept_by.of_entity(each.id) for each in persons}
    for some in chunks(keeping if kept_by else ()):
        of = select(t.entities.c.id, t.entities.c.source).where(
            t.entities.c.tenant == tenant, t.entities.c.id.in_(some)
        )
        for id_, source in connection.execute(of):
            keeping[id_] |= kept_by.naming(source)
    return [each for each in persons if not keeping[each.id]], set().union(*keeping.values())


def _wanted(tenant: str, target: Target, persons: Sequence[Entity]) -> Select[Any]:
    """What the target names, the oldest first."""
    about = [_about(target.subject, persons)] if target.subject else []
    return _read_of(tenant, target, about)


def _judged_by(tenant: str, target: Target) -> Select[Any]:
    """What the label judges that is the target's subject, though it never had it."""
    judged = select(t.withheld.c.row).where(t.withheld.c.label == target.subject)
    return _read_of(tenant, target, [_ev.row.in_(judged)])


def _read_of(tenant: str, target: Target, about: Sequence[ColumnElement[bool]]) -> Select[Any]:
    mine = of_tenant(tenant) if target.evidence or target.entities else _ev.tenant == tenant
    return PIECE.where(mine, *_conditions(target), *about).order_by(_ev.row)


def _conditions(target: Target) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if target.evidence:
        conditions.append(_ev.id.in_(target.evidence))
    if target.sources:
        conditions.append(_ev.source.in_(target.sources))
    if target.entities:
        conditions.append(_hangs_on(target.entities))
    if target.before is not None:
        conditions.append(_older(target, target.before))
    if target.kinds:
        conditions.append(_ev.kind.in_([str(kind) for kind in target.kinds]))
    return conditions


def _hangs_on(entities: Sequence[str]) -> ColumnElement[bool]:
    return _ev.row.in_(select(t.mentions.c.row).where(t.mentions.c.entity.in_(entities)))


def _about(subject: str, persons: Sequence[Entity]) -> ColumnElement[bool]:
    """A label, of its own or of what said the same, the field "subject" of what was measured, or a person it hangs on."""
    own = select(t.labels.c.row).where(t.labels.c.label == subject)
    said = select(t.withheld.c.row).where(t.withheld.c.label == subject, t.withheld.c.same)
    labelled = _ev.row.in_(union_all(own, said))
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


def _unheld(connection: Connection, rows: Sequence[int], kept_by: Holds) -> list[int]:
    kept: set[int] = set()
    for some in chunks(rows if kept_by else ()):
        kept |= kept_by.kept_coverage(connection, covered(connection, _cov.row.in_(some)))
    return [row for row in rows if row not in kept]


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
        found |= set(connection.execute(select(_ev.id).where(_ev.id.in_(some), of_tenant(tenant))).scalars())
    return found


def any_of_source(connection: Connection, tenant: str, source: str) -> bool:
    return bool(connection.execute(select(exists().where(_ev.tenant == tenant, _ev.source == source))).scalar())
