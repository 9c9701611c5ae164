"""Reports, manuals and logs → passages with their place, their headings and, where the document says so, their day; and figures."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any, Protocol

from ingest.media_types import DOCUMENTS, PDF, PPTX
from ingest.ports import Batch, Draft, Item, TextReader
from ingest.reports.dates import Dated, document_date, heading_date
from ingest.reports.document import LIMITS, Document, Placed, read_document
from ingest.reports.language import language
from ingest.reports.passages import Passage, divided, passages
from ingest.reports.pdf import OPENING, Budget, PdfPages, page_passages
from ingest.reports.pictured import About, Figure, Figures
from ingest.reports.slides import Slide, read_slides
from ingest.timestamps import Clock
from ingest.vision.redact import Redactor
from ingest.warm import WarmWorker
from retrieval.errors import SourceRejected
from retrieval.types import CharSpan, Coverage, Kind, Layer, PageBox

READER = "report-reader@1"
_BATCH, _BATCH_BYTES = 200, 4 << 20
_OPENING_PAGES = 4


class ReportReader:
    """pdf, pptx, docx, eml, md, html and txt. `ocr` reads pdf pages that are only pictures; without it such a pdf is rejected (no_text).

    It also reads words in figures. `redactor` hides what a source's policy asks for; without it, such a source's figures are not kept.
    """

    name = "reports"

    def __init__(
        self, ocr: TextReader | None = None, redactor: Redactor | None = None, budget: Budget | None = None
    ) -> None:
        self._ocr, self._redactor, self._budget = ocr, redactor, budget or Budget()
        self._worker = WarmWorker(LIMITS)
        spent = "" if self._budget == Budget() else f"+{tuple(self._budget)}"
        self.version = "4" + (f"+{ocr.name}" if ocr else "") + (f"+{redactor.name}" if redactor else "") + spent

    def accepts(self, item: Item) -> bool:
        return item.media_type in DOCUMENTS

    def read(self, item: Item, tenant: str) -> Iterator[Batch]:
        """Batches of 200 pieces, fewer with figures, as the document is read; the last says what of it was not read.

        Raises SourceRejected (encrypted, no_text, empty, unreadable, too_large, timeout).
        """
        reading = self._reading(item, tenant)
        batches = _batches(reading.drafts())
        waiting = next(batches, [])
        for following in batches:
            yield Batch(waiting)
            waiting = following
        if not waiting:
            raise SourceRejected("the document holds no text", kind="empty")
        notes = reading.notes()
        coverage = Coverage(
            source=item.uri, subject=item.uri, layer=Layer.EXAMINED, tenant=tenant, by=READER,
            able={"text": reading.missed()}, valid=reading.dated.valid if reading.dated else None,
        )  # fmt: skip
        yield Batch([draft._replace(notes=(*draft.notes, *notes)) for draft in waiting], [coverage])

    def _reading(self, item: Item, tenant: str) -> _Reading:
        figures = Figures(item, self._ocr, self._redactor, self._budget.figures_read)
        if item.media_type == PDF:
            return _Pdf(item, figures, PdfPages(str(item.path), self._ocr, self._budget), self._ocr)
        if item.media_type == PPTX:
            return _Slides(item, figures)
        return _Document(item, figures, read_document(item, tenant, self._worker))


def _batches(drafts: Iterator[Draft]) -> Iterator[list[Draft]]:
    """Drafts in their order, as many as are committed together: what one batch holds of pictures stays small."""
    batch: list[Draft] = []
    size = 0
    for draft in drafts:
        batch.append(draft)
        size += len(draft.media or b"")
        if len(batch) == _BATCH or size >= _BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


class _Reading(Protocol):
    """One document being read. `dated` and what the methods tell hold once the drafts are through."""

    dated: Dated | None

    def drafts(self) -> Iterator[Draft]: ...

    def notes(self) -> tuple[str, ...]: ...

    def missed(self) -> float: ...


class _Pdf:
    def __init__(self, item: Item, figures: Figures, pages: PdfPages, ocr: TextReader | None) -> None:
        self._item, self._figures, self._pages = item, figures, pages
        self._models = {"text": ocr.name} if ocr else {}
        self.dated: Dated | None = None

    def drafts(self) -> Iterator[Draft]:
        pages = iter(self._pages)
        first = list(islice(pages, OPENING))
        if not first:
            return
        opening = "\n".join(line.text for page in first[:_OPENING_PAGES] for line in page.lines)
        self.dated = document_date(self._item.name, opening, Clock(self._item.policy), first[0].title)
        facts = _facts(first[0].title or _stem(self._item), opening)
        valid, notes = (self.dated.valid, (self.dated.note,)) if self.dated else (None, ())
        for part in page_passages(chain(first, pages)):
            self._pages.under(part)
            if part.text.strip():
                yield Draft(
                    Kind.PASSAGE, PageBox(part.page, part.box), part.text, valid, data=_data(facts, part.heading),
                    models=self._models if part.page in self._pages.by_ocr else {}, notes=notes,
                    embed=_embedded(facts["title"], part.heading, part.text),
                )  # fmt: skip
        yield from self._figures.drafts(self._pictured(), About(facts, valid))

    def _pictured(self) -> Iterator[Figure]:
        for one, jpeg in self._pages.pictures():
            yield Figure(jpeg, PageBox(one.page, one.spot.box), one.spot.caption, one.heading, one.spot.words)

    def notes(self) -> tuple[str, ...]:
        return (*self._pages.count.told(), *self._figures.notes)

    def missed(self) -> float:
        return self._pages.count.unread / max(1, self._pages.count.total)


class _Document:
    def __init__(self, item: Item, figures: Figures, document: Document) -> None:
        self._figures, self._document = figures, document
        self._clock = Clock(item.policy)
        dated = document_date(item.name, document.text, self._clock, document.title, document.whole)
        self.dated = _sent(document, self._clock) or dated
        self._facts = {**_facts(document.title or _stem(item), document.text), **document.opening.facts}

    def drafts(self) -> Iterator[Draft]:
        about = About(self._facts, self.dated.valid if self.dated else None)
        for part in self._document.parts():
            if isinstance(part, Passage):
                yield self._passage(part)
            else:
                yield from self._figures.drafts([_figure(part)], about)

    def _passage(self, part: Passage) -> Draft:
        opening, heading = self._document.opening, " > ".join(part.path)
        dated = (None if opening.sent else _section_date(part.path, self._clock)) or self.dated
        return Draft(
            Kind.PASSAGE, CharSpan(part.start, part.end, heading), part.text, dated.valid if dated else None,
            data=_data(self._facts, heading), notes=(*opening.notes, *((dated.note,) if dated else ())),
            embed=_embedded(self._facts["title"], heading, part.text),
        )  # fmt: skip

    def notes(self) -> tuple[str, ...]:
        return tuple(self._figures.notes)

    def missed(self) -> float:
        return 0.0


class _Slides:
    def __init__(self, item: Item, figures: Figures) -> None:
        self._item, self._figures = item, figures
        self._show = read_slides(str(item.path))
        self.dated = document_date(item.name, self._show.text, Clock(item.policy), self._show.title, self._show.whole)

    def drafts(self) -> Iterator[Draft]:
        facts = _facts(self._show.title or _stem(self._item), self._show.text)
        valid, told = (self.dated.valid, (self.dated.note,)) if self.dated else (None, ())
        for slide in self._show:
            for part in passages(divided(slide.text)):
                yield Draft(
                    Kind.PASSAGE, PageBox(slide.number), part.text, valid, data=_data(facts, slide.title),
                    notes=(*slide.notes, *told), embed=_embedded(facts["title"], slide.title, part.text),
                )  # fmt: skip
            yield from self._figures.drafts(_on_slide(slide), About(facts, valid))

    def notes(self) -> tuple[str, ...]:
        return tuple(self._figures.notes)

    def missed(self) -> float:
        return 0.0


def _figure(placed: Placed) -> Figure:
    heading = " > ".join(placed.path)
    return Figure(placed.picture.jpeg, CharSpan(placed.start, placed.end, heading), placed.picture.caption, heading)


def _on_slide(slide: Slide) -> Iterator[Figure]:
    for picture in slide.pictures:
        yield Figure(picture.jpeg, PageBox(slide.number, picture.box), picture.caption, slide.title)


def _sent(document: Document, clock: Clock) -> Dated | None:
    """The moment a mail was sent, by its own head."""
    sent = document.opening.sent
    return Dated(clock.read(sent), "; ".join(("time taken from the Date header", *clock.notes()))) if sent else None


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
