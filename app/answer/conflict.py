"""Sources that contradict each other: two documents that give different amounts of the same thing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import combinations

from app.answer.question import Question
from app.answer.sentences import Sentence
from app.answer.series import stem
from retrieval.types import Claim, Evidence

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
_CLAIMED, _SAME_WORDS = 12, 0.75
_WORD = re.compile(r"[^\W\d_]+")
_DIGITS = re.compile(r"[\w:.-]*\d[\w:.-]*")


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


def differing(claims: Sequence[Claim], cited: Sequence[Evidence]) -> bool:
    """Whether two claims that rest on different sources give different amounts, in one unit, in otherwise the same words."""
    sources = {e.id: e.source for e in cited}
    for first, other in combinations(claims[:_CLAIMED], 2):
        ours, theirs = ({sources.get(c.evidence) for c in claim.citations} for claim in (first, other))
        if not ours & theirs and _differs(amounts(first.text), amounts(other.text)) and _alike(first.text, other.text):
            return True
    return False


def _alike(a: str, b: str) -> bool:
    """The same tags, times and dates, and three quarters of the words of the shorter, stand in both; amounts are left out."""
    first, other = (_AMOUNT.sub(" ", text) for text in (a, b))
    if set(_DIGITS.findall(first)) != set(_DIGITS.findall(other)):
        return False
    ours, theirs = ({stem(w) for w in _WORD.findall(text)} for text in (first, other))
    return len(ours & theirs) >= _SAME_WORDS * min(len(ours), len(theirs))
