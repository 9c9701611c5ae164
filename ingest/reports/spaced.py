"""Tables of a pdf page that are set by white space alone: rows of cells under their column names.

Coordinates are PDF points, origin bottom left. What is taken for a table must look like one in every way: three columns or more that no
row's words bridge, three rows or more, at least one column of values, a row of names above that names nearly every column, and
short cells. Everything else stays lines of text. A table that goes on overleaf keeps its names.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import chain, pairwise
from statistics import median
from typing import NamedTuple

from ingest.reports.ruled import Bounds, Drawn, Found, Names
from ingest.tables.table import unique
from ingest.timestamps import looks_like_time

# in heights of a line: what parts cells, columns, and lines that belong together
GAP, _RIVER, _SAME_LINE, _NEXT = 0.75, 0.4, 0.35, 2.6
_FEWEST_COLUMNS, _FEWEST_ROWS, _MOST_HEADS = 3, 3, 3
_NAMED, _FILLED, _VALUES = 0.75, 0.6, 0.7
_LONGEST_NAME, _LONGEST_CELL, _USUAL_CELL = 60, 80, 30
_TIGHT, _ALIGNED = 0.8, 2.5
_MOST_ROWS = 1000
_NO_VALUE = frozenset({"-", "–", "—", "n/a", "N/A", "na", "?"})
_VALUE = re.compile(
    r"[(<>≤≥~±]?\s?[$€£]?\s?[+\-−–]?\d[\d.,' ]*\)?\s?(?:%|‰|°[CF]?|[A-Za-zµΩ]{1,4}(?:/[A-Za-z]{1,4})?[²³]?)?|\d{1,2}:\d{2}(?::\d{2})?"
)
_CAPTION = re.compile(r"(?:table|figure|fig|tab|abb|continued)\b", re.I)


class Segment(NamedTuple):
    """Words of one line without a wide gap between them. `glyphs` are their places in the page's text, `middle` is their line's y."""

    text: str
    box: Bounds
    glyphs: tuple[int, ...]
    middle: float
    height: float


Span = tuple[float, float]
Row = list[Segment]


class _Block(NamedTuple):
    """Rows that share their columns: [start, end) of the page's rows, the columns from left to right."""

    start: int
    end: int
    columns: list[Span]


class _Table(NamedTuple):
    heads: list[Row]
    body: list[list[Segment]]
    columns: list[Span]


def spaced_tables(segments: Sequence[Segment], before: Names | None) -> Found:
    """Every row of every table on the page; `before` are the names that the page before ended with."""
    rows = _rows(segments)
    rows = rows if len(rows) <= _MOST_ROWS else []
    found: list[Drawn] = []
    headers: set[int] = set()
    names = last = None
    at = 0
    for block in _blocks(rows):
        if block.start < at:
            continue
        table = _table(rows, block, at)
        named = _named(table)
        if named is None and block.start <= _MOST_HEADS and before is not None and _fits(before, table):
            table, named = table._replace(heads=[], body=[*table.heads, *table.body]), before
        if named is None:
            continue
        names, at = named, block.end
        headers |= {glyph for row in table.heads for part in row for glyph in part.glyphs}
        place = min(part.glyphs[0] for row in (*table.heads, *table.body) for part in row)
        found += [_drawn(row, table.columns, names, place) for row in table.body]
        last = block.end
    over = last is not None and len(rows) - last <= 2
    return Found(found, frozenset(headers), names if over else None)


def _rows(segments: Sequence[Segment]) -> list[Row]:
    """Segments by line, from top to bottom, each from left to right."""
    rows: list[Row] = []
    for part in sorted(segments, key=lambda part: -part.middle):
        if rows and rows[-1][0].middle - part.middle < _SAME_LINE * rows[-1][0].height:
            rows[-1].append(part)
        else:
            rows.append([part])
    return [sorted(row, key=lambda part: part.box[0]) for row in rows]


def _blocks(rows: Sequence[Row]) -> Iterator[_Block]:
    """Runs of rows with three cells or more, each run as long as its columns stand apart; from every row on."""
    start = 0
    while start < len(rows):
        block = _grown(rows, start)
        if block is None:
            start += 1
            continue
        yield block
        # a run that is no table may hide one that begins below its first row
        start += 1


def _grown(rows: Sequence[Row], start: int) -> _Block | None:
    if len(rows[start]) < _FEWEST_COLUMNS:
        return None
    columns, end, full = _columns([], rows[start]), start + 1, 1
    aside = False
    for index in range(start + 1, len(rows)):
        row = rows[index]
        wider = _columns(columns, row)
        if not _under(rows[index - 1], row) or len(wider) < len(columns):
            break
        if len(row) == 1:
            if aside:
                break
            aside = True
            continue
        columns, end, full, aside = wider, index + 1, full + 1, False
    if end < len(rows) and aside and _inside(rows[end], columns[1:]) and _under(rows[end - 1], rows[end]):
        end += 1
    return _Block(start, end, columns) if full >= _FEWEST_ROWS and len(columns) >= _FEWEST_COLUMNS else None


def _under(above: Row, below: Row) -> bool:
    """Whether a line is the next of the same text: of about the same type, no more than a blank line below."""
    height = max(above[0].height, below[0].height)
    return above[0].middle - below[0].middle <= _NEXT * height and height <= 1.3 * min(above[0].height, below[0].height)


def _columns(columns: Sequence[Span], row: Row) -> list[Span]:
    """The spans of all cells together; those that touch are one."""
    spans = sorted([*columns, *((part.box[0], part.box[2]) for part in row)])
    apart = _RIVER * row[0].height
    joined = [spans[0]]
    for left, right in spans[1:]:
        if left - joined[-1][1] < apart:
            joined[-1] = (joined[-1][0], max(joined[-1][1], right))
        else:
            joined.append((left, right))
    return joined


def _inside(row: Row, columns: Sequence[Span]) -> bool:
    return all(any(left - 1 <= part.box[0] and part.box[2] <= right + 1 for left, right in columns) for part in row)


def _table(rows: Sequence[Row], block: _Block, free: int) -> _Table:
    """The block's rows of names and of cells, further lines of a cell with the row they belong to; rows of names may stand above it."""
    lines = list(rows[block.start : block.end])
    first = next((n for n, row in enumerate(lines) if any(_is_value(part.text) for part in row)), len(lines))
    first = _last_head(lines, first, block.columns)
    heads, body = lines[:first], lines[first:]
    at = block.start
    while at > free and len(heads) < _MOST_HEADS and _may_head(rows[at - 1], rows[at], block.columns):
        at -= 1
        heads.insert(0, rows[at])
    return _Table(heads, _joined(body, block.columns), block.columns)


def _last_head(lines: Sequence[Row], first: int, columns: Sequence[Span]) -> int:
    """How many of the first lines, which hold no values, are names: up to the first that stands over every column of values.

    A line below it that leaves those columns blank is a row of data without values.
    """
    cells = [_cells(row, columns) for row in lines]
    values = [n for n in range(len(columns)) if any(_is_value(row[n]) for row in cells[first:] if row[n])]
    full = next((n for n, row in enumerate(cells[:first]) if all(row[column] for column in values)), first - 1)
    below = cells[full + 1 : first]
    return full + 1 if all(row[n] in _NO_VALUE or not row[n] for row in below for n in values) else first


def _may_head(row: Row, below: Row, columns: Sequence[Span]) -> bool:
    plain = not any(_is_value(part.text) or _CAPTION.match(part.text) for part in row)
    return plain and _under(row, below) and (len(row) > 1 or _inside(row, columns))


def _joined(body: Sequence[Row], columns: Sequence[Span]) -> list[list[Segment]]:
    """Lines of cells → rows: a line that stands closer than rows do, or leaves the first column blank, goes on with the row above.

    A line of a single cell in the first column is none of them: it heads what is below, and stays text.
    """
    full = [row for row in body if len(row) >= _FEWEST_COLUMNS]
    pitches = [one[0].middle - other[0].middle for one, other in pairwise(full)]
    tight = _TIGHT * median(pitches) if pitches else 0.0
    rows: list[list[Segment]] = []
    for index, line in enumerate(body):
        close = index > 0 and body[index - 1][0].middle - line[0].middle < tight
        first_blank = line[0].box[0] > columns[0][1]
        short = len(line) < _FEWEST_COLUMNS and not any(_is_value(part.text) for part in line)
        if rows and short and (close or first_blank):
            rows[-1] = [*rows[-1], *line]
        elif len(line) > 1:
            rows.append(list(line))
    return rows


def _named(table: _Table) -> Names | None:
    """The names of a table's columns; None where it is no table, or nothing names them."""
    cells = [_cells(row, table.columns) for row in table.body]
    if not table.heads or len(table.heads) > _MOST_HEADS or not _tabular(cells):
        return None
    *upper, lowest = table.heads
    under = [_over(part, table.columns) for part in lowest]
    if any(len(over) != 1 for over in under):
        return None
    spans = _widened(table.columns, lowest, under)
    names = [""] * len(table.columns)
    for part, over in chain(
        ((part, _above(part, spans)) for row in upper for part in row), zip(lowest, under, strict=True)
    ):
        if not over:
            return None
        for column in over:
            names[column] = f"{names[column]} {part.text}".strip()
    filled = [name for name in names if name]
    if len(filled) < _NAMED * len(names) or any(len(name) > _LONGEST_NAME for name in filled):
        return None
    if any(not name and any(row[column] for row in cells) for column, name in enumerate(names[1:], start=1)):
        return None
    return Names(unique(names), _borders(table.columns))


def _tabular(cells: Sequence[Sequence[str]]) -> bool:
    """Whether rows of cells are data: enough of them, most columns filled, one of them with values, and no prose."""
    if len(cells) < _FEWEST_ROWS:
        return False
    texts = [cell for row in cells for cell in row if cell]
    if max(map(len, texts)) > _LONGEST_CELL or median(map(len, texts)) > _USUAL_CELL or any("...." in t for t in texts):
        return False
    columns = [[cell for cell in column if cell] for column in zip(*cells, strict=True)]
    filled = [column for column in columns if len(column) >= _FILLED * len(cells)]
    return len(filled) >= _FEWEST_COLUMNS and any(_of_values(column) for column in filled[1:] or filled)


def _of_values(column: Sequence[str]) -> bool:
    told = [cell for cell in column if cell not in _NO_VALUE]
    return len(told) >= _FEWEST_ROWS - 1 and sum(map(_is_value, told)) >= _VALUES * len(told)


def _is_value(cell: str) -> bool:
    return _VALUE.fullmatch(cell) is not None or looks_like_time(cell)


def _over(part: Segment, columns: Sequence[Span]) -> list[int]:
    """The columns that words stand over: those they overlap, else the nearest that is within a line's height."""
    left, right = part.box[0], part.box[2]
    found = [n for n, (start, end) in enumerate(columns) if left < end - 0.5 and start + 0.5 < right]
    if found:
        return found
    away = [(max(start - right, left - end), n) for n, (start, end) in enumerate(columns)]
    distance, nearest = min(away)
    return [nearest] if distance <= part.height else []


def _widened(columns: Sequence[Span], lowest: Row, under: Sequence[Sequence[int]]) -> list[Span]:
    """The columns with their own names."""
    spans = list(columns)
    for part, (column,) in zip(lowest, under, strict=True):
        spans[column] = (min(spans[column][0], part.box[0]), max(spans[column][1], part.box[2]))
    return spans


def _above(part: Segment, spans: Sequence[Span]) -> list[int]:
    """The columns a name in a higher line belongs to: the one it is aligned with, else those it is centred over; none where unclear."""
    left, right = part.box[0], part.box[2]
    for column, (start, end) in enumerate(spans):
        near = abs(left - start), abs(right - end), abs(left + right - start - end) / 2
        if min(near) <= _ALIGNED and left < end and start < right:
            return [column]
    for first in range(len(spans)):
        for last in range(first + 1, len(spans)):
            start, end = spans[first][0], spans[last][1]
            if abs(left + right - start - end) / 2 <= 2 * _ALIGNED and start <= left and right <= end:
                return list(range(first, last + 1))
    return []


def _fits(before: Names, table: _Table) -> bool:
    """Whether a table without names goes on with those of the page before: its columns lie between their borders."""
    cells = [_cells(row, table.columns) for row in (*table.heads, *table.body)]
    if len(before.names) != len(table.columns) or not _tabular(cells):
        return False
    places = zip(pairwise(before.borders), table.columns, strict=True)
    return all(left - 2 <= start and end <= right + 2 for (left, right), (start, end) in places)


def _borders(columns: Sequence[Span]) -> tuple[float, ...]:
    between = [(one[1] + other[0]) / 2 for one, other in pairwise(columns)]
    return (columns[0][0] - 5, *between, columns[-1][1] + 5)


def _cells(row: Sequence[Segment], columns: Sequence[Span]) -> list[str]:
    parts: list[list[str]] = [[] for _ in columns]
    for part in row:
        middle = (part.box[0] + part.box[2]) / 2
        column = next((n for n, (left, right) in enumerate(columns) if left - 1 <= middle <= right + 1), None)
        if column is not None:
            parts[column].append(part.text)
    return [" ".join(texts) for texts in parts]


def _drawn(row: Sequence[Segment], columns: Sequence[Span], names: Names, place: int) -> Drawn:
    told = [f"{name}: {cell}" for name, cell in zip(names.names, _cells(row, columns), strict=True) if cell]
    x0, y0, x1, y1 = zip(*(part.box for part in row), strict=True)
    glyphs = tuple(glyph for part in row for glyph in part.glyphs)
    return Drawn("; ".join(told), (min(x0), min(y0), max(x1), max(y1)), glyphs, place)
