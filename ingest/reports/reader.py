"""Reports, manuals and logs → passages with their place, their headings and, where the document says so, their day."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ingest.media_types import DOCUMENTS, PDF
from ingest.ports import Batch, Draft, Item, TextReader
from ingest.reports.dates import Dated, document_date, heading_date
from ingest.reports.markup import read_document
from ingest.reports.passages import passages
from ingest.reports.pdf import page_passages, read_pdf
from ingest.timestamps import Clock
from retrieval.errors import SourceRejected
from retrieval.types import CharSpan, Coverage, Kind, Layer, PageBox

READER = "report-reader@1"
_BATCH = 200
_OPENING_PAGES = 4


class ReportReader:
    """pdf, docx, md, html and txt. `ocr` reads pdf pages that are only pictures; without it such a pdf is rejected (no_text)."""

    name = "reports"

    def __init__(self, ocr: TextReader | None = None) -> None:
        self._ocr = ocr
        self.version = "1" + (f"+{ocr.name}" if ocr else "")

    def accepts(self, item: Item) -> bool:
        return item.media_type in DOCUMENTS

    def read(self, item: Item, tenant: str) -> Iterator[Batch]:
        """Raises SourceRejected (encrypted, no_text, empty, unreadable, too_large, timeout) before the first batch."""
        drafts, dated = self._pdf(item) if item.media_type == PDF else _document(item)
        if not drafts:
            raise SourceRejected("the document holds no text", kind="empty")
        coverage = Coverage(
            source=item.uri, subject=item.uri, layer=Layer.EXAMINED, tenant=tenant, by=READER, able={"text": 0.0},
            valid=dated.valid if dated else None,
        )  # fmt: skip
        for start in range(0, len(drafts), _BATCH):
            yield Batch(drafts[start : start + _BATCH], [coverage] if start == 0 else ())

    def _pdf(self, item: Item) -> tuple[list[Draft], Dated | None]:
        document = read_pdf(str(item.path), self._ocr)
        opening = "\n".join(line.text for page in document.pages[:_OPENING_PAGES] for line in page.lines)
        dated = document_date(item.name, opening, Clock(item.policy), document.title)
        title = document.title or _stem(item)
        models = {"text": self._ocr.name} if self._ocr else {}
        notes = (*document.notes, *((dated.note,) if dated else ()))
        drafts = [
            Draft(
                Kind.PASSAGE, PageBox(part.page, part.box), part.text, dated.valid if dated else None,
                data=_data(title, part.heading), models=models if part.page in document.ocr_pages else {}, notes=notes,
                embed=_embedded(title, part.heading, part.text),
            )
            for part in page_passages(document.pages) if part.text.strip()
        ]  # fmt: skip
        return drafts, dated


def _document(item: Item) -> tuple[list[Draft], Dated | None]:
    document = read_document(item)
    clock = Clock(item.policy)
    whole = document_date(item.name, document.text, clock, document.title)
    title = document.title or _stem(item)
    drafts = []
    for part in passages(document.text, document.sections):
        dated = _section_date(part.path, clock) or whole
        heading = " > ".join(part.path)
        drafts.append(
            Draft(
                Kind.PASSAGE, CharSpan(part.start, part.end, heading), part.text, dated.valid if dated else None,
                data=_data(title, heading), notes=(*document.notes, *((dated.note,) if dated else ())),
                embed=_embedded(title, heading, part.text),
            )
        )  # fmt: skip
    return drafts, whole


def _section_date(path: tuple[str, ...], clock: Clock) -> Dated | None:
    """The day of the innermost heading that names one."""
    return next((dated for heading in reversed(path) if (dated := heading_date(heading, clock))), None)


def _data(title: str, heading: str) -> dict[str, Any]:
    return {key: value for key, value in (("title", title), ("heading", heading)) if value}


def _embedded(title: str, heading: str, text: str) -> str:
    """What is encoded: the headings give a passage the subject that its own words may leave out."""
    above = heading if heading.startswith(title) or not title else f"{title} > {heading}" if heading else title
    return f"{above}\n{text}" if above else text


def _stem(item: Item) -> str:
    return Path(item.name).stem.replace("_", " ")
