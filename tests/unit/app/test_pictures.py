"""Pictures made small for a model, and sent as bytes."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from app.model.pictures import shrunk
from app.model.port import Picture, data_uri


@pytest.mark.parametrize(
    ("size", "small"), [((2000, 1000), (1024, 512)), ((100, 50), (100, 50)), ((10, 3000), (3, 1024))]
)
def test_pictures_are_made_small_but_never_large(size: tuple[int, int], small: tuple[int, int]) -> None:
    data = io.BytesIO()
    Image.new("RGBA", size, "red").save(data, "PNG")
    made = Image.open(io.BytesIO(shrunk(data.getvalue())))
    assert made.format == "JPEG" and made.size == small


def test_what_is_no_picture_is_an_error() -> None:
    with pytest.raises(OSError, match="cannot identify"):
        shrunk(b"no picture")


def test_a_picture_goes_out_as_bytes() -> None:
    assert data_uri(Picture(b"abc", "image/png")) == "data:image/png;base64,YWJj"
