"""Files sent as multipart/form-data, written to disk as they arrive and put in place only when all of them are there.

An upload's folder is named after its content: the same files sent twice lie in the same place and change nothing.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO, NamedTuple

from multipart import (
    MultipartSegment,
    ParserError,
    ParserLimitReached,
    PushMultipartParser,
    parse_options_header,
)

from app.http.errors import Refused

_UNSAFE = re.compile(r"[^\w.\- ()+,@=]+")
_LONGEST_NAME = 120


class Limits(NamedTuple):
    """Most bytes of a whole request, and most parts in it."""

    total_bytes: int
    parts: int


class Saved(NamedTuple):
    """A folder of uploaded files; `fresh` is False when the same upload was there before."""

    folder: Path
    files: tuple[str, ...]
    fresh: bool


def safe_name(filename: str) -> str:
    """The last part of whatever path a client sent, without control or shell characters, its suffix kept."""
    base = PurePosixPath(PureWindowsPath(filename).name).name
    clean = _UNSAFE.sub("_", base).strip(" .") or "upload"
    stem, dot, suffix = clean.rpartition(".")
    keep = _LONGEST_NAME - len(suffix.encode()) - 1
    return f"{_cut(stem, keep)}{dot}{suffix}" if dot and keep > 0 else _cut(clean, _LONGEST_NAME)


def _cut(text: str, most: int) -> str:
    """At most so many bytes, as file systems count, and no sign in part."""
    return text.encode()[:most].decode("utf-8", "ignore")


class _Writer:
    """Files of one upload, being written under a temporary folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file: IO[bytes] | None = None
        self._hash = hashlib.sha256()
        self.hashes: dict[str, str] = {}
        self._name = ""

    def open(self, filename: str | None) -> None:
        """Begin a part; parts without a file name are form fields, and are passed over."""
        self._name = "" if filename is None else self._free(safe_name(filename))
        self._hash = hashlib.sha256()
        self._file = (self._folder / self._name).open("xb") if self._name else None

    def write(self, data: bytes) -> None:
        if self._file is not None:
            self._file.write(data)
            self._hash.update(data)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
            self.hashes[self._name] = self._hash.hexdigest()

    def _free(self, name: str) -> str:
        path = PurePosixPath(name)
        names = (name, *(f"{path.stem}-{count}{path.suffix}" for count in range(2, 10_000)))
        return next(name for name in names if not (self._folder / name).exists())


async def save_upload(stream: AsyncIterator[bytes], content_type: str, root: Path, limits: Limits) -> Saved:
    """Write every file of a multipart body under `root` and return where they lie.

    Never holds more than a chunk in memory. Raises Refused: 400 for a body that is not multipart or has no file, 413
    beyond a limit; then nothing is left behind.
    """
    kind, parameters = parse_options_header(content_type)
    if kind != "multipart/form-data" or not parameters.get("boundary"):
        raise Refused(400, "bad_input", "send the files as multipart/form-data")
    root.mkdir(parents=True, exist_ok=True)
    with _scratch(root) as folder:
        writer = _Writer(folder)
        try:
            await _receive(stream, parameters["boundary"], writer, limits)
        finally:
            writer.close()
        if not writer.hashes:
            raise Refused(400, "bad_input", "no file was sent; give at least one part a file name")
        return settle(folder, root, writer.hashes)


@contextmanager
def _scratch(root: Path) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix=".partial-", dir=root))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _receive(stream: AsyncIterator[bytes], boundary: str, writer: _Writer, limits: Limits) -> None:
    received = 0
    try:
        with PushMultipartParser(boundary, max_segment_count=limits.parts) as parser:
            async for chunk in stream:
                received += len(chunk)
                if received > limits.total_bytes:
                    raise too_large(limits.total_bytes)
                _feed(parser, chunk, writer)
    except ParserLimitReached as error:
        raise Refused(413, "too_large", f"too many parts or headers; {limits.parts} parts at most") from error
    except ParserError as error:
        raise Refused(400, "bad_input", "the multipart body is broken or ends too early") from error


def _feed(parser: PushMultipartParser, chunk: bytes, writer: _Writer) -> None:
    if not chunk:
        return
    for event in parser.parse(chunk):
        if isinstance(event, MultipartSegment):
            writer.open(event.filename)
        elif event:
            writer.write(bytes(event))
        else:
            writer.close()


def too_large(most: int) -> Refused:
    return Refused(413, "too_large", f"the upload is larger than {most} bytes; send fewer or smaller files")


def settle(folder: Path, root: Path, hashes: dict[str, str]) -> Saved:
    """Put a folder of whole files in its place: `hashes` are their SHA-256 by name."""
    digest = hashlib.sha256(repr(sorted(hashes.items())).encode()).hexdigest()[:24]
    target = root / digest
    try:
        folder.rename(target)
        fresh = True
    except OSError:
        if not target.is_dir():
            raise
        fresh = False  # the same upload is there already, perhaps since a moment ago
    return Saved(target, tuple(sorted(hashes)), fresh)


def forget(saved: Saved) -> None:
    """Remove an upload that brought nothing; one that was there before stays."""
    if saved.fresh:
        shutil.rmtree(saved.folder, ignore_errors=True)
