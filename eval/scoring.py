"""Scores of answers against truth. Each metric is a function; what cannot be scored is left out, not counted as zero."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from statistics import mean
from typing import NamedTuple

from eval.questions import Expected, Figure, Question
from retrieval.times import to_micros
from retrieval.types import Answer, Citation, ClipSpan, Evidence, FrameAt, PageBox, RowKey

Lookup = Callable[[str], Evidence]


class Scored(NamedTuple):
    """One question with its answer and scores; None = the question says nothing about it."""

    question: Question
    answer: Answer
    verdict: float
    recall: float | None
    precision: float | None
    figures: float | None


def score(question: Question, answer: Answer, lookup: Lookup) -> Scored:
    """Score one answer. `lookup` gives the evidence of a cited id."""
    citations = [c for claim in answer.claims for c in claim.citations]
    return Scored(
        question,
        answer,
        float(question.verdict == answer.verdict.value),
        evidence_recall(question, citations, lookup),
        citation_precision(question, citations, lookup),
        figure_accuracy(question.figures, answer),
    )


def evidence_recall(question: Question, citations: Sequence[Citation], lookup: Lookup) -> float | None:
    """The share of expected evidence that some citation matches."""
    if not question.evidence:
        return None
    return mean(float(any(matches(e, c, lookup) for c in citations)) for e in question.evidence)


def citation_precision(question: Question, citations: Sequence[Citation], lookup: Lookup) -> float | None:
    """The share of distinct cited evidence that is expected or acceptable; None where truth names none."""
    truth = question.evidence + question.acceptable
    cited = {c.evidence: c for c in citations}
    if not truth or not cited:
        return None
    return mean(float(any(matches(e, c, lookup) for e in truth)) for c in cited.values())


def figure_accuracy(figures: Sequence[Figure], answer: Answer) -> float | None:
    """The share of expected figures that some claim states within tolerance."""
    if not figures:
        return None
    stated = [n for claim in answer.claims for n in numbers(claim.text)]
    return mean(float(any(abs(n - f.value) <= f.tolerance + 1e-9 for n in stated)) for f in figures)


def numbers(text: str) -> list[float]:
    """Every number of a text; thousands separators are read as such."""
    return [float(n.replace(",", "")) for n in re.findall(r"-?\d+(?:,\d{3})*(?:\.\d+)?", text)]


def matches(expected: Expected, citation: Citation, lookup: Lookup) -> bool:
    """Whether a citation is what was expected, field by field."""
    return _source(expected, citation) and _time(expected, citation) and _place(expected, citation, lookup)


def _source(expected: Expected, citation: Citation) -> bool:
    return citation.source.endswith("/" + expected.source) and expected.kind in (None, citation.kind.value)


def _time(expected: Expected, citation: Citation) -> bool:
    if expected.start is None or expected.end is None:
        return True
    valid = citation.valid
    if valid is None:
        return False
    start, end = to_micros(expected.start), to_micros(expected.end)
    return valid.t0 < max(end, start + 1) and max(valid.t1, valid.t0 + 1) > start


def _place(expected: Expected, citation: Citation, lookup: Lookup) -> bool:
    at = citation.locator
    if expected.page is not None and not (isinstance(at, PageBox) and at.page == expected.page):
        return False
    if expected.key is not None and not (isinstance(at, RowKey) and at.key == expected.key):
        return False
    if expected.ms is not None and not _in_clip(at, expected.ms):
        return False
    if not expected.contains:
        return True
    text = " ".join(lookup(citation.evidence).text.lower().split())
    return all(" ".join(words.lower().split()) in text for words in expected.contains)


def _in_clip(at: object, ms: tuple[int, int]) -> bool:
    return isinstance(at, FrameAt | ClipSpan) and at.ms <= ms[1] and max(at.end_ms, at.ms) >= ms[0]


def average(values: Iterable[float | None]) -> float | None:
    """The mean of what was scored; None when nothing was."""
    scored = [v for v in values if v is not None]
    return mean(scored) if scored else None


def summarise(scored: Sequence[Scored]) -> dict[str, float | None]:
    """The metrics of a set of answers."""
    return {
        "verdict_accuracy": average(s.verdict for s in scored),
        "evidence_recall": average(s.recall for s in scored),
        "citation_precision": average(s.precision for s in scored),
        "figure_accuracy": average(s.figures for s in scored),
    }
