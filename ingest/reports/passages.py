"""Documents → passages of about 900 characters that know their headings and their place in the text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import msgspec

SIZE = 900
_SEPARATORS = ("\n\n", "\n", ". ", " ", "")


class Block(msgspec.Struct, frozen=True, tag="block"):
    """A paragraph, a row of a table, or a heading of `level` 1 and deeper (0 = no heading)."""

    text: str
    level: int = 0


class Section(NamedTuple):
    """Characters [start, end) of a text under the headings `path`, outermost first."""

    start: int
    end: int
    path: tuple[str, ...]


class Passage(NamedTuple):
    """Characters [start, end) of the text, which are `text`, under the headings `path`."""

    text: str
    start: int
    end: int
    path: tuple[str, ...]


def passages(text: str, sections: Sequence[Section], size: int = SIZE) -> list[Passage]:
    """Cut each section at paragraphs, lines, sentences or words, as large as fits. Only white space is left out."""
    return list(each_passage(text, sections, size))


def each_passage(text: str, sections: Sequence[Section], size: int = SIZE) -> Iterator[Passage]:
    """The same, section by section."""
    for section in _with_bodies(text, sections):
        yield from _split(text, section, size)


def join(blocks: Iterable[Block]) -> tuple[str, list[Section]]:
    """Blocks, a blank line between them, as one text and its sections."""
    parts: list[str] = []
    marks: list[tuple[int, int, str]] = []
    at = 0
    for block in blocks:
        if block.level:
            marks.append((at, block.level, block.text))
        parts.append(block.text)
        at += len(block.text) + 2
    text = "\n\n".join(parts)
    return text, sections_of(len(text), marks)


def sections_of(length: int, marks: Sequence[tuple[int, int, str]]) -> list[Section]:
    """Headings (offset, level, title) in order → sections that cover [0, length)."""
    edges = [*(at for at, _, _ in marks), length]
    found = [Section(0, edges[0], ())] if edges[0] > 0 else []
    path: list[tuple[int, str]] = []
    for (at, level, title), end in zip(marks, edges[1:], strict=True):
        path = [*((deep, name) for deep, name in path if deep < level), (level, title)]
        found.append(Section(at, end, tuple(name for _, name in path)))
    return found


def heading_at(sections: Sequence[Section], at: int) -> tuple[str, ...]:
    """The headings above a character of the text, outermost first."""
    return next((section.path for section in reversed(sections) if section.start <= at), ())


def _with_bodies(text: str, sections: Sequence[Section]) -> Iterator[Section]:
    """A heading with nothing under it goes along with what follows it."""
    waiting: int | None = None
    for index, section in enumerate(sections):
        start = section.start if waiting is None else waiting
        heading_only = len(text[section.start : section.end].strip().splitlines()) <= 1 and bool(section.path)
        if heading_only and index + 1 < len(sections):
            waiting = start
            continue
        waiting = None
        yield Section(start, section.end, section.path)


def _split(text: str, section: Section, size: int) -> Iterator[Passage]:
    from langchain_text_splitters import RecursiveCharacterTextSplitter

    body = text[section.start : section.end]
    splitter = RecursiveCharacterTextSplitter(
        separators=list(_SEPARATORS), chunk_size=size, chunk_overlap=0, keep_separator="end", strip_whitespace=True
    )
    at = 0
    for chunk in splitter.split_text(body):
        at = body.index(chunk, at)
        start = section.start + at
        at += len(chunk)
        yield Passage(chunk, start, start + len(chunk), section.path)
