"""Conversations over the catalog: a question is opened in one, and each is read back as its reader may see it today."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple, Protocol

import msgspec

from app.conversation.follow_up import before, resolved
from app.conversation.pointing import Around
from app.ports import Ask, Conversation, Turn
from app.words import one_line
from retrieval.errors import ConversationNotFound
from retrieval.ids import content_hash
from retrieval.types import Answer, Evidence, Mention, Micros, Principal, Relation, RowKey, Support

NEW = "new"
# a caller's own name for a conversation: a Slack thread has one, and needs no book of whose id is whose
THREAD = "thread:"
_REPLY_CHARS = 600


class Line(Protocol):
    """A conversation in a list."""

    @property
    def id(self) -> str: ...

    @property
    def title(self) -> str: ...

    @property
    def began_at(self) -> Micros: ...

    @property
    def last_at(self) -> Micros: ...

    @property
    def turns(self) -> int: ...


class Shelf(Protocol):
    """What of the catalog conversations need."""

    def get(self, ids: Sequence[str], principal: Principal, as_of: Micros | None = None) -> dict[str, Evidence]: ...

    def conversations(self, principal: Principal, limit: int = 50) -> Sequence[Line]: ...

    def conversation(self, id_: str, principal: Principal) -> tuple[Line, list[tuple[Micros, Answer]]]: ...


class Opened(NamedTuple):
    """A question in its conversation: as it is asked of the answerer, the conversation's id, and whether it begins there."""

    ask: Ask
    conversation: str = ""
    begins: bool = False

    def closed(self, answer: Answer, asked: Ask) -> Answer:
        """The answer under the question as it was asked; how it was understood stands beside it where that differs."""
        understood = self.ask.question if self.ask.question != asked.question else ""
        return msgspec.structs.replace(
            answer, question=asked.question, resolved=understood, conversation=self.conversation
        )


class Conversations:
    """`around` gives what a principal's conversation may be about."""

    def __init__(self, shelf: Shelf, around: Callable[[Principal], Around]) -> None:
        self._shelf, self._around = shelf, around

    def open(self, ask: Ask, principal: Principal) -> Opened:
        """Put a question into its conversation and make it stand alone. Raises ConversationNotFound."""
        if ask.conversation == NEW:
            return Opened(ask, f"cv_{uuid.uuid4().hex}", True)
        if ask.conversation is None:
            return Opened(self._standing(ask, ask.before, (), principal))
        named = ask.conversation.startswith(THREAD)
        id_ = _id_of(ask.conversation, principal) if named else ask.conversation
        try:
            told = self._shelf.conversation(id_, principal)[1]
        except ConversationNotFound:
            if named:
                return Opened(ask, id_, True)
            raise
        turns, cited = self._turns(told, principal)
        return Opened(self._standing(ask, turns, cited, principal), id_)

    def listed(self, principal: Principal, limit: int = 50) -> list[Conversation]:
        """The principal's own, without their turns, the one spoken in last first."""
        return [_line(line) for line in self._shelf.conversations(principal, limit)]

    def one(self, id_: str, principal: Principal) -> Conversation:
        """A conversation with its turns as the principal may see them. Raises ConversationNotFound."""
        line, told = self._shelf.conversation(id_, principal)
        return msgspec.structs.replace(_line(line), turns=tuple(self._turns(told, principal)[0]))

    def _standing(self, ask: Ask, turns: Sequence[Turn], cited: Sequence[Evidence], principal: Principal) -> Ask:
        entities = list(dict.fromkeys(m.entity for e in cited for m in sorted(e.entities, key=_nearest)))
        keys = [e.locator.key for e in cited if isinstance(e.locator, RowKey) and e.locator.key]
        last = before(turns, entities, keys)
        question = resolved(ask.question, ask.asked_at, last, self._around(principal)) if last else ask.question
        return msgspec.structs.replace(ask, question=question, before=tuple(turns))

    def _turns(
        self, told: Sequence[tuple[Micros, Answer]], principal: Principal
    ) -> tuple[list[Turn], tuple[Evidence, ...]]:
        """Turns, and the evidence that the last of them cited: what the principal may see of it now, as it was known then."""
        made: list[Turn] = []
        cited: tuple[Evidence, ...] = ()
        for asked_at, answer in told:
            found = self._shelf.get(_cited(answer), principal, answer.as_of)
            made.append(_turn(answer, asked_at, found.keys()))
            cited = tuple(found.values())
        return made, cited


def _id_of(name: str, principal: Principal) -> str:
    """The id of a named conversation: another subject's of the same name is another one."""
    return f"cv_{content_hash(principal.tenant, principal.subject, name)[:32]}"


def _turn(answer: Answer, asked_at: Micros, visible: Collection[str]) -> Turn:
    """Claims that rest on something its reader may not see any more are left out."""
    told = [
        claim.text
        for claim in answer.claims
        if claim.support is Support.SUPPORTED and all(c.evidence in visible for c in claim.citations)
    ]
    return Turn(
        question=answer.question,
        asked_at=asked_at,
        resolved=answer.resolved,
        answer=answer.id,
        verdict=answer.verdict.value,
        reply=one_line(" ".join(told), _REPLY_CHARS),
        evidence=tuple(id_ for id_ in _cited(answer) if id_ in visible),
    )


def _cited(answer: Answer) -> list[str]:
    supported = [claim for claim in answer.claims if claim.support is Support.SUPPORTED]
    return list(dict.fromkeys(cited.evidence for claim in supported for cited in claim.citations))


def _nearest(mention: Mention) -> bool:
    """Where evidence was observed comes before what it only mentions."""
    return mention.relation is Relation.MENTIONS


def _line(line: Line) -> Conversation:
    return Conversation(
        id=line.id, title=one_line(line.title, 200), began_at=line.began_at, last_at=line.last_at, count=line.turns
    )
