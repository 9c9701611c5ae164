"""Conversations over the catalog: a question is opened in one, and each is read back as its reader may see it today."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple, Protocol

import msgspec

from app.answer.outgoing import without_addresses
from app.conversation.follow_up import before, resolved
from app.conversation.pointing import Around
from app.ports import Ask, Conversation, Turn
from app.words import one_line
from retrieval.errors import ConversationNotFound, QuestionTooLong
from retrieval.ids import content_hash
from retrieval.types import Answer, Evidence, Mention, Micros, Principal, Relation, RowKey, Support

NEW = "new"
# a caller's own name for a conversation: a Slack thread has one, and needs no book of whose id is whose
THREAD = "thread:"
_REPLY_CHARS = 600
# so many of the last turns are looked at for a follow-up: a model is shown no more of them
_TURNS = 4


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

    def last_turns(self, id_: str, principal: Principal, limit: int) -> list[tuple[Micros, Answer]]: ...


class Opened(NamedTuple):
    """A question in its conversation: as it is asked of the answerer, the conversation's id, and whether it begins there.

    `leans_on` are the ids of evidence that gave the question a name or key which the asker did not say.
    """

    ask: Ask
    conversation: str = ""
    begins: bool = False
    leans_on: tuple[str, ...] = ()

    def closed(self, answer: Answer, asked: Ask) -> Answer:
        """The answer under the question as it was asked; how it was understood stands beside it where that differs."""
        # a name that came from evidence may be an address, as everything that leaves may
        understood = without_addresses(self.ask.question) if self.ask.question != asked.question else ""
        return msgspec.structs.replace(
            answer,
            question=asked.question,
            resolved=understood,
            leans_on=self.leans_on,
            conversation=self.conversation,
        )


class _Told(NamedTuple):
    """A turn, the evidence it cited that its reader may see, and the ids that what it is understood as leans on."""

    turn: Turn
    cited: tuple[Evidence, ...] = ()
    leans_on: tuple[str, ...] = ()


class Conversations:
    """`around` gives what a principal's conversation may be about, as known at a time (None = now). A question has at most
    `longest` characters of its asker's own; what it is understood as may have more."""

    def __init__(
        self, shelf: Shelf, around: Callable[[Principal, Micros | None], Around], longest: int = 4_000
    ) -> None:
        self._shelf, self._around, self._longest = shelf, around, longest

    def open(self, ask: Ask, principal: Principal) -> Opened:
        """Put a question into its conversation and make it stand alone. Raises QuestionTooLong, ConversationNotFound."""
        if len(ask.question) > self._longest:
            raise QuestionTooLong(f"the question has {len(ask.question)} characters; the limit is {self._longest}")
        remembered = [_Told(self._cut(turn)) for turn in ask.before]
        if ask.conversation == NEW:
            return self._standing(ask, remembered, principal)._replace(
                conversation=f"cv_{uuid.uuid4().hex}", begins=True
            )
        if ask.conversation is None:
            return self._standing(ask, remembered, principal)
        named = ask.conversation.startswith(THREAD)
        id_ = _id_of(ask.conversation, principal) if named else ask.conversation
        try:
            answers = self._shelf.last_turns(id_, principal, _TURNS)
        except ConversationNotFound:
            if named:
                return self._standing(ask, remembered, principal)._replace(conversation=id_, begins=True)
            raise
        told = [self._told(asked_at, answer, principal, ask.as_of) for asked_at, answer in answers]
        return self._standing(ask, told, principal)._replace(conversation=id_)

    def listed(self, principal: Principal, limit: int = 50) -> list[Conversation]:
        """The principal's own, without their turns, the one spoken in last first."""
        return [_line(line) for line in self._shelf.conversations(principal, limit)]

    def one(self, id_: str, principal: Principal) -> Conversation:
        """A conversation with its turns as the principal may see them. Raises ConversationNotFound."""
        line, told = self._shelf.conversation(id_, principal)
        turns = tuple(self._told(asked_at, answer, principal).turn for asked_at, answer in told)
        return msgspec.structs.replace(_line(line), turns=turns)

    def _standing(self, ask: Ask, told: Sequence[_Told], principal: Principal) -> Opened:
        """The question so that it stands alone behind these turns."""
        turns = tuple(one.turn for one in told)
        if not turns:
            return Opened(ask)
        cited = told[-1].cited
        entities = list(dict.fromkeys(m.entity for e in cited for m in sorted(e.entities, key=_nearest)))
        keys = [e.locator.key for e in cited if isinstance(e.locator, RowKey) and e.locator.key]
        last = before(turns, entities, keys, self._longest)
        around = self._around(principal, ask.as_of)
        question = resolved(ask.question, ask.asked_at, last, around)
        opened = Opened(msgspec.structs.replace(ask, question=question, before=turns))
        if last is None or question == ask.question:
            return opened
        said = f"{ask.question}\n{last.question}"
        gave = [e.id for e in cited if any(n in question and n not in said for n in _names(e, around))]
        return opened._replace(leans_on=tuple(dict.fromkeys((*told[-1].leans_on, *gave))))

    def _told(self, asked_at: Micros, answer: Answer, principal: Principal, as_of: Micros | None = None) -> _Told:
        """A turn with what the principal may see now of its evidence, as it was known then, or at `as_of` where that is earlier."""
        cited = _cited(answer)
        known_at = answer.as_of if as_of is None else min(as_of, answer.as_of)
        ids = list(dict.fromkeys((*cited, *answer.leans_on)))
        # today's labels hold: what was open then may have been put under one since
        visible = self._shelf.get(ids, principal, known_at) if ids else {}
        shown = tuple(visible[id_] for id_ in cited if id_ in visible)
        turn = _turn(answer, asked_at, visible)
        return _Told(turn, shown, answer.leans_on if turn.resolved else ())

    def _cut(self, turn: Turn) -> Turn:
        """A turn that the caller remembers, no longer than one of ours could be."""
        question, reply = turn.question[: self._longest], one_line(turn.reply[: self._longest], _REPLY_CHARS)
        return msgspec.structs.replace(turn, question=question, resolved=turn.resolved[: self._longest], reply=reply)


def _names(evidence: Evidence, around: Around) -> list[str]:
    """What a question may have taken from a piece of evidence: its key and the names of its things."""
    key = evidence.locator.key if isinstance(evidence.locator, RowKey) else ""
    return [name for name in (key, *(around.site.name(m.entity) for m in evidence.entities)) if name]


def _id_of(name: str, principal: Principal) -> str:
    """The id of a named conversation: another subject's of the same name is another one."""
    return f"cv_{content_hash(principal.tenant, principal.subject, name)[:32]}"


def _turn(answer: Answer, asked_at: Micros, visible: Collection[str]) -> Turn:
    """Claims that rest on something its reader may not see any more are left out, and so is a question that took words from it."""
    told = [
        claim.text
        for claim in answer.claims
        if claim.support is Support.SUPPORTED and all(c.evidence in visible for c in claim.citations)
    ]
    return Turn(
        question=answer.question,
        asked_at=asked_at,
        resolved=answer.resolved if all(id_ in visible for id_ in answer.leans_on) else "",
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
