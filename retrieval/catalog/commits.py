"""Writing a unit of ingest: rows, vectors, coverage, site and one log entry, all in the caller's transaction.

A source has revisions 1, 2, …. A revision under way is stored beside the previous whole one; when it closes, what the
previous one had and it has not is superseded. Evidence that both have stays the row it is (`kept` remembers it).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import (
    ColumnElement,
    Connection,
    Table,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)

from retrieval.catalog import derived, ending, never_again
from retrieval.catalog import tables as t
from retrieval.catalog.clock import Clock
from retrieval.catalog.codec import (
    chunks,
    coverage_values,
    entity_values,
    evidence_values,
    link_values,
    to_json,
    vector_values,
)
from retrieval.catalog.lean import Listed, Ready
from retrieval.errors import UnitRefused
from retrieval.ports import Held, Receipt, SourceState, Unit
from retrieval.types import Embedding, Evidence, Micros

_ev = t.evidence.c
_LABELS = select(Listed(t.labels.c.label)).where(t.labels.c.row == _ev.row).scalar_subquery()
_labels = msgspec.json.Decoder(list[str])
_OWNED = (t.coverage, t.entities, t.links)
# what every unit runs is put into words once
_HEAD = Ready(select(t.head.c.sequence, t.head.c.recorded_at).where(t.head.c.id == 1).with_for_update())
_MOVED = Ready(
    update(t.head).where(t.head.c.id == 1).values(sequence=bindparam("reached"), recorded_at=bindparam("known_at"))
)
INTO = {
    table: Ready.into(table)
    for table in (t.sources, t.mentions, t.labels, t.vectors, t.coverage, t.entities, t.links, t.outbox)
}
_PIECES = Ready.into(t.evidence, _ev.id, _ev.row)
_so = t.sources.c
_MINE = (_so.tenant == bindparam("of_tenant"), _so.source == bindparam("of_source"))
_LATEST = Ready(
    select(_so.row, _so.revision, _so.content_hash, _so.ingester, _so.whole, _so.version)
    .where(*_MINE)
    .order_by(_so.revision.desc())
    .limit(1)
)
_LEFT = Ready(
    select(func.max(t.coverage.c.revision)).where(
        t.coverage.c.tenant == bindparam("of_tenant"), t.coverage.c.source == bindparam("of_source")
    )
)
_STANDING = Ready.over(
    lambda ids: select(_ev.id, _ev.row, _ev.revision, _ev.tenant, _ev.source, _LABELS).where(
        _ev.id.in_(ids), _ev.superseded_at.is_(None)
    )
)
_WHOLE = Ready(update(t.sources).where(*_MINE, _so.revision == bindparam("now_whole")).values(whole=True))
_re = t.rejections.c
_TAKEN_IN = Ready(
    delete(t.rejections).where(_re.tenant == bindparam("of_tenant"), _re.source == bindparam("of_source"))
)


class _Latest(NamedTuple):
    """The newest revision of a source, whole or not."""

    row: int
    revision: int
    content_hash: str
    ingester: str
    whole: bool
    version: int | None


class _Open(NamedTuple):
    """An open revision of an id; `labels` as a JSON list."""

    row: int
    revision: int
    labels: str


class Work(NamedTuple):
    """A revision of a source being written, at the sequence and transaction time drawn for it."""

    connection: Connection
    tenant: str
    source: str
    revision: int
    sequence: int
    now: Micros

    def owned(self) -> dict[str, Any]:
        return {
            "tenant": self.tenant,
            "source": self.source,
            "revision": self.revision,
            "recorded_at": self.now,
            "superseded_at": None,
        }

    def entry(self, kind: str, touched: Sequence[str], closed: Sequence[str], site: bool) -> dict[str, Any]:
        """The log's row that tells of it."""
        payload = to_json({"evidence": touched, "closed": closed, "site": site})
        about = {"sequence": self.sequence, "tenant": self.tenant, "kind": kind, "recorded_at": self.now}
        return {**about, "payload": payload}

    def of_source(self, table: Table) -> tuple[Any, Any]:
        return table.c.tenant == self.tenant, table.c.source == self.source


def commit(connection: Connection, unit: Unit, clock: Clock) -> Receipt:
    """Store the unit. A unit that is already known, or older than what is held, changes nothing and appends nothing."""
    check(unit)
    last, known_at = lock(connection)
    unit = never_again.without_erased(connection, [unit])[0]
    derived.refuse_orphan(connection, unit)
    latest = latest_of(connection, unit.tenant, unit.source)
    same = latest is not None and (latest.content_hash, latest.ingester) == (unit.content_hash, unit.ingester)
    if latest is not None and unit.late(latest.version, latest.content_hash):
        return Receipt(last, 0, 0)
    if latest is not None and latest.whole and same:
        _confirm(connection, latest, unit)
        return Receipt(last, 0, 0)
    if latest is not None and not latest.whole and not same:
        abandon(connection, unit.tenant, unit.source, clock)
        return commit(connection, unit, clock)
    begun = latest is not None and not latest.whole
    revision = latest.revision if latest and begun else _next(connection, unit, latest)
    work = Work(connection, unit.tenant, unit.source, revision, last + 1, max(clock(), known_at + 1))
    if not begun:
        _begin(work, unit)
    return _write(work, unit, begun)


def _confirm(connection: Connection, latest: _Latest, unit: Unit) -> None:
    """What is held is what a newer version says too: versions in between come too late."""
    if unit.version is not None and unit.version != latest.version:
        mine = t.sources.c.row == latest.row
        connection.execute(update(t.sources).where(mine).values(version=unit.version))


def abandon(connection: Connection, tenant: str, source: str, clock: Clock) -> None:
    """Remove what an unfinished revision stored and say so in the log; a whole source is left alone."""
    last, known_at = lock(connection)
    latest = latest_of(connection, tenant, source)
    if latest is None or latest.whole:
        return
    work = Work(connection, tenant, source, latest.revision, last + 1, max(clock(), known_at + 1))
    stripped = _strip_vectors(work)
    mine = (*work.of_source(t.evidence), _ev.revision == work.revision)
    gone = list(connection.execute(select(_ev.id).where(*mine).order_by(_ev.row)).scalars())
    connection.execute(delete(t.evidence).where(*mine))
    gone += derived.forget(connection, tenant, source, gone)
    removed = {table.name: _remove(work, table) for table in (*_OWNED, t.sources)}
    ending.forget_kept(connection, tenant, source)
    _append(work, "abandon", stripped, gone, site=bool(removed["entities"] or removed["links"]))


def latest_of(connection: Connection, tenant: str, source: str) -> _Latest | None:
    found = _LATEST.read(connection, {"of_tenant": tenant, "of_source": source})
    if not found:
        return None
    latest = _Latest(*found[0])
    # a number in SQLite
    return latest._replace(whole=bool(latest.whole))


def _next(connection: Connection, unit: Unit, latest: _Latest | None) -> int:
    """The number of a new revision: above what is left of those before. Of a source that was erased a hold may keep coverage."""
    ((left,),) = _LEFT.read(connection, {"of_tenant": unit.tenant, "of_source": unit.source})
    return max(left or 0, latest.revision if latest else 0) + 1


def state(connection: Connection, tenant: str, source: str) -> SourceState | None:
    latest = latest_of(connection, tenant, source)
    if latest is None:
        return None
    mine = (_ev.tenant == tenant, _ev.source == source, _ev.superseded_at.is_(None))
    count = connection.execute(select(func.count()).select_from(t.evidence).where(*mine)).scalar_one()
    return SourceState(
        source, latest.content_hash, latest.ingester, latest.revision, latest.whole, count, latest.version
    )


def held_below(connection: Connection, tenant: str, start: str) -> dict[str, Held]:
    """By source, the newest revision of each whose uri begins so; what was made out of another's evidence is left out."""
    mine = (t.sources.c.tenant == tenant, t.sources.c.source.startswith(start, autoescape=True))
    return {source: each for source, each in _newest(connection, mine) if "#" not in source}


def held(connection: Connection, tenant: str, sources: Sequence[str]) -> dict[str, Held]:
    """By source, the newest revision of each of these."""
    found: dict[str, Held] = {}
    for some in chunks(dict.fromkeys(sources)):
        found.update(_newest(connection, (t.sources.c.tenant == tenant, t.sources.c.source.in_(some))))
    return found


def _newest(connection: Connection, mine: Iterable[ColumnElement[bool]]) -> Iterator[tuple[str, Held]]:
    """The open revisions of sources, an older before a newer one."""
    open_ = select(t.sources).where(*mine, t.sources.c.superseded_at.is_(None)).order_by(t.sources.c.revision)
    for row in connection.execute(open_):
        yield row.source, Held(row.content_hash, row.ingester, row.whole, row.version)


def check(unit: Unit) -> None:
    """Raises UnitRefused for a unit that carries what is not its own."""
    owners: Iterable[Any] = (*unit.evidence, *unit.coverage, *unit.entities, *unit.links)
    if any(value.tenant != unit.tenant for value in owners):
        raise UnitRefused(f"a unit of {unit.source} carries something of another tenant")
    if any(evidence.source != unit.source for evidence in unit.evidence):
        raise UnitRefused(f"a unit of {unit.source} carries evidence of another source")


def lock(connection: Connection) -> tuple[int, Micros]:
    """(sequence, recorded_at) of the last change, held until the transaction ends."""
    ((sequence, recorded_at),) = _HEAD.read(connection)
    return sequence, recorded_at


def _begin(work: Work, unit: Unit) -> None:
    about = {"content_hash": unit.content_hash, "ingester": unit.ingester, "whole": False, "version": unit.version}
    INTO[t.sources].put(work.connection, [{**work.owned(), **about}])


def _write(work: Work, unit: Unit, begun: bool) -> Receipt:
    opened = _opened(work, {e.id for e in unit.evidence} | {v.evidence for v in unit.embeddings})
    _refuse_other_labels(unit, opened)
    _keep(work, [opened[e.id] for e in unit.evidence if e.id in opened])
    fresh = list({e.id: e for e in reversed(unit.evidence) if e.id not in opened}.values())[::-1]
    added = insert_evidence(work.connection, [(piece, work) for piece in fresh])
    enriched = _add_vectors(work, unit.embeddings, opened, added)
    covered = _add_facts(work, t.coverage, [coverage_values(c) for c in unit.coverage], begun)
    site = _add_facts(work, t.entities, [entity_values(e) for e in unit.entities], begun)
    site += _add_facts(work, t.links, [link_values(link) for link in unit.links], begun)
    closed: list[str] = []
    if unit.closes:
        closed, site_closed = _close(work)
        site += site_closed
    if begun and not (unit.closes or added or enriched or covered or site):
        return Receipt(work.sequence - 1, 0, 0)
    _append(work, "commit", [*added, *enriched], closed, site=bool(site))
    return Receipt(work.sequence, len(added), len(closed))


def _opened(work: Work, ids: set[str]) -> dict[str, _Open]:
    """The open revisions of these ids. Raises UnitRefused when one belongs to another tenant or source."""
    found: dict[str, _Open] = {}
    for some in chunks(ids):
        for id_, row, revision, tenant, source, labels in _STANDING.read(work.connection, {"wanted": some}):
            if (tenant, source) != (work.tenant, work.source):
                raise UnitRefused(f"evidence {id_} already belongs to another source")
            found[id_] = _Open(row, revision, labels)
    return found


def _refuse_other_labels(unit: Unit, opened: dict[str, _Open]) -> None:
    """Raises UnitRefused where a piece that is held comes under other labels: it would go on being shown to whom it was shown before."""
    for piece in unit.evidence:
        known = opened.get(piece.id)
        if known is not None and set(piece.labels) != set(_labels.decode(known.labels)):
            why = "labels are part of what a piece says, and so of its id"
            raise UnitRefused(f"evidence {piece.id} is held under other labels: {why}; give it another id")


def _keep(work: Work, opened: Sequence[_Open]) -> None:
    earlier = {known.row for known in opened if known.revision < work.revision}
    for some in chunks(earlier):
        already = set(work.connection.execute(select(t.kept.c.row).where(t.kept.c.row.in_(some))).scalars())
        new = [{"row": row} for row in some if row not in already]
        if new:
            work.connection.execute(insert(t.kept), new)


def insert_evidence(connection: Connection, pieces: Sequence[tuple[Evidence, Work]]) -> dict[str, int]:
    """Insert pieces, each with the work it belongs to; id → row number, in their order."""
    rows = [{**evidence_values(piece), **work.owned()} for piece, work in pieces]
    added: dict[str, int] = dict(_PIECES.told(connection, rows))
    mentions = [
        {"row": added[e.id], "position": position, "entity": m.entity, "relation": str(m.relation)}
        for e, _ in pieces
        for position, m in enumerate(e.entities)
    ]
    labels = [{"row": added[e.id], "label": label} for e, _ in pieces for label in sorted(set(e.labels))]
    INTO[t.mentions].put(connection, mentions)
    INTO[t.labels].put(connection, labels)
    return {piece.id: added[piece.id] for piece, _ in pieces}


def _add_vectors(
    work: Work, embeddings: Sequence[Embedding], opened: dict[str, _Open], added: dict[str, int]
) -> list[str]:
    """Insert the vectors not yet held; the ids of earlier evidence that gained one (a new encoder's space)."""
    rows = {id_: known.row for id_, known in opened.items()} | added
    strays = [v.evidence for v in embeddings if v.evidence not in rows]
    if strays:
        raise UnitRefused(f"a vector belongs to evidence that is not stored: {strays[0]}")
    held = _held_vectors(work, [opened[v.evidence].row for v in embeddings if v.evidence in opened])
    new = {(rows[v.evidence], v.space, v.part): v for v in reversed(embeddings)}
    values = [
        {"row": key[0], "revision": work.revision, **vector_values(v)} for key, v in new.items() if key not in held
    ]
    INTO[t.vectors].put(work.connection, values)
    gained = {value["row"] for value in values}
    return [id_ for id_, known in opened.items() if known.row in gained]


def _held_vectors(work: Work, rows: Sequence[int]) -> set[tuple[int, str, int]]:
    held: set[tuple[int, str, int]] = set()
    columns = select(t.vectors.c.row, t.vectors.c.space, t.vectors.c.part)
    for some in chunks(set(rows)):
        found = work.connection.execute(columns.where(t.vectors.c.row.in_(some)))
        held.update((row.row, row.space, row.part) for row in found)
    return held


def _add_facts(work: Work, table: Table, facts: Sequence[dict[str, Any]], begun: bool) -> int:
    """Insert coverage, entities or links that this revision has not stored yet, which it may have where it was begun before; how many."""
    wanted = {fact["digest"]: fact for fact in facts}
    mine = (*work.of_source(table), table.c.revision == work.revision)
    for some in chunks(list(wanted) if begun else ()):
        for digest in work.connection.execute(select(table.c.digest).where(*mine, table.c.digest.in_(some))).scalars():
            del wanted[digest]
    INTO[table].put(work.connection, [{**fact, **work.owned()} for fact in wanted.values()])
    return len(wanted)


def _close(work: Work) -> tuple[list[str], int]:
    """Make the revision whole; the ids superseded, and how many entities and links were closed."""
    mine = {"of_tenant": work.tenant, "of_source": work.source}
    _WHOLE.run(work.connection, {**mine, "now_whole": work.revision})
    _TAKEN_IN.run(work.connection, mine)
    # the first there is of a source ends nothing: a stream of new things need not ask, seven times each
    if work.revision == 1:
        return [], 0
    return ending.supersede(work.connection, work.tenant, work.source, work.revision, work.now)


def _remove(work: Work, table: Table) -> int:
    mine = (*work.of_source(table), table.c.revision == work.revision)
    return work.connection.execute(delete(table).where(*mine)).rowcount


def _strip_vectors(work: Work) -> list[str]:
    """Remove the vectors that this revision gave to evidence of earlier ones; the ids of that evidence."""
    earlier = (*work.of_source(t.evidence), _ev.revision < work.revision)
    mine = (t.vectors.c.revision == work.revision, t.vectors.c.row.in_(select(_ev.row).where(*earlier)))
    owners = select(_ev.id).where(*earlier, _ev.row.in_(select(t.vectors.c.row).where(*mine)))
    stripped = list(work.connection.execute(owners.order_by(_ev.row)).scalars())
    if stripped:
        work.connection.execute(delete(t.vectors).where(*mine))
    return stripped


def _append(work: Work, kind: str, touched: Sequence[str], closed: Sequence[str], site: bool) -> None:
    append(work.connection, [work.entry(kind, touched, closed, site)])


def append(connection: Connection, entries: Sequence[dict[str, Any]]) -> None:
    """Append entries to the log and move its head to the last of them."""
    INTO[t.outbox].put(connection, entries)
    _MOVED.run(connection, {"reached": entries[-1]["sequence"], "known_at": entries[-1]["recorded_at"]})
