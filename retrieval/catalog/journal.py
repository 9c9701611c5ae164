"""What is kept about the use of Watchfloor: answers given, how they were received, who did what, and what was rejected."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np
from sqlalchemy import Connection, Table, delete, func, insert, or_, select, update

from retrieval.catalog import quoting
from retrieval.catalog import tables as t
from retrieval.catalog.codec import to_json
from retrieval.catalog.reading import visible
from retrieval.errors import EvidenceNotFound
from retrieval.ids import derived_from
from retrieval.ports import Rejection, SourceState
from retrieval.types import Answer, Micros, Principal

NO_ANSWER = "no answer with this id is visible to you"
_answer = msgspec.json.Decoder(Answer)
_labels = msgspec.json.Decoder(list[str])
_REJECTION = [t.rejections.c[name] for name in Rejection._fields]


class AuditEntry(NamedTuple):
    """Who did what, when (UTC microseconds). `detail` is plain JSON."""

    subject: str
    action: str
    detail: dict[str, Any]
    recorded_at: Micros


def record_ask(
    connection: Connection, answer: Answer, principal: Principal, first_evidence_ms: float | None, now: Micros
) -> None:
    """Recording the same answer again changes nothing. Raises ErasedMeanwhile where what it tells of was erased while it was made."""
    if connection.execute(select(t.asks.c.id).where(t.asks.c.id == answer.id)).first():
        return
    ask = {
        "id": answer.id,
        "tenant": principal.tenant,
        "subject": principal.subject,
        "recorded_at": now,
        "verdict": str(answer.verdict),
        "model": answer.model,
        "sequence": answer.sequence,
        "first_evidence_ms": first_evidence_ms,
    }
    connection.execute(insert(t.asks), ask)
    seen_with = to_json(sorted(set(principal.labels)))
    connection.execute(insert(t.answers), {"id": answer.id, "labels": seen_with, "body": to_json(answer)})
    quoting.keep(connection, answer, principal.tenant)


def answer(connection: Connection, id_: str, principal: Principal) -> Answer:
    """An answer may quote whatever its asker could see: only who holds all the asker's labels may read it.

    Raises EvidenceNotFound, the same for unknown and invisible ids.
    """
    columns = select(t.asks.c.tenant, t.answers.c.labels, t.answers.c.body).join(t.asks, t.asks.c.id == t.answers.c.id)
    row = connection.execute(columns.where(t.answers.c.id == id_)).first()
    if row is None or row.tenant != principal.tenant or not set(_labels.decode(row.labels)) <= set(principal.labels):
        raise EvidenceNotFound(NO_ANSWER)
    return _answer.decode(row.body)


def record_feedback(
    connection: Connection, answer_id: str, accepted: bool, note: str, principal: Principal, now: Micros
) -> None:
    """Raises EvidenceNotFound for an unknown or invisible answer."""
    answer(connection, answer_id, principal)
    opinion = {"answer": answer_id, "subject": principal.subject, "accepted": accepted, "note": note}
    connection.execute(insert(t.feedback), {**opinion, "recorded_at": now})


def record_audit(
    connection: Connection, principal: Principal, action: str, detail: dict[str, Any], now: Micros
) -> None:
    entry = {"tenant": principal.tenant, "subject": principal.subject, "action": action, "recorded_at": now}
    connection.execute(insert(t.audit), {**entry, "detail": to_json(detail)})


def audit_trail(connection: Connection, principal: Principal, limit: int) -> list[AuditEntry]:
    """Newest first."""
    mine = select(t.audit).where(t.audit.c.tenant == principal.tenant).order_by(t.audit.c.row.desc()).limit(limit)
    rows = connection.execute(mine).all()
    return [AuditEntry(row.subject, row.action, msgspec.json.decode(row.detail), row.recorded_at) for row in rows]


def record_rejection(connection: Connection, tenant: str, rejection: Rejection) -> None:
    """The last rejection of a source counts, and how often the same was tried before it."""
    before = rejection_of(connection, tenant, rejection.source)
    same = before is not None and rejection.tried and before.tried == rejection.tried
    tries = before.tries + 1 if before is not None and same else 1
    clear_rejection(connection, tenant, rejection.source)
    connection.execute(insert(t.rejections), {"tenant": tenant, **rejection._replace(tries=tries)._asdict()})


def rejection_of(connection: Connection, tenant: str, source: str) -> Rejection | None:
    mine = (t.rejections.c.tenant == tenant, t.rejections.c.source == source)
    row = connection.execute(select(*_REJECTION).where(*mine)).first()
    return Rejection(*row) if row else None


def release(connection: Connection, tenant: str, places: Sequence[str]) -> int:
    """Forget the rejections of a tenant's sources that are one of the places or lie below one; how many."""
    source = t.rejections.c.source
    there = [source == place for place in places]
    there += [source.startswith(place.rstrip("/") + "/", autoescape=True) for place in places]
    return connection.execute(delete(t.rejections).where(t.rejections.c.tenant == tenant, or_(*there))).rowcount


def clear_rejection(connection: Connection, tenant: str, source: str) -> None:
    mine = (t.rejections.c.tenant == tenant, t.rejections.c.source == source)
    connection.execute(delete(t.rejections).where(*mine))


def rejections(connection: Connection, principal: Principal) -> list[Rejection]:
    statement = select(*_REJECTION).where(t.rejections.c.tenant == principal.tenant).order_by(t.rejections.c.source)
    return [Rejection(*row) for row in connection.execute(statement)]


def sources(connection: Connection, principal: Principal) -> list[SourceState]:
    """By uri, with the evidence visible to the principal; a source of which nothing is visible is left out, and so is what was made
    out of another's evidence."""
    seen = _evidence_by(connection, principal, "source")
    mine = (t.evidence.c.tenant == principal.tenant, t.evidence.c.superseded_at.is_(None))
    holding = set(connection.execute(select(t.evidence.c.source).where(*mine).distinct()).scalars())
    current = (t.sources.c.tenant == principal.tenant, t.sources.c.superseded_at.is_(None))
    rows = connection.execute(select(t.sources).where(*current).order_by(t.sources.c.source, t.sources.c.revision))
    latest = {row.source: row for row in rows}
    return [
        SourceState(uri, row.content_hash, row.ingester, row.revision, row.whole, seen.get(uri, 0))
        for uri, row in latest.items()
        if (uri in seen or uri not in holding) and derived_from(uri) is None
    ]


def set_meta(connection: Connection, tenant: str, key: str, value: str) -> None:
    mine = (t.meta.c.tenant == tenant, t.meta.c.key == key)
    if not connection.execute(update(t.meta).where(*mine).values(value=value)).rowcount:
        connection.execute(insert(t.meta), {"tenant": tenant, "key": key, "value": value})


def meta(connection: Connection, tenant: str, key: str) -> str | None:
    mine = (t.meta.c.tenant == tenant, t.meta.c.key == key)
    return connection.execute(select(t.meta.c.value).where(*mine)).scalar()


def stats(connection: Connection, principal: Principal) -> dict[str, Any]:
    """Plain JSON. `rate` and the percentiles (milliseconds) are None where there is nothing to count."""
    asks = connection.execute(
        select(t.asks.c.verdict, t.asks.c.first_evidence_ms).where(t.asks.c.tenant == principal.tenant)
    ).all()
    verdicts = sorted(row.verdict for row in asks)
    waits = [row.first_evidence_ms for row in asks if row.first_evidence_ms is not None]
    return {
        "asks": len(asks),
        "by_verdict": {verdict: verdicts.count(verdict) for verdict in dict.fromkeys(verdicts)},
        "acceptance": _acceptance(connection, principal.tenant),
        "first_evidence_ms": {name: _percentile(waits, q) for name, q in (("p50", 50), ("p95", 95))},
        "evidence_by_kind": _evidence_by(connection, principal, "kind"),
        "sources": len(sources(connection, principal)),
        "rejected_sources": _count(connection, t.rejections, principal.tenant),
    }


def _acceptance(connection: Connection, tenant: str) -> dict[str, Any]:
    """Each reader's last word on each answer counts."""
    said = t.feedback.c
    mine = select(said.answer, said.subject, said.accepted).join(t.asks, t.asks.c.id == said.answer)
    rows = connection.execute(mine.where(t.asks.c.tenant == tenant).order_by(said.row))
    final = [bool(accepted) for accepted in {(row.answer, row.subject): row.accepted for row in rows}.values()]
    yes = sum(final)
    return {"accepted": yes, "rejected": len(final) - yes, "rate": yes / len(final) if final else None}


def _evidence_by(connection: Connection, principal: Principal, column: str) -> dict[str, int]:
    condition, params = visible(principal)
    by = t.evidence.c[column]
    rows = connection.execute(select(by, func.count()).where(condition).group_by(by).order_by(by), params)
    return {str(value): int(count) for value, count in rows}


def _count(connection: Connection, table: Table, tenant: str) -> int:
    statement = select(func.count()).select_from(table).where(table.c.tenant == tenant)
    return int(connection.execute(statement).scalar_one())


def _percentile(values: list[float], q: int) -> float | None:
    return float(np.percentile(values, q)) if values else None
