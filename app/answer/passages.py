"""Questions that words answer: the sentences that answer, quoted from where they stand.

A question is answered only when the best sentences speak of what it asks: by meaning (cosine of sentence embeddings) and by the share
of its rare words that stand in the passage. Below the thresholds the verdict is insufficient. The thresholds were chosen on
eval/cases and generated sites; `watchfloor eval run` reports both.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from itertools import takewhile

import numpy as np

from app.answer.conflict import amounts, asks_amount, contradicting
from app.answer.desk import Desk, Finding, claim
from app.answer.sentences import Sentence
from app.answer.series import quantities, stem, tokens_of, words_for
from retrieval.types import Hit, Interval, Kind, Verdict

TELLING = (Kind.PASSAGE, Kind.TRANSCRIPT, Kind.ROW, Kind.ALERT)
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z0-9“\"'(#*-])|\n{2,}|\n(?=[-*#|])")
_MAX_QUOTE = 400
# a passage whose longest line is shorter is a list or a table, not prose set in lines
_FULL_LINE = 60
# the share of the longest line that makes a line a full one
_NEARLY = 0.75
# cosine plus half the share of the question's own words that stand in the passage; see the module's docstring
_ENOUGH = 0.75
_CLOSE = 0.8
_CLAIMS = 4
_NEEDS = (
    (
        re.compile(r"\b(?:costs?|prices?|dollars?|euros?|fined?|expensive|paid)\b", re.I),
        re.compile(r"[$€£]|\b(?:usd|eur|dollars?|euros?|costs?|prices?|fined?|paid)\b", re.I),
    ),
    (re.compile(r"\bphone number\b", re.I), re.compile(r"\bphone\b|\+?\d[\d -]{6,}\d", re.I)),
    (re.compile(r"\boperator\b", re.I), re.compile(r"\boperators?\b", re.I)),
)
# a question for an amount is answered by a sentence that gives one
_AMOUNT = 0.15


def tell(
    desk: Desk, kinds: Sequence[Kind] = TELLING, entities: Sequence[str] = (), window: Interval | None = None
) -> Finding:
    """The best sentences for the question, if they are good enough."""
    if len(desk.question.words) < 2 and not desk.question.unknown_tags:
        # one word names a subject, it asks nothing
        return Finding(Verdict.INSUFFICIENT)
    hits = desk.search(desk.question.text, 12, kinds=tuple(kinds), entities=tuple(entities), window=window)
    if not hits:
        return Finding(Verdict.INSUFFICIENT)
    sentences = rank_sentences(desk, hits)
    desk.measured |= measured(sentences)
    if not sentences or not good_enough(desk, sentences):
        return Finding(Verdict.INSUFFICIENT)
    against = contradicting(desk.question, sentences)
    if against:
        return _disagreement(against)
    chosen = _choose(sentences)
    claims = tuple(claim(s.text, (s.evidence, s.text)) for s in chosen)
    used = {s.evidence.id: s.evidence for s in chosen}
    return Finding(Verdict.ANSWERED, claims, tuple(used.values()))


def measured(sentences: Sequence[Sentence]) -> dict[str, float]:
    """What tells a good best sentence from a poor one: the share of rare words it has, and its lead over every other piece."""
    if not sentences:
        return {}
    best = sentences[0]
    second = next((s.score for s in sentences if s.evidence.id != best.evidence.id), 0.0)
    return {"sentence_words": best.words, "sentence_lead": best.score - second}


def _disagreement(pair: Sequence[Sentence]) -> Finding:
    """Both sides, each with its source: a conflict is shown, never averaged."""
    claims = tuple(claim(s.text, (s.evidence, s.text)) for s in pair)
    return Finding(Verdict.CONFLICT, claims, tuple(s.evidence for s in pair))


def split_sentences(text: str) -> list[str]:
    """Sentences and list items of a passage, each at most 400 characters. A heading stays before the sentence it stands over."""
    pieces = (" ".join(piece.split()) for piece in _SENTENCE.split(text))
    return [piece[:_MAX_QUOTE] for piece in pieces if len(piece) > 2]


def without_heading(sentence: str, opening: str) -> str:
    """A sentence of a passage as it is told: without the titles and headings that the passage opens with."""
    told = sentence.removeprefix(opening).lstrip() if opening else sentence
    return told if len(told) > 2 else sentence


def opening_of(text: str) -> str:
    """The lines before the first that is nearly full, where they end early and without a stop, as one: pages have titles so."""
    lines = text.split("\n")
    width = max(map(len, lines))
    opening = list(takewhile(lambda line: len(line) < _NEARLY * width, lines))
    if width < _FULL_LINE or len(opening) in (0, len(lines)):
        return ""
    before_a_beginning = lines[len(opening)][:1].isupper()
    return " ".join(" ".join(opening).split()) if _stops_early(opening[-1], width) and before_a_beginning else ""


def _stops_early(line: str, width: int) -> bool:
    return 0 < len(line) < width / 2 and line[-1].isalnum()


def rank_sentences(desk: Desk, hits: Sequence[Hit]) -> list[Sentence]:
    """Every sentence of the hits, best first."""
    found = [(rank, hit.evidence, s) for rank, hit in enumerate(hits) for s in split_sentences(hit.evidence.text)]
    if not found:
        return []
    openings = [opening_of(hit.evidence.text) for hit in hits]
    asked = [stem(w) for w in desk.question.words]
    weights = _rarity(asked, [tokens_of(h.evidence.text) for h in hits])
    meaning = _cosines(desk, [s for _, _, s in found])
    amount = asks_amount(desk.question)
    sentences = [
        Sentence(
            evidence,
            without_heading(text, openings[rank]),
            float(meaning[i]),
            _share(weights, tokens_of(text)),
            rank,
            _AMOUNT * (amount and bool(amounts(text))),
        )
        for i, (rank, evidence, text) in enumerate(found)
    ]
    return sorted(sentences, key=lambda s: -s.score)


def _cosines(desk: Desk, texts: Sequence[str]) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    if desk.tools.encoder is None:
        return np.zeros(len(texts), np.float32)
    vectors = desk.tools.encoder.encode([desk.question.text, *texts])  # (1 + n, dim)
    return np.asarray(vectors[1:] @ vectors[0], np.float32)


def _rarity(words: Sequence[str], documents: Sequence[frozenset[str]]) -> dict[str, float]:
    """How much each asked word tells: inverse document frequency over the hits."""
    return {w: math.log(1 + len(documents) / (0.5 + sum(w in d for d in documents))) for w in dict.fromkeys(words)}


def _share(weights: dict[str, float], tokens: frozenset[str]) -> float:
    total = sum(weights.values())
    return (
        sum(weight for w, weight in weights.items() if w in tokens or tokens_of(w) <= tokens) / total if total else 0.0
    )


def good_enough(desk: Desk, sentences: Sequence[Sentence]) -> bool:
    """Whether the best passage speaks of what the question asks."""
    best = sentences[0]
    for tag in desk.question.unknown_tags:
        if not tokens_of(tag) <= tokens_of(best.evidence.text, best.evidence.source):
            return False
    said = tokens_of(best.evidence.text)
    if any(not words_for(q) & said for q in quantities({stem(w) for w in desk.question.words})):
        return False
    if not gives(desk.question.plain, best.evidence.text):
        return False
    meaning = max(s.meaning for s in sentences if s.evidence.id == best.evidence.id)
    words = _share(dict.fromkeys(telling(desk), 1.0), tokens_of(best.evidence.text, best.evidence.source))
    desk.measured |= {"meaning": max(0.0, meaning), "words": words}
    return meaning + 0.5 * words >= _ENOUGH


def gives(asked: str, text: str) -> bool:
    """Whether a text has the kind of thing asked for: money for a price, a number to call for a phone number."""
    return all(has.search(text) for wants, has in _NEEDS if wants.search(asked))


def telling(desk: Desk) -> list[str]:
    """The stems of the question's words, without the names of its entities: naming a pump does not answer a question about it."""
    entities = desk.known.site.entities
    found = [entities[i] for i in desk.question.entities if i in entities]
    names = tokens_of(*(n for e in found for n in (e.id, e.name, *e.aliases)))
    return [stem(w) for w in desk.question.words if not tokens_of(w) <= names]


def _choose(sentences: Sequence[Sentence]) -> list[Sentence]:
    """The best sentence, and those nearly as good, each passage at most twice, in reading order within a passage."""
    best = sentences[0]
    chosen: list[Sentence] = []
    for sentence in sentences:
        if sentence.score < _CLOSE * best.score or len(chosen) == _CLAIMS:
            break
        if sum(c.evidence.id == sentence.evidence.id for c in chosen) < 2 and sentence.text not in {
            c.text for c in chosen
        }:
            chosen.append(sentence)
    return chosen
