"""Office documents are zip archives: what one says of its parts is checked before any of them is unpacked."""

from __future__ import annotations

import stat
import zipfile
from itertools import pairwise
from pathlib import Path

from retrieval.errors import SourceRejected

MAX_PARTS = 10_000
# a manual of 500 pages has some 10 MB of markup; a parsed tree takes ten times its text
MAX_XML_BYTES = 32 << 20
MAX_BYTES = 256 << 20
_MEDIA = (
    ".png",
    ".jpg",
    ".jpeg",
    ".gif",
    ".bmp",
    ".tif",
    ".tiff",
    ".emf",
    ".wmf",
    ".svg",
    ".webp",
    ".wdp",
    ".mp3",
    ".mp4",
    ".wav",
)
_PEEK, _BLANK = 256, b"\xef\xbb\xbf\xff\xfe\xfe\xff \t\r\n\0"
_OLD_CONTAINER = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def check_office(path: Path) -> None:
    """Raises SourceRejected: encrypted, and what `check_archive` raises. A password turns the archive into the old container."""
    with path.open("rb") as file:
        if file.read(len(_OLD_CONTAINER)) == _OLD_CONTAINER:
            told = "the document is protected by a password (or of an old format: .doc, .xls, .ppt)"
            raise SourceRejected(told, kind="encrypted")
    check_archive(path)


def check_archive(path: Path) -> None:
    """Raises SourceRejected: encrypted, unreadable (no zip, a part that is a link or lies over another), too_large.

    The sizes are those the directory states; `zipfile` never unpacks more of a part than that.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
            markup = _markup(archive, parts[:MAX_PARTS])
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as problem:
        raise SourceRejected("not a readable archive: damaged, or not an Office document") from problem
    if any(part.flag_bits & 1 for part in parts):
        raise SourceRejected("the document is protected by a password", kind="encrypted")
    if len(parts) > MAX_PARTS:
        raise SourceRejected(f"the document has {len(parts)} parts; at most {MAX_PARTS} are read", kind="too_large")
    _check_sizes(parts, markup)
    _check_places(parts)


def _markup(archive: zipfile.ZipFile, parts: list[zipfile.ZipInfo]) -> int:
    """How many bytes are markup or may be: a part's type stands in the document, so that any name may be said to be one."""
    return sum(part.file_size for part in parts if not is_media(archive, part))


def _check_sizes(parts: list[zipfile.ZipInfo], markup: int) -> None:
    whole = sum(part.file_size for part in parts)
    if whole > MAX_BYTES:
        raise SourceRejected(f"unpacked it has {whole >> 20} MB; at most {MAX_BYTES >> 20} are read", kind="too_large")
    if markup > MAX_XML_BYTES:
        told = f"its markup has {markup >> 20} MB; at most {MAX_XML_BYTES >> 20} are read"
        raise SourceRejected(told, kind="too_large")


def is_media(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> bool:
    """A picture, sound or film by its name, which does not begin as markup does. An encrypted part is refused elsewhere."""
    if not part.filename.lower().endswith(_MEDIA) or part.flag_bits & 1:
        return False
    with archive.open(part) as file:
        return not file.read(_PEEK).lstrip(_BLANK).startswith(b"<")


def _check_places(parts: list[zipfile.ZipInfo]) -> None:
    """A part that is a link points out of the document; parts that share their bytes make much of little."""
    if any(stat.S_ISLNK(part.external_attr >> 16) for part in parts):
        raise SourceRejected("a part of the document is a link to a file outside of it")
    ordered = sorted(parts, key=lambda part: part.header_offset)
    for one, other in pairwise(ordered):
        if one.header_offset + one.compress_size > other.header_offset:
            raise SourceRejected("parts of the document lie over each other")
