"""Markdown, plain text, html, docx and mail, as they come from the child process that reads them → passages and figures, in order.

Of a document no more is held than its opening and then what is not yet certain: see `passages.Cutter`.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from typing import Any, NamedTuple, TypeAlias

from ingest.media_types import DOCX, HTML, MAIL, MARKDOWN, TEXT
from ingest.ports import Item
from ingest.reports.passages import Cutter, Opening, Passage, Piece
from ingest.reports.raster import Picture
from ingest.sandbox import Limits
from ingest.warm import Worker
from retrieval.errors import SourceRejected

MAX_BYTES = 64 * 2**20
LIMITS = Limits(wall_s=120, cpu_s=120, memory_bytes=768 << 20, output_bytes=256 << 20)
# characters and pictures by which title, day and language are told
_OPENING, _OPENING_PICTURES = 1 << 16, 16
_WORKERS = {
    MARKDOWN: "markdown:markdown", TEXT: "markdown:plain", HTML: "html:parts", DOCX: "word:parts", MAIL: "mail:mail",
}  # fmt: skip
_Message: TypeAlias = Opening | Piece | Picture
_MESSAGE: Any = _Message


class Placed(NamedTuple):
    """A figure under the headings `path`, with the characters [start, end) of its caption or, without one, of what stands before it."""

    picture: Picture
    start: int
    end: int
    path: tuple[str, ...]


class Document:
    """A document that is being read. `text` is its opening, of 65,536 characters and more, or all of it where it is `whole`."""

    def __init__(self, messages: Generator[_Message, None, None]) -> None:
        """Raises SourceRejected as the child says, and empty where there is no text at all."""
        self._messages = messages
        self._waiting: list[Piece | Picture] = []
        self.opening = Opening()
        self.whole = self._begin()
        pieces = [message for message in self._waiting if isinstance(message, Piece)]
        self.text = "".join(piece.text for piece in pieces)
        self.title = self.opening.title or next((piece.title for piece in pieces if piece.level), "")
        if self.whole and not self.text.strip():
            raise SourceRejected("the document holds no text", kind="empty")

    def parts(self) -> Iterator[Passage | Placed]:
        """Its passages, and its figures as they come among them; to be taken once. Raises SourceRejected."""
        cutter, last, early = Cutter(), (0, 0), list[Picture]()
        with closing(self._messages):
            for message in self._rest():
                if isinstance(message, Piece):
                    last = (cutter.at, cutter.at + len(message.text.removesuffix("\n\n")))
                    yield from cutter.feed(message)
                    yield from (Placed(picture, 0, 0, cutter.path) for picture in early)
                    early = []
                elif cutter.at:
                    yield Placed(message, *last, cutter.path)
                else:  # what stands above all text belongs to its first heading
                    early.append(message)
        yield from cutter.end()

    def _begin(self) -> bool:
        """Whether the opening is all there is."""
        letters = pictures = 0
        for message in self._messages:
            if isinstance(message, Opening):
                self.opening = message
                continue
            self._waiting.append(message)
            letters += len(message.text) if isinstance(message, Piece) else 0
            pictures += isinstance(message, Picture)
            if letters >= _OPENING or pictures >= _OPENING_PICTURES:
                return False
        return True

    def _rest(self) -> Iterator[Piece | Picture]:
        waiting, self._waiting = self._waiting, []
        yield from waiting
        del waiting
        yield from (message for message in self._messages if not isinstance(message, Opening))


def read_document(item: Item, tenant: str, worker: Worker) -> Document:
    """The document, begun. Raises SourceRejected: too_large, encrypted, unreadable, empty, timeout."""
    if item.path.stat().st_size > MAX_BYTES:
        raise SourceRejected(f"documents above {MAX_BYTES >> 20} MiB are not read", kind="too_large")
    named = f"ingest.reports.{_WORKERS[item.media_type]}"
    return Document(worker.read_as(_MESSAGE, named, item.path, tenant))
