"""Pictures in a request: data: URIs, and nothing that would have to be fetched.

Here only their bytes are unpacked. Pixels are decoded, under caps, where the question is answered: within the asker's budget.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence

from app.http.errors import Unfit
from retrieval.pictures import FORMATS, MOST_BYTES, media_type

MOST_PICTURES = 4
MOST_TOGETHER = 11 * 2**20
# the body of a question: base64 makes four bytes of three, and a MiB is left for the words
BODY_BYTES = 16 * 2**20
_TYPES = frozenset(f"image/{name.lower()}" for name in FORMATS) | {"image/jpg"}
_HEAD = re.compile(r"data:([a-z]+/[a-z0-9.+-]+);base64,", re.I)
_HEAD_CHARS = 64


def from_data_uri(uri: str, param: str) -> bytes:
    """The bytes of a data: URI that says it is a picture. Raises Unfit naming `param`."""
    head = _HEAD.match(uri[:_HEAD_CHARS])
    if head is None:
        raise Unfit("pictures are sent as data: URIs (data:image/jpeg;base64,…); no address is ever fetched", param)
    if head[1].lower() not in _TYPES:
        raise Unfit(f"a picture is {', '.join(FORMATS)}, not {head[1]}", param)
    if len(uri) - head.end() > 4 * MOST_BYTES // 3 + 4:
        raise Unfit(f"a picture may have {MOST_BYTES} bytes", param, "too_large", 413)
    try:
        return base64.b64decode(uri[head.end() :], validate=True)
    except (binascii.Error, ValueError):
        raise Unfit("the picture is not valid base64", param) from None


def pictures_in(uris: Sequence[str], param: str) -> tuple[bytes, ...]:
    """The bytes of a question's pictures: four, and 11 MiB together, at most. Raises Unfit naming `param`."""
    if len(uris) > MOST_PICTURES:
        raise Unfit(f"{len(uris)} pictures; send {MOST_PICTURES} at most", param)
    found = tuple(from_data_uri(uri, param) for uri in uris)
    together = sum(map(len, found))
    if together > MOST_TOGETHER:
        why = f"the pictures have {together} bytes together; {MOST_TOGETHER} at most"
        raise Unfit(why, param, "too_large", 413)
    return found


def as_data_uri(data: bytes) -> str:
    """The way back. Raises BadQuery for bytes that are no picture."""
    return f"data:{media_type(data)};base64,{base64.b64encode(data).decode()}"
