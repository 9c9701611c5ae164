"""PDF pages → lines with boxes (read by PDFium in a child process) → passages and figures, each on one page with its box.

Pages come as they are read: of a long document a few dozen are held at a time.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from itertools import chain, islice
from typing import Any, NamedTuple

import msgspec
from PIL import Image, ImageStat

from ingest.ports import TextReader
from ingest.reports.figures import Spot
from ingest.reports.page import Carried, Line, see
from ingest.reports.passages import SIZE
from ingest.sandbox import Limits, run, run_as
from retrieval.errors import SourceRejected
from retrieval.pictures import jpeg
from retrieval.types import Box

MAX_PAGES = 5000
# words take little, whatever the pages show; pictures of pages are made of scans of any size
_WORDS = Limits(wall_s=300, cpu_s=600, memory_bytes=512 << 20, output_bytes=1 << 30)
_PICTURES = Limits(wall_s=300, cpu_s=600, memory_bytes=1536 << 20, output_bytes=1 << 30)
_FIGURES = Limits(wall_s=120, cpu_s=300, memory_bytes=1 << 30, output_bytes=512 << 20)
_OCR_PIXELS, _FIGURE_PIXELS, _PAGE_PIXELS = 1600, 1280, 3600
# a scan of 60 cm by 84 cm at 300 dots an inch has 70 million
_MOST_PIXELS = 100_000_000
_HEADING = 1.15
_SOFT_HYPHENS = ("\x02", "\xad", "￾")
# pages read before their type sizes are compared, and between two looks at those that need reading as pictures
OPENING, _AT_ONCE = 64, 32
_BLANK = 3.0
_REPEATED = 3


class Budget(NamedTuple):
    """What is spent on one document at most: pages read as pictures, figures kept, figures in which words are looked for."""

    pages: int = 500
    figures: int = 300
    figures_read: int = 60


class Page(msgspec.Struct, frozen=True):
    """`number` counts from 1; `total` pages of the file. `how` its lines were found: "" in the text, "ocr", "unread"."""

    number: int
    total: int
    title: str
    lines: list[Line]
    spots: list[Spot] = []
    how: str = ""


class PagePassage(NamedTuple):
    """Lines of one page as text, joined by line breaks, with the box around them and the heading above."""

    text: str
    page: int
    box: Box
    heading: str


class Placed(NamedTuple):
    """A figure, its page, and the page's heading."""

    spot: Spot
    page: int
    heading: str


class Count(NamedTuple):
    """Pages that were read as pictures, and that could have been but were not: the budget was spent, or nothing reads pictures."""

    total: int = 0
    ocr: int = 0
    unread: int = 0
    budgeted: int = 0

    def told(self) -> tuple[str, ...]:
        if self.budgeted:
            return (
                f"{self.unread} of {self.total} pages are pictures and were not read: the budget of {self.ocr} is spent",
            )
        if self.unread:
            return (f"{self.unread} of {self.total} pages have no text layer and were not read",)
        return ()


class PdfPages:
    """The pages of a file, in order, and then its figures. `count` and `by_ocr` (page numbers) grow as they are read."""

    def __init__(self, path: str, ocr: TextReader | None, budget: Budget) -> None:
        self._path, self._ocr, self._budget = path, ocr, budget
        self.count = Count()
        self.by_ocr: set[int] = set()
        self._figures: dict[int, list[Placed]] = {}

    def __iter__(self) -> Iterator[Page]:
        """Raises SourceRejected: encrypted, unreadable, too_large, timeout, and no_text when no page has text that can be read."""
        told = False
        with closing(run_as(Page, f"{__name__}:text_pages", {"path": self._path}, _WORDS)) as pages:
            while window := list(islice(pages, _AT_ONCE)):
                for page in self._read(window):
                    told = told or bool(page.lines)
                    if page.spots and not page.how:
                        self._figures[page.number] = [Placed(spot, page.number, "") for spot in page.spots]
                    yield page
        if not told:
            how = "and OCR found none" if self._ocr else "and no text reader is configured"
            raise SourceRejected(f"no page has a text layer, {how}", kind="no_text")

    def _read(self, pages: Sequence[Page]) -> list[Page]:
        """The pages; those without a text layer as far as they can be read as pictures."""
        bare = [page.number for page in pages if not page.lines]
        left = max(0, self._budget.pages - self.count.ocr) if self._ocr else 0
        read = _read_pictures(self._path, bare[:left], self._ocr) if self._ocr and bare[:left] else {}
        over = len(bare) - left if self._ocr and len(bare) > left else 0
        count = self.count
        self.count = Count(
            pages[0].total, count.ocr + len(read), count.unread + len(bare) - len(read), count.budgeted + over
        )
        how = {number: "ocr" if number in read else "unread" for number in bare}
        self.by_ocr.update(read)
        return [
            msgspec.structs.replace(page, lines=read.get(page.number, page.lines), how=how.get(page.number, ""))
            for page in pages
        ]

    def under(self, passage: PagePassage) -> None:
        """Figures of the passage's page from its top on, and those above all passages, stand under its heading."""
        placed = self._figures.get(passage.page, [])
        for number, one in enumerate(placed):
            if not one.heading or passage.box[1] <= one.spot.box[1]:
                placed[number] = one._replace(heading=passage.heading)

    def pictures(self) -> Iterator[tuple[Placed, bytes]]:
        """Each figure as JPEG. What stands on three pages or more is a letterhead or an icon. Raises SourceRejected."""
        figures = [one for placed in self._figures.values() for one in placed]
        shown = Counter(key for key, _ in {(one.spot.key, one.page) for one in figures if one.spot.key})
        kept = [one for one in figures if shown[one.spot.key] < _REPEATED][: self._budget.figures]
        if not kept:
            return
        order = {"path": self._path, "places": [(one.page, one.spot.box) for one in kept]}
        with closing(run(f"{__name__}:cuttings", order, _FIGURES)) as cut:
            for one, jpeg in zip(kept, cut, strict=True):
                if jpeg:
                    yield one, jpeg


def page_passages(pages: Iterable[Page], size: int = SIZE) -> Iterator[PagePassage]:
    """Group lines by layout: a passage ends at a heading, a change of column, a gap after enough text, or when it is full.

    The size of the body's type is that of the first 64 pages.
    """
    pages = iter(pages)
    opening = list(islice(pages, OPENING))
    body = body_size(opening)
    heading = ""
    for page in chain(opening, pages):
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


def body_size(pages: Iterable[Page]) -> float:
    """The type size in points in which most letters are set; 0 where none is known."""
    sizes = Counter[float]()
    for page in pages:
        for line in page.lines:
            sizes[round(line.size, 1)] += len(line.text)
    return sizes.most_common(1)[0][0] if sizes else 0.0


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
    """The lines of pages of which a picture could be made. Raises SourceRejected."""
    found = {}
    with closing(run(f"{__name__}:pictures", {"path": path, "pages": list(numbers)}, _PICTURES)) as pictures:
        for number, picture in zip(numbers, pictures, strict=True):
            if not picture:
                continue
            with Image.open(io.BytesIO(picture)) as image:
                found[number] = [Line(text, box) for text, box in ocr.lines(image.convert("RGB")) if text.strip()]
    return found


# --- in the child ---------------------------------------------------------------------------------------------------


def text_pages(args: dict[str, Any]) -> Iterator[Page]:
    """Every page's lines and figures. Raises SourceRejected."""
    document = _open(args["path"])
    total = len(document)
    if total > MAX_PAGES:
        raise SourceRejected(f"{total} pages; at most {MAX_PAGES} are read", kind="too_large")
    title = str(document.get_metadata_dict().get("Title") or "").strip()
    carried = Carried()
    for index in range(total):
        page = document[index]
        lines, spots, carried = see(page, carried)
        yield Page(index + 1, total, title, lines, spots)
        page.close()


def pictures(args: dict[str, Any]) -> Iterator[bytes]:
    """The asked pages (from 1) as PNG, the longer side 1600 pixels; nothing for one that shows more pixels than may be decoded."""
    document = _open(args["path"])
    for number in args["pages"]:
        page = document[number - 1]
        if _decodable(page):
            out = io.BytesIO()
            _drawn(page, _OCR_PIXELS / max(*page.get_size(), 1.0)).save(out, "PNG")
            yield out.getvalue()
        else:
            yield b""
        page.close()


def cuttings(args: dict[str, Any]) -> Iterator[bytes]:
    """The asked (page, box) as JPEG, the longer side at most 1280 pixels; nothing for one that is blank or may not be decoded."""
    document = _open(args["path"])
    for number, box in args["places"]:
        page = document[number - 1]
        yield _cutting(page, box) if _decodable(page) else b""
        page.close()


def _cutting(page: Any, box: Sequence[float]) -> bytes:
    wide, high = page.get_size()
    longer = max((box[2] - box[0]) * wide, (box[3] - box[1]) * high, 1.0)
    image = _drawn(page, min(_FIGURE_PIXELS / longer, _PAGE_PIXELS / max(wide, high, 1.0)))
    edges = (box[0] * image.width, box[1] * image.height, box[2] * image.width, box[3] * image.height)
    part = image.crop((int(edges[0]), int(edges[1]), int(edges[2]) + 1, int(edges[3]) + 1))
    if max(ImageStat.Stat(part.convert("L")).stddev) < _BLANK:
        return b""
    return jpeg(part)


def _drawn(page: Any, scale: float) -> Image.Image:
    image: Image.Image = page.render(scale=scale).to_pil().convert("RGB")
    return image


def _decodable(page: Any) -> bool:
    """Whether the pictures on a page have no more pixels than may be decoded, by what their heads say."""
    from pypdfium2 import raw

    sizes = (thing.get_px_size() for thing in page.get_objects(filter=(raw.FPDF_PAGEOBJ_IMAGE,), max_depth=4))
    return sum(int(wide) * int(high) for wide, high in sizes) <= _MOST_PIXELS


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
