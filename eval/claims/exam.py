"""Wrong claims to report on, made by mutators that no verifier was tuned on; the right claims are those of the tuning set."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from eval.claims import (
    exam_causes,
    exam_details,
    exam_evidence,
    exam_names,
    exam_negation,
    exam_numbers,
    exam_roles,
    exam_status,
    exam_strength,
    exam_times,
    exam_units,
)
from eval.claims.exam_editing import Mutator
from eval.claims.exam_merging import Mixer
from eval.claims.types import ScriptedClaim
from eval.claims.world import World

_TRIES = 300
CLASSES: Mapping[str, Mapping[str, Mutator]] = {
    "number": exam_numbers.MUTATORS,
    "unit": exam_units.MUTATORS,
    "time": exam_times.MUTATORS,
    "name": exam_names.MUTATORS,
    "negation": exam_negation.MUTATORS,
    "roles": exam_roles.MUTATORS,
    "cause": exam_causes.MUTATORS,
    "evidence": exam_evidence.MUTATORS,
    "detail": exam_details.MUTATORS,
    "strength": exam_strength.MUTATORS,
    "status": exam_status.MUTATORS,
}


def wrong(right: Sequence[ScriptedClaim], world: World, rng: random.Random) -> Iterator[ScriptedClaim]:
    """Wrong claims, the classes in turn and in each its mutators in turn, no wording twice, until no new one is found.

    `mutation` is "class: mutator". The same generator state gives the same claims.
    """
    maker = _Maker(right, world, rng)
    live = {kind: dict(some) for kind, some in CLASSES.items()} | {"merged": dict(Mixer(right).mutators)}
    while live:
        for kind in list(live):
            made = maker.next_of(kind, live[kind])
            if made is None:
                del live[kind]
                continue
            yield made


class _Maker:
    """Draws right claims until a mutator can make one wrong that was not told before and is no right one."""

    def __init__(self, right: Sequence[ScriptedClaim], world: World, rng: random.Random) -> None:
        self._right, self._world, self._rng = right, world, rng
        self._told: set[tuple[str, tuple[str, ...]]] = set()
        self._true: dict[str, list[frozenset[str]]] = defaultdict(list)
        for claim in right:
            self._true[claim.text].append(frozenset(claim.evidence))

    def next_of(self, kind: str, mutators: dict[str, Mutator]) -> ScriptedClaim | None:
        """A wrong claim by the first mutator of the class that makes one; it goes to the end, those that make none are dropped."""
        for name in list(mutators):
            mutator = mutators.pop(name)
            made = self._drawn(mutator)
            if made is not None:
                mutators[name] = mutator
                return made._replace(right=False, mutation=f"{kind}: {name}", spans=())
        return None

    def _drawn(self, mutator: Mutator) -> ScriptedClaim | None:
        for _ in range(_TRIES):
            made = mutator(self._rng.choice(self._right), self._world, self._rng)
            if made is not None and self._is_new(made):
                self._told.add((made.text, made.evidence))
                return made
        return None

    def _is_new(self, made: ScriptedClaim) -> bool:
        """Whether it was not told before, nor follows from what it cites as some right claim does."""
        cites = set(made.evidence)
        true = any(cited <= cites for cited in self._true.get(made.text, ()))
        return not true and (made.text, made.evidence) not in self._told
