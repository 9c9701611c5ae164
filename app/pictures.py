"""Pictures made small for a model: pixels cost tokens and time."""

from __future__ import annotations

import io


def shrunk(data: bytes, longest: int = 1024, quality: int = 85) -> bytes:
    """An encoded picture as JPEG whose longer side is at most `longest` pixels. Raises OSError for what is no picture."""
    # Pillow is loaded only by those who show pictures
    from PIL import Image

    with Image.open(io.BytesIO(data)) as picture:
        small = picture.convert("RGB")
        small.thumbnail((longest, longest))
        out = io.BytesIO()
        small.save(out, "JPEG", quality=quality)
        return out.getvalue()
