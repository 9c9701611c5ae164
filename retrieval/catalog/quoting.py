"""Which answers tell of which evidence, so that they go with it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence

import msgspec
from sqlalchemy import Connection, insert, select

from retrieval.catalog import choosing, holding
from retrieval.catalog import tables as t
from retrieval.catalog.codec import chunks
from retrieval.catalog.holding import Holds
from retrieval.errors import ErasedMeanwhile
from retrieval.types import Answer, Entity

_answer = msgspec.json.Decoder(Answer)
_BATCH = 500


def quoted(answer: Answer) -> set[str]:
    """Every piece of evidence that an answer tells of."""
    cited = {citation.evidence for claim in answer.claims for citation in claim.citations}
    return cited | {entry.evidence for entry in answer.timeline if entry.evidence} | set(answer.leans_on)


def keep(connection: Connection, answer: Answer, tenant: str) -> None:
    """Remember what an answer tells of. Raises ErasedMeanwhile where some of that was erased while the answer was made."""
    ids = quoted(answer)
    since = (
        select(t.erasures.c.id).where(t.erasures.c.tenant == tenant, t.erasures.c.sequence > answer.sequence).limit(1)
    )
    if ids and connection.execute(since).first() and ids - choosing.standing(connection, tenant, ids):
        raise ErasedMeanwhile
    told = [{"answer": answer.id, "evidence": id_} for id_ in sorted(ids)]
    if told:
        connection.execute(insert(t.quotes), told)


def answers_about(connection: Connection, tenant: str, ids: Iterable[str], persons: Sequence[Entity]) -> list[str]:
    """Answers that tell of any of this evidence, or name one of these persons and do not rest on evidence under a hold alone."""
    found: set[str] = set()
    of = select(t.quotes.c.answer).join(t.asks, t.asks.c.id == t.quotes.c.answer).where(t.asks.c.tenant == tenant)
    for some in chunks(dict.fromkeys(ids)):
        found |= set(connection.execute(of.where(t.quotes.c.evidence.in_(some)).distinct()).scalars())
    named = _naming(connection, tenant, persons) - found if persons else set()
    if named:
        kept_by = holding.in_force(connection, tenant)
        named = {each for each in named if not _on_held_alone(connection, tenant, each, kept_by)}
    return sorted(found | named)


def _naming(connection: Connection, tenant: str, persons: Sequence[Entity]) -> set[str]:
    """Answers in whose words one of the names stands as a word of its own, in any case."""
    names = {_folded(name) for each in persons for name in (each.id, each.name, *each.aliases) if name.strip()}
    wanted = re.compile("|".join(rf"(?<!\w){re.escape(name)}(?!\w)" for name in sorted(names)))
    told = select(t.answers.c.id, t.answers.c.body).join(t.asks, t.asks.c.id == t.answers.c.id)
    rows = connection.execute(told.where(t.asks.c.tenant == tenant).execution_options(yield_per=_BATCH))
    return {id_ for id_, body in rows if any(wanted.search(_folded(text)) for text in _words(body))}


def _words(body: str) -> Iterator[str]:
    """What an answer says, and what was asked, not the names of its fields; all of one that cannot be read any more."""
    try:
        answer = _answer.decode(body)
    except msgspec.DecodeError:
        yield body
        return
    yield from (answer.question, answer.resolved)
    for claim in answer.claims:
        yield from (claim.text, claim.why, *claim.recomputed, *(citation.quote for citation in claim.citations))
    yield from (entry.text for entry in answer.timeline)
    yield from (note.subject for note in answer.coverage)


def _folded(text: str) -> str:
    return unicodedata.normalize("NFC", text).casefold()


def _on_held_alone(connection: Connection, tenant: str, answer: str, kept_by: Holds) -> bool:
    ids = set(connection.execute(select(t.quotes.c.evidence).where(t.quotes.c.answer == answer)).scalars())
    return bool(ids) and ids == holding.held_ids(connection, tenant, ids, kept_by)
