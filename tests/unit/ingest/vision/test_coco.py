"""The COCO detector's padding and what it states of itself; the network itself is tested on real footage."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from ingest.vision.coco import MEASURED, _unpadded, pad

SIDES = st.integers(1, 400)


@given(SIDES, SIDES)
def test_a_padded_picture_is_no_wider_than_4_to_3_and_holds_the_picture_where_it_says(width: int, height: int) -> None:
    picture = Image.new("RGB", (width, height), (200, 30, 30))
    padded, (left, top, right, bottom) = pad(picture)
    assert padded.width * 3 <= padded.height * 4 + 4 and padded.height * 3 <= padded.width * 4 + 4
    box = tuple(
        round(edge) for edge in (left * padded.width, top * padded.height, right * padded.width, bottom * padded.height)
    )
    assert (box[2] - box[0], box[3] - box[1]) == (width, height)
    assert padded.crop(box).tobytes() == picture.tobytes()
    around = np.asarray(padded, np.int64).sum() - np.asarray(picture, np.int64).sum()
    assert around == 3 * 127 * (padded.width * padded.height - width * height)


def test_a_picture_of_the_usual_shape_is_left_alone() -> None:
    picture = Image.new("RGB", (640, 480))
    assert pad(picture) == (picture, (0.0, 0.0, 1.0, 1.0))


@given(st.tuples(*[st.floats(0, 1)] * 4), SIDES, SIDES)
def test_boxes_come_back_to_where_they_were(
    corners: tuple[float, float, float, float], width: int, height: int
) -> None:
    _, placed = pad(Image.new("RGB", (width, height)))
    left, top, right, bottom = placed
    x0, x1 = sorted(corners[::2])
    y0, y1 = sorted(corners[1::2])
    there = (
        left + x0 * (right - left),
        top + y0 * (bottom - top),
        left + x1 * (right - left),
        top + y1 * (bottom - top),
    )
    assert _unpadded(there, placed) == pytest.approx((x0, y0, x1, y1), abs=1e-6)


def test_a_box_in_the_padding_alone_is_empty() -> None:
    _, placed = pad(Image.new("RGB", (1600, 900)))
    x0, y0, x1, y1 = _unpadded((0.2, 0.0, 0.4, 0.05), placed)
    assert (x0, x1) == (0.2, 0.4) and y0 == y1 == 0.0


def test_what_is_stated_is_no_better_than_what_was_counted() -> None:
    for label, measured in MEASURED.items():
        assert measured.rate >= measured.missed / measured.seconds, label
