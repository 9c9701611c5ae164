"""A text taken apart: its words, names, tags, numbers, times and the breaks between its statements, in order."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import NamedTuple

from app.verify.addresses import ADDRESS
from app.verify.amounts import Amount, amounts, bracketed_units
from app.verify.lexicon import canonical, is_light, lexicon
from app.verify.spans import Free
from app.verify.times import Moment, date_spans, moments

Finder = Callable[[str], Sequence[tuple[int, int, str]]]
_TAG = re.compile(r"(?<![\w-])(?=[\w.-]{0,40}\d)[A-Za-z][A-Za-z0-9]*(?:[-_.][A-Za-z0-9]+)*")
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?(?:-[^\W\d_]+)*(?:['’])?")
_LETTER = re.compile(r"[a-z] [A-Z]$")
_BREAK = re.compile(r"[;:,()\[\]\n]|[.!?](?=\s|$)|\s[–—-]\s")
_QUOTE = re.compile(r"[“”„«»\"]")
# "No, it was closed" answers a question and denies nothing
_ANSWER = re.compile(r"(?:^|[.!?]\s)\s*(?P<answer>no|nope|not (?:really|quite|exactly)),", re.I)
# what nobody does without a thing needs the thing
_TWICE = re.compile(
    r"\b(?P<first>nobody|no[ -]one|no|not|never|cannot)\b(?:[^.;!?\n]|\.(?=\w)){0,120}?\b(?P<second>without)\b", re.I
)
_TWICE_BACK = re.compile(
    r"(?:^|[.;!?]\s+)(?P<first>without)\b(?:[^.;!?\n]|\.(?=\w)){0,120}?\b(?P<second>nobody|no[ -]one|not|never|cannot)\b",
    re.I,
)
_NOT = re.compile(
    r"\b(?:no longer(?! than)|not|no(?! (?:more|faster|higher|greater|longer) than)|never|"
    r"nobody|none|without|cannot|nothing|neither|nor|failed to|fails to|unable to|instead of|rather than|"
    r"lack(?:ed|s|ing)?(?: of)?|refused to|nowhere|hardly|no[ -]one)\b|\w+n['’]t\b",
    re.I,
)


_BEFORE_STRETCH = frozenset("the a this that whole entire full same course of those these".split())
_SAMPLES = frozenset("reading readings sample samples value values".split())
_STRETCHES = frozenset("hour period window day shift night morning stretch interval span".split())


# "a little over two hours" is about two hours
_HEDGE = re.compile(
    r"\b(?:just|a little|a bit|slightly|marginally|somewhat) (?:over|under|above|below|more than|less than|short of|shy of|longer than|"
    r"shorter than)\b(?= (?:an? |\d|[a-z]+ (?:seconds|minutes|hours|days)))",
    re.I,
)


class Kind(StrEnum):
    WORD = "word"
    LIGHT = "light"
    NAME = "name"
    TAG = "tag"
    AMOUNT = "amount"
    MOMENT = "moment"
    NOT = "not"
    QUOTE = "quote"
    BREAK = "break"


class Part(NamedTuple):
    """A piece of a text: `key` is what it is compared by (canonical word, entity id, tag in lower case)."""

    kind: Kind
    key: str
    text: str
    start: int
    end: int
    amount: Amount | None = None
    moment: Moment | None = None


class Reading(NamedTuple):
    """A text and its parts in order of place, without overlaps."""

    text: str
    parts: tuple[Part, ...]

    def of(self, *kinds: Kind) -> list[Part]:
        return [p for p in self.parts if p.kind in kinds]


def read(text: str, find: Finder) -> Reading:
    """Take a text apart, in time linear in its length."""
    free = Free(text)
    for match in ADDRESS.finditer(text):
        free.take(match.start(), match.end())
    for match in _HEDGE.finditer(text):
        free.take(match.start(), match.end())
    names = _names(text, find)
    makers = (_moments(text), names, _tags(text), _amounts(text), _nots(text), _words(text), _breaks(text))
    parts = [p for made in makers for p in made if free.take(p.start, p.end)]
    # a name of several entities is given once for each; all of them stand at one place
    placed = {(p.start, p.end): p.key for p in parts if p.kind is Kind.NAME}
    parts.extend(p for p in names if placed.get((p.start, p.end), p.key) != p.key)
    return Reading(text, tuple(_settled(sorted(parts, key=lambda p: p.start))))


def without(reading: Reading, settled: frozenset[int]) -> Reading:
    """A reading whose parts at these places say nothing any more: they are accounted for."""
    parts = (
        p._replace(kind=Kind.LIGHT, amount=None, moment=None) if i in settled else p
        for i, p in enumerate(reading.parts)
    )
    return Reading(reading.text, tuple(parts))


def _settled(parts: list[Part]) -> list[Part]:
    """Words that say nothing of their own where they stand: "under WO-12", "open for 20 minutes", "first …, then …"."""
    texts = [p.text.lower() for p in parts]
    last_then = max((at for at, text in enumerate(texts) if text == "then"), default=-1)
    logged, listed = any("log" in text for text in texts), ";" in texts
    for at, part in enumerate(parts):
        quiet = any(rule(parts, texts, at) for rule in (_quiet_state, _quiet_figure, _quiet_person, _quiet_telling))
        quiet = quiet or (texts[at] == "first" and (at < last_then or (at == 0 and listed)))
        quiet = quiet or (texts[at] == "entered" and logged) or (logged and texts[at] in ("entry", "entries"))
        behind = parts[at + 1 : at + 4]
        if quiet and part.kind in (Kind.WORD, Kind.AMOUNT):
            parts[at] = part._replace(kind=Kind.LIGHT, amount=None)
        elif texts[at] in ("passed", "passes", "pass") and any(p.key == "limit" for p in behind):
            parts[at] = part._replace(kind=Kind.WORD, key="cross")
        elif (
            part.key == "rise"
            and "up" in texts[at]
            and _named(parts[max(0, at - 3) : at])
            and not any(p.amount for p in behind)
        ):
            # an alarm goes up when it is raised
            parts[at] = part._replace(key="raise")
    return parts


def _quiet_state(parts: list[Part], texts: list[str], at: int) -> bool:
    """How long a thing was open, and where it stands: "open from 3:00 to 4:00", "stands in Zone D"."""
    text, following = texts[at], texts[at + 1 : at + 2]
    if text == "open":
        held = following == ["for"] and any(p.amount for p in parts[at + 1 : at + 7])
        spanned = following in (["from"], ["between"]) and _timed_twice(parts[at + 2 : at + 12])
        return held or spanned or (texts[0] in ("from", "between") and _timed_twice(parts[max(0, at - 24) : at]))
    return text in ("stands", "stood", "standing", "sits") and _placed(parts[at + 1 : at + 4])


def _quiet_figure(parts: list[Part], texts: list[str], at: int) -> bool:
    """What makes light of a figure, or leads to it: "only at 48 °C", "close to 5", "over the whole hour", "three hours passed"."""
    text, behind = texts[at], parts[at + 1 : at + 4]
    return (
        (text == "only" and any(p.amount and p.amount.unit for p in behind[:2]))
        or (text in ("under", "over", "past") and _lasting(behind))
        or (text in ("all", "every", "each") and bool(texts[at + 1 : at + 2]) and texts[at + 1] in _SAMPLES)
        or (text in ("need", "needs") and any(p.amount for p in behind[:1]))
        or (text in ("close", "near") and any(p.amount for p in behind[:2]))
        or (text == "least" and texts[at + 1 : at + 2] in (["one"], ["a"], ["an"]))
        or (text in ("passed", "past") and _spell(parts[max(0, at - 2) : at + 3]))
        or (text == "again" and any(p.moment for p in behind[:2]))
        or (parts[at].amount is not None and _stretch_from(parts, at))
    )


def _quiet_person(parts: list[Part], texts: list[str], at: int) -> bool:
    """Nobody in particular: "somebody had left it open" says what "it had been left open" does."""
    if texts[at] not in ("somebody", "someone"):
        return False
    recorded = any(p.key in ("open_event", "raise", "close") for p in parts[at + 1 : at + 3])
    return recorded or texts[at + 1 : at + 2] in (["had"], ["has"])


def _quiet_telling(parts: list[Part], texts: list[str], at: int) -> bool:
    """What leads to a record or an entry: "under WO-12", "the 14:30 entry"."""
    text, behind = texts[at], parts[at + 1 : at + 4]
    tagged = bool(behind) and (behind[0].kind in (Kind.TAG, Kind.NAME) or behind[0].key in ("order", "alarm"))
    led = _named(parts[max(0, at - 2) : at]) and texts[at + 1 : at + 2] in (["a"], ["an"], ["the"])
    return (
        (text in ("under", "over", "past") and tagged)
        or (text == "over" and led)
        or (text in ("entry", "entries") and any(p.moment for p in parts[max(0, at - 3) : at + 6]))
        or (text == "see" and bool(behind) and behind[0].kind is Kind.TAG)
        or (parts[at].key == "find" and any(p.kind is Kind.NOT for p in behind[:1]))
    )


def _stretch_from(parts: list[Part], at: int) -> bool:
    """Whether a length of time says how long a stretch is that a time begins: "in the 30 minutes after 02:00"."""
    amount, behind = parts[at].amount, [p for p in parts[at + 1 : at + 4] if p.key or p.moment]
    led = at > 0 and parts[at - 1].text.lower() in ("the", "first")
    told = len(behind) > 1 and behind[0].text.lower() in ("after", "from", "following") and behind[1].moment is not None
    return led and told and amount is not None and amount.unit in ("s", "min", "h")


def _timed_twice(behind: list[Part]) -> bool:
    return sum(p.moment is not None and p.moment.clock is not None for p in behind) > 1


def _placed(behind: list[Part]) -> bool:
    """Whether a place follows: "stands in Zone D"."""
    return (
        bool(behind[1:])
        and behind[0].text.lower() in ("in", "at", "inside")
        and behind[1].kind in (Kind.NAME, Kind.TAG)
    )


def _named(before: list[Part]) -> bool:
    """Whether the tag of a record, or its kind, stands right before."""
    told = [p for p in before if p.kind not in (Kind.LIGHT, Kind.BREAK)]
    return bool(told) and (told[-1].kind is Kind.TAG or told[-1].key in ("alarm", "order"))


def _spell(near: list[Part]) -> bool:
    """Whether a length of time stands near: "three hours passed"."""
    return any(p.amount and p.amount.unit in ("s", "min", "h", "d") for p in near)


def _lasting(behind: list[Part]) -> bool:
    """Whether a stretch of time follows: "over 10:00 to 11:00", "over the whole hour"."""
    told = next((p for p in behind if p.text.lower() not in _BEFORE_STRETCH), None)
    return told is not None and (told.moment is not None or told.text.lower() in _STRETCHES)


def _moments(text: str) -> list[Part]:
    found = []
    for m in moments(text):
        found.append(Part(Kind.MOMENT, "", text[m.start : m.end], m.start, m.end, moment=m))
    return found + _date_shadows(text)


def _date_shadows(text: str) -> list[Part]:
    """A date that goes with a clock time is part of it, and no number of its own."""
    return [Part(Kind.LIGHT, "", text[a:b], a, b) for a, b in date_spans(text)]


def _names(text: str, find: Finder) -> list[Part]:
    """Names; one made of another's tag and plain words ("P-401 vibration") is read as that tag, the words as words."""
    found: list[Part] = []
    for start, end, entity in find(text):
        tag = _TAG.search(text, start, end)
        inner = find(tag[0]) if tag and (tag.start(), tag.end()) != (start, end) else ()
        if tag and inner and all(e != entity for _, _, e in inner):
            found.extend(Part(Kind.NAME, e, tag[0], tag.start(), tag.end()) for _, _, e in inner)
        else:
            found.append(Part(Kind.NAME, entity, text[start:end], start, end))
    return found


def _tags(text: str) -> list[Part]:
    return [Part(Kind.TAG, m[0].lower(), m[0], m.start(), m.end()) for m in _TAG.finditer(text)]


def _amounts(text: str) -> list[Part]:
    heads = [Part(Kind.LIGHT, "", text[a:b], a, b) for a, b in bracketed_units(text)]
    return heads + [Part(Kind.AMOUNT, "", text[a.start : a.end], a.start, a.end, amount=a) for a in amounts(text)]


def _nots(text: str) -> list[Part]:
    answers = [Part(Kind.LIGHT, "", m["answer"], *m.span("answer")) for m in _ANSWER.finditer(text)]
    twice = {at for m in _TWICE_BACK.finditer(text) for at in (m.start("first"), m.start("second"))}
    twice |= {at for m in _TWICE.finditer(text) for at in (m.start("first"), m.start("second"))}
    found = _NOT.finditer(text)
    return answers + [
        Part(Kind.LIGHT if m.start() in twice else Kind.NOT, m[0].lower(), m[0], m.start(), m.end()) for m in found
    ]


def _words(text: str) -> list[Part]:
    found = (*lexicon().phrases.finditer(text), *_WORD.finditer(text))
    return [_word(m[0], m.start(), m.end(), _LETTER.search(text[max(0, m.start() - 2) : m.end()])) for m in found]


def _word(text: str, start: int, end: int, letter: re.Match[str] | None = None) -> Part:
    if letter:
        # "Zone E" is no other zone
        return Part(Kind.TAG, text.lower(), text, start, end)
    key = canonical(text)
    known = re.sub(r"[\s-]+", "_", text.lower())
    kind = Kind.LIGHT if is_light(text) or is_light(known) or (len(text) == 1 and text.islower()) else Kind.WORD
    return Part(kind, key, text, start, end)


def _breaks(text: str) -> list[Part]:
    quotes = [Part(Kind.QUOTE, "", m[0], m.start(), m.end()) for m in _QUOTE.finditer(text)]
    return quotes + [Part(Kind.BREAK, m[0].strip() or "\n", m[0], m.start(), m.end()) for m in _BREAK.finditer(text)]
