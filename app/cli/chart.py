"""A series as a small chart of braille dots (Unicode 2800–28FF): two columns and four rows of dots a character."""

from __future__ import annotations

import math
from collections.abc import Sequence

_BASE = 0x2800
# Bit of the dot at (column, row) in a cell; Unicode chapter 21, Braille Patterns.
_BITS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))


def braille(times: Sequence[int], values: Sequence[float], width: int = 60, height: int = 8) -> list[str]:
    """`height` lines of `width` characters: each dot column spans lowest to highest value of its stretch of time.

    Extremes are never thinned out. Values that are not finite leave a gap. Empty without a finite value.
    """
    known = [(time, value) for time, value in zip(times, values, strict=True) if math.isfinite(value)]
    if not known:
        return []
    columns = _columns(known, width * 2)
    low, high = min(value for _, value in known), max(value for _, value in known)
    rows = height * 4
    scale = (rows - 1) / (high - low) if high > low else 0.0
    cells = [[0] * width for _ in range(height)]
    for column, (bottom, top) in columns.items():
        for level in range(round((bottom - low) * scale), round((top - low) * scale) + 1):
            row = rows - 1 - level
            cells[row // 4][column // 2] |= _BITS[column % 2][row % 4]
    return ["".join(chr(_BASE + bits) for bits in line) for line in cells]


def _columns(known: Sequence[tuple[int, float]], count: int) -> dict[int, tuple[float, float]]:
    first, span = known[0][0], max(1, known[-1][0] - known[0][0])
    found: dict[int, tuple[float, float]] = {}
    for time, value in known:
        column = min(count - 1, (time - first) * count // span)
        bottom, top = found.get(column, (value, value))
        found[column] = (min(bottom, value), max(top, value))
    return found


def labelled(times: Sequence[int], values: Sequence[float], unit: str = "", width: int = 60) -> list[str]:
    """The chart with its highest and lowest value beside it."""
    lines = braille(times, values, width)
    if not lines:
        return []
    finite = [value for value in values if math.isfinite(value)]
    marks = {0: f"{max(finite):.4g} {unit}".strip(), len(lines) - 1: f"{min(finite):.4g} {unit}".strip()}
    margin = max(map(len, marks.values()))
    return [f"{marks.get(index, ''):>{margin}} {line}" for index, line in enumerate(lines)]
