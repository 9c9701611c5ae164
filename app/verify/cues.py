"""What a figure is said to be: a maximum or a limit, a start or an end, told by the words around it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from app.verify.amounts import Amount
from app.verify.calendar import length_from
from app.verify.reading import Kind, Part, Reading
from app.verify.times import date_spans
from app.verify.units import dimension

# canonical word → the role it gives the number or the time that follows
_OF_AMOUNTS = {
    "maximum": "max", "minimum": "min", "mean": "mean", "median": "median", "deviation": "spread", "spread": "width", "limit": "limit",
    "exceed": "bound", "cross": "bound", "below": "bound", "reach": "rise", "sink_to": "fall", "rise": "rise", "fall": "fall",
}  # fmt: skip
_OF_MOMENTS = {
    "raise": "start", "begin": "start", "open_event": "start", "from": "start", "since": "start", "between": "start",
    "clear": "end", "end": "end", "close": "end", "to": "end", "until": "end", "till": "end", "complet": "end",
    "maximum": "max", "minimum": "min", "releas": "release", "due": "due", "first": "first", "last": "last",
    "trip": "trip", "stop": "stop", "cross": "start", "before": "before", "after": "after", "by": "before",
}  # fmt: skip
_LIMITING = frozenset(["exceed", "below", "limit", "cross", "maximum", "minimum", "mean", "median"])
_FIRST = re.compile(
    r"\b(?P<first>first|initial|opening|starting)|\b(?P<last>last|final|closing|latest|most recent)\b", re.I
)
_TAKEN = re.compile(r"\b(?:readings?|samples?|values?|measurements?|figures?)\b", re.I)
_PREPOSITIONS = frozenset("from since between to until till before after by".split())
# what may stand behind a number and still say what it is ("a 10 mm/s peak")
_STATISTICS = frozenset(["maximum", "minimum", "mean", "median", "deviation", "spread"])
_STATISTICAL = frozenset(["max", "min", "mean", "median"])
_BEHIND = frozenset(["maximum", "minimum", "mean", "median", "deviation", "limit"])
_JOINTS = frozenset(["and", "but", "while", "or", "with", "against", "versus", "beside"])
# the roles of a known figure that satisfy the role a claim gives it; a claim without a role fits all but what is no measured value
_FITS = {
    "max": {"max", "rise"},
    "min": {"min", "fall"},
    "rise": {"max", "rise", "sample"},
    "fall": {"min", "fall", "sample"},
    "bound": {"limit", "bound", "cap"},
    "limit": {"limit", "bound", "cap"},
    "year": {"year", ""},
    "every": {"every"},
    "cap": {"cap", "limit", "bound", "max"},
    "from": {"first", "min", "from"},
    "to": {"last", "max", "to"},
}
_NO_VALUE = {"limit", "width", "median", "mean", "spread", "bound", "first", "last", "year", "every"}
# what may not be gone beyond: "held to 10 km/h", "5 bar at most"
_CAPPED = re.compile(
    r"\b(?:no (?:more|faster|higher|greater|longer) than|(?:held|limited|restricted|kept|confined) to|capped at|not exceed|"
    r"(?:never|not) (?:go )?(?:above|over|beyond|faster than|more than))\s+(?:about |around )?$",
    re.I,
)
_OR_LESS = re.compile(
    r"\s*(?:at (?:the )?(?:very )?most|or (?:less|below|slower)|and no (?:more|faster)|maximum\b|tops\b)", re.I
)
_NEAR_END = re.compile(r"(?:\bfrom|\bbetween)\s*$")
_FAR_END = re.compile(r"^\s*(?:to|and|–|-)\s|\bto\s*$")
_FOUR_DIGITS = re.compile(r"1\d{3}|20\d{2}")
_MANY = re.compile(r"(?!this\b|does\b|says\b|shows\b)[a-z-]{3,}s", re.I)
_BEFORE_YEAR = re.compile(
    r"(?:\b(?:in|since|until|till|during|of|from|to|by|before|after|early|late|mid|around|about|their|his|her|its|the|and)|[(–—-])\s*$",
    re.I,
)
_MADE = frozenset("logged dated registered entered recorded dates_from raised".split()) | {
    "dates from",
    "dates back to",
}
_JOINED = 60
# how many parts behind a time its word may stand: further where the time leads the sentence ("At 15:25 an alert for … was raised")
_NEAR, _FAR, _LEADS = 9, 20, 3
_RANGE = re.compile(r"[\s,]*(?:–|-|—|to|and|until|till)[\s,]*", re.I)


def amount_role(reading: Reading, at: int) -> str:
    """The role of the amount that is part number `at` of a text: "" where no word gives it one."""
    return _own_role(reading, at) or _shared_role(reading, at)


def _own_role(reading: Reading, at: int) -> str:
    own = reading.parts[at].amount
    if _capped(reading, at):
        return "cap"
    edge = (
        "every" if _each(reading, at) else "year" if _year(reading, at) else _edge(reading, at) or _in_turn(reading, at)
    )
    if edge:
        return edge
    cut = False
    for part in reversed(reading.parts[max(0, at - 18) : at]):
        # "above its limit of 85 °C for 40 minutes": the limit is of the degrees
        if part.amount and own and dimension(own.unit) in ("time", dimension(part.amount.unit)):
            break
        if part.kind is Kind.BREAK and part.key not in ",()[]:–—-":
            break
        # "on average, it read 3", "the maximum (of P-1) was 3": cut off is all but what names a statistic
        cut = cut or part.kind is Kind.BREAK
        if cut and part.key not in _STATISTICS:
            continue
        if part.key in _OF_AMOUNTS and part.kind in (Kind.WORD, Kind.LIGHT):
            return _OF_AMOUNTS[part.key]
    for part in reading.parts[at + 1 : at + 5]:
        # "96 % and an average of 9" says nothing of the 96, "40 minutes above the limit" is no limit
        if (
            part.amount
            or part.key in ("exceed", "below", "cross")
            or part.kind is Kind.BREAK
            or part.text.lower() in _JOINTS
        ):
            break
        if part.key in _BEHIND:
            return _OF_AMOUNTS[part.key]
    return ""


def _shared_role(reading: Reading, at: int) -> str:
    """The role of the figure before, where the verb is left out ("P-1 peaked at 5 bar, P-2 at 6"); else one told of both behind."""
    own = reading.parts[at].amount
    for i in reversed(range(max(0, at - 12), at)):
        part = reading.parts[i]
        if part.amount and own and part.amount.unit and dimension(part.amount.unit) == dimension(own.unit):
            role = _own_role(reading, i)
            return role if role in _STATISTICAL else ""
        if part.kind is Kind.WORD or (part.kind is Kind.BREAK and part.key in ".;!?\n"):
            break
    for i, part in enumerate(reading.parts[at + 1 : at + 40], at + 1):
        if part.kind is Kind.BREAK and part.key in ".;!?\n":
            break
        if part.key in _STATISTICS and any(
            p.text.lower() in ("both", "each") for p in reading.parts[max(0, i - 3) : i]
        ):
            return _OF_AMOUNTS[part.key]
    return ""


def _edge(reading: Reading, at: int) -> str:
    """ "from" or "to" for the ends of a range: "from 2 to 3 bar", "between 2 and 3 bar"."""
    own = reading.parts[at].amount
    others = [p for p in reading.parts[max(0, at - 8) : at] if p.amount and _alike(p, own)]
    edge = ""
    if (
        others
        and _opens(reading, others[-1])
        and _FAR_END.search(reading.text[others[-1].end : reading.parts[at].start])
    ):
        edge = "to"
    elif _opens(reading, reading.parts[at]) and any(_alike(p, own) for p in reading.parts[at + 1 : at + 9]):
        edge = "from"
    # "the mean rose from 2 to 3": both ends are means, each of its own stretch
    averaged = edge and any(p.key == "mean" for p in reading.parts[max(0, at - 20) : at])
    return "mean" if averaged else edge


def _capped(reading: Reading, at: int) -> bool:
    """Whether a measured figure is said to be what may not be passed: "held to 10 km/h", "5 bar at most"."""
    part = reading.parts[at]
    if part.amount is None or not part.amount.unit:
        return False
    before = _CAPPED.search(reading.text[max(0, part.start - 32) : part.start])
    return before is not None or _OR_LESS.match(reading.text, part.end) is not None


def _in_turn(reading: Reading, at: int) -> str:
    """ "first" or "last" where a figure is said to be that reading of a series: "the first reading … was 5 bar"."""
    own = reading.parts[at].amount
    if own is None or not own.unit:
        return ""
    held = reading.text[max(0, reading.parts[at].start - 110) : reading.parts[at].start]
    found = list(_FIRST.finditer(held))
    lead = held[found[-1].start() :] if found else ""
    limited = any(p.key in _LIMITING for p in reading.parts[max(0, at - 9) : at])
    if limited or not _TAKEN.search(lead) or re.search(r"[;!?]|\.\s+[A-Z]", lead):
        return ""
    return "first" if found[-1]["first"] else "last"


def _opens(reading: Reading, part: Part) -> bool:
    """Whether "from" or "between" stands right before a part."""
    return _NEAR_END.search(reading.text[max(0, part.start - 12) : part.start]) is not None


def _each(reading: Reading, at: int) -> bool:
    """Whether a number says how seldom: "every second week"; "twice a week" says how often."""
    return reading.text[max(0, reading.parts[at].start - 6) : reading.parts[at].start].lower().endswith("every ")


def _year(reading: Reading, at: int) -> bool:
    """Whether a bare number names a year: "in 1994", "their 2000 album"; what it counts would stand in the plural."""
    part = reading.parts[at]
    own = part.amount
    if own is None or own.unit or not _FOUR_DIGITS.fullmatch(part.text.strip()):
        return False
    return (
        not counts_things(reading, at)
        and _BEFORE_YEAR.search(reading.text[max(0, part.start - 12) : part.start]) is not None
    )


def counts_things(reading: Reading, at: int) -> bool:
    """Whether a word in the plural stands right behind a number: "19 samples"."""
    behind = reading.parts[at + 1 : at + 2]
    return bool(behind) and behind[0].kind in (Kind.WORD, Kind.LIGHT) and _MANY.fullmatch(behind[0].text) is not None


def _alike(part: Part, own: Amount | None) -> bool:
    """Whether two amounts can be ends of one range; the unit may stand behind the second alone."""
    return (
        part.amount is not None
        and own is not None
        and (None in (part.amount.unit, own.unit) or dimension(part.amount.unit) == dimension(own.unit))
    )


def moment_role(reading: Reading, at: int) -> str:
    """The role of the time that is part number `at` of a text: "" where no word gives it one."""
    if length_from(reading.text, reading.parts[at].start):
        return "edge"
    before = list(reading.parts[max(0, at - 12) : at])
    ends = [p for p in before if p.moment]
    if ends and _RANGE.fullmatch(_between(reading, ends[-1], reading.parts[at])):
        return "end"
    following = [p for p in reading.parts[at + 1 : at + 4] if p.moment]
    if following and _RANGE.fullmatch(_between(reading, reading.parts[at], following[0])):
        return "start"
    return (
        _cue_before(before)
        or _cue_behind(reading.parts[at + 1 : at + (_FAR if at < _LEADS else _NEAR)])
        or _carried_role(reading, at)
        or _alarm_at(before)
    )


def _alarm_at(before: Sequence[Part]) -> str:
    """ "Alarm at 18:02: …" says when it was raised."""
    led = [p.key or p.text.lower() for p in before[-2:]]
    return "start" if len(led) > 1 and led[0] == "alarm" and before[-1].text.lower() == "at" else ""


def _carried_role(reading: Reading, at: int) -> str:
    """The role of the time before, where the verb is left out ("AL-1 was raised at 3:00, then AL-2 on P-2 at 4:00")."""
    told = False
    for i in reversed(range(max(0, at - 12), at)):
        part = reading.parts[i]
        if part.moment and told and part.moment.clock:
            return moment_role(reading, i)
        if part.kind is Kind.WORD or (part.moment and not told) or (part.kind is Kind.BREAK and part.key != ","):
            return ""
        told = told or part.kind is Kind.TAG
    return ""


def _between(reading: Reading, one: Part, two: Part) -> str:
    """The text between two times, without the dates in it; "-" stands for what is too long to join them."""
    text = reading.text[one.end : two.start]
    if len(text) > _JOINED:
        return "-" * len(text)
    for start, end in reversed(date_spans(text)):
        text = text[:start] + text[end:]
    return text


def _cue_before(before: Sequence[Part]) -> str:
    for at in reversed(range(len(before))):
        part = before[at]
        if part.moment or (part.kind is Kind.BREAK and part.key in ".!?;\n"):
            break
        # what did not happen gives no time its role
        if part.kind is Kind.WORD and any(p.kind is Kind.NOT for p in before[max(0, at - 2) : at]):
            continue
        near = sum(p.kind is not Kind.LIGHT or bool(p.key) for p in before[at + 1 :]) <= 1
        # "at" and "on" lead back to the verb they belong to; "from" and "to" stand right before their time
        if part.kind is Kind.WORD or (part.kind is Kind.LIGHT and (near or part.key not in _PREPOSITIONS)):
            # "closed since 05:05": that is when it was
            if part.text.lower() == "since" and any(p.key in ("close", "clear") for p in before[max(0, at - 4) : at]):
                return "end"
            role = _OF_MOMENTS.get(part.key) or _OF_MOMENTS.get(part.text.lower()) or _entered(before, at)
            if role:
                return role
    return ""


def _entered(before: Sequence[Part], at: int) -> str:
    """ "start" for a word that says when a record was made, where it stands with the record ("WO-12, logged on …")."""
    beside = any(p.kind is Kind.TAG or p.key == "order" for p in before[max(0, at - 4) : at])
    return "start" if beside and before[at].text.lower() in _MADE else ""


def _cue_behind(behind: Sequence[Part]) -> str:
    for part in behind:
        if part.moment or (part.kind is Kind.BREAK and part.key in ".!?;\n"):
            break
        if part.kind is Kind.WORD and part.key in _OF_MOMENTS:
            return _OF_MOMENTS[part.key]
    return ""


def amount_role_fits(claimed: str, known: str) -> bool:
    """Whether a number known in one role may be claimed in another."""
    if not claimed:
        return known not in _NO_VALUE
    return known in _FITS.get(claimed, {claimed})


def moment_role_fits(claimed: str, known: str) -> bool:
    """Whether a time known in one role may be claimed in another: an unnamed time is no end, a start is no end."""
    if claimed == "edge":
        return known in ("edge start", "")
    if claimed == "start":
        return known in ("start", "edge start", "", "first", "trip", "stop")
    if claimed in ("trip", "stop"):
        return known in ("start", "", "trip", "stop")
    if claimed in ("end", "release"):
        return known in ("end", "edge end", "last", "release")
    if claimed in ("max", "min"):
        return known in (claimed, "")
    if claimed in ("first", "last"):
        return known in (claimed, {"first": "start", "last": "end"}[claimed])
    return not known.startswith("edge ") and not (claimed == "due" and known != "due")
