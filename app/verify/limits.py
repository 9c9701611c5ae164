"""Whether a series stood to its limit as a claim says by degree: just up to it, and no further."""

from __future__ import annotations

import re
from collections.abc import Iterator

from app.verify.bench import Bench

_GRAZED = re.compile(
    r"\b(?:just|only|barely|merely|exactly|precisely|right|narrowly)(?: about)? (?:touch|reach|met\b|meet|hit|graz|brush|kiss|at\b|on\b)\w*"
    r"[^.;]{0,40}\b(?:limit|threshold|set[ -]?point|bound)\b",
    re.I,
)
# of a limit, so much is still at it
_AT = 0.005


def strayed(bench: Bench) -> Iterator[str]:
    """Why "just touched its limit" does not stand: the samples went past it, or never came up to it."""
    grazed = _GRAZED.search(bench.claim.text)
    for statement in bench.statements if grazed else ():
        known = {f.role: f.amount.value for f in statement.facts if f.amount and f.role in ("max", "limit")}
        if {"max", "limit"} <= known.keys() and abs(known["max"] - known["limit"]) > _AT * abs(known["limit"]):
            yield f"the highest value was {known['max']:.6g} beside a limit of {known['limit']:.6g}"
            return
