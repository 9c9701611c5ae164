"""Mutations of what is meant, of what is added, and of what is cited."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping

from eval.claims.mutate_values import any_of, put
from eval.claims.phrases import CAUSES
from eval.claims.right_frames import camera, things
from eval.claims.types import ScriptedClaim
from eval.claims.world import World
from retrieval.types import Evidence, Kind

# --- meaning --------------------------------------------------------------------------------------------------------

# in order: the first that is found is turned round
_NEGATIONS: tuple[tuple[str, str], ...] = (
    (r"\bNobody was hurt\b", "Two people were hurt"),
    (r"\bNobody may\b", "Anybody may"),
    (r"\bwas not recording\b", "was recording"),
    (r"\bdid not exceed\b", "exceeded"),
    (r"\bstayed below\b", "did not stay below"),
    (r"\bhad no open points\b", "had several open points"),
    (r"\bwithout open points\b", "with open points"),
    (r"\bnothing to report\b", "several things to report"),
    (r"\bis still open\b", "is no longer open"),
    (r"\b(is|are) (open|closed)\b", r"\1 not \2"),
    (r"\bhas the status\b", "does not have the status"),
    (r"\bhas (\w+) priority\b", r"does not have \1 priority"),
    (r"\bwas under investigation\b", "was not under investigation"),
    (r"\bwas opened\b", "was not opened"),
    (r"\bwas raised\b", "was never raised"),
    (r"\bwere raised\b", "were not raised"),
    (r"\bwas cleared\b", "was not cleared"),
    (r"\bwas noticed\b", "was not noticed"),
    (r"\bwas visible\b", "was not visible"),
    (r"\bcan be seen\b", "cannot be seen"),
    (r"\bis visible\b", "is not visible"),
    (r"^(?!.*before)(.*)\bwas released\b", r"\1was not released"),
    (r"\bwas above\b", "was never above"),
    (r"\bwas caused by\b", "was not caused by"),
    (r"\bwere lost\b", "were not lost"),
    (r"\b(showed|captured|saw)\b", "did not show"),
    (r"\bfound that\b", "did not find that"),
    (r"\bconcluded that\b", "ruled out that"),
    (r"\bstood still\b", "did not stand still"),
    (r"\bis reserved\b", "is not reserved"),
    (r"\bis greased\b", "is not greased"),
    (r"\bare needed\b", "are not needed"),
    (r"\bare tightened\b", "are not tightened"),
    (r"\bholds\b", "does not hold"),
    (r"\bwere (collected|flushed|checked)\b", r"were not \1"),
    (r"\bsigned in\b", "did not sign in"),
    (r"\breached\b", "never reached"),
    (r"\baveraged\b", "did not average"),
    (r"\b(rose|increased)\b", "did not rise"),
    (r"\b(fell|dropped)\b", "did not fall"),
    (r"\bpeaked at\b", "did not peak at"),
    (r"\bread\b", "did not read"),
    (r"\blasted\b", "did not last"),
    (r"\bhad alert\b", "had no alert"),
    (r"\bIt took\b", "It did not take"),
    (r"\bcovers\b", "does not cover"),
    (r"\brefers to\b", "does not refer to"),
    (r"\brecords\b", "does not record"),
    (r"\bwas (entered|kept|issued|measured|closed|active|raining)\b", r"was not \1"),
)


def negation(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """The claim turned into its contrary."""
    # of three of which one is open, one is not open only by chance
    if claim.kind in ("order count", "frame count"):
        return None
    for pattern, contrary in _NEGATIONS:
        text, times = re.subn(pattern, contrary, claim.text, count=1)
        if times:
            return claim._replace(text=text)
    return None


# claims in which two places of a kind may be exchanged only at the cost of the truth
_ORDERED: Mapping[str, tuple[tuple[str, str], ...]] = {
    "alert": (("raised", "cleared"),),
    "order": (("opened", "closed"),),
    "alert order": (("first", "second"), ("asset_a", "asset_b")),
    "order order": (("first", "second"), ("asset_a", "asset_b")),
    "window": (("begin", "end"), ("t_begin", "t_end")),
    "window limit": (("limit", "max"),),
    "windows compared": (("more", "less"), ("mean_a", "mean_b"), ("max_more", "max_less")),
    "report": (("at", "noticed"),),
    "frames": (("thing", "other"), ("at_a", "at_b")),
    "alert and window": (("raised", "t_max"),),
    "alert and order": (("cleared", "opened"), ("raised", "opened")),
    "alert and frame": (("raised", "at"),),
}
_TURNED = ((r"\bbefore\b", "after"), (r"\bafter\b", "before"), (r"\bhigher\b", "lower"), (r"\blater\b", "earlier"))


def roles(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """Two things change places, or the order of two events is turned round."""
    spans = {span.name: span for span in claim.spans}
    pairs = [(spans[a], spans[b]) for a, b in _ORDERED.get(claim.kind, ()) if a in spans and b in spans]
    pairs = [(a, b) for a, b in pairs if a.slot.text != b.slot.text]
    if pairs and rng.random() < 0.7:
        a, b = rng.choice(pairs)
        # the same thing at two times stays true when the times change places
        if claim.kind == "frames" and "other" not in spans:
            return None
        return put(claim, (a, b.slot.text), (b, a.slot.text))
    if "later" in claim.text and claim.kind == "alert":
        return None
    if claim.kind in (
        "alert order",
        "order order",
        "windows compared",
        "frames",
        "alert and order",
        "alert and frame",
        "alert and window",
    ):
        for pattern, turned in _TURNED:
            text, times = re.subn(pattern, turned, claim.text, count=1)
            if times:
                return claim._replace(text=text)
    return None


_STATISTICS: tuple[tuple[str, str], ...] = (
    (r"\bmaximum\b", "minimum"),
    (r"\bminimum\b", "maximum"),
    (r"\bhighest\b", "lowest"),
    (r"\blowest\b", "average"),
    (r"\bpeaked at\b", "bottomed out at"),
    (r"\baveraged\b", "peaked at"),
    (r"\bmean\b", "maximum"),
    (r"\bOn average\b", "At most"),
    (r"\b(rose|increased)\b", "fell"),
    (r"\b(fell|dropped)\b", "rose"),
    (r"\babove its limit\b", "below its limit"),
    (r"\bwere above the\b", "were below the"),
    (r"\bfirst exceeded\b", "last exceeded"),
    (r"\bwent above its high limit\b", "went below its low limit"),
    (r"\bwas opened at\b", "was closed at"),
    (r"\bwas closed at\b", "was opened at"),
    (r"\bwas raised for (\S+) at\b", r"was cleared for \1 at"),
    (r"\bwas cleared at\b", "was acknowledged at"),
)
_HALVES = (r"\babove its limit\b", r"\bwere above the\b")
_QUANTITIES = ("vibration", "temperature", "pressure", "level", "current", "flow")
_LEVELS: Mapping[str, tuple[str, ...]] = {
    "severity": ("low", "medium", "high", "critical"),
    "priority": ("low", "normal", "urgent"),
    "status": ("open", "closed", "cancelled"),
}


def quantity(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """Another statistic, quantity, severity, priority or status than the figure or row is of."""
    span = any_of(claim, rng, "quantity", *_LEVELS)
    if span is not None and claim.kind != "order count" and rng.random() < 0.5:
        others = _QUANTITIES if span.slot.kind == "quantity" else _LEVELS[span.slot.kind]
        return put(claim, (span, rng.choice([o for o in others if o != span.slot.text])))
    if claim.kind in ("alert and order", "finding and order"):
        return None
    for pattern, other in _STATISTICS:
        text, times = re.subn(pattern, other, claim.text, count=1)
        if times and not (pattern in _HALVES and _half(claim, world)):
            return claim._replace(text=text)
    return None


def _half(claim: ScriptedClaim, world: World) -> bool:
    """Whether as many samples lie below the limit as above it: then both is right."""
    told = [span.slot for span in claim.spans if span.name in ("samples", "over")]
    beyond = [slot.value // 60 if slot.kind == "duration" else slot.value for slot in told]
    return any(2 * n == len(world.samples(world.by_id[one]).v) for n in beyond for one in claim.evidence)


# --- what stands nowhere --------------------------------------------------------------------------------------------

_CAUSED = (", because {}", " because {}", "; the cause was that {}", ", which happened because {}", " since {}")
_MADE_UP = (
    "an operator had bypassed the interlock",
    "the night shift skipped an inspection",
    "a power dip had reset the controller",
    "heavy rain had flooded the cable duct",
    "the wrong lubricant had been used",
    "a software update had changed the set point",
)


def cause(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """A cause that the cited evidence does not state, or a true sequence worded as cause and effect."""
    linked = _linked(claim)
    if linked is not None and rng.random() < 0.4:
        return linked
    if any(span.slot.kind in ("cause", "cause_noun") for span in claim.spans):
        return _other_cause(claim, world, rng)
    told = " ".join(world.words(claim.evidence).split()).lower()
    reason = rng.choice([c for c in (*CAUSES, *_MADE_UP) if c.lower() not in told])
    return claim._replace(text=claim.text.rstrip(".") + rng.choice(_CAUSED).format(reason) + ".")


def _other_cause(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    span = next(p for p in claim.spans if p.slot.kind in ("cause", "cause_noun"))
    told = " ".join(world.words(claim.evidence).split()).lower()
    other = rng.choice([c for c in CAUSES if c.lower() not in told])
    clause, noun = CAUSES[other]
    return put(claim, (span, noun if span.slot.kind == "cause_noun" else clause))


def _linked(claim: ScriptedClaim) -> ScriptedClaim | None:
    """Two things that are told one after the other, told as one causing the other."""
    turns = {
        "alert order": (r"^First (.+), then (.+)\.$", r"\1, which caused \2."),
        "frames": (r"^(.+) at ([\d:]+ [\w ]+), and (.+) at (.+)\.$", r"\1 at \2, which led to \3 at \4."),
        "alert and frame": (r"^(.+); (.+)\.$", r"\1 because \2."),
        "alert and window": (r"^(.+), and the (\w+) peaked at (.+)\.$", r"\1, which made the \2 peak at \3."),
    }
    if claim.kind not in turns:
        return None
    text, times = re.subn(*turns[claim.kind], claim.text)
    return claim._replace(text=text) if times else None


_DETAILS = (
    ", and the fire brigade was called",
    ", and a spare part was taken from the stores",
    ", which was the third time that month",
    ", while a technician stood beside it",
    ", and the operator acknowledged it in the control room",
    ", at a cost of about 12,000 euros",
    ", and production stopped for two hours",
    ", after a complaint from the neighbours",
    ", and the area was cordoned off",
    ", as the manufacturer had warned",
    ", and the safety valve opened",
    ", during a planned shutdown",
    ", and an apprentice was sent home",
    ", with the backup unit running",
    ", and the insurance was informed",
    ", and the same fault occurred a week before",
    ", under the supervision of an outside contractor",
    ", and samples were sent to a laboratory",
)


def detail(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """A detail that stands nowhere in the evidence."""
    return claim._replace(text=claim.text.rstrip(".") + rng.choice(_DETAILS) + ".")


# --- what is cited --------------------------------------------------------------------------------------------------


def elsewhere(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """The right words over another asset's evidence of the same kind, or over one of the two pieces they rest on."""
    if claim.kind == "frame count":
        return None
    if len(claim.evidence) == 2 and rng.random() < 0.3:
        return claim._replace(evidence=(rng.choice(claim.evidence),))
    at = rng.randrange(len(claim.evidence))
    own = world.by_id[claim.evidence[at]]
    others = [e for e in world.of_kind[own.kind] if _unlike(e, own, claim, world)]
    if not others:
        return None
    other = rng.choice(others).id
    return claim._replace(evidence=(*claim.evidence[:at], other, *claim.evidence[at + 1 :]))


def _unlike(other: Evidence, own: Evidence, claim: ScriptedClaim, world: World) -> bool:
    """Whether a piece is of another source or row, and about nothing that the claim is about."""
    if other.id in claim.evidence:
        return False
    if own.kind is Kind.FRAME:
        return camera(other) != camera(own) and not set(things(other)) & set(things(own))
    if own.kind is Kind.WINDOW:
        same = other.data["quantity"] == own.data["quantity"] or other.valid == own.valid
        return same and not set(world.assets(other)) & set(world.assets(own))
    if set(world.assets(other)) & set(world.assets(own)):
        return False
    return own.kind is not Kind.PASSAGE or other.source != own.source


def label(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """Evidence that does not exist is cited, alone or beside what does."""
    made_up = f"ev_{rng.getrandbits(128):032x}"
    return claim._replace(evidence=(made_up,) if rng.random() < 0.5 else (*claim.evidence, made_up))
