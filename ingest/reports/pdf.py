"""PDF pages → lines with boxes (read by PDFium in a child process) → passages, each on one page with its box."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import msgspec
from PIL import Image

from ingest.ports import TextReader
from ingest.reports.passages import SIZE
from ingest.sandbox import Limits, run, run_as
from retrieval.errors import SourceRejected
from retrieval.types import Box

MAX_PAGES = 5000
# words take little, whatever the pages show; pictures of pages are made of scans of any size
_WORDS = Limits(wall_s=300, cpu_s=600, memory_bytes=512 << 20, output_bytes=1 << 30)
_PICTURES = Limits(wall_s=300, cpu_s=600, memory_bytes=3 << 30, output_bytes=1 << 30)
_OCR_PIXELS = 1600
_HEADING = 1.15
_SOFT_HYPHENS = ("\x02", "\xad", "￾")


class Line(msgspec.Struct, frozen=True):
    """A line of text, its box in fractions of the page, and its type size in points (0 where read by OCR)."""

    text: str
    box: Box
    size: float = 0.0


class Page(msgspec.Struct, frozen=True):
    """`number` counts from 1; `total` pages of the file."""

    number: int
    total: int
    title: str
    lines: list[Line]


class PagePassage(NamedTuple):
    """Lines of one page as text, joined by line breaks, with the box around them and the heading above."""

    text: str
    page: int
    box: Box
    heading: str


class PdfDocument(NamedTuple):
    title: str
    pages: list[Page]
    notes: tuple[str, ...]
    ocr_pages: frozenset[int]


def read_pdf(path: str, ocr: TextReader | None) -> PdfDocument:
    """Every page's lines; pages without a text layer are read by `ocr`.

    Raises SourceRejected: encrypted, unreadable, too_large, timeout, and no_text when no page has text that can be read.
    """
    pages = list(run_as(Page, f"{__name__}:text_pages", {"path": path}, _WORDS))
    bare = [page.number for page in pages if not page.lines]
    notes: tuple[str, ...] = ()
    if bare and ocr is not None:
        read = _read_pictures(path, bare, ocr)
        pages = [msgspec.structs.replace(page, lines=read.get(page.number, page.lines)) for page in pages]
    elif bare:
        notes = (f"{len(bare)} of {len(pages)} pages have no text layer and were not read",)
    if not any(page.lines for page in pages):
        how = "and OCR found none" if ocr else "and no text reader is configured"
        raise SourceRejected(f"no page has a text layer, {how}", kind="no_text")
    return PdfDocument(pages[0].title, pages, notes, frozenset(bare) if ocr is not None else frozenset())


def page_passages(pages: Sequence[Page], size: int = SIZE) -> Iterator[PagePassage]:
    """Group lines by layout: a passage ends at a heading, a change of column, a gap after enough text, or when it is full."""
    sizes = Counter[float]()
    for page in pages:
        for line in page.lines:
            sizes[round(line.size, 1)] += len(line.text)
    body = sizes.most_common(1)[0][0] if sizes else 0.0
    heading = ""
    for page in pages:
        group: list[Line] = []
        for line in page.lines:
            if group and _ends(group, line, body, size):
                yield _passage(group, page.number, heading)
                group = []
            if _is_heading(line, body):
                heading = _continued(heading, line.text, bool(group) and _is_heading(group[-1], body))
            group.append(line)
        if group:
            yield _passage(group, page.number, heading)


def _ends(group: Sequence[Line], line: Line, body: float, size: int) -> bool:
    length = sum(len(part.text) + 1 for part in group)
    if length + len(line.text) > size:
        return True
    if _is_heading(line, body):
        return not _is_heading(group[-1], body) and length > size // 5
    height = max(line.box[3] - line.box[1], 0.004)
    moved_up = line.box[1] < group[-1].box[1] - 2 * height
    gap = line.box[1] - group[-1].box[3] > 0.8 * height
    return (moved_up and length > size // 3) or (gap and length > 2 * size // 3)


def _is_heading(line: Line, body: float) -> bool:
    return body > 0 and line.size > body * _HEADING and len(line.text) < 150


def _continued(heading: str, line: str, same: bool) -> str:
    """A heading over several lines is one heading."""
    joined = f"{heading} {line}".strip()
    return joined if same and len(joined) <= 200 else line.strip()


def _passage(group: Sequence[Line], page: int, heading: str) -> PagePassage:
    text = ""
    for line in group:
        joined = text.endswith(_SOFT_HYPHENS)
        text = text[:-1] + line.text if joined else f"{text}\n{line.text}" if text else line.text
    for mark in _SOFT_HYPHENS:
        text = text.replace(mark, "-" if mark == "\x02" else "")
    x0, y0, x1, y1 = zip(*(line.box for line in group), strict=True)
    return PagePassage(text, page, (min(x0), min(y0), max(x1), max(y1)), heading)


def _read_pictures(path: str, numbers: Sequence[int], ocr: TextReader) -> dict[int, list[Line]]:
    pictures = run(f"{__name__}:pictures", {"path": path, "pages": list(numbers)}, _PICTURES)
    found = {}
    for number, picture in zip(numbers, pictures, strict=True):
        with Image.open(io.BytesIO(picture)) as image:
            found[number] = [Line(text, box) for text, box in ocr.lines(image.convert("RGB")) if text.strip()]
    return found


# --- in the child ---------------------------------------------------------------------------------------------------


def text_pages(args: dict[str, Any]) -> Iterator[Page]:
    """Every page's lines. Raises SourceRejected."""
    document = _open(args["path"])
    total = len(document)
    if total > MAX_PAGES:
        raise SourceRejected(f"{total} pages; at most {MAX_PAGES} are read", kind="too_large")
    title = str(document.get_metadata_dict().get("Title") or "").strip()
    for index in range(total):
        page = document[index]
        yield Page(index + 1, total, title, _lines(page))
        page.close()


def pictures(args: dict[str, Any]) -> Iterator[bytes]:
    """The asked pages (from 1) as PNG, the longer side 1600 pixels."""
    document = _open(args["path"])
    for number in args["pages"]:
        page = document[number - 1]
        image = page.render(scale=_OCR_PIXELS / max(*page.get_size(), 1.0)).to_pil()
        out = io.BytesIO()
        image.convert("RGB").save(out, "PNG")
        page.close()
        yield out.getvalue()


def _open(path: str) -> Any:
    import pypdfium2

    try:
        document = pypdfium2.PdfDocument(path)
    except pypdfium2.PdfiumError as problem:
        if "password" in str(problem).lower():
            raise SourceRejected("the pdf is encrypted and needs a password", kind="encrypted") from problem
        raise SourceRejected(f"not a readable pdf: {problem}", kind="unreadable") from problem
    if len(document) == 0:
        raise SourceRejected("the pdf has no pages", kind="empty")
    return document


def _lines(page: Any) -> list[Line]:
    """Characters up to each line end, with the union of their boxes."""
    from ctypes import byref, c_double

    from pypdfium2 import raw

    text = page.get_textpage()
    frame, turn = page.get_cropbox(), page.get_rotation()
    edges = [c_double() for _ in range(4)]
    lines: list[Line] = []
    letters: list[str] = []
    boxes: list[tuple[float, float, float, float]] = []
    size = 0.0
    for index in range(text.count_chars()):
        letter = chr(raw.FPDFText_GetUnicode(text, index))
        if letter in "\r\n":
            lines += _line(letters, boxes, size, frame, turn)
            letters, boxes, size = [], [], 0.0
            continue
        letters.append(letter)
        if not letter.isspace() and raw.FPDFText_GetCharBox(text, index, *(byref(edge) for edge in edges)):
            left, right, bottom, top = (edge.value for edge in edges)
            boxes.append((left, bottom, right, top))
            size = size or _type_size(text, index)
    return lines + _line(letters, boxes, size, frame, turn)


def _type_size(text: Any, index: int) -> float:
    """The height of the letter's line box: the type size as shown, whatever the page's matrix does to the font's own."""
    from ctypes import byref

    from pypdfium2 import raw

    box = raw.FS_RECTF()
    return abs(box.top - box.bottom) if raw.FPDFText_GetLooseCharBox(text, index, byref(box)) else 0.0


def _line(
    letters: Sequence[str],
    boxes: Sequence[tuple[float, float, float, float]],
    size: float,
    frame: tuple[float, float, float, float],
    turn: int,
) -> list[Line]:
    joined = "".join(letters).encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    text = joined.replace("\0", "").strip()
    if not text or not boxes:
        return []
    left, bottom, right, top = zip(*boxes, strict=True)
    return [Line(text, _fraction((min(left), min(bottom), max(right), max(top)), frame, turn), round(size, 2))]


def _fraction(box: tuple[float, float, float, float], frame: tuple[float, float, float, float], turn: int) -> Box:
    """PDF points (origin bottom left, before the page is turned) → fractions of the page as shown, origin top left."""
    wide, high = max(frame[2] - frame[0], 1e-6), max(frame[3] - frame[1], 1e-6)
    x0, x1 = ((x - frame[0]) / wide for x in (box[0], box[2]))
    y0, y1 = (1 - (y - frame[1]) / high for y in (box[3], box[1]))
    for _ in range(turn // 90 % 4):  # a quarter turn clockwise takes (x, y) to (1 - y, x)
        x0, y0, x1, y1 = 1 - y1, x0, 1 - y0, x1
    a, b, c, d = (round(min(1.0, max(0.0, v)), 5) for v in (x0, y0, x1, y1))
    return (a, b, max(a, c), max(b, d))
