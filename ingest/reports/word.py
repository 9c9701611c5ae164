"""Word documents (.docx) → their paragraphs, tables and figures in order. Read by python-docx, in the child process."""

from __future__ import annotations

import re
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ingest.reports.archive import check_office
from ingest.reports.figures import CAPTION
from ingest.reports.passages import Piece, block
from ingest.reports.raster import MOST_FIGURES, REPEATED, Picture, jpeg_of
from retrieval.errors import SourceRejected


def parts(args: dict[str, Any]) -> Iterator[Piece | Picture]:
    """A table gives one block a row, its cells joined by " | ". Raises SourceRejected."""
    import docx
    from docx.opc.exceptions import PackageNotFoundError
    from docx.table import Table

    path = Path(args["path"])
    check_office(path)
    try:
        document = docx.Document(str(path))
    # lxml's complaints about markup are SyntaxErrors
    except (PackageNotFoundError, zipfile.BadZipFile, SyntaxError, KeyError, ValueError) as problem:
        # the library's own words carry a path of this machine
        raise SourceRejected("not a readable docx: damaged, or not a Word document", kind="unreadable") from problem
    text = _Running(document)
    for part in document.iter_inner_content():
        if isinstance(part, Table):
            yield from _table_rows(part)
        else:
            yield from text.paragraph(part)
    yield from text.end()


class _Styles:
    """Names of paragraph styles. Looking one up in the document takes milliseconds: each is looked up once."""

    def __init__(self) -> None:
        self._names: dict[str | None, str] = {}

    def of(self, paragraph: Any) -> str:
        key = paragraph._p.style
        if key not in self._names:
            self._names[key] = str(paragraph.style.name) if paragraph.style is not None else ""
        return self._names[key]


class _Running:
    """Running text, in which pictures stand with their captions: the paragraph after them, or the one before."""

    def __init__(self, document: Any) -> None:
        self._styles = _Styles()
        self._parts = document.part.related_parts
        self._times = Counter(str(name) for name in document.element.body.xpath(".//a:blip/@r:embed"))
        self._waiting: list[bytes] = []
        self._above = ""
        self._made = 0

    def paragraph(self, part: Any) -> Iterator[Piece | Picture]:
        text, style = part.text.strip(), self._styles.of(part)
        caption = text if text and _is_caption(style, text) else ""
        if text and self._waiting and not caption:
            yield from self._pictures(self._above)
        if text:
            yield from block(text, _level(style))
        if caption and self._waiting:
            yield from self._pictures(caption)
        elif text:
            self._above = caption
        self._waiting += self._jpegs(part)

    def end(self) -> Iterator[Picture]:
        yield from self._pictures(self._above)

    def _pictures(self, caption: str) -> Iterator[Picture]:
        yield from (Picture(jpeg, caption) for jpeg in self._waiting)
        self._waiting, self._above = [], ""

    def _jpegs(self, paragraph: Any) -> Iterator[bytes]:
        for name in paragraph._p.xpath(".//a:blip/@r:embed"):
            part = self._parts.get(str(name))
            if self._made >= MOST_FIGURES or self._times[str(name)] >= REPEATED or part is None:
                continue
            jpeg = jpeg_of(part.blob)
            if jpeg is not None:
                self._made += 1
                yield jpeg


def _is_caption(style: str, text: str) -> bool:
    return style.lower().startswith("caption") or CAPTION.match(text) is not None


def _table_rows(table: Any) -> Iterator[Piece]:
    for row in table.rows:
        cells: list[Any] = []
        for cell in row.cells:  # a merged cell is listed once for each column it spans
            if not cells or cell._tc is not cells[-1]._tc:
                cells.append(cell)
        text = " | ".join(" ".join(cell.text.split()) for cell in cells)
        if text.strip(" |"):
            yield from block(text)


def _level(style: str) -> int:
    found = re.fullmatch(r"[Hh]eading (\d)", style)
    return int(found[1]) + 1 if found else 1 if style == "Title" else 0
