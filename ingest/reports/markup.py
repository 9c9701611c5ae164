"""Markdown and plain text (read as they stand), html, docx and mail (read in a child process) → a text and its sections."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from ingest.media_types import DOCX, HTML, MAIL, MARKDOWN
from ingest.ports import Item
from ingest.reports.archive import check_office
from ingest.reports.html import blocks_of
from ingest.reports.mail import Mail, read_mail
from ingest.reports.passages import Block, Section, join, sections_of
from ingest.sandbox import Limits, run_as
from ingest.tables.table import decode
from retrieval.errors import SourceRejected

MAX_BYTES = 64 * 2**20
_LIMITS = Limits(wall_s=120, cpu_s=120, memory_bytes=768 << 20, output_bytes=256 << 20)


class Document(NamedTuple):
    """`sent` is when a mail says it was sent (ISO 8601), `facts` what is kept of its head."""

    text: str
    sections: list[Section]
    title: str
    notes: tuple[str, ...] = ()
    sent: str = ""
    facts: dict[str, Any] = {}


def read_document(item: Item) -> Document:
    """The document's plain text. Raises SourceRejected: too_large, encrypted, unreadable, empty, timeout."""
    if item.path.stat().st_size > MAX_BYTES:
        raise SourceRejected(f"documents above {MAX_BYTES >> 20} MiB are not read", kind="too_large")
    if item.media_type == MAIL:
        document = _mail(read_mail(str(item.path)))
    elif item.media_type in (DOCX, HTML):
        worker = "docx_blocks" if item.media_type == DOCX else "html_blocks"
        blocks = list(run_as(Block, f"{__name__}:{worker}", {"path": str(item.path)}, _LIMITS))
        text, sections = join(blocks)
        document = Document(text, sections, next((block.text for block in blocks if block.level), ""))
    else:
        document = _plain(item)
    if not document.text.strip():
        raise SourceRejected("the document holds no text", kind="empty")
    return document


def _mail(mail: Mail) -> Document:
    head = mail.head
    text, sections = join(mail.blocks)
    named = {"from": head.sender, "to": head.to, "attachments": list(head.attachments)}
    facts = {name: value for name, value in named.items() if value}
    return Document(text, sections, head.subject, head.notes, head.date, facts)


def _plain(item: Item) -> Document:
    text, notes = decode(item.path.read_bytes())
    marks = markdown_headings(text) if item.media_type == MARKDOWN else []
    title = min(marks, key=lambda mark: (mark[1], mark[0]))[2] if marks else ""
    return Document(text, sections_of(len(text), marks), title, notes)


def markdown_headings(text: str) -> list[tuple[int, int, str]]:
    """(offset, level, title) of each heading; number signs inside code are no headings. Offsets count characters."""
    from markdown_it import MarkdownIt

    starts = [0]
    for line in re.split(r"(?<=\n)", text.replace("\r\n", "\r\n")):
        starts.append(starts[-1] + len(line))
    front = re.match(r"---\r?\n.*?\n---\r?\n", text, re.S)
    hidden = front.end() if front else 0
    # Front matter would read as a heading underlined by its closing dashes: blank it, keeping every offset.
    shown = re.sub(r"[^\r\n]", " ", text[:hidden]) + text[hidden:]
    tokens = MarkdownIt("commonmark").parse(shown)
    return [
        (starts[token.map[0]], int(token.tag[1]), _bare(tokens[index + 1].content))
        for index, token in enumerate(tokens)
        if token.type == "heading_open" and token.map is not None and token.level == 0
    ]


def _bare(heading: str) -> str:
    """A heading without links and emphasis."""
    return re.sub(r"[*_`]{1,3}(\S.*?)[*_`]{1,3}", r"\1", re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading)).strip()


# --- in the child ---------------------------------------------------------------------------------------------------


def html_blocks(args: dict[str, Any]) -> Iterator[Block]:
    """The page's blocks; see `blocks_of`."""
    return blocks_of(Path(args["path"]).read_bytes())


def docx_blocks(args: dict[str, Any]) -> Iterator[Block]:
    """Paragraphs and tables in order; a table gives one block a row, its cells joined by " | ". Raises SourceRejected."""
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
    for part in document.iter_inner_content():
        if isinstance(part, Table):
            yield from _table_rows(part)
        elif part.text.strip():
            yield Block(part.text.strip(), _level(part))


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
