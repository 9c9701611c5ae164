"""Charts of windows (matplotlib takes more than a second to import)."""

from __future__ import annotations

import io

import msgspec
import pytest
from PIL import Image

from app.charts import draw

T = [1_772_600_000_000_000 + n * 60_000_000 for n in range(5)]


def samples(v: list[float | None]) -> bytes:
    return msgspec.json.encode({"series": "value", "t": T[: len(v)], "v": v, "unit": "mm/s"})


def opened(png: bytes) -> Image.Image:
    return Image.open(io.BytesIO(png)).convert("RGB")


def has(image: Image.Image, colour: tuple[int, int, int]) -> bool:
    return any(found == colour for _, found in image.getcolors(1 << 20) or [])


BLUE, RED = (42, 111, 151), (179, 38, 30)


def test_a_chart_shows_the_line_its_limits_and_its_anomalies() -> None:
    plain = opened(draw(samples([1, 2, 9, 2, 1]), "vibration"))
    assert plain.size == (770, 286) and has(plain, BLUE) and not has(plain, RED)
    assert has(opened(draw(samples([1, 2, 9, 2, 1]), "vibration", {"high": 7.1})), RED)
    assert has(opened(draw(samples([1, 2, 9, 2, 1]), "vibration", anomalies=[{"t": T[2], "value": 9}])), RED)


@pytest.mark.parametrize("v", [[None, 1.0, None, 2.0], [None, None], [], [3.0]])
def test_gaps_and_short_windows_are_drawn_too(v: list[float | None]) -> None:
    assert opened(draw(samples(v), "gaps")).size == (770, 286)
