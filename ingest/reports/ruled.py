"""Tables of a pdf page that are drawn with lines: rows of cells under their column names.

Coordinates are PDF points, origin bottom left. Columns are where vertical lines (or sides of boxes) cross a line of text; rows are
lines of text, or what lies between two horizontal lines where most lines of text have one between them. A row of names whose
cells span several columns qualifies the names under it ("Rentals Handgun"). A table that goes on overleaf keeps its names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from ingest.tables.table import number, unique
from ingest.timestamps import looks_like_time

Bounds = tuple[float, float, float, float]
_THIN = 1.6
_SAME = 2.0
_FEWEST_COLUMNS = 3
_NAMED = 0.75
_LONGEST_NAME = 60
# in heights of a line: letters whose middles differ by more stand on different lines
_LINE = 0.35


class Glyph(NamedTuple):
    """A character with its place in the page's text, its ink, and the middle of its line (y)."""

    at: int
    letter: str
    box: Bounds
    middle: float
    height: float


class Rules(NamedTuple):
    """Vertical lines (x, bottom, top) and horizontal ones (y, left, right)."""

    upright: list[tuple[float, float, float]]
    level: list[tuple[float, float, float]]


class Drawn(NamedTuple):
    """A row of a table as text ("name: value; …"), the ink around it, and the characters it was made of (by `Glyph.at`).

    `place` is the first character of its table: rows stand in the table's order, whatever the order they were written in.
    """

    text: str
    box: Bounds
    glyphs: tuple[int, ...]
    place: int


class Names(NamedTuple):
    """Column names and the lines between the columns, to go on with on the next page."""

    names: tuple[str, ...]
    borders: tuple[float, ...]


class Found(NamedTuple):
    """The rows of a page's tables in reading order, the characters of their names, and the last table's names."""

    rows: list[Drawn]
    headers: frozenset[int]
    names: Names | None


class _Row(NamedTuple):
    glyphs: list[Glyph]
    borders: tuple[float, ...]

    def cells(self, borders: Sequence[float]) -> list[str]:
        parts: list[list[Glyph]] = [[] for _ in borders[1:]]
        for glyph in self.glyphs:
            place = sum(border <= (glyph.box[0] + glyph.box[2]) / 2 for border in borders) - 1
            if 0 <= place < len(parts):
                parts[place].append(glyph)
        return [_joined(part) for part in parts]

    def whole(self, borders: Sequence[float]) -> bool:
        """Whether no letter lies over a border or beside the table."""
        inked = [glyph.box for glyph in self.glyphs if not glyph.letter.isspace()]
        if any(x0 < borders[0] - _SAME or x1 > borders[-1] + _SAME for x0, _, x1, _ in inked):
            return False
        return not any(x0 + 1 < border < x1 - 1 for border in borders for x0, _, x1, _ in inked)


def rules_of(bounds: Iterable[Bounds]) -> Rules:
    """Lines drawn as thin shapes, and the four sides of boxes."""
    upright, level = [], []
    for left, bottom, right, top in bounds:
        if right - left > _THIN:
            level += [(y, left, right) for y in {bottom, top}]
        if top - bottom > _THIN:
            upright += [(x, bottom, top) for x in {left, right}]
    return Rules(upright, level)


def tables_on(glyphs: Sequence[Glyph], rules: Rules, before: Names | None) -> Found:
    """Every row of every table on the page; `before` are the names that the page before ended with."""
    lines = _lines(glyphs, rules)
    rows: list[Drawn] = []
    headers: set[int] = set()
    names = before
    for start, end in _runs(lines):
        block = _merged(lines[start:end], rules)
        above = lines[start - 1] if start else None
        named = _names(block, above)
        if named is not None:
            names, body = named, block[1:]
            headers |= {g.at for row in (block[0], *_qualifying(above, named.borders)) for g in row.glyphs}
        elif names is not None and not rows and _alike(names.borders, block[0].borders):
            body = block
        else:
            continue
        place = min(glyph.at for row in block for glyph in row.glyphs)
        rows += [_drawn(row, names, place) for row in body]
    return Found(rows, frozenset(headers), names if rows else None)


def _lines(glyphs: Sequence[Glyph], rules: Rules) -> list[_Row]:
    """Lines of text from top to bottom, each with the vertical lines that cross its middle."""
    groups: list[list[Glyph]] = []
    for glyph in sorted(glyphs, key=lambda glyph: -glyph.middle):
        if groups and groups[-1][0].middle - glyph.middle < _LINE * groups[-1][0].height:
            groups[-1].append(glyph)
        else:
            groups.append([glyph])
    inked = [group for group in groups if any(not glyph.letter.isspace() for glyph in group)]
    return [_Row(group, _borders(group[0].middle, rules)) for group in inked]


def _borders(y: float, rules: Rules) -> tuple[float, ...]:
    found: list[float] = []
    for x in sorted(x for x, bottom, top in rules.upright if bottom <= y <= top):
        if not found or x - found[-1] > _SAME:
            found.append(x)
    return tuple(found)


def _runs(lines: Sequence[_Row]) -> Iterator[tuple[int, int]]:
    """[start, end) of lines under each other that are crossed by the same vertical lines, three columns or more."""
    start = 0
    for index in range(1, len(lines) + 1):
        if index == len(lines) or not _alike(lines[start].borders, lines[index].borders):
            borders = lines[start].borders
            if len(borders) > _FEWEST_COLUMNS and all(line.whole(borders) for line in lines[start:index]):
                yield start, index
            start = index


def _alike(one: Sequence[float], other: Sequence[float]) -> bool:
    return len(one) == len(other) and all(abs(a - b) <= _SAME for a, b in zip(one, other, strict=True))


def _merged(block: Sequence[_Row], rules: Rules) -> list[_Row]:
    """Lines that no horizontal line parts are one row, where most are parted."""
    parted = [_parted(one, other, rules) for one, other in pairwise(block)]
    if sum(parted) * 2 < len(parted):
        return list(block)
    rows = [block[0]]
    for line, apart in zip(block[1:], parted, strict=True):
        if apart:
            rows.append(line)
        else:
            rows[-1] = _Row([*rows[-1].glyphs, *line.glyphs], rows[-1].borders)
    return rows


def _parted(one: _Row, other: _Row, rules: Rules) -> bool:
    above, below = one.glyphs[0].middle, other.glyphs[0].middle
    middle = (one.borders[0] + one.borders[-1]) / 2
    return any(below < y < above and left <= middle <= right for y, left, right in rules.level)


def _names(block: Sequence[_Row], above: _Row | None) -> Names | None:
    """The first row's cells, when they are words and stand over most columns, and a row follows."""
    borders = block[0].borders
    cells = block[0].cells(borders)
    filled = [cell for cell in cells if cell]
    values = any(number(cell.replace(",", "")) is not None or looks_like_time(cell) for cell in filled)
    long = any(len(cell) > _LONGEST_NAME for cell in filled)
    if values or long or len(filled) < _NAMED * len(cells) or len(block) < 2:
        return None
    for row in _qualifying(above, borders):
        wide = list(zip(pairwise(row.borders), row.cells(row.borders), strict=True))
        cells = [_qualified(cell, pair, wide) for cell, pair in zip(cells, pairwise(borders), strict=True)]
    return Names(unique(cells), borders)


def _qualifying(above: _Row | None, borders: Sequence[float]) -> list[_Row]:
    """The row above, when its cells span several of these columns: its lines are some of theirs, from the first to the last."""
    if above is None or not 2 < len(above.borders) < len(borders) or not above.whole(above.borders):
        return []
    ends = _alike((above.borders[0], above.borders[-1]), (borders[0], borders[-1]))
    inside = all(any(abs(x - border) <= _SAME for border in borders) for x in above.borders)
    return [above] if ends and inside else []


def _qualified(cell: str, pair: tuple[float, float], wide: Sequence[tuple[tuple[float, float], str]]) -> str:
    over = next((name for (left, right), name in wide if left - _SAME <= pair[0] and pair[1] <= right + _SAME), "")
    return f"{over} {cell}".strip()


def _drawn(row: _Row, names: Names, place: int) -> Drawn:
    told = [f"{name}: {cell}" for name, cell in zip(names.names, row.cells(names.borders), strict=True) if cell]
    x0, y0, x1, y1 = zip(*(glyph.box for glyph in row.glyphs if not glyph.letter.isspace()), strict=True)
    return Drawn("; ".join(told), (min(x0), min(y0), max(x1), max(y1)), tuple(glyph.at for glyph in row.glyphs), place)


def _joined(glyphs: Sequence[Glyph]) -> str:
    """The letters in the order they were written in; a further line of a cell follows after a space."""
    text, before = "", None
    for glyph in sorted(glyphs, key=lambda glyph: glyph.at):
        if before is not None and abs(before.middle - glyph.middle) > _LINE * glyph.height:
            text += " "
        text, before = text + glyph.letter, glyph
    return re.sub(r"\s+", " ", text).strip()
