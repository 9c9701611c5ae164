"""Pictures that somebody sends: what is a picture of sensible size is taken, everything else refused."""

from __future__ import annotations

import io
import zlib

import pytest
from PIL import Image

from retrieval.errors import BadQuery
from retrieval.pictures import MOST_BYTES, decoded


def saved(kind: str, size: tuple[int, int] = (8, 6), **more: object) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, "red").save(out, kind, **more)
    return out.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_pictures_are_decoded(kind: str) -> None:
    picture = decoded(saved(kind))
    assert (picture.size, picture.mode) == ((8, 6), "RGB")


def promising(side: int) -> bytes:
    """A PNG whose header promises a square of so many pixels a side."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + name + data + zlib.crc32(name + data).to_bytes(4, "big")

    size = side.to_bytes(4, "big")
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", size + size + b"\x08\x02\x00\x00\x00")
        + chunk(b"IDAT", zlib.compress(b"0" * 9))
    )


def frames() -> bytes:
    return saved("WEBP", save_all=True, append_images=[Image.new("RGB", (8, 6), "blue")])


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "cannot be read"),
        (b"GIF89a", "cannot be read"),
        (saved("GIF"), "cannot be read"),
        (saved("PNG")[:40], "cannot be read"),
        (promising(50_000), "too many pixels"),
        (promising(7000), "7000×7000 pixels"),
        (frames(), "several frames"),
        (b"\xff" * (MOST_BYTES + 1), "the limit is"),
    ],
    ids=["empty", "header", "gif", "cut", "huge", "large", "frames", "bytes"],
)
def test_everything_else_is_refused_with_a_reason(data: bytes, why: str) -> None:
    with pytest.raises(BadQuery, match=why):
        decoded(data)
