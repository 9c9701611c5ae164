"""Pictures that somebody sends: decoded under caps, from a short list of formats, or refused; and pictures as they are kept."""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING

from retrieval.errors import BadQuery

if TYPE_CHECKING:
    from PIL.Image import Image

FORMATS = ("JPEG", "PNG", "WEBP")
_SIGNATURES = {"image/jpeg": b"\xff\xd8\xff", "image/png": b"\x89PNG\r\n\x1a\n", "image/webp": b"RIFF"}
MOST_BYTES = 8 * 2**20
MOST_PIXELS = 40_000_000


def media_type(data: bytes) -> str:
    """The media type by the first bytes. Raises BadQuery for other formats; whether the rest is sound, `decoded` tells."""
    found = next((name for name, first in _SIGNATURES.items() if data.startswith(first)), None)
    if found is None:
        raise BadQuery(f"the picture cannot be read; send {', '.join(FORMATS)}")
    return found


def decoded(data: bytes) -> Image:
    """The picture as RGB. Raises BadQuery for too many bytes or pixels, several frames, other formats, or damage."""
    from PIL import Image, UnidentifiedImageError

    if len(data) > MOST_BYTES:
        raise BadQuery(f"the picture has {len(data)} bytes; the limit is {MOST_BYTES}")
    try:
        with warnings.catch_warnings():
            # a picture that only warns of its size is judged by our own limit
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
                _check(picture)
                return picture.convert("RGB")
    except Image.DecompressionBombError as error:
        raise BadQuery(f"the picture has too many pixels; the limit is {MOST_PIXELS} in all") from error
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
        raise BadQuery(f"the picture cannot be read; send {', '.join(FORMATS)}") from error


def on_white(image: Image) -> Image:
    """RGB; what is transparent shows white paper, as viewers show it, and not the colour that lies hidden there."""
    from PIL import Image as Pictures

    if not image.has_transparency_data:
        return image.convert("RGB")
    seen = image.convert("RGBA")
    return Pictures.alpha_composite(Pictures.new("RGBA", seen.size, "white"), seen).convert("RGB")


def jpeg(image: Image, quality: int = 85) -> bytes:
    """The picture as JPEG, with nothing of the file it came from but its pixels."""
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality)
    return out.getvalue()


def _check(picture: Image) -> None:
    width, height = picture.size
    if width * height > MOST_PIXELS:
        raise BadQuery(f"the picture has {width}×{height} pixels; the limit is {MOST_PIXELS} in all")
    if getattr(picture, "n_frames", 1) != 1:
        raise BadQuery("the picture has several frames; send one")
