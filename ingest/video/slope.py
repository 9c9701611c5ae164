"""The slope of points in time that some wrong ones do not move."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

_FROM = 200


def slope(points: Sequence[tuple[int, float]], apart: int) -> float | None:
    """Median slope of (x, y) over all pairs at least `apart` in x (Theil 1950, Sen 1968); of very many points some 200, spread evenly.

    None where the points do not span that.
    """
    some = sorted(points)[:: -(-len(points) // _FROM)]
    slopes = [(y - b) / (x - a) for n, (a, b) in enumerate(some) for x, y in some[n + 1 :] if x - a >= apart]
    return median(slopes) if slopes else None
