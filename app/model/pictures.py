"""Pictures made small for a model: pixels cost tokens and time."""

from __future__ import annotations

import io

from retrieval.pictures import jpeg


def shrunk(data: bytes, longest: int = 1024, quality: int = 85) -> bytes:
    """An encoded picture as JPEG whose longer side is at most `longest` pixels. Raises OSError for what is no picture."""
    # Pillow is loaded only by those who show pictures
    from PIL import Image

    with Image.open(io.BytesIO(data)) as picture:
        small = picture.convert("RGB")
        small.thumbnail((longest, longest))
        return jpeg(small, quality)


def plain(number: int, side: int = 64) -> bytes:
    """A small one-coloured PNG of our own; each of the first dozen numbers has its own colour."""
    from PIL import Image

    out = io.BytesIO()
    colour = (37 * number % 256, 101 * number % 256, (64 + 59 * number) % 256)
    Image.new("RGB", (side, side), colour).save(out, "PNG")
    return out.getvalue()
