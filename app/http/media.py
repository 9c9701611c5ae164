"""Playing evidence back: one file, whole or in a range, with an entity tag."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from litestar import Response
from litestar.response import Stream

from app.http.errors import Refused
from app.ports import Media

CHUNK = 256 * 1024
# what must be said of a file besides its bytes, in ASCII
NOTE = "watchfloor-note"
_RANGE = re.compile(r"bytes=(\d*)-(\d*)", re.ASCII)
_DIGITS = 18
# What a browser may show in place. Anything else is downloaded, so that no stored file runs as a page of ours.
_SHOWN = frozenset(
    {"image/jpeg", "image/png", "image/webp", "image/gif", "video/mp4", "video/webm", "audio/wav", "audio/mpeg"}
)


class Piece(NamedTuple):
    """Bytes [first, last] of a file, both included."""

    first: int
    last: int


def parse_range(header: str, size: int) -> Piece | None:
    """A Range header → the piece asked for; None = send it whole (no range, several, or another unit).

    Raises Refused with 416 when nothing of the file lies in the range (RFC 9110, section 14).
    """
    match = _RANGE.fullmatch(header.strip())
    if match is None or match.groups() == ("", "") or max(map(len, match.groups())) > _DIGITS:
        return None
    first, last = match.groups()
    if first and last and int(last) < int(first):
        return None
    piece = _piece(first, last, size)
    if piece.last < piece.first:
        raise Refused(416, "range_not_satisfiable", f"the file has {size} bytes")
    return piece


def _piece(first: str, last: str, size: int) -> Piece:
    if not first:
        return Piece(max(0, size - int(last)), size - 1)
    return Piece(int(first), min(size - 1, int(last)) if last else size - 1)


def entity_tag(path: Path) -> str:
    """A strong tag: blobs never change under their name, so size and time of writing tell versions apart."""
    stat = path.stat()
    return f'"{stat.st_size:x}-{stat.st_mtime_ns:x}"'


def media_response(media: Media, headers: dict[str, str], *, body: bool = True) -> Response[Any]:
    """Answer a GET (or HEAD, `body=False`). `headers` are the request's, by lower-case name."""
    size, tag = media.path.stat().st_size, entity_tag(media.path)
    common = _headers(media, tag)
    if tag in {part.strip() for part in headers.get("if-none-match", "").split(",")}:
        return Response(None, status_code=304, headers=common)
    wanted = headers.get("range", "") if headers.get("if-range", tag) == tag else ""
    try:
        piece = parse_range(wanted, size)
    except Refused as error:
        error.headers = {"etag": tag, "content-range": f"bytes */{size}"}
        raise
    if piece is not None:
        common["content-range"] = f"bytes {piece.first}-{piece.last}/{size}"
    first, last = piece or Piece(0, size - 1)
    common["content-length"] = str(last - first + 1)
    content = _chunks(media.path, first, last) if body else iter(())
    return Stream(content, status_code=206 if piece else 200, headers=common, media_type=common["content-type"])


def _headers(media: Media, tag: str) -> dict[str, str]:
    shown = media.media_type in _SHOWN
    return {
        "etag": tag,
        "accept-ranges": "bytes",
        "cache-control": "private, max-age=3600",
        "content-type": media.media_type if shown else "application/octet-stream",
        "content-disposition": "inline" if shown else "attachment",
        "content-security-policy": "default-src 'none'; sandbox",
        **({NOTE: media.note} if media.note else {}),
    }


def _chunks(path: Path, first: int, last: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(first)
        left = last - first + 1
        while left > 0 and (data := file.read(min(CHUNK, left))):
            left -= len(data)
            yield data
