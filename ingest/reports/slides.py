"""Slides (.pptx) → one text a slide: its title, what stands on it from top to bottom, tables and charts as rows, the notes.

Read by python-pptx in a child process.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from ingest.reports.archive import check_office
from ingest.sandbox import Limits, run_as
from retrieval.errors import SourceRejected

MAX_SLIDES = 5000
_LIMITS = Limits(wall_s=120, cpu_s=120, memory_bytes=1 << 30, output_bytes=128 << 20)
_DEEPEST = 20


class Slide(msgspec.Struct, frozen=True):
    """`number` counts from 1, hidden slides included; `document` is the title in the file's properties; paragraphs by blank lines."""

    number: int
    document: str
    title: str
    text: str
    notes: tuple[str, ...] = ()


class Show(NamedTuple):
    """`title` is that of the file's properties, else the first slide's."""

    title: str
    slides: list[Slide]


def read_slides(path: str) -> Show:
    """Slides with text on them. Raises SourceRejected: encrypted, unreadable, too_large, timeout, no_text (slides of pictures only)."""
    slides = list(run_as(Slide, f"{__name__}:slides", {"path": path}, _LIMITS))
    told = [slide for slide in slides if slide.text]
    if not told:
        raise SourceRejected("no slide has text; pictures on slides are not read", kind="no_text")
    return Show(slides[0].document or next((slide.title for slide in slides if slide.title), ""), told)


# --- in the child ---------------------------------------------------------------------------------------------------


def slides(args: dict[str, Any]) -> Iterator[Slide]:
    """Every slide, in order. Raises SourceRejected."""
    show = _open(Path(args["path"]))
    if len(show.slides) > MAX_SLIDES:
        raise SourceRejected(f"{len(show.slides)} slides; at most {MAX_SLIDES} are read", kind="too_large")
    document = " ".join((show.core_properties.title or "").split())
    # what the library calls a new presentation that nobody named
    document = "" if document == "PowerPoint Presentation" else document
    for number, slide in enumerate(show.slides, start=1):
        yield _slide(slide, number, document)


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


def _slide(slide: Any, number: int, document: str) -> Slide:
    title = slide.shapes.title
    shapes = [shape for shape in _shapes(slide.shapes, _DEEPEST) if title is None or shape.shape_id != title.shape_id]
    named = " ".join(title.text_frame.text.split()) if title is not None else ""
    parts = [named, *(text for shape in shapes for text in _texts(shape))]
    if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
        spoken = slide.notes_slide.notes_text_frame.text.strip()
        parts += [f"Speaker's notes: {spoken}"] if spoken else []
    return Slide(number, document, named, "\n\n".join(part for part in parts if part), _noted(slide, shapes))


def _noted(slide: Any, shapes: Iterable[Any]) -> tuple[str, ...]:
    from pptx.enum.shapes import MSO_SHAPE_TYPE

    hidden = ("the slide is hidden in its show",) if slide._element.get("show") in ("0", "false") else ()
    pictures = sum(shape.shape_type == MSO_SHAPE_TYPE.PICTURE for shape in shapes)
    return (*hidden, *((f"pictures on the slide, not read: {pictures}",) if pictures else ()))


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
