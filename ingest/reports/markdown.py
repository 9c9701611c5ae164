"""Plain text and Markdown → a text in pieces, cut at its headings. Runs in the child process; imports little, so that it starts soon."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ingest.reports.passages import Opening, Piece, divided, sections
from ingest.tables.text import decode

_LONG, _STRETCH = 1 << 20, 1 << 18


def plain(args: dict[str, Any]) -> Iterator[Opening | Piece]:
    """A text without headings. Raises SourceRejected."""
    text, notes = decode(Path(args["path"]).read_bytes())
    yield Opening(notes=notes)
    yield from divided(text)


def markdown(args: dict[str, Any]) -> Iterator[Opening | Piece]:
    """Its title is the first of its highest headings. Raises SourceRejected."""
    text, notes = decode(Path(args["path"]).read_bytes())
    marks = headings(text)
    yield Opening(min(marks, key=lambda mark: (mark[1], mark[0]))[2] if marks else "", notes)
    yield from sections(text, marks)


def headings(text: str) -> list[tuple[int, int, str]]:
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
    for line in re.split(r"(?<=\n)", text) if len(text) > _LONG else ():
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
