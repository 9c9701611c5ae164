"""A pdf page as PDFium sees it → lines of text with boxes, rows of tables among them, and figures. Runs in the child process."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from ingest.reports.figures import Spot, images_of, spots_of
from ingest.reports.ruled import Bounds, Drawn, Found, Glyph, Names, rules_of, tables_on
from ingest.reports.spaced import GAP, Segment, spaced_tables
from retrieval.types import Box

# a drawing has this many shapes, a table does not; few lines make no table
_MOST_SHAPES, _FEWEST_RULES = 20_000, 4


class Line(msgspec.Struct, frozen=True):
    """A line of text, its box in fractions of the page, and its type size in points (0 where read by OCR).

    `row`: it is a row of a table, each cell after its column's name.
    """

    text: str
    box: Box
    size: float = 0.0
    row: bool = False


class Carried(NamedTuple):
    """The column names that a page ended with, of a table drawn with lines and of one set by white space."""

    ruled: Names | None = None
    spaced: Names | None = None


class Seen(NamedTuple):
    """What is on a page."""

    lines: list[Line]
    spots: list[Spot]
    carried: Carried


def see(page: Any, before: Carried) -> Seen:
    """Everything on the page; `before` are the column names that the page before it ended with."""
    text, frame, turn = _Text(page), page.get_cropbox(), page.get_rotation()
    shapes = _shapes(page)
    ruled = _ruled(text, shapes, before.ruled) if not turn else Found([], frozenset(), None)
    spaced = spaced_tables(list(_segments(text, ruled)), before.spaced) if not turn else Found([], frozenset(), None)
    lines = _lines(text, (ruled, spaced), frame, turn)
    # what a table is drawn with is no picture
    boxes = [_fraction(box, frame, turn) for box in shapes] if not ruled.rows else []
    spots = spots_of([(_fraction(box, frame, turn), key) for box, key in images_of(page)], boxes, lines)
    return Seen(lines, spots, Carried(ruled.names, spaced.names))


def _lines(text: _Text, tables: tuple[Found, ...], frame: Bounds, turn: int) -> list[Line]:
    """Lines of text in the page's own order, the rows of each table where it begins."""
    starts: dict[int, list[Drawn]] = {}
    for drawn in (drawn for found in tables for drawn in found.rows):
        starts.setdefault(drawn.place, []).append(drawn)
    taken = _taken(*tables)
    lines: list[Line] = []
    run = _Run()
    for index in range(text.count):
        letter = text.letter(index)
        if index in taken or letter in "\r\n":
            lines += _line(run, frame, turn)
            run = _Run()
        else:
            run.add(text, index, letter)
        if index in starts:
            size = round(text.size(index), 2)
            lines += [Line(drawn.text, _fraction(drawn.box, frame, turn), size, row=True) for drawn in starts[index]]
    return lines + _line(run, frame, turn)


def _taken(*tables: Found) -> frozenset[int]:
    return frozenset().union(*(found.headers.union(*(drawn.glyphs for drawn in found.rows)) for found in tables))


def _segments(text: _Text, ruled: Found) -> Iterator[Segment]:
    """The words of each line of text outside of drawn tables, cut where a gap is wide."""
    taken = _taken(ruled)
    part: list[int] = []
    for index in range(text.count):
        ink = None if text.letter(index).isspace() else text.ink(index)
        broken = index in taken or text.letter(index) in "\r\n"
        if part and (broken or (ink is not None and _apart(text, part[-1], index))):
            yield _segment(text, part)
            part = []
        if ink is not None and not broken:
            part.append(index)
    if part:
        yield _segment(text, part)


def _apart(text: _Text, one: int, other: int) -> bool:
    """Whether more white than words have between them lies before the other letter, or it stands on another line."""
    left, right = text.ink(one), text.ink(other)
    if left is None or right is None:
        return False
    wide = GAP * max(text.size(other), right[3] - right[1])
    return right[0] - left[2] > wide or right[2] < left[0] - wide or right[1] > left[3] or right[3] < left[1] - wide


def _segment(text: _Text, part: list[int]) -> Segment:
    """`part` are its letters with ink; the spaces between them belong to it."""
    inks = [ink for index in part if (ink := text.ink(index)) is not None]
    x0, y0, x1, y1 = zip(*inks, strict=True)
    letters = _joined([text.letter(index) for index in range(part[0], part[-1] + 1)])
    low, high = text.loose(part[0]) or (min(y0), max(y1))
    # a line end that PDFium makes up lies in no segment
    glyphs = tuple(range(part[0], part[-1] + 1))
    box = (min(x0), min(y0), max(x1), max(y1))
    return Segment(" ".join(letters.split()), box, glyphs, (low + high) / 2, max(high - low, 1.0))


class _Text:
    """The characters of a page, by their place in its text. What PDFium writes its answers into is made once."""

    def __init__(self, page: Any) -> None:
        from ctypes import byref, c_double

        from pypdfium2 import raw

        self._raw, self._text = raw, page.get_textpage()
        self._edges = [c_double() for _ in range(4)]
        self._into = [byref(edge) for edge in self._edges]
        self._line = raw.FS_RECTF()
        self._line_into = byref(self._line)
        self.count: int = self._text.count_chars()
        self._letters = [chr(self._raw.FPDFText_GetUnicode(self._text, index)) for index in range(self.count)]
        self._inks = [self._ink(index) for index in range(self.count)]

    def letter(self, index: int) -> str:
        return self._letters[index]

    def ink(self, index: int) -> Bounds | None:
        """The box around what is printed, in PDF points."""
        return self._inks[index]

    def _ink(self, index: int) -> Bounds | None:
        if not self._raw.FPDFText_GetCharBox(self._text, index, *self._into):
            return None
        left, right, bottom, top = (edge.value for edge in self._edges)
        return (left, bottom, right, top)

    def loose(self, index: int) -> tuple[float, float] | None:
        """Bottom and top of the letter's line box."""
        if not self._raw.FPDFText_GetLooseCharBox(self._text, index, self._line_into):
            return None
        return (min(self._line.top, self._line.bottom), max(self._line.top, self._line.bottom))

    def size(self, index: int) -> float:
        """The height of the letter's line box: the type size as shown, whatever the page's matrix does to the font's own."""
        loose = self.loose(index)
        return loose[1] - loose[0] if loose else 0.0


class _Run:
    """Characters of one line."""

    def __init__(self) -> None:
        self.letters: list[str] = []
        self.boxes: list[Bounds] = []
        self.size = 0.0

    def add(self, text: _Text, index: int, letter: str) -> None:
        self.letters.append(letter)
        box = None if letter.isspace() else text.ink(index)
        if box is not None:
            self.boxes.append(box)
            self.size = self.size or text.size(index)


def _shapes(page: Any) -> list[Bounds]:
    """The bounds of what is drawn with lines; none of a page with more than makes sense to look at."""
    from pypdfium2 import raw

    shapes = [shape.get_bounds() for shape in page.get_objects(filter=(raw.FPDF_PAGEOBJ_PATH,), max_depth=1)]
    return shapes if len(shapes) <= _MOST_SHAPES else []


def _ruled(text: _Text, shapes: list[Bounds], before: Names | None) -> Found:
    """Pages that are turned are left alone: their lines of text stand upright in the page's own coordinates."""
    rules = rules_of(shapes)
    if len(rules.upright) < _FEWEST_RULES:
        return Found([], frozenset(), None)
    glyphs = (_glyph(text, index) for index in range(text.count))
    return tables_on([glyph for glyph in glyphs if glyph is not None], rules, before)


def _glyph(text: _Text, index: int) -> Glyph | None:
    """None for line ends, which PDFium makes up."""
    letter = text.letter(index)
    box, loose = text.ink(index), text.loose(index)
    if letter in "\r\n\0" or box is None or loose is None:
        return None
    return Glyph(index, letter, box, (loose[0] + loose[1]) / 2, loose[1] - loose[0])


def _line(run: _Run, frame: Bounds, turn: int) -> list[Line]:
    text = _joined(run.letters)
    if not text or not run.boxes:
        return []
    left, bottom, right, top = zip(*run.boxes, strict=True)
    return [Line(text, _fraction((min(left), min(bottom), max(right), max(top)), frame, turn), round(run.size, 2))]


def _joined(letters: list[str]) -> str:
    """Letters as text: PDFium gives those beyond the first 65,536 in two halves."""
    return (
        "".join(letters).encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").replace("\0", "").strip()
    )


def _fraction(box: Bounds, frame: Bounds, turn: int) -> Box:
    """PDF points (origin bottom left, before the page is turned) → fractions of the page as shown, origin top left."""
    wide, high = max(frame[2] - frame[0], 1e-6), max(frame[3] - frame[1], 1e-6)
    x0, x1 = ((x - frame[0]) / wide for x in (box[0], box[2]))
    y0, y1 = (1 - (y - frame[1]) / high for y in (box[3], box[1]))
    for _ in range(turn // 90 % 4):  # a quarter turn clockwise takes (x, y) to (1 - y, x)
        x0, y0, x1, y1 = 1 - y1, x0, 1 - y0, x1
    a, b, c, d = (round(min(1.0, max(0.0, v)), 5) for v in (x0, y0, x1, y1))
    return (a, b, max(a, c), max(b, d))
