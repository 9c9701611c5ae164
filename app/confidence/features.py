"""What is measured of an answer before it is told: one flat dict of figures in [0, 1], the same names for every answer.

A figure that does not apply is 0, and another one says whether it applies (`entity_named` beside `entity_matched`), so that a linear
model can tell "no" from "not asked". What each name means stands in MEANINGS; a change of meaning changes VERSION, and a calibrator
fitted on another version is refused.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from statistics import fmean

from app.answer.conflict import asks_amount
from app.answer.desk import Desk, Finding
from app.answer.passages import telling
from app.answer.phrases import find_when
from app.answer.question import STATISTIC_WORDS, Question
from app.answer.series import stem, tokens_of
from app.verify.port import Judgement
from retrieval.search.weights import CHANNELS
from retrieval.types import Claim, CoverageNote, Evidence, Hit, Kind, Sighting, Support, Verdict

VERSION = 1
STRATEGIES = ("impossible", "pointed", "event", "sight", "table", "figure", "fact")
_GIVEN = {f"verdict_{v.value}": f"1 when the verdict is {v.value}" for v in Verdict} | {
    f"strategy_{name}": f"1 when the strategy {name} found the answer" for name in STRATEGIES
}
MEANINGS: Mapping[str, str] = _GIVEN | {
    "hits": "hits of the latest search that gave any, on a logarithmic scale, 1 from 20 on",
    "top_score": "score of its best hit",
    "margin": "how far its best hit is ahead of the second",
    "cited_rank": "1 / rank of the best hit that is cited, 0 where none is",
    "channel_agreement": "mean share of the search channels that ranked a cited hit",
    "meaning": "cosine of the question and the best sentence, where sentences answer",
    "words": "share of the question's telling words in that sentence's passage and source",
    "sentence_words": "share of the question's words in that sentence, weighted by their rarity among the hits",
    "sentence_lead": "how far that sentence is ahead of the best one of another piece",
    "near_miss": "how near the best sentence came to being good enough, where it was not",
    "claims": "number of claims, on a logarithmic scale, 1 from 12 on",
    "citations": "pieces of evidence cited, on a logarithmic scale, 1 from 12 on",
    "kinds": "kinds of evidence cited, of the six there are",
    "words_carried": "share of the question's telling words that stand in claims and cited evidence",
    "words_carried_by_one": "the same for the one cited piece that carries most",
    "words_in_first_claim": "the same for the text of the first claim",
    "amount_asked": "1 when the answer must be an amount",
    "amount_missing": "1 when it must, and no claim has a number",
    "time_missing": "1 when a time is asked for, and no claim tells one",
    "entity_named": "1 when the question names a thing the site knows",
    "entity_matched": "share of the named things that cited evidence hangs on",
    "unknown_tag": "1 when the question has a tag that the site does not know",
    "time_named": "1 when the question speaks of a time",
    "time_matched": "share of the cited pieces with a known time that overlap the time asked about",
    "time_known": "share of the cited pieces with a known time",
    "question_words": "words of the question that carry meaning, on a logarithmic scale, 1 from 20 on",
    "asks_count": "1 when a number of things is asked for",
    "asks_when": "1 when a time is asked for",
    "asks_yes_no": "1 when the question can be answered with yes or no",
    "asks_figure": "1 when a statistic is asked for",
    "wants": "kinds of answer wanted at once, 1 from 4 on",
    "coverage_told": "1 when coverage was looked at",
    "coverage_examined": "share of the coverage notes that say examined",
    "coverage_gaps": "share of the coverage notes that say gap",
    "degraded": "1 when a part was off or failed",
    "supported": "share of the claims that stand in what they cite",
    "contradicted": "1 when a claim is contradicted by what it cites",
    "judged": "1 when claims of a model were judged",
    "judged_score": "mean score of the judgements",
    "judged_lowest": "lowest score of a judgement",
    "judged_words": "mean share of a claim's words that stand in what it cites",
    "judged_recomputed": "share of the judged claims with a figure that was recomputed",
    "sighting_confirmed": "share of the claims that a second look at their frame confirmed",
    "sighting_rejected": "share of the claims that a second look at their frame rejected",
    "logprobs_given": "1 when the model gave probabilities of its tokens",
    "token_probability": "geometric mean of its tokens' probabilities",
    "token_probability_lowest": "the lowest of them",
}  # fmt: skip
_READ = 12
# e to this is 0 in double precision; a few numbers far below it would add up to more than one can hold
_LEAST_LOGPROB = -1_000.0
_READ_CHARS = 4_000
_MANY_HITS, _MANY_CLAIMS, _MANY_WORDS, _MANY_WANTS = 20, 12, 20, 4


def features_of(
    desk: Desk, finding: Finding, judgements: Sequence[Judgement] = (), logprobs: Sequence[float] = ()
) -> dict[str, float]:
    """Every name of MEANINGS with its figure. `judgements` and `logprobs` (natural logarithms) are of a model's claims."""
    cited = _cited(finding)
    found = (
        dict.fromkeys(_GIVEN, 0.0)
        | {f"verdict_{finding.verdict.value}": 1.0, f"strategy_{desk.strategy or 'fact'}": 1.0}
        | _searched(desk.hits, cited, finding.claims)
        | _sentences(desk.measured, finding.verdict)
        | _told(finding.claims)
        | _carried(desk, finding.claims, cited)
        | _given(desk, finding.claims)
        | _matched(desk.question, cited)
        | _asked(desk.question)
        | _covered(finding.notes)
        | {"degraded": float(bool(desk.degraded))}
        | _judged(finding.claims, judgements)
        | _probable(logprobs)
    )
    return {name: _unit(found[name]) for name in MEANINGS}


def _unit(value: float) -> float:
    """Into [0, 1]; what is no number is 0."""
    return min(1.0, max(0.0, value))


def _scaled(n: int, many: int) -> float:
    """A count on a logarithmic scale: 0 for none, 1 from `many` on."""
    return math.log1p(n) / math.log1p(many)


def _mean(values: Iterable[float]) -> float:
    """The mean, 0 of nothing."""
    listed = list(values)
    return fmean(listed) if listed else 0.0


def _cited(finding: Finding) -> list[Evidence]:
    """The pieces that claims cite, each once."""
    ids = {c.evidence for claim in finding.claims for c in claim.citations}
    return [e for e in {e.id: e for e in finding.used}.values() if e.id in ids]


def _searched(hits: Sequence[Hit], cited: Sequence[Evidence], claims: Sequence[Claim]) -> dict[str, float]:
    ids = {c.evidence for claim in claims for c in claim.citations}
    ranks = [rank for rank, hit in enumerate(hits, 1) if hit.evidence.id in ids]
    scores = [_unit(hit.score) for hit in hits[:2]]
    return {
        "hits": _scaled(len(hits), _MANY_HITS),
        "top_score": scores[0] if scores else 0.0,
        "margin": scores[0] - (scores[1] if len(scores) > 1 else 0.0) if scores else 0.0,
        "cited_rank": 1.0 / ranks[0] if ranks else 0.0,
        "channel_agreement": _mean(len(hits[rank - 1].channels) / len(CHANNELS) for rank in ranks),
    }


def _sentences(measured: Mapping[str, float], verdict: Verdict) -> dict[str, float]:
    """A close match speaks for an answer, and against the claim that there is none: the two are figures of their own."""
    names = ("meaning", "words", "sentence_words", "sentence_lead")
    found = {name: measured.get(name, 0.0) for name in names}
    if verdict is not Verdict.INSUFFICIENT:
        return found | {"near_miss": 0.0}
    # the weights of passages.good_enough
    return dict.fromkeys(names, 0.0) | {"near_miss": (found["meaning"] + 0.5 * found["words"]) / 1.5}


def _given(desk: Desk, claims: Sequence[Claim]) -> dict[str, float]:
    """Whether the kind of thing that is asked for is there at all."""
    text, amount = " ".join(claim.text for claim in claims), asks_amount(desk.question)
    dated = not desk.question.asks_when or find_when(text, desk.question.asked_at, desk.tools.zone) is not None
    return {
        "amount_asked": float(amount),
        "amount_missing": float(bool(claims) and amount and not re.search(r"\d", text)),
        "time_missing": float(bool(claims) and not dated and not amount),
    }


def _told(claims: Sequence[Claim]) -> dict[str, float]:
    pieces = {c.evidence: c.kind for claim in claims for c in claim.citations}
    return {
        "claims": _scaled(len(claims), _MANY_CLAIMS),
        "citations": _scaled(len(pieces), _MANY_CLAIMS),
        "kinds": len(set(pieces.values())) / len(Kind),
    }


def _carried(desk: Desk, claims: Sequence[Claim], cited: Sequence[Evidence]) -> dict[str, float]:
    """How much of what is asked the answer speaks of, the names of things and of statistics left out."""
    asked = set(telling(desk)) - _statistic_stems()
    said = tokens_of(*(claim.text for claim in claims))
    # the beginning of a few pieces tells enough, and takes a millisecond
    each = [tokens_of(e.text[:_READ_CHARS], e.source.rpartition("/")[2]) for e in cited[:_READ]]
    return {
        "words_carried": _share(asked, said.union(*each)),
        "words_carried_by_one": max((_share(asked, tokens) for tokens in each), default=0.0),
        "words_in_first_claim": _share(asked, tokens_of(claims[0].text)) if claims else 0.0,
    }


@lru_cache(maxsize=1)
def _statistic_stems() -> frozenset[str]:
    return frozenset(stem(word) for word in STATISTIC_WORDS)


def _share(asked: Iterable[str], tokens: frozenset[str]) -> float:
    return _mean(float(w in tokens or stem(w) in tokens or tokens_of(w) <= tokens) for w in asked)


def _matched(question: Question, cited: Sequence[Evidence]) -> dict[str, float]:
    on = {mention.entity for e in cited for mention in e.entities}
    window = question.when.window if question.when else None
    timed = [e.valid for e in cited if e.valid is not None]
    return {
        "entity_named": float(bool(question.entities)),
        "entity_matched": _mean(float(entity in on) for entity in question.entities),
        "unknown_tag": float(bool(question.unknown_tags)),
        "time_named": float(window is not None),
        "time_matched": _mean(float(valid.overlaps(window)) for valid in timed) if window else 0.0,
        "time_known": len(timed) / len(cited) if cited else 0.0,
    }


def _asked(question: Question) -> dict[str, float]:
    return {
        "question_words": _scaled(len(question.words), _MANY_WORDS),
        "asks_count": float(question.asks_count),
        "asks_when": float(question.asks_when),
        "asks_yes_no": float(question.yes_no),
        "asks_figure": float(bool(question.statistics)),
        "wants": len(question.wants) / _MANY_WANTS,
    }


def _covered(notes: Sequence[CoverageNote]) -> dict[str, float]:
    return {
        "coverage_told": float(bool(notes)),
        "coverage_examined": _mean(float(note.status == "examined") for note in notes),
        "coverage_gaps": _mean(float(note.status == "gap") for note in notes),
    }


def _judged(claims: Sequence[Claim], judgements: Sequence[Judgement]) -> dict[str, float]:
    return {
        "supported": _mean(float(claim.support is Support.SUPPORTED) for claim in claims),
        "contradicted": float(any(claim.support is Support.CONTRADICTED for claim in claims)),
        "judged": float(bool(judgements)),
        "judged_score": _mean(j.score for j in judgements),
        "judged_lowest": min((j.score for j in judgements), default=0.0),
        "judged_words": _mean(j.checks.get("words", 0.0) for j in judgements),
        "judged_recomputed": _mean(float(bool(j.recomputed)) for j in judgements),
        "sighting_confirmed": _mean(float(claim.sighting is Sighting.CONFIRMED) for claim in claims),
        "sighting_rejected": _mean(float(claim.sighting is Sighting.REJECTED) for claim in claims),
    }


def _probable(logprobs: Sequence[float]) -> dict[str, float]:
    # an endpoint is not trusted to give logarithms of probabilities
    known = [min(0.0, max(_LEAST_LOGPROB, value)) for value in logprobs if not math.isnan(value)]
    return {
        "logprobs_given": float(bool(known)),
        "token_probability": math.exp(_mean(known)) if known else 0.0,
        "token_probability_lowest": math.exp(min(known)) if known else 0.0,
    }
