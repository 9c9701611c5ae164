"""What a historian says of its own samples: those it marks as bad are no values."""

from __future__ import annotations

from collections.abc import Sequence

from ingest.cells import Cell
from ingest.tables.shape import text_cell
from ingest.tables.table import number

_BAD = frozenset({"bad", "invalid", "failed", "failure", "error", "no", "comm", "disconnected", "offline"})
# OPC Data Access: the two highest of eight bits say good (192 and above), uncertain (64) or bad
_GOOD, _UNCERTAIN = 192, 64


def bad(cells: Sequence[Cell]) -> list[bool]:
    """Which samples are marked as bad, by a column of words ("Good", "Bad, no data") or of OPC quality codes.

    Numbers are such codes only where one of them is as high as a good one; others say nothing here. Uncertain samples are kept.
    """
    codes = [number(cell) for cell in cells]
    coded = any(code is not None and code >= _GOOD for code in codes)
    return [
        coded and code < _UNCERTAIN if code is not None else _opening(cell) in _BAD
        for cell, code in zip(cells, codes, strict=True)
    ]


def _opening(cell: Cell) -> str:
    words = text_cell(cell).casefold().replace(",", " ").replace("_", " ").split()
    return words[0] if words else ""
