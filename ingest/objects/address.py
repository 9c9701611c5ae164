"""Where objects are: prefixes that may be read, the uri of an object, and its place in the spool."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import NamedTuple
from urllib.parse import quote, unquote

from ingest.site import FILE_NAMES
from retrieval.errors import BadSettings, SourceRejected

SCHEME = "s3://"
# the rules of S3 for names of buckets, without those that only AWS reserves
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_LONGEST_KEY, _LONGEST_SEGMENT = 1024, 200


class Prefix(NamedTuple):
    """All objects of a bucket whose key begins with `start` ("" = all)."""

    bucket: str
    start: str

    @property
    def uri(self) -> str:
        return uri_of(self.bucket, self.start)

    def holds(self, bucket: str, key: str) -> bool:
        return bucket == self.bucket and key.startswith(self.start)


class Address(NamedTuple):
    bucket: str
    key: str

    @property
    def uri(self) -> str:
        return uri_of(self.bucket, self.key)


def prefix_of(text: str) -> Prefix:
    """s3://bucket/prefix → Prefix. Raises BadSettings."""
    bucket, _, start = text.removeprefix(SCHEME).partition("/")
    if not text.startswith(SCHEME) or not _BUCKET.fullmatch(bucket) or ".." in bucket or not start.isprintable():
        raise BadSettings(f"{text!r} names no prefix; write s3://BUCKET/PREFIX, or s3://BUCKET/ for all of it")
    return Prefix(bucket, start)


def uri_of(bucket: str, key: str) -> str:
    """The source under which an object's evidence is kept. Percent-encoded: a key may hold "#" and "?"."""
    return f"{SCHEME}{bucket}/{quote(key, safe='/')}"


def address_of(uri: str) -> Address | None:
    """The other way; None for what is no object's uri."""
    bucket, slash, key = uri.removeprefix(SCHEME).partition("/")
    return Address(bucket, unquote(key)) if uri.startswith(SCHEME) and slash and key and "#" not in key else None


def allowed(prefixes: Sequence[Prefix], bucket: str, key: str) -> Prefix | None:
    """The widest of the prefixes that holds this object, so that a site description is looked for as far up as may be read."""
    return min((p for p in prefixes if p.holds(bucket, key)), key=lambda p: len(p.start), default=None)


def place_of(key: str) -> PurePosixPath:
    """The relative path under which an object is put on disk; below the folder it is put into whatever its key is.

    Raises SourceRejected (unsafe_key) for keys that are no such path: "..", empty parts, control characters, backslashes, too long ones.
    """
    if not safe(key):
        told = 'its key is no path below a folder: it has an empty, "." or ".." part, a control character, a backslash, or a too long part'
        raise SourceRejected(told, kind="unsafe_key")
    return PurePosixPath(*key.split("/"))


def safe(key: str) -> bool:
    """Whether a key is a relative path that leads nowhere else."""
    return len(key.encode("utf-8", "replace")) <= _LONGEST_KEY and all(map(_sound, key.split("/")))


def _sound(part: str) -> bool:
    plain = part.isprintable() and "\\" not in part and len(part.encode("utf-8", "replace")) <= _LONGEST_SEGMENT
    return part not in ("", ".", "..") and plain


def hidden(key: str) -> bool:
    """Markers of folders, and what begins with a dot, are left alone, as in a folder."""
    return key.endswith("/") or any(part.startswith(".") and part.strip(".") for part in key.split("/"))


def site_files(key: str, start: str) -> Iterator[str]:
    """Keys at which the site description that governs an object may lie: the nearest folder first, none outside the prefix."""
    folder = key.rpartition("/")[0]
    while True:
        yield from (named for name in FILE_NAMES if (named := f"{folder}/{name}" if folder else name).startswith(start))
        if not folder:
            return
        folder = folder.rpartition("/")[0]
