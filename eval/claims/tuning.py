"""Wrong claims to tune on: right ones with one thing changed, so that they do not follow from what they cite any more."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence

from eval.claims import mutate_meaning as meaning
from eval.claims import mutate_values as values
from eval.claims.types import ScriptedClaim
from eval.claims.world import World

Mutation = Callable[[ScriptedClaim, World, random.Random], ScriptedClaim | None]
_TRIES = 400
MUTATIONS: Mapping[str, Mutation] = {
    "number": values.number,
    "unit": values.unit,
    "time": values.time,
    "date": values.date,
    "name": values.name,
    "negation": meaning.negation,
    "swapped roles": meaning.roles,
    "invented cause": meaning.cause,
    "another's evidence": meaning.elsewhere,
    "wrong quantity": meaning.quantity,
    "added detail": meaning.detail,
    "invented label": meaning.label,
}


def wrong(right: Sequence[ScriptedClaim], world: World, rng: random.Random) -> Iterator[ScriptedClaim]:
    """Wrong claims, the kinds of mutation in turn, no wording twice, until no new one is found."""
    told: set[str] = set()
    true: dict[str, list[frozenset[str]]] = defaultdict(list)
    for claim in right:
        true[claim.text].append(frozenset(claim.evidence))
    live = dict(MUTATIONS)
    while live:
        for name in list(live):
            tries = (live[name](rng.choice(right), world, rng) for _ in range(_TRIES))
            fresh = (m for m in tries if m is not None and _key(m) not in told and not _true(m, true, world))
            made = next(fresh, None)
            if made is None:
                del live[name]
                continue
            told.add(_key(made))
            yield made._replace(right=False, mutation=name, spans=())


def _true(made: ScriptedClaim, true: Mapping[str, Sequence[frozenset[str]]], world: World) -> bool:
    """Whether a mutation has hit upon another right claim."""
    there = all(one in world.by_id for one in made.evidence)
    return there and any(cited <= set(made.evidence) for cited in true.get(made.text, ()))


def _key(claim: ScriptedClaim) -> str:
    return f"{claim.text} {claim.evidence}"
