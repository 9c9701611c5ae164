"""Text drawn into pictures is read again."""

from __future__ import annotations

import io
import random

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from ingest.ocr import RapidText, RegionReader


@pytest.fixture(scope="module")
def reader() -> RapidText:
    return RapidText()


def _picture(text: str, size: int, seed: int) -> Image.Image:
    noise = np.random.default_rng(seed).normal(120, 12, (360, 640, 3))
    image = Image.fromarray(np.clip(noise, 0, 255).astype(np.uint8))
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(size)
    draw.rectangle((2, 300, 14 + draw.textlength(text, font=font), 308 + size), fill=(10, 10, 10))
    draw.text((8, 302), text, font=font, fill=(245, 245, 245))
    out = io.BytesIO()
    image.save(out, "JPEG", quality=85)
    return Image.open(out)


def test_burnt_in_lines_are_read_about_as_often_as_stated(reader: RapidText) -> None:
    rng = random.Random(5)
    wrong = 0
    for index in range(12):
        text = f"CAM-{rng.randint(1, 99):02d} 2026-03-{rng.randint(1, 28):02d} 02:{rng.randint(0, 59):02d}:17"
        found = reader.lines(_picture(text, rng.choice([14, 18, 24]), index))
        wrong += not any(text.replace(" ", "") in line.replace(" ", "") for line, _ in found)
    assert wrong <= 2


def test_a_known_region_is_read_without_looking_for_it(reader: RapidText) -> None:
    assert isinstance(reader, RegionReader)
    image = _picture("GATE 4 OPEN", 20, 1)
    ((text, box),) = reader.lines(image)
    assert text.replace(" ", "") == "GATE4OPEN"
    assert 0 <= box[0] < box[2] < 0.5 and 0.8 < box[1] < box[3] <= 1
    crop = image.crop((0, round(box[1] * 360), round(box[2] * 640), round(box[3] * 360)))
    assert reader.recognise([crop, Image.new("RGB", (80, 24))])[0].replace(" ", "") == "GATE4OPEN"


def test_an_empty_picture_has_no_lines(reader: RapidText) -> None:
    assert reader.lines(Image.new("RGB", (320, 200), (90, 90, 90))) == []
