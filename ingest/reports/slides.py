"""Slides (.pptx) → one text a slide: title, what stands on it from top to bottom, tables and charts as rows, notes; and pictures.

Read by python-pptx, in a child process of each file's own: it loads every part of the show, films included.
"""

from __future__ import annotations

import re
import zipfile
from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

from ingest.reports.archive import check_office
from ingest.reports.figures import CAPTION
from ingest.reports.raster import MOST_FIGURES, REPEATED, Picture, jpeg_of
from ingest.sandbox import Limits, run_as
from retrieval.errors import SourceRejected
from retrieval.types import Box

MAX_SLIDES = 5000
_LIMITS = Limits(wall_s=120, cpu_s=120, memory_bytes=1 << 30, output_bytes=128 << 20)
_DEEPEST = 20
# characters and pictures by which title, day and language are told
_OPENING, _OPENING_PICTURES = 1 << 16, 16


class Slide(msgspec.Struct, frozen=True):
    """`number` counts from 1, hidden slides included; `document` is the title in the file's properties; paragraphs by blank lines."""

    number: int
    document: str
    title: str
    text: str
    notes: tuple[str, ...] = ()
    pictures: tuple[Picture, ...] = ()


class Show:
    """Slides as they come. `title` is that of the file's properties, else the first of a slide; `text` the opening, of 65,536
    characters and more, or all of it where it is `whole`.
    """

    def __init__(self, slides: Generator[Slide, None, None]) -> None:
        """Raises SourceRejected as the child says, and no_text where no slide has any."""
        self._slides = slides
        self._waiting: list[Slide] = []
        self.whole = self._begin()
        self.text = "\n".join(slide.text for slide in self._waiting if slide.text or slide.pictures)
        named = next((slide.title for slide in self._waiting if slide.title), "")
        self.title = (self._waiting[0].document if self._waiting else "") or named
        if self.whole and not any(slide.text for slide in self._waiting):
            raise _without_text()

    def __iter__(self) -> Iterator[Slide]:
        """Slides that hold something, once. Raises SourceRejected; no_text after the last, where all were pictures."""
        told = False
        with closing(self._slides):
            for slide in self._rest():
                told = told or bool(slide.text)
                if slide.text or slide.pictures:
                    yield slide
        if not told:
            raise _without_text()

    def _begin(self) -> bool:
        """Whether the opening is all there is."""
        letters = pictures = 0
        for slide in self._slides:
            self._waiting.append(slide)
            letters += len(slide.text)
            pictures += len(slide.pictures)
            if letters >= _OPENING or pictures >= _OPENING_PICTURES:
                return False
        return True

    def _rest(self) -> Iterator[Slide]:
        waiting, self._waiting = self._waiting, []
        yield from waiting
        del waiting
        yield from self._slides


def read_slides(path: str) -> Show:
    """The slides, begun. Raises SourceRejected: encrypted, unreadable, too_large, timeout, no_text (slides of pictures only)."""
    return Show(run_as(Slide, f"{__name__}:slides", {"path": path}, _LIMITS))


def _without_text() -> SourceRejected:
    return SourceRejected("no slide has text; slides of pictures only are not read", kind="no_text")


# --- in the child ---------------------------------------------------------------------------------------------------


def slides(args: dict[str, Any]) -> Iterator[Slide]:
    """Every slide, in order. Raises SourceRejected."""
    show = _open(Path(args["path"]))
    if len(show.slides) > MAX_SLIDES:
        raise SourceRejected(f"{len(show.slides)} slides; at most {MAX_SLIDES} are read", kind="too_large")
    document = " ".join((show.core_properties.title or "").split())
    # what the library calls a new presentation that nobody named
    document = "" if document == "PowerPoint Presentation" else document
    gallery = _Gallery(show)
    for number, slide in enumerate(show.slides, start=1):
        yield _slide(slide, number, document, gallery)


def _open(path: Path) -> Any:
    import pptx
    from pptx.exc import PythonPptxError

    check_office(path)
    try:
        return pptx.Presentation(str(path))
    # lxml's complaints about markup are SyntaxErrors
    except (PythonPptxError, zipfile.BadZipFile, SyntaxError, KeyError, ValueError, AttributeError) as problem:
        # the library's own words carry a path of this machine
        raise SourceRejected("not a readable pptx: damaged, or not a PowerPoint document") from problem


class _Gallery:
    """Takes pictures off slides, as many as are kept; one that is on three slides or more is a logo."""

    def __init__(self, show: Any) -> None:
        self._wide, self._high = show.slide_width or 1, show.slide_height or 1
        self._left = MOST_FIGURES
        used = (relation for slide in show.slides for relation in slide.part.rels.values() if not relation.is_external)
        self._times = Counter(str(relation.target_part.partname) for relation in used)

    def of(self, shapes: Sequence[Any]) -> tuple[Picture, ...]:
        return tuple(picture for shape in shapes if (picture := self._picture(shape, shapes)) is not None)

    def _picture(self, shape: Any, shapes: Sequence[Any]) -> Picture | None:
        embedded = getattr(shape._element, "blip_rId", None)
        if embedded is None or self._left <= 0:
            return None
        part = shape.part.related_part(embedded)
        jpeg = jpeg_of(part.blob) if self._times[str(part.partname)] < REPEATED else None
        if jpeg is None:
            return None
        self._left -= 1
        return Picture(jpeg, _caption(shape, shapes), self._box(shape))

    def _box(self, shape: Any) -> Box:
        left, top = (shape.left or 0) / self._wide, (shape.top or 0) / self._high
        right, bottom = left + (shape.width or 0) / self._wide, top + (shape.height or 0) / self._high
        x0, y0, x1, y1 = (round(min(1.0, max(0.0, edge)), 5) for edge in (left, top, right, bottom))
        return (x0, y0, x1, y1)


def _caption(shape: Any, shapes: Sequence[Any]) -> str:
    """Words next below the picture that say "Figure 3", else what the author said of it; file names say nothing."""
    low = (shape.top or 0) + (shape.height or 0)
    texts = [other for other in shapes if other.has_text_frame and CAPTION.match(other.text_frame.text.strip())]
    if texts:
        near = min(texts, key=lambda other: abs((other.top or 0) - low))
        return " ".join(near.text_frame.text.split())
    told = " ".join(str(shape._element.xpath("string(.//p:cNvPr/@descr)")).split())
    return "" if re.fullmatch(r"\S+\.\w{2,4}", told) else told


def _slide(slide: Any, number: int, document: str, gallery: _Gallery) -> Slide:
    title = slide.shapes.title
    shapes = [shape for shape in _shapes(slide.shapes, _DEEPEST) if title is None or shape.shape_id != title.shape_id]
    named = " ".join(title.text_frame.text.split()) if title is not None else ""
    parts = [named, *(text for shape in shapes for text in _texts(shape))]
    if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
        spoken = slide.notes_slide.notes_text_frame.text.strip()
        parts += [f"Speaker's notes: {spoken}"] if spoken else []
    text = "\n\n".join(part for part in parts if part)
    pictures = gallery.of(shapes)
    return Slide(number, document, named, text, _noted(slide, shapes, len(pictures)), pictures)


def _noted(slide: Any, shapes: Iterable[Any], kept: int) -> tuple[str, ...]:
    from pptx.enum.shapes import MSO_SHAPE_TYPE

    hidden = ("the slide is hidden in its show",) if slide._element.get("show") in ("0", "false") else ()
    left = sum(shape.shape_type == MSO_SHAPE_TYPE.PICTURE for shape in shapes) - kept
    return (*hidden, *((f"pictures on the slide, not kept: {left}",) if left > 0 else ()))


def _shapes(shapes: Iterable[Any], deepest: int) -> Iterator[Any]:
    """Shapes from top to bottom, then left to right; those of a group where the group stands."""
    for shape in sorted(shapes, key=lambda shape: (shape.top or 0, shape.left or 0)):
        if hasattr(shape, "shapes"):
            if deepest == 0:
                raise SourceRejected(f"groups on a slide lie more than {_DEEPEST} deep", kind="too_large")
            yield from _shapes(shape.shapes, deepest - 1)
        else:
            yield shape


def _texts(shape: Any) -> Iterator[str]:
    if shape.has_text_frame:
        yield "\n".join(" ".join(line.text.split()) for line in shape.text_frame.paragraphs if line.text.strip())
    elif getattr(shape, "has_table", False):
        yield "\n".join(_row(row) for row in shape.table.rows)
    elif getattr(shape, "has_chart", False):
        yield "\n".join(_chart_rows(shape.chart))


def _row(row: Any) -> str:
    return " | ".join(" ".join(cell.text.split()) for cell in row.cells if not cell.is_spanned)


def _chart_rows(chart: Any) -> Iterator[str]:
    """ "category | value | …" under the names of the series, as the chart stores them."""
    if chart.has_title and chart.chart_title.has_text_frame:
        yield chart.chart_title.text_frame.text
    for plot in chart.plots:
        series = list(plot.series)
        yield " | ".join(("", *(one.name for one in series)))
        for index, category in enumerate(plot.categories):
            values = (one.values[index] if index < len(one.values) else None for one in series)
            yield " | ".join((str(category), *("" if value is None else f"{value:g}" for value in values)))
