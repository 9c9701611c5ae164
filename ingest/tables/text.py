"""Which characters the bytes of a text file are: UTF-8 with or without a mark, UTF-16 with one, else Windows-1252, which is noted."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, TextIO

from retrieval.errors import SourceRejected

_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_PIECE = 1 << 20
# far beyond any line that people or machines mean to be one
MAX_LINE = 8 << 20


class Encoding(NamedTuple):
    """`name` and `errors` are those of `open`."""

    name: str
    errors: str = "strict"
    notes: tuple[str, ...] = ()


_WINDOWS = Encoding("cp1252", "replace", ("text is not UTF-8; read as Windows-1252",))


def decode(data: bytes) -> tuple[str, tuple[str, ...]]:
    """Bytes → text and what had to be assumed. Raises SourceRejected (unreadable) for broken UTF-16."""
    with _told():
        if data.startswith(_UTF_16):
            return data.decode("utf-16"), ()
        try:
            return data.decode("utf-8-sig"), ()
        except UnicodeDecodeError:
            return data.decode(_WINDOWS.name, _WINDOWS.errors), _WINDOWS.notes


def encoding_of(path: Path) -> Encoding:
    """The same for a file of any size, looked through a mebibyte at a time. Raises OSError."""
    with path.open("rb") as file:
        piece = file.read(_PIECE)
        if piece.startswith(_UTF_16):
            return Encoding("utf-16")
        decoder = codecs.getincrementaldecoder("utf-8")()
        try:
            while piece:
                decoder.decode(piece)
                piece = file.read(_PIECE)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return _WINDOWS
    return Encoding("utf-8-sig")


@contextmanager
def opened(path: Path, encoding: Encoding, newline: str) -> Iterator[TextIO]:
    """The file as text, `newline` as `open` has it. Raises OSError; SourceRejected (unreadable) where broken UTF-16 is met."""
    with _told(), path.open(encoding=encoding.name, errors=encoding.errors, newline=newline) as file:
        yield file


def lines_of(file: TextIO) -> Iterator[str]:
    """Its lines with their ends. Raises SourceRejected: too_large, for a line of more than 8 million characters."""
    number = 1
    while line := file.readline(MAX_LINE):
        if len(line) == MAX_LINE:
            raise SourceRejected(f"line {number}: longer than {MAX_LINE:,} characters", kind="too_large")
        yield line
        number += 1


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except UnicodeDecodeError as problem:
        raise SourceRejected(f"broken UTF-16 text: {problem.reason}", kind="unreadable") from problem
