"""The held-out set: scripted claims that the verifier was not tuned on, right ones and wrong ones made from them.

`right` and `wrong` give the same claims for the same world and seed, no claim twice.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from eval.claims import held_frames, held_pairs, held_passages, held_records, held_windows
from eval.claims.held_citing import elsewhere, fabricated
from eval.claims.held_sense import Merger, added, invented, roles, sweeping
from eval.claims.held_slots import shuffled
from eval.claims.held_values import changed, grades, names, none, numbers, times, units
from eval.claims.types import ScriptedClaim
from eval.claims.world import World

Mutation = Callable[[ScriptedClaim, World, random.Random], ScriptedClaim | None]

_SOURCES = (
    held_records.alerts,
    held_records.orders,
    held_passages.passages,
    held_windows.windows,
    held_windows.beside,
    held_frames.frames,
    held_frames.pairs,
    held_pairs.pairs,
)
_ROUNDS = 4  # how often a right claim may serve the same mutation
_IDLE = 200  # draws without a new claim after which a source is taken for exhausted


def right(world: World, rng: random.Random) -> Iterator[ScriptedClaim]:
    """Claims that follow from what they cite, of every sort in turn until none has any more."""
    yield from _in_turn([source(world, random.Random(rng.random())) for source in _SOURCES])


def wrong(right: Iterable[ScriptedClaim], world: World, rng: random.Random) -> Iterator[ScriptedClaim]:
    """Claims that do not follow from what they cite, of every mutation in turn until none has any more."""
    base = list(right)
    made = [_made(make, base, world, random.Random(rng.random())) for make in _mutations(base, world).values()]
    yield from _in_turn(made)


def _mutations(base: Sequence[ScriptedClaim], world: World) -> Mapping[str, Mutation]:
    return {
        "number": changed("number", numbers),
        "unit": changed("unit", units),
        "time": changed("time", times),
        "name": changed("name", names),
        "negation": changed("negation", none),
        "roles": roles,
        "cause": invented,
        "evidence": elsewhere,
        "quantifier": sweeping,
        "status": changed("status", grades),
        "added": added,
        "merged": Merger(base, world),
        "label": fabricated,
    }


def _made(make: Mutation, base: Sequence[ScriptedClaim], world: World, rng: random.Random) -> Iterator[ScriptedClaim]:
    for _ in range(_ROUNDS):
        for claim in shuffled(base, rng):
            wrong = make(claim, world, rng)
            if wrong is not None:
                yield wrong


def _in_turn(sources: Sequence[Iterator[ScriptedClaim]]) -> Iterator[ScriptedClaim]:
    """One new claim of each source after the other; a source that has no more, or only old ones, is left out."""
    told: set[tuple[str, tuple[str, ...]]] = set()
    waiting = list(sources)
    while waiting:
        for source in list(waiting):
            claim = _new(source, told)
            if claim is None:
                waiting.remove(source)
            else:
                told.add((claim.text, claim.evidence))
                yield claim


def _new(source: Iterator[ScriptedClaim], told: set[tuple[str, tuple[str, ...]]]) -> ScriptedClaim | None:
    for _ in range(_IDLE):
        claim = next(source, None)
        if claim is None or (claim.text, claim.evidence) not in told:
            return claim
    return None
