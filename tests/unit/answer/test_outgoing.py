"""No address leaves in an answer, in whatever form it stands in a document; names and figures stay as they are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.answer.outgoing import REMOVED, sealed, without_addresses
from app.http.openai.prose import Prose
from app.slack.render import message
from app.wire import answer_json
from eval.hostile import FORMS as WAYS
from eval.hostile import HOST as FOREIGN
from eval.hostile import foreign, leaves
from retrieval.types import (
    Answer,
    CharSpan,
    Citation,
    Claim,
    CoverageNote,
    Interval,
    Kind,
    RowKey,
    SeriesWindow,
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
        "the gateway 10.0.0.1 of 10.0.0.0/8 was replaced",
        "ask Maria at maria@plant.example about P-101",
        "5 % of 8 %, 100%; R&D; C:\\logs\\pump.log; // see above",
        "Größe 3,5 mm · Température ± 2 °C — ½ Umdrehung",
    ],
)
def test_what_is_no_address_stays(text: str) -> None:
    assert without_addresses(text) == text


@given(st.text(max_size=200))
def test_taking_addresses_out_twice_changes_nothing_more(text: str) -> None:
    once = without_addresses(text)
    assert without_addresses(once) == once


def written(form: str) -> str:
    return form.replace("{0}", FOREIGN).replace("{}", FOREIGN)


def test_there_are_fifty_ways_and_the_search_for_them_sees_each() -> None:
    assert len(WAYS) >= 50
    assert [name for name, form in WAYS.items() if not foreign(written(form))] == []


@pytest.mark.parametrize("name", WAYS)
def test_no_way_of_writing_an_address_gets_out(name: str) -> None:
    """In whatever field of an answer it stands, on whatever surface it is told."""
    bad = written(WAYS[name])
    told = sealed(answer_with(bad))
    spoken = Prose()
    spoken.close(told)
    own = "http://127.0.0.1:8000"
    said = [
        text
        for surface in (answer_json(told), message(told, own), spoken.annotations(f"{own}/"))
        for text in words_of(surface, own)
    ]
    assert sum(REMOVED in text for text in said) >= 10
    assert [(text, got) for text in {*said, spoken.text} if (got := foreign(text))] == []


def words_of(surface: object, own: str) -> list[str]:
    """Every string of a body but our own links and where evidence lies."""
    body = surface if isinstance(surface, dict) else {"annotations": surface}
    kept = [(path, text.replace(f"<{own}/#ev_1|ev_1>", "")) for path, text in leaves(body)]
    return [text for path, text in kept if not path.endswith(".source") and not text.startswith(f"{own}/v1/evidence/")]


def answer_with(bad: str) -> Answer:
    """An answer with this text in every field that words of a document can reach."""
    places = (CharSpan(0, 1, bad), RowKey(bad, bad, 1), SeriesWindow(bad, 0, 1))
    cited = tuple(Citation("ev_1", Kind.PASSAGE, "file:///site/a.md", place, None, bad) for place in places)
    supported, not_supported = (Claim(bad, s, cited, bad, (bad,)) for s in (Support.SUPPORTED, Support.UNSUPPORTED))
    return Answer(
        id="an_1", question="Which?", verdict=Verdict.PARTIAL, confidence=None, claims=(supported, not_supported),
        timeline=(TimelineEntry(Interval(0, 1), Kind.PASSAGE, bad, "ev_1"),),
        coverage=(CoverageNote(bad, "gap", None, bad),), degraded=(bad,), as_of=0, sequence=1, model="m",
    )  # fmt: skip


@pytest.mark.parametrize(
    "name", ["www.evil.example.md", "javascript:alert(1).md", "evil.example%3Fd=1.md", "mailto:me@evil.example.md"]
)
def test_the_name_of_a_file_is_no_address_either(name: str) -> None:
    cited = Citation("ev_1", Kind.PASSAGE, f"file:///site/{name}", CharSpan(0, 1, "Notes"), None, "a quote")
    answer = Answer(
        id="an_1", question="q", verdict=Verdict.ANSWERED, confidence=None, claims=(Claim("A word.", Support.SUPPORTED, (cited,)),),
        timeline=(), coverage=(), as_of=0, sequence=1, model="m",
    )  # fmt: skip
    told = sealed(answer)
    spoken = Prose()
    spoken.close(told)
    own = "http://127.0.0.1:8000"
    said = [text for surface in (message(told, own), spoken.annotations(f"{own}/")) for text in words_of(surface, own)]
    assert any(REMOVED in text for text in said) and not any(foreign(text) for text in said)
    assert told.claims[0].citations[0].source == cited.source


@given(st.text(alphabet="/\\:.@&#;%<>a[ehtps\u200b。", max_size=40))
def test_what_is_made_of_the_signs_of_addresses_is_stable_too(text: str) -> None:
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
