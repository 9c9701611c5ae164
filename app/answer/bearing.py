"""Whether what a model says bears on the question. That a claim stands in its evidence does not make it an answer."""

from __future__ import annotations

from collections.abc import Sequence

from app.answer.desk import Desk, Finding
from app.answer.passages import telling
from app.answer.series import stem, tokens_of
from app.verify.port import Exhibit
from retrieval.types import Claim, Evidence, Verdict

# strategies whose "insufficient" no words can mend: the time cannot be, or no eye here could have seen it
_CLOSED = frozenset({"impossible", "sight"})
# of the question's telling words, this share must stand in claims and what they cite (chosen, not fitted)
_CARRIED = 0.5


def closed(desk: Desk, finding: Finding) -> bool:
    """Whether the brief knows that nothing here can answer: no model is asked then."""
    if finding.verdict is not Verdict.INSUFFICIENT:
        return False
    return desk.strategy in _CLOSED or bool(desk.question.unknown_tags)


def bears(desk: Desk, claims: Sequence[Claim], exhibits: Sequence[Exhibit]) -> bool:
    """Whether claims, with what they cite, are about the thing, the time and the matter that the question names."""
    ids = {cited.evidence for claim in claims for cited in claim.citations}
    cited = [e.evidence for e in exhibits if e.evidence.id in ids]
    return _of_the_thing(desk, claims, cited) and _of_the_time(desk, cited) and _of_the_matter(desk, claims, cited)


def _of_the_thing(desk: Desk, claims: Sequence[Claim], cited: Sequence[Evidence]) -> bool:
    asked = set(desk.question.entities)
    if not asked:
        return True
    on = {mention.entity for e in cited for mention in e.entities}
    named = {entity for claim in claims for _, _, entity in desk.tools.find_entities(claim.text)}
    return bool(asked & (on | named))


def _of_the_time(desk: Desk, cited: Sequence[Evidence]) -> bool:
    when = desk.question.when
    return when is None or any(e.valid is not None and e.valid.overlaps(when.window) for e in cited)


def _of_the_matter(desk: Desk, claims: Sequence[Claim], cited: Sequence[Evidence]) -> bool:
    words = telling(desk)
    said = tokens_of(*(claim.text for claim in claims), *(e.text for e in cited))
    carried = sum(w in said or stem(w) in said or tokens_of(w) <= said for w in words)
    return carried >= _CARRIED * len(words)
