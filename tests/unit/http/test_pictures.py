"""The pictures of a question: as many and as large as its body can carry, and no more."""

from __future__ import annotations

import base64

import pytest

from app.http.errors import Unfit
from app.http.pictures import BODY_BYTES, MOST_PICTURES, MOST_TOGETHER, pictures_in
from retrieval.pictures import MOST_BYTES


def uri(size: int) -> str:
    return f"data:image/png;base64,{base64.b64encode(bytes(size)).decode()}"


def test_what_is_allowed_fits_into_a_body() -> None:
    each = MOST_TOGETHER // MOST_PICTURES
    largest = [uri(each)] * MOST_PICTURES
    assert len(pictures_in(largest, "pictures")) == MOST_PICTURES
    assert sum(map(len, largest)) + 2**20 < BODY_BYTES
    assert MOST_BYTES <= MOST_TOGETHER, "one picture of the largest size must be allowed"


def test_what_would_not_fit_is_refused_by_name() -> None:
    with pytest.raises(Unfit, match="together") as caught:
        pictures_in([uri(MOST_BYTES), uri(MOST_TOGETHER - MOST_BYTES + 1)], "messages[0].content")
    assert (caught.value.status_code, caught.value.code, caught.value.param) == (
        413,
        "too_large",
        "messages[0].content",
    )
