"""Markdown, plain text, html, docx and mail (all read in a child process) → a text, its sections and its figures."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from ingest.media_types import DOCX, HTML, MAIL, MARKDOWN
from ingest.ports import Item
from ingest.reports.archive import check_office
from ingest.reports.figures import CAPTION
from ingest.reports.html import parts_of
from ingest.reports.mail import Mail, read_mail
from ingest.reports.passages import Block, Section, join, sections_of
from ingest.reports.raster import MOST_FIGURES, REPEATED, Picture, jpeg_of
from ingest.sandbox import Limits
from ingest.tables.table import decode
from ingest.warm import WarmWorker
from retrieval.errors import SourceRejected

MAX_BYTES = 64 * 2**20
LIMITS = Limits(wall_s=120, cpu_s=120, memory_bytes=768 << 20, output_bytes=256 << 20)
_PIECE, _STRETCH = 1 << 20, 1 << 18


class Document(NamedTuple):
    """`sent` is when a mail says it was sent (ISO 8601), `facts` what is kept of its head.

    `pictures` are its figures, each with the characters [start, end) of its caption or, without one, of what stands before it.
    """

    text: str
    sections: list[Section]
    title: str
    notes: tuple[str, ...] = ()
    sent: str = ""
    facts: dict[str, Any] = {}
    pictures: tuple[tuple[int, int, Picture], ...] = ()


class Piece(msgspec.Struct, frozen=True, tag="piece"):
    """The next characters of a text."""

    text: str


class Marks(msgspec.Struct, frozen=True, tag="marks"):
    """The headings of a text, (offset, level, title) each, and what reading it had to assume."""

    headings: list[tuple[int, int, str]]
    notes: tuple[str, ...]


_PLAIN: Any = Piece | Marks
_FLOWING: Any = Block | Picture


def read_document(item: Item, tenant: str, worker: WarmWorker) -> Document:
    """The document's plain text. Raises SourceRejected: too_large, encrypted, unreadable, empty, timeout."""
    if item.path.stat().st_size > MAX_BYTES:
        raise SourceRejected(f"documents above {MAX_BYTES >> 20} MiB are not read", kind="too_large")
    if item.media_type == MAIL:
        document = _mail(read_mail(item.path, tenant, worker))
    elif item.media_type in (DOCX, HTML):
        named = "docx_blocks" if item.media_type == DOCX else "html_blocks"
        document = _flowing(worker.read_as(_FLOWING, f"{__name__}:{named}", item.path, tenant))
    else:
        named = "markdown" if item.media_type == MARKDOWN else "plain"
        document = _plain(worker.read_as(_PLAIN, f"{__name__}:{named}", item.path, tenant))
    if not document.text.strip():
        raise SourceRejected("the document holds no text", kind="empty")
    return document


def _flowing(messages: Iterable[Block | Picture]) -> Document:
    blocks: list[Block] = []
    pictures: list[tuple[int, int, Picture]] = []
    at = 0
    for message in messages:
        if isinstance(message, Block):
            blocks.append(message)
            at += len(message.text) + 2
        elif blocks:
            pictures.append((at - 2 - len(blocks[-1].text), at - 2, message))
        else:
            pictures.append((0, 0, message))
    text, sections = join(blocks)
    title = next((block.text for block in blocks if block.level), "")
    return Document(text, sections, title, pictures=tuple(pictures))


def _mail(mail: Mail) -> Document:
    head = mail.head
    text, sections = join(mail.blocks)
    named = {"from": head.sender, "to": head.to, "attachments": list(head.attachments)}
    facts = {name: value for name, value in named.items() if value}
    return Document(text, sections, head.subject, head.notes, head.date, facts)


def _plain(messages: Iterable[Piece | Marks]) -> Document:
    parts, marks = [], Marks([], ())
    for message in messages:
        if isinstance(message, Marks):
            marks = message
        else:
            parts.append(message.text)
    text = "".join(parts)
    title = min(marks.headings, key=lambda mark: (mark[1], mark[0]))[2] if marks.headings else ""
    return Document(text, sections_of(len(text), marks.headings), title, marks.notes)


def markdown_headings(text: str) -> list[tuple[int, int, str]]:
    """(offset, level, title) of each heading; number signs inside code are no headings. Offsets count characters."""
    front = re.match(r"---\r?\n.*?\n---\r?\n", text, re.S)
    hidden = front.end() if front else 0
    # Front matter would read as a heading underlined by its closing dashes: blank it, keeping every offset.
    shown = re.sub(r"[^\r\n]", " ", text[:hidden]) + text[hidden:]
    return [
        (start + at, level, title) for start, stretch in _stretches(shown) for at, level, title in _headings(stretch)
    ]


def _headings(text: str) -> Iterator[tuple[int, int, str]]:
    from markdown_it import MarkdownIt

    starts = [0]
    for line in re.split(r"(?<=\n)", text):
        starts.append(starts[-1] + len(line))
    # what stands inside a paragraph is not parsed: only where headings are
    tokens = MarkdownIt("commonmark").disable("inline").parse(text)
    for index, token in enumerate(tokens):
        if token.type == "heading_open" and token.map is not None and token.level == 0:
            yield starts[token.map[0]], int(token.tag[1]), _bare(tokens[index + 1].content)


def _stretches(text: str) -> Iterator[tuple[int, str]]:
    """(offset, part) of a long text, cut between paragraphs outside of fenced code: parsed, a text takes a hundred times its size."""
    start = at = 0
    fenced = blank = False
    for line in re.split(r"(?<=\n)", text) if len(text) > _PIECE else ():
        if at - start > _STRETCH and blank and not fenced and not line[:1].isspace():
            yield start, text[start:at]
            start = at
        fenced ^= line.lstrip(" ").startswith(("```", "~~~"))
        blank = not line.strip()
        at += len(line)
    yield start, text[start:]


def _bare(heading: str) -> str:
    """A heading without links and emphasis."""
    return re.sub(r"[*_`]{1,3}(\S.*?)[*_`]{1,3}", r"\1", re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading)).strip()


# --- in the child ---------------------------------------------------------------------------------------------------


def plain(args: dict[str, Any]) -> Iterator[Piece | Marks]:
    """The text, a million characters at a time, then that it has no headings. Raises SourceRejected."""
    text, notes = decode(Path(args["path"]).read_bytes())
    yield from _pieces(text)
    yield Marks([], notes)


def markdown(args: dict[str, Any]) -> Iterator[Piece | Marks]:
    """The text, a million characters at a time, then its headings. Raises SourceRejected."""
    text, notes = decode(Path(args["path"]).read_bytes())
    yield from _pieces(text)
    yield Marks(markdown_headings(text), notes)


def _pieces(text: str) -> Iterator[Piece]:
    for start in range(0, len(text), _PIECE):
        yield Piece(text[start : start + _PIECE])


def html_blocks(args: dict[str, Any]) -> Iterator[Block | Picture]:
    """The page's blocks, and the pictures it carries within itself after the block they stand in or behind; see `parts_of`."""
    return parts_of(Path(args["path"]).read_bytes())


def docx_blocks(args: dict[str, Any]) -> Iterator[Block | Picture]:
    """Paragraphs, tables and figures in order; a table gives one block a row, its cells joined by " | ". Raises SourceRejected."""
    import zipfile

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
    figures = _Figures(document)
    for part in document.iter_inner_content():
        if isinstance(part, Table):
            yield from _table_rows(part)
        else:
            yield from figures.paragraph(part)
    yield from figures.end()


class _Figures:
    """Puts the pictures of a Word document with their captions: the paragraph after them, or the one before."""

    def __init__(self, document: Any) -> None:
        self._parts = document.part.related_parts
        self._times = Counter(str(name) for name in document.element.body.xpath(".//a:blip/@r:embed"))
        self._waiting: list[bytes] = []
        self._above = ""
        self._made = 0

    def paragraph(self, part: Any) -> Iterator[Block | Picture]:
        text = part.text.strip()
        caption = text if text and _is_caption(part, text) else ""
        if text and self._waiting and not caption:
            yield from self._pictures(self._above)
        if text:
            yield Block(text, _level(part))
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


def _is_caption(paragraph: Any, text: str) -> bool:
    style = str(paragraph.style.name) if paragraph.style is not None else ""
    return style.lower().startswith("caption") or CAPTION.match(text) is not None


def _table_rows(table: Any) -> Iterator[Block]:
    for row in table.rows:
        cells: list[Any] = []
        for cell in row.cells:  # a merged cell is listed once for each column it spans
            if not cells or cell._tc is not cells[-1]._tc:
                cells.append(cell)
        text = " | ".join(" ".join(cell.text.split()) for cell in cells)
        if text.strip(" |"):
            yield Block(text)


def _level(paragraph: Any) -> int:
    name = str(paragraph.style.name) if paragraph.style is not None else ""
    found = re.fullmatch(r"[Hh]eading (\d)", name)
    return int(found[1]) + 1 if found else 1 if name == "Title" else 0
