"""Pictures that stand in office documents and web pages → JPEGs to keep. Runs in the child process."""

from __future__ import annotations

import io

import msgspec
from PIL import Image, ImageStat, UnidentifiedImageError

from retrieval.pictures import jpeg, on_white
from retrieval.types import Box

# as for pictures that come as files
_MOST_PIXELS, _LONG_SIDE = 100_000_000, 1280
# smaller ones are icons and bullets, longer ones rules and banners
_LEAST_SIDE, _LEAST_PIXELS, _THINNEST = 48, 9_216, 14
_FORMATS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP")
_BLANK = 3.0
MOST_FIGURES, REPEATED = 300, 3


class Picture(msgspec.Struct, frozen=True, tag="picture"):
    """A figure. `box` is its place on its slide, in fractions, None where it stands in running text."""

    jpeg: bytes
    caption: str
    box: Box | None = None


def jpeg_of(data: bytes) -> bytes | None:
    """The picture at most 1280 pixels long; None where it shows nothing, is too small or too large, or cannot be read."""
    Image.MAX_IMAGE_PIXELS = None  # our own limit is checked below, before anything is decoded
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            if not _worth(*image.size):
                return None
            image.draft("RGB", (_LONG_SIDE, _LONG_SIDE))
            flat = on_white(image)
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError):
        return None
    flat.thumbnail((_LONG_SIDE, _LONG_SIDE))
    if ImageStat.Stat(flat.convert("L")).stddev[0] < _BLANK:
        return None
    return jpeg(flat)


def _worth(wide: int, high: int) -> bool:
    short, long = min(wide, high), max(wide, high)
    return short >= _LEAST_SIDE and _LEAST_PIXELS <= wide * high <= _MOST_PIXELS and long <= _THINNEST * short
