"""Prose of an answer: whatever the claims say, every marker stands where its annotation says, and nothing unsupported is there."""

from __future__ import annotations

import re

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from app.http.openai.prose import Prose
from retrieval.types import Answer, Citation, Claim, Kind, PageBox, Support, Verdict

CITED = st.sampled_from("abcdef").map(
    lambda name: Citation(f"ev_{name}", Kind.PASSAGE, f"file:///{name}.pdf", PageBox(1), None, "")
)
CLAIMS = st.lists(
    st.builds(
        Claim,
        st.text(min_size=1).filter(str.strip),
        st.sampled_from(list(Support)),
        st.lists(CITED, max_size=4).map(tuple),
    ),
    max_size=6,
)


def answer_of(verdict: Verdict, claims: list[Claim]) -> Answer:
    return Answer(
        id="an_1",
        question="q",
        verdict=verdict,
        confidence=None,
        claims=tuple(claims),
        timeline=(),
        coverage=(),
        as_of=0,
        sequence=1,
        model="m",
    )


@given(CLAIMS, st.sampled_from(list(Verdict)))
def test_markers_stand_where_they_are_said_to(claims: list[Claim], verdict: Verdict) -> None:
    prose = Prose()
    assert prose.close(answer_of(verdict, claims)) == prose.text != ""
    numbers: dict[str, str] = {}
    for note in prose.annotations("http://127.0.0.1:8000/"):
        where = note["url_citation"]
        marker = prose.text[where["start_index"] : where["end_index"]]
        assert re.fullmatch(r"\[\d+\]", marker)
        assert numbers.setdefault(where["url"], marker) == marker
        assert re.fullmatch(r"http://127\.0\.0\.1:8000/v1/evidence/ev_[a-f]", where["url"])
    assert list(numbers.values()) == [f"[{n}]" for n in range(1, len(numbers) + 1)]
    supported = {c.evidence for claim in claims if claim.support is Support.SUPPORTED for c in claim.citations}
    assert {f"http://127.0.0.1:8000/v1/evidence/{evidence}" for evidence in supported} == set(numbers)


@given(CLAIMS, st.data())
def test_pieces_make_the_same_text(claims: list[Claim], data: st.DataObject) -> None:
    """Told one by one as they come, or all at the end: the same words."""
    whole, streamed = Prose(), Prose()
    answer = answer_of(Verdict.ANSWERED, claims)
    whole.close(answer)
    early = data.draw(st.integers(0, len(claims)))
    pieces = [streamed.add(claim) for claim in claims[:early]]
    lost = {(c.text, c.citations) for c in claims if c.support is not Support.SUPPORTED}
    if not any((c.text, c.citations) in lost for c in claims[:early] if c.support is Support.SUPPORTED):
        assert "".join([*pieces, streamed.close(answer)]) == whole.text


def test_what_is_not_supported_is_left_out() -> None:
    prose = Prose()
    wrong = [Claim("It burnt.", Support.UNSUPPORTED, ()), Claim("It is well.", Support.CONTRADICTED, ())]
    prose.close(answer_of(Verdict.INSUFFICIENT, wrong))
    assert prose.text == "There is not enough evidence to answer this." and prose.annotations("http://a/") == []


def test_what_was_off_is_said_last() -> None:
    prose = Prose()
    known = Claim("It is well.", Support.SUPPORTED, ())
    off = (
        "model: its endpoint cannot be reached; the evidence brief answers",
        "graph: closed",
        "words: closed",
        "a",
        "b",
    )
    prose.close(msgspec.structs.replace(answer_of(Verdict.ANSWERED, [known]), degraded=off))
    assert prose.text.splitlines() == ["It is well.", *(f"Degraded: {why}." for why in off[:3])]
