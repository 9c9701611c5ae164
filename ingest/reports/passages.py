"""Texts → passages of about 900 characters that know their headings and their place in the text.

A text comes in pieces, and passages leave as soon as they are certain: of a document of any length a quarter of a million characters
are held, and those of one piece.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import msgspec

SIZE = 900
# characters of one section that are held before passages are cut off their front; no piece is longer
WINDOW = 1 << 18
_SEPARATORS = ("\n\n", "\n", ". ", " ", "")


class Piece(msgspec.Struct, frozen=True, tag="piece"):
    """The next characters of a text. One with a `level`, 1 and deeper, begins a section under the heading `title`."""

    text: str
    level: int = 0
    title: str = ""


class Opening(msgspec.Struct, frozen=True, tag="opening"):
    """What a document says of itself before its text. `sent` is when a mail says it was sent (ISO 8601), `facts` are of its head.

    `title` is "" where it is the first heading that comes; `notes` say what reading had to assume.
    """

    title: str = ""
    notes: tuple[str, ...] = ()
    sent: str = ""
    facts: dict[str, Any] = {}


class Passage(NamedTuple):
    """Characters [start, end) of the text, which are `text`, under the headings `path`, outermost first."""

    text: str
    start: int
    end: int
    path: tuple[str, ...]


class Cutter:
    """Cuts each section at paragraphs, lines, sentences or words, as large as fits `size`. Only white space is left out.

    A heading with nothing under it goes along with what follows it. `at` is the number of characters that have come, `path` the
    headings above the last of them, `size` and `window` count characters.
    """

    def __init__(self, size: int = SIZE, window: int = WINDOW) -> None:
        self._size, self._window = size, window
        self.at, self.path = 0, tuple[str, ...]()
        self._headings: list[tuple[int, str]] = []
        self._held, self._length = list[str](), 0
        self._own = 0  # where the last section begins among what is held; before it are headings alone
        self._cut = False  # whether passages of it have left

    def feed(self, piece: Piece) -> list[Passage]:
        """The passages that are certain now."""
        found = self._opened(piece) if piece.level else []
        self._held.append(piece.text)
        self._length += len(piece.text)
        self.at += len(piece.text)
        return [*found, *self._front()] if self._length > self._window else found

    def end(self) -> list[Passage]:
        """The rest."""
        found = self._split()
        self._keep("")
        return found

    def _opened(self, piece: Piece) -> list[Passage]:
        found = [] if self._bare() else self.end()
        self._headings = [
            *((deep, name) for deep, name in self._headings if deep < piece.level),
            (piece.level, piece.title),
        ]
        self.path = tuple(name for _, name in self._headings)
        self._own, self._cut = len(self._held), False
        return found

    def _bare(self) -> bool:
        """Whether the last section is a heading and nothing more."""
        own = "".join(self._held[self._own :])
        return bool(self.path) and not self._cut and len(own.strip().splitlines()) <= 1

    def _front(self) -> list[Passage]:
        """What is held but for its last passage, which may become longer; that too where it stands alone amid blanks."""
        found = self._split()
        kept = found.pop() if len(found) > 1 else None
        self._keep("".join(self._held)[kept.start - self.at :] if kept else "")
        self._cut = True
        return found

    def _keep(self, text: str) -> None:
        self._held, self._length, self._own = [text], len(text), 0

    def _split(self) -> list[Passage]:
        body = "".join(self._held)
        return list(_split(body, self.at - len(body), self.path, self._size)) if body.strip() else []


def passages(pieces: Iterable[Piece], size: int = SIZE, window: int = WINDOW) -> Iterator[Passage]:
    """All passages of a text; see `Cutter`."""
    cutter = Cutter(size, window)
    for piece in pieces:
        yield from cutter.feed(piece)
    yield from cutter.end()


def block(text: str, level: int = 0) -> Iterator[Piece]:
    """A paragraph, a row of a table, or a heading of `level` 1 and deeper, with the blank line that parts it from what follows."""
    return divided(f"{text}\n\n", level, text)


def divided(text: str, level: int = 0, title: str = "") -> Iterator[Piece]:
    """A text as pieces, the first with its heading."""
    yield Piece(text[:WINDOW], level, title if level else "")
    for start in range(WINDOW, len(text), WINDOW):
        yield Piece(text[start : start + WINDOW])


def sections(text: str, marks: Sequence[tuple[int, int, str]]) -> Iterator[Piece]:
    """A text whose headings are (offset, level, title), in order."""
    edges = [*(at for at, _, _ in marks), len(text)]
    if edges[0]:
        yield from divided(text[: edges[0]])
    for (at, level, title), end in zip(marks, edges[1:], strict=True):
        yield from divided(text[at:end], level, title)


def _split(body: str, start: int, path: tuple[str, ...], size: int) -> Iterator[Passage]:
    """Of a body whose first character is number `start` of the text."""
    from langchain_text_splitters import RecursiveCharacterTextSplitter

    splitter = RecursiveCharacterTextSplitter(
        separators=list(_SEPARATORS), chunk_size=size, chunk_overlap=0, keep_separator="end", strip_whitespace=True
    )
    at = 0
    for chunk in splitter.split_text(body):
        at = body.index(chunk, at)
        yield Passage(chunk, start + at, start + at + len(chunk), path)
        at += len(chunk)
