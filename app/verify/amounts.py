"""Numbers in a text, in digits and in words, with their units and the precision they are given with."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from app.verify.spans import Free
from app.verify.units import converted, dimension, unit_after, unit_named

_NUMBER = re.compile(
    r"(?<![\w.×])([-−]?)(\d{1,3}(?:,\d{3})+(?:\.\d+)?(?!\d)|\d+(?:[.,]\d+)?)((?:[eE][-+]?\d{1,2}(?!\d))?)(?:st|nd|rd|th)?"
)
_TIMES = re.compile(r"[×x](\d{1,6})\b")
_ONES = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
_WORDS = {word: n for n, word in enumerate(_ONES.split())}
_WORDS |= {w: 10 * n for n, w in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), 2)}
_SAID = _WORDS | {"hundred": 100, "thousand": 1000, "dozen": 12, "twice": 2, "thrice": 3, "pair": 2}
_SAID_RUN = re.compile(rf"\b(?:{'|'.join(_SAID)})(?:[ -](?:and )?(?:{'|'.join(_SAID)})){{0,8}}\b", re.I)
_HALF = re.compile(
    r"\b(?:(an?|one|\d{1,4})[ -]and[ -]a[ -]half hours?|(an?) hour and a half|(half an) hour|(an|one|a full|a whole) hour)\b",
    re.I,
)
_QUARTERS = re.compile(r"\b(?:(?P<three>three[ -]quarters)|(?:a |one )?quarter)(?: of)? an hour\b", re.I)
_AND_A_HALF = re.compile(
    rf"\b(?:(?P<n>\d{{1,3}}|{'|'.join(_WORDS)})[ -]and[ -]a[ -]half (?P<unit>seconds?|minutes?|hours?|days?)|"
    r"an? (?P<one>minute|day) and a half)\b",
    re.I,
)
# "a day later", "about a minute": as much as a number says; "twice a day" says how often
_ONE = re.compile(
    r"(?:\b(?:about|around|some|roughly|nearly|almost|over|under|within|after|for|took|just|exactly|only|than|lasted) (?P<one>an?) "
    r"(?P<led>second|minute|day|week)\b(?! (?:and|or) a half)|"
    r"\b(?P<a>an?) (?P<then>second|minute|day|week) (?:later|after|afterwards|before|earlier|apart|ago)\b)",
    re.I,
)
_FIVES, _TEN = 20, 10
_EVERY = re.compile(r"\bevery (other|second|third|fourth|fifth|sixth)\b(?= (hour|day|week|month|shift|year))", re.I)
_EVERY_SO = {"other": 2, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "sixth": 6}
_APPROX = re.compile(
    r"(?:\b(?:about|around|roughly|approximately|approx\.?|circa|some|nearly|almost|close to|near|or so|not quite|"
    r"(?:just|a little|a bit|slightly|marginally|somewhat) (?:over|under|above|below|more than|less than|short of|"
    r"shy of|longer than|shorter than))|"
    r"[~≈])(?: an?)?\s*$",
    re.I,
)
_BRACKETED = re.compile(r"\((?:all )?in ([^()]{1,24})\)", re.I)
_SHARED = re.compile(r"\s*(?:to|and|or|–|-|against|as against|versus|vs\.?|beside|compared (?:with|to))\s*")
# how near a recomputed value must be when the claim does not say "about": as a share of it
_NEAR = 0.03


class Amount(NamedTuple):
    """A number as it is said: `step` is one unit of its last digit, `about` whether it is said to be rough."""

    value: float
    unit: str | None
    step: float
    about: bool
    start: int
    end: int


def amounts(text: str) -> Iterator[Amount]:
    """Every number of a text in order: spoken hours, digits, words. What is read once is not read again."""
    free = Free(text)
    found = [
        a
        for a in (*_parts_of_hours(text), *_hours(text), *_single(text), *_digits(text), *_said(text))
        if free.take(a.start, a.end)
    ]
    found.sort(key=lambda a: a.start)
    yield from _headed(text, list(_sharing(text, list(_joined(text, found)))))


def same_amount(claimed: Amount, known: Amount, computed: bool) -> bool:
    """Whether two amounts are equal, after conversion; a computed one may be rounded to the digits the claim gives."""
    value = known.value
    if claimed.unit and known.unit and claimed.unit != known.unit:
        turned = converted(known.value, known.unit, claimed.unit)
        if turned is None:
            return False
        value, computed = turned, True
    off = abs(value - claimed.value)
    if off <= 1e-9 * max(1.0, abs(value)):
        return True
    if not (computed or claimed.about):
        return False
    if claimed.about:
        return off <= _slack(claimed) * (1 + 1e-9)
    return _rounds_to(value, claimed, off) and off <= _NEAR * abs(value)


def _slack(claimed: Amount) -> float:
    """How far off an approximate figure may be: its own rounding step, a whole one where it is a round length of time."""
    if dimension(claimed.unit) != "time":
        return claimed.step / 2
    if claimed.unit == "h":
        return min(claimed.step / 2, max(claimed.value / 10, 1 / 24))
    # people round to fives from twenty on, and to tens after less
    fives = claimed.step == 1 and claimed.value % 5 == 0
    return 2.5 if fives and claimed.value >= _FIVES else 1.0 if fives and claimed.value >= _TEN else claimed.step / 2


def _rounds_to(value: float, claimed: Amount, off: float) -> bool:
    """Whether a value is the claimed one to the digits that are given; what lies half way goes one way only, as IEEE 754 rounds."""
    if abs(off - claimed.step / 2) > 1e-9 * max(1.0, abs(value)):
        return off < claimed.step / 2
    digits = -round(math.log10(claimed.step))
    # a mean carries noise in its last bits: 18.374999999999996 is 18.375
    ways = {round(value, digits), round(float(f"{value:.10g}"), digits)}
    return any(abs(way - claimed.value) <= 1e-9 * max(1.0, abs(value)) for way in ways)


def same_kind(claimed: Amount, known: Amount) -> bool:
    """Whether two amounts measure the same: one could stand for the other."""
    return dimension(claimed.unit) == dimension(known.unit)


def _digits(text: str) -> Iterator[Amount]:
    for match in _NUMBER.finditer(text):
        digits = match[2]
        digits = digits.replace(",", "") if re.search(r",\d{3}(?:\D|$)", digits) else digits.replace(",", ".")
        value = float(digits + match[3]) * (-1 if match[1] else 1)
        unit, end = unit_after(text, match.end())
        yield Amount(value, unit, _step(digits + match[3]), _about(text, match.start()), match.start(), end)
    for match in _TIMES.finditer(text):
        yield Amount(float(match[1]), None, 1.0, False, match.start(), match.end())


def _step(digits: str) -> float:
    number, _, power = digits.lower().partition("e")
    return 10.0 ** (int(power or 0) - len(number.partition(".")[2]))


def _about(text: str, start: int) -> bool:
    return bool(_APPROX.search(text[max(0, start - 28) : start]))


def _joined(text: str, found: list[Amount]) -> Iterator[Amount]:
    """ "1 h 20 min 5 s" is one duration."""
    held: Amount | None = None
    finest: str | None = None
    for one in found:
        if held is not None and _continues(text, held, finest, one):
            inner = converted(one.value, one.unit or "", held.unit or "") or 0.0
            step = converted(one.step, one.unit or "", held.unit or "") or held.step
            held = Amount(held.value + inner, held.unit, step, held.about, held.start, one.end)
        else:
            yield from [held] if held is not None else []
            held = one
        finest = one.unit
    yield from [held] if held is not None else []


def _sharing(text: str, found: Sequence[Amount]) -> Iterator[Amount]:
    """ "2 to 3 bar": the unit behind the last number is that of those joined to it."""
    unit: str | None = None
    start = len(text)
    shared = []
    for one in reversed(found):
        joined = unit is not None and one.unit is None and _SHARED.fullmatch(text[one.end : start])
        unit, start = (unit if joined else one.unit), one.start
        shared.append(one._replace(unit=unit))
    return reversed(shared)


def _headed(text: str, found: Sequence[Amount]) -> Iterator[Amount]:
    """ "Pressure (in bar): 8.3": the unit in brackets is that of the bare numbers behind it in its sentence."""
    heads = [(start, end, unit_after(text, start)[0]) for start, end in bracketed_units(text)]
    for one in found:
        near = [u for _, end, u in heads if end <= one.start and not re.search(r"[.;!?]\s", text[end : one.start])]
        yield (
            one._replace(unit=near[-1])
            if near and one.unit is None and re.search(r"[.\d]", text[one.start : one.end])
            else one
        )


def bracketed_units(text: str) -> list[tuple[int, int]]:
    """Where units stand in brackets ahead of their figures: from the unit to the closing bracket."""
    return [(m.start(1), m.end()) for m in _BRACKETED.finditer(text) if unit_after(text, m.start(1))[0]]


def _continues(text: str, one: Amount, finest: str | None, two: Amount) -> bool:
    order = {"d": 0, "h": 1, "min": 2, "s": 3}
    if one.unit not in order or finest not in order or two.unit not in order or order[two.unit] <= order[finest]:
        return False
    return bool(re.fullmatch(r",?\s*(?:and\s+)?", text[one.end : two.start]))


def _parts_of_hours(text: str) -> Iterator[Amount]:
    """ "three quarters of an hour", "a quarter of an hour", "two and a half minutes", "a minute and a half"."""
    for match in _QUARTERS.finditer(text):
        share = 0.75 if match["three"] else 0.25
        yield Amount(share, "h", 0.25, _about(text, match.start()), *match.span())
    for match in _AND_A_HALF.finditer(text):
        said = (match["n"] or "one").lower()
        whole = float(said) if said.isdigit() else float(_WORDS.get(said, 1))
        unit = unit_named((match["unit"] or match["one"]).lower())
        yield Amount(whole + 0.5, unit, 0.5, _about(text, match.start()), *match.span())


def _single(text: str) -> Iterator[Amount]:
    """ "a day later", "for about a minute"."""
    for match in _ONE.finditer(text):
        group, article = ("led", "one") if match["led"] else ("then", "a")
        start = match.start(article)
        yield Amount(1.0, unit_named(match[group].lower()), 1.0, _about(text, start), start, match.end(group))


def _hours(text: str) -> Iterator[Amount]:
    for match in _HALF.finditer(text):
        whole = match[1]
        hours = (
            float(whole) + 0.5 if whole and whole.isdigit() else 1.5 if whole or match[2] else 0.5 if match[3] else 1.0
        )
        step = 1.0 if match[4] else 0.5
        yield Amount(hours, "h", step, _about(text, match.start()), match.start(), match.end())


def _said(text: str) -> Iterator[Amount]:
    """Numbers in words; "one" alone is as often a pronoun and is left out."""
    for match in _EVERY.finditer(text):
        yield Amount(
            float(_EVERY_SO[match[1].lower()]), unit_named(match[2].lower()), 1.0, False, match.start(1), match.end(1)
        )
    for match in _SAID_RUN.finditer(text):
        words = re.findall(r"[a-z]+", match[0].lower())
        unit, end = unit_after(text, match.end())
        if words != ["one"] or unit:
            value = float(_added_up([w for w in words if w != "and"]))
            yield Amount(value, unit, 1.0, _about(text, match.start()), match.start(), end)


def _added_up(words: list[str]) -> int:
    total = current = 0
    for word in words:
        if _SAID[word] in (12, 100, 1000) and word not in _WORDS:
            current = (current or 1) * _SAID[word]
            total, current = (total + current, 0) if word == "thousand" else (total, current)
        else:
            current += _SAID[word]
    return total + current
