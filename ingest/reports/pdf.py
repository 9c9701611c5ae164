"""PDF pages → lines with boxes (read by PDFium in a child process) → passages, each on one page with its box."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import msgspec
from PIL import Image

from ingest.ports import TextReader
from ingest.reports.page import Line, page_lines
from ingest.reports.passages import SIZE
from ingest.reports.ruled import Names
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
    if line.row or group[-1].row:  # a row is a passage of its own
        return True
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
    return body > 0 and not line.row and line.size > body * _HEADING and len(line.text) < 150


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
    names: Names | None = None
    for index in range(total):
        page = document[index]
        letters, names = page_lines(page, names)
        yield Page(index + 1, total, title, letters)
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
