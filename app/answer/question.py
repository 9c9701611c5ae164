"""What a question asks for, by rules: its time, its entities, what it wants seen, measured, counted, or told.

No model is called here; nothing is retrieved. The result is a frozen value that the planner reads.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import tzinfo
from enum import StrEnum
from typing import TypeAlias

import msgspec

from app.answer.phrases import When, find_when
from retrieval.types import Micros


class Wants(StrEnum):
    """What kind of evidence a question hangs on."""

    SIGHT = "sight"
    FIGURE = "figure"
    COUNT = "count"
    ALERT = "alert"
    WORK_ORDER = "work_order"
    EVENT = "event"
    FACT = "fact"


class Statistic(StrEnum):
    """What is computed from samples."""

    MAX = "max"
    MIN = "min"
    MEAN = "mean"
    SUM = "sum"
    VALUE = "value"
    ABOVE = "above"
    RANGE = "range"
    STD = "std"
    MEDIAN = "median"
    ANOMALY = "anomaly"


EntityFinder: TypeAlias = Callable[[str], Sequence[tuple[int, int, str]]]


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """A question taken apart. `entities` are ids in order of appearance; `words` are its content words, lower case.

    `looks` are words that make it a question about pictures; `unknown_tags` look like asset tags but name nothing known.
    """

    text: str
    asked_at: Micros
    when: When | None
    entities: tuple[str, ...]
    words: tuple[str, ...]
    statistics: tuple[Statistic, ...]
    wants: frozenset[Wants]
    unknown_tags: tuple[str, ...]
    asks_when: bool
    asks_count: bool
    yes_no: bool
    filmed: bool
    plain: str


_STOP = frozenset(
    """a an the of in on at to for from by with and or is are was were be been do does did has have had it its this that
    these those what which who whom whose when where why how many much any anyone there then than as into about over under
    between during after before until since not no yes i we you they he she me us our their his her can could would should
    will may might show tell give list find get say says said please us me happen happened happening one ones also so if
    utc gmt time date day night morning afternoon evening last yesterday today""".split()
)
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_./%-]*[A-Za-z0-9%]|[A-Za-z0-9]")
_TAG = re.compile(
    r"\b(?:[A-Z]{1,5}-?\d{2,10}[A-Z]?(?:-[A-Z0-9]+)*|[A-Za-z]+[ -]\d{1,4}|(?:[Zz]one|[Aa]rea|[Bb]ay|[Ll]ine|[Gg]ate)\s+[A-Z])\b"
)
# "above 7" and "past 24" only look like tags
_NOT_TAG = re.compile(
    r"(?:in|of|at|than|over|above|below|under|exceed(?:ed)?|about|and|to|by|for|from|on|around|past|last|the|between|before|"
    r"after|since|until|least|most|top|first|only)[ -]",
    re.I,
)
_LOOK = re.compile(
    r"\b(?:see|sees|saw|seen|visible|visibly|camera|cameras|cam|footage|video|videos|clips?|"
    r"watch(?:es|ed|ing)?|on screen|spotted|observed|observe|picked up|caught on|in view|in sight)\b",
    re.I,
)
_FILMED = re.compile(r"\b(?:cameras?|cam|cctv|footage|videos?|clips?|on screen)\b", re.I)
_STATISTICS: tuple[tuple[Statistic, str], ...] = (
    (
        Statistic.ABOVE,
        r"\b(?:exceed(?:ed)?|above|over (?:its|the) (?:\w+ )?(?:limit|threshold)|cross(?:ed)?|out of (?:range|limits)|over \d)",
    ),
    (
        Statistic.ANOMALY,
        r"\b(?:anomal\w+|unusual|abnormal|odd|strange|out of the ordinary|spik\w+|misbehav\w+|went wrong)\b",
    ),
    (
        Statistic.MAX,
        r"\b(?:max(?:imum)?|highest|peak(?:ed|s)?|largest|biggest|hottest|fastest|longest|top(?:ped)?|most|worst|greatest|"
        r"how (?:high|hot|hard|fast|warm|big|bad))\b",
    ),
    (
        Statistic.MIN,
        r"\b(?:min(?:imum)?|lowest|smallest|coldest|slowest|shortest|least|bottom(?:ed)?|trough|dip(?:ped)?|how (?:low|cold|slow))\b",
    ),
    (Statistic.MEDIAN, r"\bmedian\b"),
    (Statistic.MEAN, r"\b(?:mean|average|averaged|avg|typical(?:ly)?)\b"),
    (Statistic.STD, r"\bstandard deviation|\bstd\b"),
    (Statistic.SUM, r"\b(?:sum|cumulative)\b"),
    (Statistic.RANGE, r"\b(?:range|spread|varied|vary)\b"),
    (
        Statistic.VALUE,
        r"\b(?:what (?:was|is|were)|how (?:full|much|strong|loaded)|reading|read|value|level|stood at)\b",
    ),
)
# words that only say which statistic is meant
STATISTIC_WORDS = frozenset(
    "max maximum highest peak peaked largest biggest hottest fastest longest top topped most worst greatest min minimum lowest "
    "smallest coldest slowest shortest least bottom bottomed dip median mean average averaged avg typical value reading read "
    "high low hot cold hard slow fast went go get got hit log logged recorded record ever whole point please pls "
    "minutes minute hours hour seconds second days long".split()
)
_WORK_ORDER = re.compile(
    r"\b(?:work ?orders?|\bWOs?\b|maintenance (?:jobs?|orders?|tickets?)|job tickets?|repair (?:jobs?|orders?)|"
    r"(?:total|how many|number of|which) jobs|"
    r"(?:which|what) (?:repair )?orders?)\b|\bWO[- ]?\d+",
    re.I,
)
_ALERT = re.compile(
    r"\b(?:alerts?|alarms?|alarmed|anomal(?:y|ies) events?|(?:how many|number of)\b.*\banomalies|went anomalous|"
    r"warnings? raised)\b",
    re.I,
)
_EVENT = re.compile(
    r"\bwhat (?:all )?happened\b|\bwhy\b|\bwhat (?:led|went wrong|caused)\b|\breconstruct\b|\bsequence of events\b|\bwalk me through\b|"
    r"\b(?:any|some)thing (?:(?:be|been|go|gone|went) )?(?:wrong|amiss|the matter)\b|\bstory\b|\bsummar\w+|\boverview\b|\brecap\b|"
    r"\bbring .* together\b|\bput together\b|\beverything (?:we know|recorded|about)\b|\btell me about\b",
    re.I,
)
_COUNT = re.compile(
    r"\b(?:how many|number of|count|how often|how frequently|total|head ?count|(?:the )?most (?:people|persons))\b",
    re.I,
)
_WHEN = re.compile(r"\b(?:when|what time|at which time|since when|until when|from when|how long)\b", re.I)
_YES_NO = re.compile(
    r"^\W*(?:(?:on|at|between|during|last|yesterday|today|from|in)\b[^?]*?,\s*)?(?:was|were|is|are|did|does|do|has|have|had|can|could|any(?:one|body|thing)?)\b",
    re.I,
)


def content_words(text: str) -> tuple[str, ...]:
    """The words that carry meaning, lower case, in order, each once."""
    words = (w.lower() for w in _WORD.findall(text))
    return tuple(dict.fromkeys(w for w in words if w not in _STOP))


def parse(text: str, asked_at: Micros, zone: tzinfo, find_entities: EntityFinder) -> Question:
    """Take a question apart. `find_entities` gives (start, end, entity id) spans of the text."""
    spans = list(find_entities(text))
    when = find_when(text, asked_at, zone)
    plain = _without(text, when)
    statistics = tuple(s for s, pattern in _STATISTICS if re.search(pattern, text, re.I))
    return Question(
        text=text,
        asked_at=asked_at,
        when=when,
        entities=tuple(dict.fromkeys(entity for _, _, entity in spans)),
        words=content_words(plain),
        statistics=statistics,
        wants=_wants(text, statistics),
        unknown_tags=_unknown_tags(text, spans, when),
        asks_when=bool(_WHEN.search(text)),
        asks_count=bool(_COUNT.search(text)),
        yes_no=bool(_YES_NO.search(text)),
        filmed=bool(_FILMED.search(plain)),
        plain=plain,
    )


def _without(text: str, when: When | None) -> str:
    for phrase in when.phrases if when else ():
        for part in phrase.split(" … "):
            text = text.replace(part, " ")
    return text


def _wants(text: str, statistics: Sequence[Statistic]) -> frozenset[Wants]:
    found = {
        Wants.SIGHT: _LOOK.search(text),
        Wants.COUNT: _COUNT.search(text),
        Wants.ALERT: _ALERT.search(text),
        Wants.WORK_ORDER: _WORK_ORDER.search(text),
        Wants.EVENT: _EVENT.search(text),
        Wants.FIGURE: statistics,
    }
    return frozenset(want for want, match in found.items() if match) or frozenset({Wants.FACT})


def _unknown_tags(text: str, spans: Sequence[tuple[int, int, str]], when: When | None) -> tuple[str, ...]:
    """Words shaped like an asset tag ("P-999", "chiller 99") that the site does not know."""
    told = " ".join(when.phrases) if when else ""
    tags = []
    for match in _TAG.finditer(text):
        known = any(a < match.end() and match.start() < b for a, b, _ in spans)
        if not known and match[0] not in told and not _NOT_TAG.match(match[0]):
            tags.append(match[0])
    return tuple(tags)
