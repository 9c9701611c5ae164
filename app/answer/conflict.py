"""Sources that contradict each other: two documents that give different amounts of the same thing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import combinations

from app.answer.question import Question
from app.answer.sentences import Sentence
from app.answer.series import stem

_AMOUNT = re.compile(r"(?<![\w.:/-])(\d+(?:[.,]\d+)?)\s*(%|[A-Za-z°]+(?:/[A-Za-z]+)?)")
_ASKS_AMOUNT = re.compile(
    r"\bhow (?:much|many|long|high|low|far|deep|hot|fast|big|large)\b|\bfor how long\b|\bwhat (?:amount|quantity)\b",
    re.I,
)
_HOW = re.compile(r"\b(?:how|what) (\w+)((?:\s+[\w%°/-]+){0,2})", re.I)
# stems, as units are kept
_TIMES = frozenset("s sec second min minut h hr hrs hour day week month year".split())
_NOT_UNITS = frozenset(
    "january february march april may june july august september october november december local utc cet "
    "and of to at in on by for from was were is are the a an or as with until till".split()
)
# the second source must answer nearly as well as the first
_NEARLY = 0.72
_COMPARED = 6


def amounts(text: str) -> dict[str, frozenset[float]]:
    """Unit → the amounts a text gives in it."""
    found: dict[str, set[float]] = {}
    for value, unit in _AMOUNT.findall(text):
        if unit.lower() not in _NOT_UNITS:
            found.setdefault(stem(unit), set()).add(float(value.replace(",", ".")))
    return {unit: frozenset(values) for unit, values in found.items()}


def asks_amount(question: Question) -> bool:
    """Whether the answer is a number of something."""
    return bool(_ASKS_AMOUNT.search(question.text))


def asked_unit(question: str, unit: str) -> bool:
    """Whether an amount in this unit (a stem) can be what is asked: litres for "how many litres", times for "how long"."""
    return any(_meant(how.lower(), after, unit) for how, after in _HOW.findall(question))


def _meant(how: str, after: str, unit: str) -> bool:
    words = [stem(w) for w in after.split()]
    if how == "many":
        return unit in words
    if how == "long" or (how == "much" and words[:1] in (["time"], ["longer"])):
        return unit in _TIMES
    if how == "fast":  # a speed or a delay
        return True
    return bool(_ASKS_AMOUNT.search(f"how {how}") or how in ("amount", "quantity")) and unit not in _TIMES


def contradicting(question: Question, sentences: Sequence[Sentence]) -> tuple[Sentence, Sentence] | None:
    """The best sentence with an amount, and one of another source that gives another amount in the same unit, one asked for."""
    if not asks_amount(question) or not sentences:
        return None
    telling = [s for s in sentences if amounts(s.text)]
    near = [s for s in telling if s.score >= _NEARLY * telling[0].score][:_COMPARED]
    for first, other in combinations(near, 2):
        said, against = (_asked(question, s) for s in (first, other))
        if first.evidence.source != other.evidence.source and _differs(said, against) and _same_thing(first, other):
            return first, other
    return None


def _asked(question: Question, sentence: Sentence) -> dict[str, frozenset[float]]:
    return {unit: given for unit, given in amounts(sentence.text).items() if asked_unit(question.text, unit)}


def _differs(a: dict[str, frozenset[float]], b: dict[str, frozenset[float]]) -> bool:
    shared = set(a) & set(b)
    return bool(shared) and not any(a[unit] & b[unit] for unit in shared)


def _same_thing(a: Sentence, b: Sentence) -> bool:
    """Both are about an entity that the other names too; passages without entities are compared by their words alone."""
    ours, theirs = ({m.entity for m in s.evidence.entities} for s in (a, b))
    return not ours or not theirs or bool(ours & theirs)
