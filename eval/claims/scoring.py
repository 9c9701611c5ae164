"""Scores a judge of claims: how many right ones it keeps, how many wrong ones it takes for right."""

from __future__ import annotations

import importlib.util
import random
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

from eval.claims import truths
from eval.claims.types import ScriptedClaim
from eval.claims.world import World
from retrieval.errors import InputError

# a set is a module with wrong(right, world, rng) and, where it has right claims of its own, right(world, rng)
SETS: Mapping[str, str] = {
    "tuning": "eval.claims.tuning",
    "voices": "eval.claims.voices",
    "held": "eval.claims.held",
    "exam": "eval.claims.exam",
}


class Judged(NamedTuple):
    """A claim, whether it was taken for supported, and what was said of it."""

    claim: ScriptedClaim
    supported: bool
    why: str

    @property
    def well(self) -> bool:
        return self.supported == self.claim.right


def claims(name: str, world: World, seed: int, n: int) -> list[ScriptedClaim]:
    """`n` right claims and `n` wrong ones of a set, the same for the same seed. Raises InputError where it cannot make them."""
    if name not in SETS:
        raise InputError(f"no set {name}; there are {', '.join(SETS)}")
    if importlib.util.find_spec(SETS[name]) is None:
        raise InputError(f"the set {name} is not here")
    module = importlib.import_module(SETS[name])
    told = getattr(module, "right", truths.right)
    right = list(islice(told(world, random.Random(f"{seed} right {name}")), n))
    if len(right) < n:
        raise InputError(f"the site has no more than {len(right)} right claims; {n} were asked for")
    wrong = list(islice(module.wrong(right, world, random.Random(f"{seed} wrong {name}")), n))
    if len(wrong) < n:
        raise InputError(f"the site has no more than {len(wrong)} wrong claims; {n} were asked for")
    return [*right, *wrong]


def judge_all(
    found: Sequence[ScriptedClaim],
    judge: Callable[[ScriptedClaim], tuple[bool, str]],
    progress: Callable[[int, int, str], None] | None = None,
) -> list[Judged]:
    """Every claim with what `judge` says of it: (supported, why)."""
    judged = []
    for done, claim in enumerate(found, 1):
        judged.append(Judged(claim, *judge(claim)))
        if progress:
            progress(done, len(found), claim.kind)
    return judged


def summary(name: str, seed: int, judged: Sequence[Judged]) -> dict[str, Any]:
    """{suite, set, seed, n, metrics: {right_kept, wrong_supported, right, wrong}, by_kind, by_mutation}, plain JSON."""
    right = [j for j in judged if j.claim.right]
    wrong = [j for j in judged if not j.claim.right]
    kinds, mutations = defaultdict(list), defaultdict(list)
    for one in judged:
        kinds[one.claim.kind].append(one)
    for one in wrong:
        mutations[one.claim.mutation].append(one)
    return {
        "suite": "claims", "set": name, "seed": seed, "n": len(judged), "metrics": _figures(right + wrong),
        "by_kind": {kind: _figures(some) for kind, some in sorted(kinds.items())},
        "by_mutation": {m: {"n": len(some), "supported": sum(j.supported for j in some)} for m, some in sorted(mutations.items())},
    }  # fmt: skip


def _figures(some: Sequence[Judged]) -> dict[str, Any]:
    right = [j for j in some if j.claim.right]
    kept = sum(j.supported for j in right)
    return {
        "right_kept": kept / len(right) if right else None,
        "wrong_supported": sum(j.supported for j in some if not j.claim.right),
        "right": len(right),
        "wrong": len(some) - len(right),
    }
