"""The still-image decoder: runs in the sandbox's child (worker "ingest.still:picture"); imports Pillow only.

The size is read from the header before a pixel is decoded, so that a picture bomb costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from PIL import Image, ImageFilter, ImageOps, ImageStat, UnidentifiedImageError

from retrieval.errors import SourceRejected
from retrieval.pictures import jpeg, on_white

_READING_SIDE = 2560
_TAKEN = 0x9003  # EXIF DateTimeOriginal
_TAKEN_ZONE = 0x9011  # EXIF OffsetTimeOriginal
_EXIF = 0x8769


class StillOrder(msgspec.Struct, frozen=True):
    path: str
    long_side: int = 1280
    quality: int = 85
    max_pixels: int = 100_000_000


class Still(msgspec.Struct, frozen=True):
    """`jpeg` is the rendition to keep, `reading` a larger one to find text in (empty when no larger than `jpeg`). `taken` is EXIF's
    time ("2026:03:04 02:10:00", with its offset where stated) or ""."""

    jpeg: bytes
    reading: bytes
    width: int
    height: int
    taken: str
    offset: str
    brightness: float
    sharpness: float


def picture(args: dict[str, Any]) -> Iterator[Still]:
    """Yield one Still. Raises SourceRejected (too_large, truncated, unreadable)."""
    order = msgspec.convert(args, StillOrder)
    Image.MAX_IMAGE_PIXELS = None  # our own limit is checked below, before anything is decoded
    try:
        with Image.open(order.path) as image:
            if image.width * image.height > order.max_pixels:
                raise SourceRejected(f"the picture is too large: {image.width}x{image.height}", kind="too_large")
            yield _still(image, order)
    except UnidentifiedImageError as error:
        raise SourceRejected("the picture cannot be recognised") from error
    except (OSError, SyntaxError, ValueError) as error:
        cut_off = "truncated" in str(error) or "incomplete" in str(error)
        kind = "truncated" if cut_off else "unreadable"
        raise SourceRejected(f"the picture cannot be decoded ({error})", kind=kind) from error


def _still(image: Image.Image, order: StillOrder) -> Still:
    exif = image.getexif()
    details = exif.get_ifd(_EXIF)
    upright = on_white(ImageOps.exif_transpose(image))
    kept = _within(upright, order.long_side)
    grey = kept.convert("L")
    edges = grey.filter(ImageFilter.Kernel((3, 3), (0, 1, 0, 1, -4, 1, 0, 1, 0), scale=1, offset=128))
    return Still(
        jpeg=jpeg(kept, order.quality),
        reading=jpeg(_within(upright, _READING_SIDE), order.quality) if max(upright.size) > order.long_side else b"",
        width=upright.width,
        height=upright.height,
        taken=str(details.get(_TAKEN, "")),
        offset=str(details.get(_TAKEN_ZONE, "")),
        brightness=round(ImageStat.Stat(grey).mean[0], 1),
        sharpness=round(ImageStat.Stat(edges).stddev[0], 1),
    )


def _within(image: Image.Image, side: int) -> Image.Image:
    if max(image.size) <= side:
        return image
    smaller = image.copy()
    smaller.thumbnail((side, side))
    return smaller
