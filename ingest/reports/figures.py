"""Where figures stand on a pdf page, and which words are their captions. Runs in the child process.

Boxes are fractions of the page as shown, origin top left. A figure is a picture that is large enough to show something, or a drawing
of many shapes under which a caption says "Figure 3". Logos, rules and backgrounds are none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import msgspec

from retrieval.types import Box

CAPTION = re.compile(
    r"(?:fig(?:ure|ura|\.)?|abb(?:ildung|\.)?|bild|illustration|photo(?:graph)?|image|exhibit|chart|diagram|plate|schema)"
    r"\s*\.?\s*(?:[A-Z]?\d+(?:[.\-–]\d+)*[a-z]?|[IVX]+)\b\s*(?:[.:–—-]|\(|$|(?=\s[A-ZÄÖÜ]))",
    re.I,
)
_BACKGROUND, _LEAST_AREA, _LEAST_SIDE, _THINNEST = 0.85, 0.015, 0.03, 14
# in heights and widths of the page: how far a caption is, how far the tiles of one picture are apart
_NEAR, _TOUCHING = 0.06, 0.008
_CAPTION_LINES, _LONGEST_CAPTION = 5, 400
_ACROSS, _DOWN = 80, 110
_DRAWN_SHAPES, _DRAWN_WIDE, _DRAWN_HIGH = 8, 0.12, 0.06
_MOST_DRAWN, _PROSE = 4000, 1500
_LEAST_PIXELS = 32


class Words(Protocol):
    """A line of text and its place; `size` is its type size in points."""

    @property
    def text(self) -> str: ...

    @property
    def box(self) -> Box: ...

    @property
    def size(self) -> float: ...


class Spot(msgspec.Struct, frozen=True):
    """A figure's place. `key` is the same wherever the same picture stands ("" for a drawing); `words` stand inside of it."""

    box: Box
    key: str
    caption: str = ""
    words: str = ""


def images_of(page: Any) -> Iterator[tuple[tuple[float, float, float, float], str]]:
    """Bounds (PDF points) and key of the pictures that stand on the page itself, and of forms that hold pictures."""
    from pypdfium2 import raw

    wanted = (raw.FPDF_PAGEOBJ_IMAGE, raw.FPDF_PAGEOBJ_FORM)
    for thing in page.get_objects(filter=wanted, max_depth=1):
        if thing.type == raw.FPDF_PAGEOBJ_FORM:
            yield thing.get_bounds(), "form"
        elif min(size := thing.get_px_size()) >= _LEAST_PIXELS:
            stored = raw.FPDFImageObj_GetImageDataRaw(thing, None, 0)
            yield thing.get_bounds(), f"{size[0]}x{size[1]}:{stored}"


def spots_of(images: Sequence[tuple[Box, str]], shapes: Sequence[Box], lines: Sequence[Words]) -> list[Spot]:
    """The page's figures from top to bottom. `images` are pictures with their keys, `shapes` what is drawn with lines."""
    captions = [n for n, line in enumerate(lines) if CAPTION.match(line.text)]
    free = set(captions)
    found: list[Spot] = []
    pictures = _merged([(box, key) for box, key in images if key != "form" and _area(box) < _BACKGROUND])
    for box, key in sorted(pictures, key=lambda one: one[0][1]):
        near = _nearest(box, lines, free)
        free.discard(near)
        caption = _whole(lines, near) if near >= 0 else _beneath(box, lines)
        if near >= 0 or _shows(box):
            found.append(Spot(box, key, caption, _within(box, lines)))
    taken = [spot.box for spot in found]
    forms = [box for box, key in images if key == "form"]
    for box in [*_large(forms), *_drawings(shapes, lines)] if free else ():
        near = _nearest(box, lines, free)
        if near >= 0 and not any(_shared(box, other) > 0 for other in taken):
            free.discard(near)
            found.append(Spot(box, "", _whole(lines, near), _within(box, lines)))
    return sorted(found, key=lambda spot: spot.box[1])


def _shows(box: Box) -> bool:
    """Whether a picture without a caption is more than a logo, an icon or a rule."""
    wide, high = box[2] - box[0], box[3] - box[1]
    thin = max(wide, high) > _THINNEST * min(wide, high)
    return _area(box) >= _LEAST_AREA and min(wide, high) >= _LEAST_SIDE and not thin


def _merged(pictures: Sequence[tuple[Box, str]]) -> list[tuple[Box, str]]:
    """Tiles of one picture, which touch each other along a side, as one; its key is theirs together."""
    merged: list[tuple[Box, str]] = []
    for box, key in sorted(pictures):
        touching = [one for one in merged if _touch(one[0], box)]
        for one in touching:
            merged.remove(one)
            box, key = _around([box, one[0]]), f"{one[1]}+{key}"[:200]
        merged.append((box, key))
    return merged


def _touch(one: Box, other: Box) -> bool:
    """Whether two boxes overlap, or lie edge to edge with the same ends."""
    across = min(one[2], other[2]) - max(one[0], other[0])
    down = min(one[3], other[3]) - max(one[1], other[1])
    if across > 0 and down > 0:
        return True
    same_sides = abs(one[0] - other[0]) < _TOUCHING and abs(one[2] - other[2]) < _TOUCHING
    same_ends = abs(one[1] - other[1]) < _TOUCHING and abs(one[3] - other[3]) < _TOUCHING
    return (same_sides and -_TOUCHING < down <= 0) or (same_ends and -_TOUCHING < across <= 0)


def _nearest(box: Box, lines: Sequence[Words], free: set[int]) -> int:
    """The nearest caption below a figure, or above it, whose words share its width; -1 where none is near."""
    best, place = _NEAR, -1
    for number in sorted(free):
        line = lines[number].box
        if min(line[2], box[2]) - max(line[0], box[0]) < 0.3 * min(line[2] - line[0], box[2] - box[0]):
            continue
        # below is where most captions stand: as far above counts as twice as far
        away = line[1] - box[3] if line[1] >= box[3] - 0.01 else 2 * (box[1] - line[3])
        if -0.03 <= away < best:
            best, place = max(away, 0.0), number
    return place


def _whole(lines: Sequence[Words], first: int) -> str:
    """A caption with its further lines: those that follow closely in the same type."""
    parts = [lines[first]]
    for line in lines[first + 1 : first + _CAPTION_LINES]:
        above = parts[-1].box
        high = above[3] - above[1]
        follows = -0.5 * high < line.box[1] - above[3] < 0.9 * high and abs(line.size - lines[first].size) < 0.3
        beside = line.box[0] > above[2] or line.box[2] < above[0]
        if not follows or beside or CAPTION.match(line.text) or parts[-1].text.endswith((".", ":")):
            break
        parts.append(line)
    return " ".join(" ".join(part.text for part in parts).split())[:_LONGEST_CAPTION]


def _beneath(box: Box, lines: Sequence[Words]) -> str:
    """Words right under a figure that are set apart as its caption: centred beneath it, on one line, with nothing close below."""
    middle = (box[0] + box[2]) / 2
    for number, line in enumerate(lines):
        x0, y0, x1, y1 = line.box
        high = y1 - y0
        under = -0.3 * high < y0 - box[3] < 1.8 * high
        if not under or abs((x0 + x1) / 2 - middle) > 0.02 or x1 - x0 > 0.8 * (box[2] - box[0]):
            continue
        close = (other for n, other in enumerate(lines) if n != number and abs(other.box[0] - x0) < 0.4)
        if not any(0 <= other.box[1] - y1 < 0.6 * high for other in close) and len(line.text) <= _LONGEST_CAPTION // 2:
            return line.text
    return ""


def _within(box: Box, lines: Sequence[Words]) -> str:
    inside = (line.text for line in lines if _shared(line.box, box) > 0.8 * max(_area(line.box), 1e-9))
    return " ".join(" ".join(inside).split())[:2000]


def _drawings(shapes: Sequence[Box], lines: Sequence[Words]) -> list[Box]:
    """Boxes around shapes that stand together: enough of them, over enough of the page, most of them not behind running text."""
    drawn = [box for box in shapes if _area(box) < _BACKGROUND and not _is_rule(box)][:_MOST_DRAWN]
    boxes = _large([_around(group) for group in _together(drawn) if len(group) >= _DRAWN_SHAPES])
    return [box for box in boxes if sum(len(line.text) for line in lines if _shared(line.box, box) > 0) < _PROSE]


def _large(boxes: Sequence[Box]) -> list[Box]:
    return [
        box for box in boxes
        if box[2] - box[0] >= _DRAWN_WIDE and box[3] - box[1] >= _DRAWN_HIGH and _area(box) < _BACKGROUND
    ]  # fmt: skip


def _is_rule(box: Box) -> bool:
    return box[2] - box[0] > 0.6 and box[3] - box[1] < 0.004


def _together(shapes: Sequence[Box]) -> list[list[Box]]:
    """Shapes in groups that touch on a coarse raster of the page."""
    cells: dict[tuple[int, int], list[int]] = {}
    for number, (x0, y0, x1, y1) in enumerate(shapes):
        for column in range(int(x0 * _ACROSS), int(x1 * _ACROSS) + 1):
            for row in range(int(y0 * _DOWN), int(y1 * _DOWN) + 1):
                cells.setdefault((column, row), []).append(number)
    groups: list[list[Box]] = []
    while cells:
        waiting, members = [next(iter(cells))], set[int]()
        while waiting:
            column, row = waiting.pop()
            here = cells.pop((column, row), None)
            if here is not None:
                members.update(here)
                waiting += [(column + i, row + j) for i in (-1, 0, 1) for j in (-1, 0, 1)]
        groups.append([shapes[number] for number in sorted(members)])
    return groups


def _around(boxes: Sequence[Box]) -> Box:
    x0, y0, x1, y1 = zip(*boxes, strict=True)
    return (min(x0), min(y0), max(x1), max(y1))


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def _shared(one: Box, other: Box) -> float:
    across = min(one[2], other[2]) - max(one[0], other[0])
    down = min(one[3], other[3]) - max(one[1], other[1])
    return across * down if across > 0 and down > 0 else 0.0
