"""Conversations: whose they are, and the answers given in them, in order. Only who began one can find it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

import msgspec
from sqlalchemy import ColumnElement, Connection, delete, func, insert, select, update

from retrieval.catalog import tables as t
from retrieval.errors import ConversationNotFound
from retrieval.types import Answer, Micros, Principal

_answer = msgspec.json.Decoder(Answer)
_labels = msgspec.json.Decoder(list[str])


class _Asked(msgspec.Struct):
    question: str


_asked = msgspec.json.Decoder(_Asked)


class Talk(NamedTuple):
    """Which conversation an answer belongs to, when it was asked for, and whether it may be the first there."""

    id: str
    asked_at: Micros
    begins: bool = False


class Listed(NamedTuple):
    """A conversation in a list: `title` is its first question; times are UTC microseconds."""

    id: str
    title: str
    began_at: Micros
    last_at: Micros
    turns: int


def record(connection: Connection, talk: Talk, answer_id: str, principal: Principal, now: Micros) -> None:
    """Put an answer at the end of its conversation. Raises ConversationNotFound for one that is not the principal's."""
    fresh = connection.execute(select(t.conversations.c.id).where(t.conversations.c.id == talk.id)).first() is None
    if talk.begins and fresh:
        who = {"tenant": principal.tenant, "subject": principal.subject}
        connection.execute(insert(t.conversations), {"id": talk.id, **who, "began_at": now, "last_at": now})
    else:
        check(connection, talk.id, principal)
    mine = t.turns.c.conversation == talk.id
    last = connection.execute(select(func.max(t.turns.c.position)).where(mine)).scalar()
    position = 0 if last is None else last + 1
    turn = {"conversation": talk.id, "position": position, "answer": answer_id, "asked_at": talk.asked_at}
    connection.execute(insert(t.turns), turn)
    connection.execute(update(t.conversations).where(t.conversations.c.id == talk.id).values(last_at=now))


def check(connection: Connection, id_: str, principal: Principal) -> None:
    """Raises ConversationNotFound, the same for unknown ones and another's."""
    if (
        connection.execute(select(t.conversations.c.id).where(t.conversations.c.id == id_, *_own(principal))).first()
        is None
    ):
        raise _not_found(id_)


def last_turns(connection: Connection, id_: str, principal: Principal, limit: int) -> list[tuple[Micros, Answer]]:
    """The last `limit` of `turns`, in order; the others are not decoded. Raises ConversationNotFound."""
    check(connection, id_, principal)
    backwards = islice(_told(connection, id_, principal, newest_first=True), limit)
    return list(backwards)[::-1]


def turns(connection: Connection, id_: str, principal: Principal) -> list[tuple[Micros, Answer]]:
    """When each question was asked, and its answer, oldest first.

    Left out are answers given when the principal held labels that they do not hold any more. Raises ConversationNotFound.
    """
    check(connection, id_, principal)
    return list(_told(connection, id_, principal))


def _told(
    connection: Connection, id_: str, principal: Principal, newest_first: bool = False
) -> Iterator[tuple[Micros, Answer]]:
    columns = select(t.turns.c.asked_at, t.answers.c.labels, t.answers.c.body)
    joined = columns.join(t.answers, t.answers.c.id == t.turns.c.answer).where(t.turns.c.conversation == id_)
    place = t.turns.c.position
    held = set(principal.labels)
    with connection.execute(joined.order_by(place.desc() if newest_first else place)) as rows:
        for row in rows:
            if set(_labels.decode(row.labels)) <= held:
                yield row.asked_at, _answer.decode(row.body)


def one(connection: Connection, id_: str, principal: Principal) -> tuple[Listed, list[tuple[Micros, Answer]]]:
    """A conversation's line and its turns. Raises ConversationNotFound, also where all its answers are gone."""
    lines = listed(connection, principal, id_=id_)
    if not lines:
        raise _not_found(id_)
    return lines[0], turns(connection, id_, principal)


def listed(
    connection: Connection, principal: Principal, limit: int | None = None, id_: str | None = None
) -> list[Listed]:
    """The principal's own (or the one of them with this id), the one spoken in last first."""
    talk, turn = t.conversations.c, t.turns.c
    counted = select(turn.conversation, func.count().label("turns"), func.min(turn.position).label("first"))
    sums = counted.group_by(turn.conversation).subquery()
    statement = (
        select(talk.id, talk.began_at, talk.last_at, sums.c.turns, t.answers.c.body)
        .join(sums, sums.c.conversation == talk.id)
        .join(t.turns, (turn.conversation == talk.id) & (turn.position == sums.c.first))
        .join(t.answers, t.answers.c.id == turn.answer)
        .where(*_own(principal), *([] if id_ is None else [talk.id == id_]))
        .order_by(talk.last_at.desc(), talk.id)
        .limit(limit)
    )
    rows = connection.execute(statement)
    return [Listed(r.id, _asked.decode(r.body).question, r.began_at, r.last_at, r.turns) for r in rows]


def forget(connection: Connection, id_: str, principal: Principal) -> None:
    """Delete a conversation with its answers and what was thought of them. Raises ConversationNotFound."""
    check(connection, id_, principal)
    answers = select(t.turns.c.answer).where(t.turns.c.conversation == id_)
    connection.execute(delete(t.asks).where(t.asks.c.id.in_(answers)))
    connection.execute(delete(t.conversations).where(t.conversations.c.id == id_))


def _not_found(id_: str) -> ConversationNotFound:
    return ConversationNotFound(f"no conversation {id_[:64]!r} is yours")


def _own(principal: Principal) -> tuple[ColumnElement[bool], ...]:
    return t.conversations.c.tenant == principal.tenant, t.conversations.c.subject == principal.subject
