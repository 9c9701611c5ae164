"""Wrong claims by what they cite: a like piece about something else, or a piece that does not exist. Their words are right."""

from __future__ import annotations

import random
from collections.abc import Iterator

from eval.claims.held_frames import camera_of, labels_of
from eval.claims.held_slots import MINUTE, shuffled
from eval.claims.types import ScriptedClaim
from eval.claims.world import World
from retrieval.types import Evidence, Kind

_HEX = "0123456789abcdef"


def elsewhere(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """The claim citing a piece of the same kind about something else in the place of one of its own."""
    for id_ in shuffled(claim.evidence, rng):
        for other in _like(world.by_id[id_], claim, world, rng):
            return _citing(claim, "evidence", id_, other.id)
    return None


def fabricated(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """The claim citing an id that no piece has in the place of one of its own."""
    id_ = rng.choice(claim.evidence)
    other = rng.choice(list(_forged(id_, rng)))
    return None if other in world.by_id else _citing(claim, "label", id_, other)


def _citing(claim: ScriptedClaim, mutation: str, id_: str, other: str) -> ScriptedClaim:
    evidence = tuple(other if one == id_ else one for one in claim.evidence)
    return ScriptedClaim(claim.text, evidence, False, mutation, claim.text, claim.kind)


def _forged(id_: str, rng: random.Random) -> Iterator[str]:
    """An id with its last digit changed, one cut short, and one made up."""
    prefix, _, digits = id_.rpartition("_")
    prefix += "_" * bool(prefix)
    yield id_[:-1] + rng.choice([digit for digit in _HEX if digit != id_[-1]])
    yield id_[:-2]
    yield prefix + "".join(rng.choice(_HEX) for _ in digits)


def _like(piece: Evidence, claim: ScriptedClaim, world: World, rng: random.Random) -> Iterator[Evidence]:
    """Pieces of the same kind that cannot carry the claim: of a draw of them, those that share most words with it first."""
    others = world.of_kind[piece.kind]
    drawn = [
        other
        for other in rng.sample(others, min(len(others), 60))
        if other.id not in claim.evidence and _foreign(piece, other, world)
    ]
    words = set(piece.text.split())
    return iter(sorted(drawn, key=lambda other: -len(words & set(other.text.split())) + rng.randrange(4)))


def _foreign(piece: Evidence, other: Evidence, world: World) -> bool:
    """Whether the other piece is about another hour, another view, or other assets and other lines."""
    if piece.kind is Kind.WINDOW:
        same = piece.valid is not None and other.valid is not None and piece.valid.overlaps(other.valid)
        return piece.data.get("quantity") == other.data.get("quantity") and (not same or piece.source != other.source)
    if piece.kind is Kind.FRAME:
        unlike = camera_of(piece) != camera_of(other) or not set(labels_of(piece)) & set(labels_of(other))
        return unlike and _distant(piece, other)
    shared = set(world.assets(piece)) & set(world.assets(other))
    return not shared and (piece.kind is not Kind.PASSAGE or piece.source != other.source)


def _distant(piece: Evidence, other: Evidence) -> bool:
    return piece.valid is None or other.valid is None or abs(piece.valid.t0 - other.valid.t0) > 3 * MINUTE
