"""Negation, both ways: what happened is denied, and what is denied is said to have happened."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping, Sequence

from eval.claims import exam_editing as e
from eval.claims.exam_editing import Mutator
from eval.claims.types import ScriptedClaim
from eval.claims.world import World

_PAST = {
    "showed": "show", "captured": "capture", "saw": "see", "peaked": "peak", "reached": "reach", "read": "read",
    "averaged": "average", "ranged": "range", "lasted": "last", "took": "take", "had": "have", "stayed": "stay",
    "stood": "stand", "kept": "keep", "happened": "happen", "dipped": "dip", "exceeded": "exceed", "concluded": "conclude",
    "found": "find", "booked": "book",
}  # fmt: skip
_PRESENT = {
    "shows": "show", "records": "record", "notes": "note", "puts": "put", "refers": "refer", "has": "have", "holds": "hold",
    "hold": "hold", "have": "have", "says": "say",
}  # fmt: skip
# what one can fail to do
_ACHIEVED = (
    "showed", "captured", "saw", "peaked", "reached", "exceeded", "stayed",
    "averaged", "shows", "records", "notes",
)  # fmt: skip
# what can be so no longer; a document says what it says for good
_LASTING = ("shows", "has", "holds", "hold", "have")
_BE = r"\b(was|were|is|are)\b"
_VERB = rf"\b({'|'.join(_PAST | _PRESENT)})\b"
# denials of the right claims, and what they deny
_DENIED: Sequence[tuple[str, Sequence[str]]] = (
    (r"did not exceed", ("exceeded", "briefly exceeded")),
    (r"was not recording", ("was recording", "was still recording")),
    (r"Nobody was hurt", ("Somebody was hurt", "Two people were hurt", "One mechanic was hurt")),
    (r"stayed below", ("rose above", "did not stay below")),
    (r"Nobody may enter (.+) without", (r"Anybody may enter \1 without",)),
)
_SLOTS: Sequence[tuple[str, str]] = (
    ("had no open points", "had open points"),
    ("without open points", "with open points"),
    ("found nothing to report", "found something to report"),
    ("with nothing to report", "with several things to report"),
    ("wearing a hard hat", "without a hard hat"),
    ("with a hard hat", "without a hard hat"),
)


def _plain(claim: ScriptedClaim) -> bool:
    """Whether a denial of the sentence is plainly false: it denies nothing yet, and counts nothing (two of three that are not
    closed may be so though two are)."""
    return not re.search(r"\b(not|Nobody|without|no)\b", claim.text) and not e.places(claim, "count")


def _deny(
    claim: ScriptedClaim, be: Callable[[str], str | None], verb: Callable[[str, str], str | None]
) -> ScriptedClaim | None:
    """The first verb of the template's own words as `be` (of was, were, is, are) or `verb` (of word and base form) writes it.

    What they write None for is left alone.
    """
    if not _plain(claim):
        return None
    # "after it was raised, …" is no place for a denial
    start = claim.text.find(",") if claim.text.startswith(("After ", "While ")) else 0
    match = next((m for m in e.between(claim, rf"{_BE}|{_VERB}") if m.start() >= start), None)
    if match is None:
        return None
    word, base = match[0], (_PAST | _PRESENT).get(match[0])
    made = be(word) if base is None else verb(word, base)
    return None if made is None else e.edited(claim, (match.start(), match.end(), made))


def not_(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """ "was not raised", "did not show"."""
    be = "{} not" if rng.random() < 0.7 else "{}n't"
    return _deny(claim, be.format, lambda w, b: f"{_auxiliary(w)} not {b}")


def _auxiliary(word: str) -> str:
    return "did" if word in _PAST else "do" if word in ("hold", "have") else "does"


def never(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """ "was never raised", "never showed"."""
    return _deny(claim, lambda w: f"{w} never", lambda w, b: f"never {w}" if w in _PAST else None)


def no_longer(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """ "is no longer open", of what is told in the present."""
    return _deny(
        claim,
        lambda w: f"{w} no longer" if w in ("is", "are") else None,
        lambda w, b: f"no longer {w}" if w in _LASTING else None,
    )


def failed_to(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """ "failed to show", "failed to reach"."""
    return _deny(
        claim, lambda w: None, lambda w, b: f"{'failed' if w in _PAST else 'fails'} to {b}" if w in _ACHIEVED else None
    )


def moved(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """What rose did not rise."""
    base = {"rose": "rise", "increased": "increase", "fell": "fall", "dropped": "drop"}
    span = e.place(claim, "moved")
    return (
        e.refilled(claim, span, rng.choice(("did not {}", "failed to {}")).format(base[span.slot.text]))
        if span
        else None
    )


def fix(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """What was mended was not."""
    span = e.place(claim, "fix")
    how = rng.choice(("was not", "was never", "could not be"))
    return e.refilled(claim, span, span.slot.text.replace(" was ", f" {how} ", 1)) if span else None


def affirmed(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """What did not happen is said to have happened."""
    for pattern, others in _DENIED:
        match = re.search(pattern, claim.text)
        if match:
            return e.edited(claim, (match.start(), match.end(), match.expand(rng.choice(others))))
    return None


def without(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """With told as without, and nothing as something."""
    for old, new in _SLOTS:
        if old in claim.text:
            return e.retold(claim, claim.text.replace(old, new, 1))
    return e.reworded(claim, r"together with", "without")


def neither(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """Two things that are seen told as two that are not."""
    one, other = e.place(claim, "thing"), e.place(claim, "other")
    if one is None or other is None or claim.text[one.end : other.start] != " and ":
        return None
    return e.edited(claim, (one.start, one.start, "neither "), (one.end, other.start, " nor "))


MUTATORS: Mapping[str, Mutator] = {
    "not": not_, "never": never, "no longer": no_longer, "failed to": failed_to, "did not move": moved, "not mended": fix,
    "affirmed": affirmed, "without": without, "neither": neither,
}  # fmt: skip
