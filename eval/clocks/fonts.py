"""Ten typefaces like those of on-screen displays: OpenCV's strokes, DejaVu, Pillow's own, and a bitmap blown up by whole pixels."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

Mask = npt.NDArray[np.uint8]
_BITMAP_CAPITALS = 7  # pixels of a capital letter in Pillow's bitmap font


class Font(NamedTuple):
    """`draw(text, height)` gives the ink of a line as a mask of shape (h, w), uint8, whose digits are about `height` pixels tall."""

    name: str
    draw: Callable[[str, int], Mask]


def _stroked(face: int, text: str, height: int) -> Mask:
    scale = float(cv2.getFontScaleFromHeight(face, height, 1))
    thick = max(1, round(height / 9))
    (width, tall), below = cv2.getTextSize(text, face, scale, thick)
    mask = np.zeros((tall + below + 2 * thick, width + 2 * thick), np.uint8)
    cv2.putText(mask, text, (thick, tall + thick), face, scale, 255, thick, cv2.LINE_AA)
    return _trimmed(mask)


def _outlined(file: str, text: str, height: int) -> Mask:
    return _inked(_face(file, height), text)


def _bitmap(text: str, height: int) -> Mask:
    font = ImageFont.load_default_imagefont()
    small = _inked(font, text, "1")
    times = max(2, round(height / _BITMAP_CAPITALS))
    return np.kron(small, np.ones((times, times), np.uint8))


def _inked(font: ImageFont.FreeTypeFont | ImageFont.ImageFont, text: str, mode: str = "L") -> Mask:
    left, top, right, bottom = font.getbbox(text)
    image = Image.new(mode, (int(right - left) + 4, int(bottom - top) + 4))
    ImageDraw.Draw(image).text((2 - left, 2 - top), text, fill=255, font=font)
    return _trimmed(np.asarray(image.convert("L"), np.uint8))


@lru_cache(maxsize=256)
def _face(file: str, height: int) -> ImageFont.FreeTypeFont:
    """The face at the size whose digits are `height` pixels tall."""
    tall = 100.0
    _, top, _, bottom = _opened(file, tall).getbbox("0")
    return _opened(file, height * tall / (bottom - top))


def _opened(file: str, size: float) -> ImageFont.FreeTypeFont:
    if not file:
        made = ImageFont.load_default(size)
        if not isinstance(made, ImageFont.FreeTypeFont):
            raise TypeError("Pillow was built without FreeType")
        return made
    import matplotlib

    return ImageFont.truetype(str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / file), size)


def _trimmed(mask: Mask) -> Mask:
    columns = np.flatnonzero(mask.max(axis=0) > 64)
    return mask[:, columns[0] : columns[-1] + 1] if columns.size else mask


FONTS = (
    Font("Hershey simplex", partial(_stroked, cv2.FONT_HERSHEY_SIMPLEX)),
    Font("Hershey duplex", partial(_stroked, cv2.FONT_HERSHEY_DUPLEX)),
    Font("Hershey plain", partial(_stroked, cv2.FONT_HERSHEY_PLAIN)),
    Font("DejaVu Sans Mono", partial(_outlined, "DejaVuSansMono.ttf")),
    Font("DejaVu Sans Mono Bold", partial(_outlined, "DejaVuSansMono-Bold.ttf")),
    Font("DejaVu Sans", partial(_outlined, "DejaVuSans.ttf")),
    Font("DejaVu Sans Bold", partial(_outlined, "DejaVuSans-Bold.ttf")),
    Font("Computer Modern Typewriter", partial(_outlined, "cmtt10.ttf")),
    Font("Aileron (Pillow)", partial(_outlined, "")),
    Font("bitmap (Pillow)", _bitmap),
)
