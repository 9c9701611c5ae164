"""Pictures are encoded once."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ingest import vectors as made
from ingest.vectors import PictureVectors
from retrieval.errors import SourceRejected
from retrieval.fakes.encoders import HashImageEncoder
from retrieval.types import Vector


class Counting(HashImageEncoder):
    """Remembers how many pictures it was given at a time."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def encode_images(self, images: Sequence[Image.Image]) -> Vector:
        self.sizes.append(len(images))
        return super().encode_images(images)


def _picture(number: int) -> bytes:
    """One of 64 colours, each the middle of another bin of the encoder's histogram."""
    out = io.BytesIO()
    Image.new("RGB", (8, 8), tuple(32 + 64 * (number // power % 4) for power in (16, 4, 1))).save(out, "PNG")
    return out.getvalue()


PICTURES = [_picture(number) for number in range(64)]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.integers(0, 63), max_size=40), max_size=6))
def test_each_gets_its_own_vector_and_none_is_encoded_twice(batches: list[list[int]]) -> None:
    encoder = Counting()
    pictures = PictureVectors(encoder)
    for batch in batches:
        found = pictures.of([PICTURES[number] for number in batch])
        assert [int(np.argmax(vector)) for vector in found] == batch
    assert sum(encoder.sizes) == len({number for batch in batches for number in batch})
    assert all(0 < size <= 16 for size in encoder.sizes)


def test_what_was_not_met_for_longest_is_encoded_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(made, "_REMEMBERED", 3)
    encoder = Counting()
    pictures = PictureVectors(encoder)
    for number in (1, 2, 3, 1, 4, 1, 2):  # 2 makes way for 4
        pictures.of([PICTURES[number]])
    assert sum(encoder.sizes) == 5


def test_what_is_no_picture_is_refused() -> None:
    with pytest.raises(SourceRejected, match="could not be opened"):
        PictureVectors(HashImageEncoder()).of([b"no picture"])
