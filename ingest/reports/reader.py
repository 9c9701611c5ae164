"""Reports, manuals and logs → passages with their place, their headings and, where the document says so, their day."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ingest.media_types import DOCUMENTS, PDF, PPTX
from ingest.ports import Batch, Draft, Item, TextReader
from ingest.reports.dates import Dated, document_date, heading_date
from ingest.reports.language import language
from ingest.reports.markup import Document, read_document
from ingest.reports.passages import Section, passages
from ingest.reports.pdf import page_passages, read_pdf
from ingest.reports.slides import read_slides
from ingest.timestamps import Clock
from retrieval.errors import SourceRejected
from retrieval.types import CharSpan, Coverage, Kind, Layer, PageBox

READER = "report-reader@1"
_BATCH = 200
_OPENING_PAGES = 4


class ReportReader:
    """pdf, pptx, docx, eml, md, html and txt. `ocr` reads pdf pages that are only pictures; without it such a pdf is rejected (no_text)."""

    name = "reports"

    def __init__(self, ocr: TextReader | None = None) -> None:
        self._ocr = ocr
        self.version = "2" + (f"+{ocr.name}" if ocr else "")

    def accepts(self, item: Item) -> bool:
        return item.media_type in DOCUMENTS

    def read(self, item: Item, tenant: str) -> Iterator[Batch]:
        """Raises SourceRejected (encrypted, no_text, empty, unreadable, too_large, timeout) before the first batch."""
        drafts, dated = self._drafts(item)
        if not drafts:
            raise SourceRejected("the document holds no text", kind="empty")
        coverage = Coverage(
            source=item.uri, subject=item.uri, layer=Layer.EXAMINED, tenant=tenant, by=READER, able={"text": 0.0},
            valid=dated.valid if dated else None,
        )  # fmt: skip
        for start in range(0, len(drafts), _BATCH):
            yield Batch(drafts[start : start + _BATCH], [coverage] if start == 0 else ())

    def _drafts(self, item: Item) -> tuple[list[Draft], Dated | None]:
        if item.media_type == PDF:
            return self._pdf(item)
        return _slides(item) if item.media_type == PPTX else _document(item)

    def _pdf(self, item: Item) -> tuple[list[Draft], Dated | None]:
        document = read_pdf(str(item.path), self._ocr)
        opening = "\n".join(line.text for page in document.pages[:_OPENING_PAGES] for line in page.lines)
        dated = document_date(item.name, opening, Clock(item.policy), document.title)
        facts = _facts(document.title or _stem(item), opening)
        models = {"text": self._ocr.name} if self._ocr else {}
        notes = (*document.notes, *((dated.note,) if dated else ()))
        drafts = [
            Draft(
                Kind.PASSAGE, PageBox(part.page, part.box), part.text, dated.valid if dated else None,
                data=_data(facts, part.heading), models=models if part.page in document.ocr_pages else {}, notes=notes,
                embed=_embedded(facts["title"], part.heading, part.text),
            )
            for part in page_passages(document.pages) if part.text.strip()
        ]  # fmt: skip
        return drafts, dated


def _document(item: Item) -> tuple[list[Draft], Dated | None]:
    document = read_document(item)
    clock = Clock(item.policy)
    whole = _sent(document, clock) or document_date(item.name, document.text, clock, document.title)
    facts = {**_facts(document.title or _stem(item), document.text), **document.facts}
    drafts = []
    for part in passages(document.text, document.sections):
        dated = (None if document.sent else _section_date(part.path, clock)) or whole
        heading = " > ".join(part.path)
        drafts.append(
            Draft(
                Kind.PASSAGE, CharSpan(part.start, part.end, heading), part.text, dated.valid if dated else None,
                data=_data(facts, heading), notes=(*document.notes, *((dated.note,) if dated else ())),
                embed=_embedded(facts["title"], heading, part.text),
            )
        )  # fmt: skip
    return drafts, whole


def _slides(item: Item) -> tuple[list[Draft], Dated | None]:
    show = read_slides(str(item.path))
    text = "\n".join(slide.text for slide in show.slides)
    dated = document_date(item.name, text, Clock(item.policy), show.title)
    facts = _facts(show.title or _stem(item), text)
    drafts = []
    for slide in show.slides:
        notes = (*slide.notes, *((dated.note,) if dated else ()))
        for part in passages(slide.text, [Section(0, len(slide.text), ())]):
            drafts.append(
                Draft(
                    Kind.PASSAGE, PageBox(slide.number), part.text, dated.valid if dated else None,
                    data=_data(facts, slide.title), notes=notes, embed=_embedded(facts["title"], slide.title, part.text),
                )
            )  # fmt: skip
    return drafts, dated


def _sent(document: Document, clock: Clock) -> Dated | None:
    """The moment a mail was sent, by its own head."""
    if not document.sent:
        return None
    return Dated(clock.read(document.sent), "; ".join(("time taken from the Date header", *clock.notes())))


def _section_date(path: tuple[str, ...], clock: Clock) -> Dated | None:
    """The day of the innermost heading that names one."""
    return next((dated for heading in reversed(path) if (dated := heading_date(heading, clock))), None)


def _facts(title: str, text: str) -> dict[str, Any]:
    """What holds for every passage of a document: its title, and its language where that is plain."""
    spoken = language(text)
    return {"title": title, **({"language": spoken} if spoken else {})}


def _data(facts: dict[str, Any], heading: str) -> dict[str, Any]:
    return {key: value for key, value in {**facts, "heading": heading}.items() if value}


def _embedded(title: str, heading: str, text: str) -> str:
    """What is encoded: the headings give a passage the subject that its own words may leave out."""
    above = heading if heading.startswith(title) or not title else f"{title} > {heading}" if heading else title
    return f"{above}\n{text}" if above else text


def _stem(item: Item) -> str:
    return Path(item.name).stem.replace("_", " ")
