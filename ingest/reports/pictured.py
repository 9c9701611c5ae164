"""Figures of documents → drafts: a frame each, with its caption as its words, found by what it shows, reads and is called."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from PIL import Image

from ingest.ports import Draft, Item, TextReader
from ingest.video.burnt_in import Line
from ingest.video.veil import Shown, Veil
from ingest.vision.redact import Redactor
from retrieval.errors import SourceRejected
from retrieval.types import CharSpan, Interval, Kind, PageBox

_TEXT_ENOUGH = 20
_LONGEST = 2000


class Figure(NamedTuple):
    """A figure and where it stands; `words` are those that the document itself has in it."""

    jpeg: bytes
    place: PageBox | CharSpan
    caption: str
    heading: str = ""
    words: str = ""


class About(NamedTuple):
    """What holds for every figure of a document: its facts (title, language) and its day."""

    facts: dict[str, Any]
    valid: Interval | None


class Figures:
    """Makes the figures of one document drafts. `notes` say afterwards what was left out, and why.

    `most_read` figures are looked through for words. Where the source's policy hides something in pictures, it is hidden before they are
    kept, or none is kept.
    """

    def __init__(self, item: Item, ocr: TextReader | None, redactor: Redactor | None, most_read: int) -> None:
        self._item, self._ocr, self._redactor = item, ocr, redactor
        self._left = most_read
        self._veil: Veil | None = None
        self._over = False
        self.notes: list[str] = []

    def drafts(self, figures: Iterable[Figure], about: About) -> Iterator[Draft]:
        """One a figure; further figures may be given later. A figure that cannot be had leaves the rest of the document as it is."""
        if self._over:
            return
        try:
            veil = self._veil = self._veil or Veil(self._redactor, self._item.policy, None)
            for figure in figures:
                if veil.wanted and self._ocr is not None and self._left <= 0:
                    self._end(
                        "figures beyond the budget of reading were not kept: the policy hides what is read in them"
                    )
                    return
                yield self._draft(figure, about, veil)
        except SourceRejected as problem:
            self._end(f"figures were not kept: {problem.reason}")

    def _end(self, note: str) -> None:
        self.notes.append(note)
        self._over = True

    def _draft(self, figure: Figure, about: About, veil: Veil) -> Draft:
        shown, read = self._shown(figure, veil)
        words = figure.words if len(figure.words) >= _TEXT_ENOUGH else " ".join(line.text for line in shown.lines)
        told = [figure.caption, f"words in it: {words[:_LONGEST]}" if words else ""]
        text = "\n".join(part for part in told if part)
        title = str(about.facts.get("title", ""))
        data = {**about.facts, "heading": figure.heading, "figure": True, "caption": figure.caption}
        lines = [{"text": line.text, "box": list(line.box)} for line in shown.lines]
        return Draft(
            Kind.FRAME, figure.place, text or f"figure of {figure.heading or title}", about.valid, shown.jpeg, "image/jpeg",
            data={key: value for key, value in {**data, "ocr": lines}.items() if value},
            models=({"ocr": self._ocr.name} if self._ocr and read else {}) | veil.models,
            notes=veil.notes, embed="\n".join(part for part in (title, figure.heading, text) if part) if text else "",
        )  # fmt: skip

    def _shown(self, figure: Figure, veil: Veil) -> tuple[Shown, bool]:
        """The picture as it may be kept with the lines read in it, and whether any were looked for."""
        plain = len(figure.words) >= _TEXT_ENOUGH and not veil.wanted
        read = self._ocr is not None and self._left > 0 and not plain
        if not read and not veil.wanted:
            return Shown(figure.jpeg, [], {}), False
        with Image.open(io.BytesIO(figure.jpeg)) as image:
            picture = image.convert("RGB")
        lines: list[Line] = []
        if read and self._ocr is not None:
            self._left -= 1
            lines = [Line(text, box) for text, box in self._ocr.lines(picture)]
        return veil.over([figure.jpeg], [picture], [{}], [lines])[0], read
