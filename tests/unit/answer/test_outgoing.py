"""No address leaves in an answer, in whatever form it stands in a document; names and figures stay as they are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.answer.outgoing import REMOVED, sealed, without_addresses
from retrieval.types import (
    Answer,
    CharSpan,
    Citation,
    Claim,
    CoverageNote,
    Interval,
    Kind,
    Support,
    TimelineEntry,
    Verdict,
)

HOST = "evil.example"
FORMS = [
    "https://evil.example/a?b=c",
    "HTTP://EVIL.EXAMPLE",
    "http://a\\@evil.example",
    "http:\\\\evil.example\\x",
    "//evil.example/x.png",
    "www.evil.example",
    "evil.example/steal?d=1",
    "evil.example?d=1",
    "evil.example:8080/x",
    "xn--80ak6aa92e.example/x",
    "203.0.113.9/x",
    "mailto:me@evil.example",
    "javascript:alert(1)",
    "data:text/html;base64,PHNjcmlwdD4=",
    "file:///etc/passwd",
    "slack://channel?id=1",
]
WRAPS = [
    "{}",
    "({})",
    "[click]({})",
    "![x]({})",
    "<{}>",
    "<{}|click>",
    "[1]: {} 'title'",
    '<img src="{}">',
    "<a href='{}'>",
    "see {}, now.",
    "“{}”",
]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("wrap", WRAPS)
def test_no_form_of_address_is_left(form: str, wrap: str) -> None:
    told = without_addresses(wrap.format(form))
    assert REMOVED in told
    assert not any(
        mark in told.lower() for mark in ("://", ":\\", "//", "www.", HOST, "mailto:", "javascript:", "data:", "203.0.")
    )


@pytest.mark.parametrize(
    "text",
    [
        "P-101 vibration reached 10.08 mm/s at 04:07:00, above 7.1 mm/s.",
        "alerts.jsonl, incident_IR-2604-05.pdf and shift.md",
        "mybinder.org was down for 2.5 h",
        "stopped.It was stopped at 10:00, i.e. late",
        "note: ratio 3:4, and/or 12/2026; 5 m³/h",
        "file: missing; data: none; tel: unknown",
    ],
)
def test_what_is_no_address_stays(text: str) -> None:
    assert without_addresses(text) == text


@given(st.text(max_size=200))
def test_taking_addresses_out_twice_changes_nothing_more(text: str) -> None:
    once = without_addresses(text)
    assert without_addresses(once) == once


def test_every_text_of_an_answer_is_cleaned() -> None:
    bad = "see https://evil.example/x"
    cited = Citation("ev_1", Kind.PASSAGE, "file:///site/a.md", CharSpan(0, 1), None, bad)
    answer = Answer(
        id="an_1", question=bad, verdict=Verdict.ANSWERED, confidence=None,
        claims=(Claim(bad, Support.UNSUPPORTED, (cited,), bad),),
        timeline=(TimelineEntry(Interval(0, 1), Kind.PASSAGE, bad, "ev_1"),),
        coverage=(CoverageNote("x", "gap", None, bad),),
        as_of=0, sequence=1, model="m",
    )  # fmt: skip
    told = sealed(answer)
    assert HOST not in repr(told).replace(repr(told.question), "")
    # where to look stays: a source is where evidence lies, never a link
    assert told.claims[0].citations[0].source == cited.source
