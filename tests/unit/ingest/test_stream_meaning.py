"""What a message means, and that equal meanings are encoded once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.stream.meaning import TextVectors, meaning
from retrieval.fakes import HashTextEncoder
from retrieval.types import Vector


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("Alert AL-0 (low): seal leaks on P-100, 2026-03-04 02:41 UTC; rev: 1", "Alert (low): seal leaks on P-100"),
        (
            "Alert AL-0 (low): seal leaks, from 2026-03-04 02:41:09 UTC to 2026-03-04 03:00 UTC; sensor X; rev: 2026-03-04T02:41:00Z",
            "Alert (low): seal leaks; sensor X",
        ),
        ("alarms — id: AL-0; note: AL-01 and AL-0-B stay; rev: 3", "alarms — id: ; note: AL-01 and AL-0-B stay"),
        ("valve 2026 opened at 12:30", "valve 2026 opened at 12:30"),
    ],
)
def test_ids_times_and_versions_are_left_out(text: str, meant: str) -> None:
    assert meaning(text, "AL-0", "rev") == meant


@given(text=st.text(), key=st.text(max_size=9), version=st.text(max_size=9))
def test_any_text_has_a_meaning_and_only_loses(text: str, key: str, version: str) -> None:
    assert len(meaning(text, key, version)) <= len(text)


class Counting(HashTextEncoder):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def encode(self, texts: Sequence[str]) -> Vector:
        self.seen += texts
        return super().encode(texts)


@given(
    rounds=st.lists(st.lists(st.sampled_from(["seal leaks", "door open", "low flow", "fire"]), max_size=9), max_size=6)
)
def test_vectors_are_the_encoder_s_own_and_each_text_is_encoded_once(rounds: list[list[str]]) -> None:
    encoder = Counting()
    vectors = TextVectors(encoder)
    for texts in rounds:
        made = vectors.encode(texts)
        assert made.shape == (len(texts), vectors.dim)
        if texts:
            np.testing.assert_array_equal(made, HashTextEncoder().encode(texts))
    assert len(encoder.seen) == len(set(encoder.seen))


def test_no_more_than_so_many_are_kept() -> None:
    encoder = Counting()
    vectors = TextVectors(encoder, kept=2)
    for text in ("a", "b", "a", "c", "b"):
        vectors.encode([text])
    assert encoder.seen == ["a", "b", "c"]
    assert vectors.encode(["x", "y", "z"]).shape == (3, vectors.dim)
