"""Removing what an erasure has hidden: first noted as commitments, then scrubbed from log and audit, then deleted."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import ColumnElement, Connection, Table, delete, func, select, union_all, update

from retrieval.catalog import choosing, holding
from retrieval.catalog import tables as t
from retrieval.catalog.codec import chunks, to_json
from retrieval.catalog.erasing import hidden_under
from retrieval.erasure.needles import ID, VECTOR, WORD, Finder, Needle, needle
from retrieval.erasure.wording import distinctive, folded, stored
from retrieval.ids import derived_from

_ev = t.evidence.c
_BATCH = 500
# of all an erasure takes so many words are looked for: each costs a look at every text that stays
_MOST_WORDS = 256
# of one text so many characters are read for them
_READ = 20_000


class Traces(NamedTuple):
    """Where else bytes of hidden evidence lie. `ids` are (id, revision); `media` keys of blobs that nothing else has, `shared` how many
    others do; `sources` the uris that hidden evidence came from, but for `held` ones, of which a legal hold keeps more; `whole` those
    of which nothing stays; `dead` (source, key of its blob) of messages that could not be read."""

    ids: list[tuple[str, int]]
    media: list[str]
    shared: int
    sources: list[str]
    dead: list[tuple[str, str]]
    held: list[str]
    whole: list[str]


def traces(connection: Connection, tenant: str, erasure: str) -> Traces:
    under = hidden_under(erasure)
    ids = [(_plain(row.id), row.revision) for row in connection.execute(_hidden(_ev.id, _ev.revision, under=under))]
    held = set(connection.execute(_hidden(_ev.media, under=under).where(_ev.media.is_not(None)).distinct()).scalars())
    shared: set[str] = set()
    for some in chunks(held):
        mine = (_ev.tenant == tenant, _ev.media.in_(some))
        shared |= set(connection.execute(select(_ev.media).where(*mine).distinct()).scalars())
    sources = _sources(connection, tenant, under)
    kept = holding.held_sources(connection, tenant, sources)
    dead = select(t.rejections.c.source, t.rejections.c.tried).where(t.rejections.c.tenant == under)
    letters = [(source, tried) for source, tried in connection.execute(dead)]
    whole = sorted(set(connection.execute(select(t.sources.c.source).where(t.sources.c.tenant == under)).scalars()))
    return Traces(ids, sorted(held - shared), len(shared), sorted(sources - kept), letters, sorted(kept), whole)


def _sources(connection: Connection, tenant: str, under: str) -> set[str]:
    """Those that something went of for good: none of a piece of which another revision stands, and none that has no bytes of its own."""
    named = connection.execute(_hidden(_ev.id, _ev.source, under=under).distinct()).all()
    standing = choosing.standing(connection, tenant, (_plain(id_) for id_, _ in named))
    found = {source for id_, source in named if _plain(id_) not in standing}
    found |= set(connection.execute(select(t.sources.c.source).where(t.sources.c.tenant == under)).scalars())
    return {source for source in found if derived_from(source) is None}


def _plain(id_: str) -> str:
    """An id without what hides it."""
    return id_.partition("~")[0]


def needles(connection: Connection, tenant: str, erasure: str, salt: bytes) -> Iterator[Needle]:
    """Commitments to ids of which no revision stands, to vectors, and to words, in each form that they may be written in, that no text
    that stays has."""
    under = hidden_under(erasure)
    ids = {_plain(id_) for id_ in connection.execute(_hidden(_ev.id, under=under).distinct()).scalars()}
    for id_ in sorted(ids - choosing.standing(connection, tenant, ids)):
        yield from _made(salt, ID, id_.encode())
    vectors = select(t.vectors.c.data).join(t.evidence, _ev.row == t.vectors.c.row).where(_ev.tenant == under)
    for data in connection.execute(vectors.execution_options(yield_per=_BATCH)).scalars():
        yield from _made(salt, VECTOR, data)
    told = (form.encode(errors="ignore") for word in _words(connection, under) for form in stored(word))
    words = [each for data in told for each in _made(salt, WORD, data)]
    common = elsewhere(connection, Finder(salt, words), texts_only=True)
    yield from (each for each in words if each not in common)


def elsewhere(
    connection: Connection, finder: Finder, *, texts_only: bool = False, indexed: bool = False
) -> set[Needle]:
    """Those that rows which stay have too: another piece with the same words, in whatever form, the very same vector, or an id that
    stands again. `indexed`: also words as an index writes those of the rows."""
    found: set[Needle] = set()
    stays = _ev.tenant.not_like(f"{t.HIDDEN}%")
    columns = [select(_ev.text).where(stays)] if texts_only else _columns(stays)
    for statement in columns:
        for rows in connection.execute(statement.execution_options(yield_per=_BATCH)).partitions(_BATCH):
            data = b"\n".join(_as_written(value, indexed=indexed) for row in rows for value in row if value)
            found |= {each.needle for each in finder.in_bytes(data) if each.needle.kind != ID}
    return found if texts_only else found | _standing(connection, finder, stays)


def _as_written(value: str | bytes, *, indexed: bool) -> bytes:
    if isinstance(value, bytes):
        return value
    return "\n".join([*stored(value), *(folded(value) if indexed else ())]).encode(errors="ignore")


def _standing(connection: Connection, finder: Finder, stays: ColumnElement[bool]) -> set[Needle]:
    """Ids of evidence that stays: who names one in passing does not make it stand."""
    found: set[Needle] = set()
    for rows in connection.execute(select(_ev.id).where(stays).execution_options(yield_per=_BATCH)).partitions(_BATCH):
        data = "\n".join(row.id for row in rows).encode()
        found |= {each.needle for each in finder.in_bytes(data) if each.needle.kind == ID}
    return found


class Mention(NamedTuple):
    """A value that names something: its table, column, and key, how it reads, and how it is to read."""

    table: Table
    column: str
    key: tuple[Any, ...]
    seen: str
    value: str


# whatever may name evidence in passing; the log is read apart
_PASSING = (
    (t.audit, "detail"),
    (t.holds, "body"),
    (t.standings, "body"),
    (t.answers, "body"),
    (t.feedback, "note"),
    (t.rejections, "reason"),
    (t.job_sources, "reason"),
    (t.evidence, "data"),
)


def naming(connection: Connection, tenant: str, ids: Collection[str], sequence: int) -> list[Mention]:
    """What names any of the ids, without them: entries of the tenant's log up to this sequence, and whatever tells of them in passing.

    To be written only once every projection has applied the entry that hid them: it names them too.
    """
    gone = set(ids)
    log = select(t.outbox.c.sequence, t.outbox.c.payload).where(
        t.outbox.c.tenant == tenant, t.outbox.c.sequence <= sequence
    )
    found = [
        Mention(t.outbox, "payload", (number,), told, kept)
        for number, told in _paged(connection, log, t.outbox.c.sequence)
        if (kept := _log_without(told, gone)) != told
    ]
    for table, column in _PASSING:
        keys = list(table.primary_key.columns)
        for *key, told in connection.execute(
            select(*keys, table.c[column]).where(table.c[column].contains("ev_", autoescape=True))
        ):
            if (kept := _text_without(told, gone)) != told:
                found.append(Mention(table, column, tuple(key), told, kept))
    return found


def scrub(connection: Connection, mentions: Iterable[Mention]) -> int:
    """Write them as they are to read; how many read otherwise by now, and were left as they are."""
    missed = 0
    for each in mentions:
        at = [column == value for column, value in zip(each.table.primary_key.columns, each.key, strict=True)]
        same = each.table.c[each.column] == each.seen
        fresh = {each.column: each.value}
        missed += connection.execute(update(each.table).where(*at, same).values(fresh)).rowcount == 0
    return missed


def telling(connection: Connection, tenant: str, finder: Finder) -> list[str]:
    """Answers of a tenant in which any of it stands word for word, though they cite none of it."""
    body = select(t.answers.c.id, t.answers.c.body).join(t.asks, t.asks.c.id == t.answers.c.id)
    rows = connection.execute(body.where(t.asks.c.tenant == tenant).execution_options(yield_per=_BATCH))
    return [id_ for id_, told in rows if any(finder.in_bytes(told.encode(errors="ignore")))]


def _log_without(payload: str, gone: Collection[str]) -> str:
    told = msgspec.json.decode(payload)
    kept = {name: [id_ for id_ in told[name] if id_ not in gone] for name in ("evidence", "closed")}
    return payload if all(len(kept[name]) == len(told[name]) for name in kept) else to_json({**told, **kept})


def _text_without(text: str, gone: Collection[str]) -> str:
    return _IN_TEXT.sub(lambda match: "erased" if match[0] in gone else match[0], text)


_IN_TEXT = re.compile(r"ev_[0-9a-f]{40}")


def remove(connection: Connection, erasure: str) -> int:
    """Delete some of what is hidden; how many rows went, 0 once nothing is left."""
    under, gone = hidden_under(erasure), 0
    for table, number in _HOLDING:
        some = select(number).where(table.c.tenant == under).limit(_BATCH)
        gone += connection.execute(delete(table).where(number.in_(some))).rowcount
    mine = (t.rejections.c.tenant == under,)
    return gone + connection.execute(delete(t.rejections).where(*mine)).rowcount


_HOLDING = tuple((table, table.c.row) for table in (t.evidence, t.coverage, t.sources, t.entities, t.links))


def left(connection: Connection, erasure: str) -> int:
    """Rows of any table that still stand hidden."""
    under = hidden_under(erasure)
    tables = (*(table for table, _ in _HOLDING), t.rejections)
    counted = union_all(*(select(func.count()).select_from(table).where(table.c.tenant == under) for table in tables))
    return sum(connection.execute(counted).scalars())


def _hidden(*columns: Any, under: str) -> Any:
    return select(*columns).where(_ev.tenant == under)


def _made(salt: bytes, kind: str, data: bytes) -> Iterator[Needle]:
    made = needle(salt, kind, data)
    if made is not None:
        yield made


def _words(connection: Connection, under: str) -> list[str]:
    """Words of hidden texts that are told apart by their look, and phrases; of every text some before any gives more."""
    texts = connection.execute(_hidden(_ev.text, under=under).distinct()).scalars()
    told = [list(dict.fromkeys(distinctive(text[:_READ]))) for text in texts]
    turns = min(max(map(len, told), default=0), _MOST_WORDS)
    rounds = (words[n] for n in range(turns) for words in told if n < len(words))
    return list(islice(dict.fromkeys(islice(rounds, 4 * _MOST_WORDS)), _MOST_WORDS))


_IN_PASSING = (
    t.sources.c.source,
    t.rejections.c.reason,
    t.holds.c.body,
    t.jobs.c.paths,
    t.jobs.c.reason,
    t.feedback.c.note,
    t.audit.c.detail,
)


def _columns(stays: ColumnElement[bool]) -> list[Any]:
    """Whatever of other evidence and of the site may have the same words or the same vector."""
    of = select(t.vectors.c.data).join(t.evidence, _ev.row == t.vectors.c.row).where(stays)
    told = (_ev.text, _ev.data, _ev.locator, _ev.source, _ev.provenance)
    bodies = (t.entities.c.body, t.links.c.body, t.coverage.c.body, t.coverage.c.under)
    rest = [select(body).where(body.table.c.tenant.not_like(f"{t.HIDDEN}%")) for body in bodies]
    plain = [select(column) for column in _IN_PASSING]
    hung = [(t.labels, t.labels.c.label), (t.withheld, t.withheld.c.label), (t.mentions, t.mentions.c.entity)]
    plain += [select(name.distinct()).join(t.evidence, _ev.row == by.c.row).where(stays) for by, name in hung]
    return [select(*told).where(stays), of, *rest, *plain]


def _paged(connection: Connection, statement: Any, number: Any) -> Iterator[tuple[int, str]]:
    last = -1
    while rows := connection.execute(statement.where(number > last).order_by(number).limit(_BATCH)).all():
        yield from ((row[0], row[1]) for row in rows)
        last = rows[-1][0]
