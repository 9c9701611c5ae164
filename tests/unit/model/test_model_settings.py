"""Settings of the model that are refused before anything is asked."""

from __future__ import annotations

import pytest

from app.settings import load
from retrieval.errors import BadSettings


@pytest.mark.parametrize(
    "url",
    ["", "foo", "ftp://h/v1", "http://", "http:///v1", "http://[::1/v1", "http://h:99999/v1", "http://u:pass@h/v1"],
)
def test_what_is_no_address_is_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(BadSettings) as told:
        load(model={"base_url": url})
    assert "model.base_url" in str(told.value) and "pass@" not in str(told.value)


@pytest.mark.parametrize("url", ["http://127.0.0.1:8001/v1", "https://models.example/v1", "http://[::1]:8001/v1", None])
def test_addresses_are_taken(url: str | None) -> None:
    assert load(model={"base_url": url}).model.base_url == url
