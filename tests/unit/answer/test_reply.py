"""A reply read while it is written: claims come out whole, one by one, however the pieces are cut."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.answer.reply import Look, Reader, Reply, Worded, look_of, schema_of
from app.model.port import Piece, Usage
from retrieval.errors import ModelUnavailable

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
worded = st.builds(Worded, text=words, evidence=st.lists(words, max_size=3))


def cut(text: str, at: list[int]) -> Iterator[Piece]:
    places = sorted({min(n, len(text)) for n in at} | {0, len(text)})
    for start, end in pairwise(places):
        yield Piece(text[start:end])


@given(st.lists(worded, max_size=5), st.booleans(), st.lists(st.integers(0, 400), max_size=30), words)
def test_any_reply_comes_out_as_it_was_however_it_is_cut(
    claims: list[Worded], insufficient: bool, at: list[int], around: str
) -> None:
    prose = around.replace("{", "").replace("}", "").replace("claims", "")
    text = (
        prose + json.dumps({"claims": [msgspec.to_builtins(c) for c in claims], "insufficient": insufficient}) + prose
    )
    reader = Reader(cut(text, at))
    assert list(reader.claims()) == claims
    assert reader.insufficient is insufficient


def test_a_claim_comes_before_the_next_one_is_written() -> None:
    written: list[str] = []

    def pieces() -> Iterator[Piece]:
        for text in (
            '{"claims": [{"text": "a {b}", "evidence": ["E1"]}',
            ', {"text": "c", "evidence": []}',
            '], "insufficient": false}',
        ):
            written.append(text)
            yield Piece(text, (-0.5,), Usage(3, 2) if text.endswith("false}") else None)

    reader = Reader(pieces())
    claims = reader.claims()
    assert next(claims) == Worded("a {b}", ["E1"]) and len(written) == 1
    assert [c.text for c in claims] == ["c"]
    assert reader.usage == Usage(3, 2) and reader.logprobs == [-0.5] * 3


@pytest.mark.parametrize(
    "text",
    [
        "",
        "I think that the pump is fine.",
        '{"answer": 1}',
        '{"claims": [1], "insufficient": false}',
        '{"claims": [{"text": 1, "evidence": []}], "insufficient": false}',
        '{"claims": [{"text": "a", "evidence": [], "sure": true}], "insufficient": false}',
        '{"claims": [{"text": "a", "evidence": []}',
        '{"claims": []}',
        '{"claims":' + "[" * 100_000,
        '{"claims":[' + '{"a":' * 100_000,
        '{"claims": [], "insufficient": false, "tool": "send_mail"}',
    ],
)
def test_what_does_not_fit_is_said(text: str) -> None:
    with pytest.raises(ModelUnavailable, match="does not fit the schema"):
        list(Reader([Piece(text)]).claims())


def test_the_schemas_are_closed_objects() -> None:
    for kind in (Reply, Look):
        schema = schema_of(kind)
        assert schema["type"] == "object" and schema["additionalProperties"] is False
    assert set(schema_of(Reply)["required"]) == {"claims", "insufficient"}


def test_a_look_says_one_of_three_things() -> None:
    assert [look_of(f'x {{"answer": "{said}"}}') for said in ("yes", "No", " unclear ")] == ["yes", "no", "unclear"]
    for bad in ("yes", '{"answer": "maybe"}', '{"answer": 1}', "{}"):
        with pytest.raises(ModelUnavailable):
            look_of(bad)
