"""Which answers tell of which evidence, so that they go with it."""

from __future__ import annotations

from sqlalchemy import Connection, insert, select

from retrieval.catalog import choosing
from retrieval.catalog import tables as t
from retrieval.errors import ErasedMeanwhile
from retrieval.types import Answer


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
