"""What every mutator of the exam set works with: a claim's places, its words between them, and what it cites."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

from eval.claims.types import ScriptedClaim, Span
from eval.claims.world import Series, World
from retrieval.types import Evidence, Kind

# a wrong claim made from a right one, or None where this one cannot be made wrong (or not surely) in this way
Mutator = Callable[[ScriptedClaim, World, random.Random], ScriptedClaim | None]
Edit = tuple[int, int, str]

# places that say what or who a claim is about
IDENTITY = ("asset", "sensor", "alert", "order", "report", "camera", "permit", "firm")


def places(claim: ScriptedClaim, *kinds: str) -> list[Span]:
    """The filled places of these kinds, in order."""
    return [span for span in claim.spans if span.slot.kind in kinds]


def place(claim: ScriptedClaim, name: str) -> Span | None:
    """The first place of a name."""
    return next((span for span in claim.spans if span.name == name), None)


def retold(claim: ScriptedClaim, text: str, evidence: Sequence[str] | None = None) -> ScriptedClaim | None:
    """The claim in other words or citing other pieces; its first letter is made a capital. None where nothing changed."""
    made = claim._replace(
        text=text[:1].upper() + text[1:], evidence=claim.evidence if evidence is None else tuple(evidence)
    )
    return None if made == claim else made


def edited(claim: ScriptedClaim, *edits: Edit) -> ScriptedClaim | None:
    """The claim with characters [start, end) written anew. The edits must not overlap."""
    text = claim.text
    for start, end, new in sorted(edits, reverse=True):
        text = text[:start] + new + text[end:]
    return retold(claim, text)


def refilled(claim: ScriptedClaim, span: Span, text: str) -> ScriptedClaim | None:
    """The claim with one place filled with something else."""
    return edited(claim, (span.start, span.end, text))


def exchanged(claim: ScriptedClaim, one: Span, other: Span) -> ScriptedClaim | None:
    """The claim with what stands in two places exchanged."""
    return edited(claim, (one.start, one.end, other.slot.text), (other.start, other.end, one.slot.text))


def extended(claim: ScriptedClaim, addition: str) -> ScriptedClaim | None:
    """The claim with something more before its full stop."""
    return retold(claim, claim.text.removesuffix(".") + addition + ".")


def between(claim: ScriptedClaim, pattern: str) -> Iterator[re.Match[str]]:
    """Where a pattern stands in the template's own words, outside every filled place."""
    for match in re.finditer(pattern, claim.text):
        if not any(span.start < match.end() and match.start() < span.end for span in claim.spans):
            yield match


def reworded(claim: ScriptedClaim, pattern: str, new: str) -> ScriptedClaim | None:
    """The first match in the template's own words replaced; None where there is none."""
    match = next(between(claim, pattern), None)
    return match and edited(claim, (match.start(), match.end(), match.expand(new)))


def template(claim: ScriptedClaim) -> tuple[str, ...]:
    """The template's own words between the places, which two claims of one template share."""
    ends = [(0, 0), *((s.start, s.end) for s in claim.spans), (len(claim.text), len(claim.text))]
    return tuple(claim.text[a[1] : b[0]].lower() for a, b in pairwise(ends))


def cited(world: World, claim: ScriptedClaim, kind: Kind | None = None) -> list[Evidence]:
    """The cited pieces (of a kind), in order."""
    found = (world.by_id[one] for one in claim.evidence if one in world.by_id)
    return [e for e in found if kind in (None, e.kind)]


def names(text: str, words: str) -> bool:
    """Whether a text stands in these words as a whole (P-101 does not stand in P-1012); case does not matter."""
    return re.search(rf"(?<![\w-]){re.escape(text)}(?![\w-])", " ".join(words.split()), re.IGNORECASE) is not None


def stated(world: World, claim: ScriptedClaim, text: str) -> bool:
    """Whether a text stands in what is cited."""
    return names(text, world.words(claim.evidence))


def overlapping(world: World, claim: ScriptedClaim, text: str) -> bool:
    """Whether any longer word of a text stands in what is cited."""
    words = world.words(claim.evidence).lower()
    return any(word in words for word in re.findall(r"[a-z]{5,}", text.lower()))


def at_least(claim: ScriptedClaim) -> bool:
    """Whether a figure is told as reached only: what reached 39 has reached 30 too."""
    return "reached" in claim.text and "maximum" not in claim.text


def series(world: World, claim: ScriptedClaim) -> Series | None:
    """The samples behind the one window that is cited."""
    windows = cited(world, claim, Kind.WINDOW)
    return world.samples(windows[0]) if len(windows) == 1 else None


def step(span: Span) -> float:
    """One in the last place of a figure as it is written."""
    return float(10.0 ** -int(span.slot.form))
