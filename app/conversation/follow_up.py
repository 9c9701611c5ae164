"""A question that leans on what was said before, put so that it stands alone. Rules only; no model is called.

Three ways of leaning are read: a time beside the earlier one ("and the day before?"), a thing in place of the earlier one ("what about
P-102?"), and words that point back ("show me that camera", "what did it do then?"). A question that stands alone is left as it is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from app.answer.phrases import When, find_when
from app.answer.question import Wants, content_words, parse
from app.conversation.pointing import THINGS, Around, Before, antecedent, pointed
from app.conversation.times import Leaning, leaning, said
from app.ports import Turn
from retrieval.types import Micros

_OPENS = re.compile(
    r"^\W*(?:and what about|what about|how about|and|also|or|but|then|so|ok(?:ay)?|now|"
    r"(?:(?:and|show|tell|give)\s+)?(?:me\s+)?(?:the\s+)?same\s+(?:for|of|with|at|on))\b[\s,:]*",
    re.I,
)
_WORD = (
    r"(?:why(?: not)?|when|(?:for )?how long|how often|how many(?: times)?|who|where|(?:since|until) when|what time)"
)
_BARE = re.compile(rf"^\W*(?:(?:and|but)\s+)?{_WORD}\W*$", re.I)
# what `continued` put before the earlier question: "Why? " of "Why? What happened to pump P-101?"
_LED = re.compile(rf"^(?:{_WORD}\?\s+)+", re.I)
_PAST = re.compile(r"\b(?:did|was|were|had)\b", re.I)
_DEFINITE = re.compile(
    r"\bthe\s+(?:same\s+)?(?:alarms?|alerts?|(?:work\s+)?orders?|jobs?|tickets?|trip|incident|leak|fault|failure|shutdown|stop|repair)\b",
    re.I,
)
_STANDING = re.compile(r"\b(?:ever|now|currently|usually|normally|always|today|so far|still|open|overdue)\b", re.I)
_TIMED = frozenset({Wants.SIGHT, Wants.FIGURE, Wants.ALERT, Wants.EVENT, Wants.COUNT})
# "camera 2 at 03:00?" leans too, though no word opens it; "what happened to P-102 yesterday?" asks for itself
_SHORT = 6
_ASKS = re.compile(
    r"^\W*(?:what|who|whose|which|when|where|how|why|is|are|was|were|do|does|did|has|have|had|can|could|any|show|list|give|tell|find)\b",
    re.I,
)
_RELATIVE = re.compile(
    r"\b(?:yesterday|today|tonight|tomorrow|last|this|past|now|(?:mon|tues|wednes|thurs|fri|satur|sun)day)\b", re.I
)


def before(
    turns: Sequence[Turn], cited: Sequence[str] = (), keys: Sequence[str] = (), longest: int | None = None
) -> Before | None:
    """The last turn as what a question can lean on; of a question of more than `longest` characters, those."""
    if not turns:
        return None
    last = turns[-1]
    return Before((last.resolved or last.question)[:longest], last.asked_at, tuple(cited), tuple(keys))


def resolved(text: str, asked_at: Micros, last: Before | None, around: Around) -> str:
    """The question so that it stands alone; the text itself where it does, or where nothing is there to lean on."""
    if last is None or not text.strip():
        return text
    lean = _Lean(asked_at, last, find_when(last.question, last.asked_at, around.zone), around)
    return lean.moved(text) or lean.exchanged(text) or lean.continued(text) or lean.pointed(text)


class _Lean(NamedTuple):
    """What a question leans on: `when` is the time of the earlier one."""

    asked_at: Micros
    last: Before
    when: When | None
    around: Around

    def moved(self, text: str) -> str | None:
        """Another time and nothing else: the earlier question at that time."""
        found = self._leaning(text)
        if found is None or _substance(text[: found.start] + " " + text[found.end :]):
            return None
        return _at(_timeless(self.last.question, self.when), said(found.window, self.around.zone))

    def exchanged(self, text: str) -> str | None:
        """Another thing, or another time of its own, and nothing else: the earlier question about that."""
        found = self._leaning(text)
        bare = text if found is None else text[: found.start] + " " + text[found.end :]
        own = None if found else find_when(text, self.asked_at, self.around.zone)
        names = list(self.around.find(bare))
        opened = _OPENS.match(text) or (len(text.split()) <= _SHORT and not _ASKS.match(text))
        if not (own or names) or not opened or _substance(_timeless(_nameless(bare, self.around), own)):
            return None
        whole = self.last.question
        for start, end, entity in names[:1]:
            whole = _with(whole, bare[start:end], entity, self.around)
        time = said(found.window, self.around.zone) if found else self._own(text, own)
        return self._timed(whole, time or self._then())

    def continued(self, text: str) -> str | None:
        """ "Why?", "how long?": the word before the earlier question."""
        if not _BARE.match(text):
            return None
        word = _OPENS.sub("", text).strip(" ?!.").capitalize()
        # "Why?" asked again is asked of the same question, which does not grow
        return self._timed(f"{word}? {_LED.sub('', self.last.question)}", self._then())

    def pointed(self, text: str) -> str:
        """Words that point back replaced by what they point at; the earlier time comes along where the question hangs on one."""
        found = self._leaning(text)
        told = text if found is None else text[: found.start] + said(found.window, self.around.zone) + text[found.end :]
        told = pointed(told, self.last, self.around)
        about = self._unnamed(text, told, bool(found))
        told = f"{told.rstrip(' ?.!')} for {about}?" if about else told
        if told == text:
            return text
        own = find_when(told, self.asked_at, self.around.zone)
        if own is not None:
            day = self._own(told, own)
            return told if found or not day or day in told else _at(_timeless(told, own), day)
        then = self._then()
        hangs = about or _hangs_on_time(told, self.asked_at, self.around)
        return _at(told, then) if then and hangs else told

    def _leaning(self, text: str) -> Leaning | None:
        return leaning(text, self.when.window, self.around.zone) if self.when else None

    def _then(self) -> str | None:
        """The earlier time in words."""
        return said(self.when.window, self.around.zone) if self.when else None

    def _unnamed(self, text: str, told: str, timed: bool) -> str:
        """What a question is about that names nothing but a time beside the earlier one, or "the alarm" of then; "" for others."""
        of_then = _DEFINITE.search(text) and (_OPENS.match(text) or _PAST.search(text))
        if self.around.find(told) or not (timed or of_then) or (self.last.keys[:1] and self.last.keys[0] in told):
            return ""
        meant = antecedent(self.last, self.around, *THINGS)
        return meant.name if meant else ""

    def _own(self, text: str, own: When | None) -> str | None:
        """A question's own time in words; a clock alone is one of the earlier day."""
        if own is None:
            return None
        next_day = find_when(text, self.asked_at + 86_400_000_000, self.around.zone)
        clock_alone = next_day is not None and next_day.window != own.window and not _RELATIVE.search(text)
        if clock_alone and self.when is not None:
            there = [find_when(text, at, self.around.zone) for at in (self.when.window.t0, self.when.window.t1)]
            known = [one for one in there if one is not None]
            # of the two days of a night, the one whose hour lies in it
            inside = next((one for one in known if one.window.overlaps(self.when.window)), known[0])
            return said(inside.window, self.around.zone)
        return said(own.window, self.around.zone)

    def _timed(self, question: str, time: str | None) -> str:
        """The question at a time. The earlier one is told by its date, so that it means the same on another day."""
        if time is None:
            return question
        return _at(_timeless(question, find_when(question, self.last.asked_at, self.around.zone)), time)


def _with(question: str, name: str, entity: str, around: Around) -> str:
    """The question about another thing: in place of the one of its kind, else of the first named, else put behind."""
    spans = list(around.find(question))
    kind = around.site.entities[entity].type if entity in around.site.entities else None
    like = [s for s in spans if s[2] in around.site.entities and around.site.entities[s[2]].type is kind] or spans
    if not like:
        return f"{question.rstrip(' ?')} for {name}?"
    start, end, _ = like[0]
    return question[:start] + name + question[end:]


def _hangs_on_time(text: str, asked_at: Micros, around: Around) -> bool:
    question = parse(text, asked_at, around.zone, around.find)
    timed = question.wants & _TIMED or (question.yes_no and _PAST.search(text))
    return bool(timed) and not question.asks_when and not _STANDING.search(text)


def _substance(text: str) -> bool:
    """Whether words of substance are left behind "and" or "what about"."""
    return bool(content_words(_OPENS.sub(" ", text, count=1)))


def _nameless(text: str, around: Around) -> str:
    for start, end, _ in sorted(around.find(text), reverse=True):
        text = text[:start] + " " + text[end:]
    return text


def _timeless(text: str, when: When | None) -> str:
    for phrase in _phrases(when):
        text = re.sub(rf"(?:\b(?:on|at|in|during|from|for|of|the)\s+)*{re.escape(phrase)}", " ", text, flags=re.I)
    return re.sub(r"\s+([?.!,])", r"\1", re.sub(r"\s{2,}", " ", text)).strip()


def _phrases(when: When | None) -> list[str]:
    return [part for phrase in (when.phrases if when else ()) for part in phrase.split(" … ")]


def _at(question: str, time: str) -> str:
    bare = question.rstrip(" ?.!,")
    return f"{bare} {time}?"
