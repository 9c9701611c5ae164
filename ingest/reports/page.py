"""A pdf page as PDFium sees it → lines of text with boxes, rows of drawn tables among them. Runs in the child process."""

from __future__ import annotations

from typing import Any

import msgspec

from ingest.reports.ruled import Bounds, Found, Glyph, Names, rules_of, tables_on
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


def page_lines(page: Any, before: Names | None) -> tuple[list[Line], Names | None]:
    """The page's lines and its last table's column names, which `before` were those of the page before."""
    text = _Text(page)
    found = _tables(page, text, before)
    frame, turn = page.get_cropbox(), page.get_rotation()
    taken = found.headers.union(*(drawn.glyphs for drawn in found.rows))
    lines: list[Line] = []
    run = _Run()
    for index in range(text.count):
        letter = text.letter(index)
        if index in taken or letter in "\r\n":
            lines += _line(run, frame, turn)
            run = _Run()
        else:
            run.add(text, index, letter)
        if index in taken:
            size = round(text.size(index), 2)
            rows = (drawn for drawn in found.rows if drawn.place == index)
            lines += [Line(drawn.text, _fraction(drawn.box, frame, turn), size, row=True) for drawn in rows]
    return lines + _line(run, frame, turn), found.names


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

    def letter(self, index: int) -> str:
        return chr(self._raw.FPDFText_GetUnicode(self._text, index))

    def ink(self, index: int) -> Bounds | None:
        """The box around what is printed, in PDF points."""
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


def _tables(page: Any, text: _Text, before: Names | None) -> Found:
    """Pages that are turned are left alone: their lines of text stand upright in the page's own coordinates."""
    from pypdfium2 import raw

    shapes = [shape.get_bounds() for shape in page.get_objects(filter=(raw.FPDF_PAGEOBJ_PATH,), max_depth=1)]
    rules = rules_of(shapes)
    if page.get_rotation() or len(shapes) > _MOST_SHAPES or len(rules.upright) < _FEWEST_RULES:
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
    joined = "".join(run.letters).encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    text = joined.replace("\0", "").strip()
    if not text or not run.boxes:
        return []
    left, bottom, right, top = zip(*run.boxes, strict=True)
    return [Line(text, _fraction((min(left), min(bottom), max(right), max(top)), frame, turn), round(run.size, 2))]


def _fraction(box: Bounds, frame: Bounds, turn: int) -> Box:
    """PDF points (origin bottom left, before the page is turned) → fractions of the page as shown, origin top left."""
    wide, high = max(frame[2] - frame[0], 1e-6), max(frame[3] - frame[1], 1e-6)
    x0, x1 = ((x - frame[0]) / wide for x in (box[0], box[2]))
    y0, y1 = (1 - (y - frame[1]) / high for y in (box[3], box[1]))
    for _ in range(turn // 90 % 4):  # a quarter turn clockwise takes (x, y) to (1 - y, x)
        x0, y0, x1, y1 = 1 - y1, x0, 1 - y0, x1
    a, b, c, d = (round(min(1.0, max(0.0, v)), 5) for v in (x0, y0, x1, y1))
    return (a, b, max(a, c), max(b, d))
