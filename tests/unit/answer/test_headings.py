"""What a page opens with is weighed with the first sentence, and not told with it; whoever asks what happened is told the cause."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.answer.events import _with_cause
from app.answer.passages import opening_of, split_sentences, without_heading
from app.answer.sentences import Sentence
from retrieval.types import CharSpan, Evidence, Kind, Provenance

FINDINGS = (
    "Findings\nThe investigation of P-101 found that the coupling had been left misaligned after\nthe last overhaul. "
    "By the machine's own counter P-101 stood still for 30 minutes."
)
TITLED = "Incident report IR-7: bearing failure at Pump\nP-101\nWhat happened\n" + (
    "On 10 April 2026 at 04:01 local time alarm AL-395 was raised for Pump P-101 in Zone D (pump\nhall). Nobody was hurt."
)


def told(text: str) -> list[str]:
    return [without_heading(sentence, opening_of(text)) for sentence in split_sentences(text)]


def test_a_heading_is_weighed_and_not_told() -> None:
    assert split_sentences(FINDINGS)[0].startswith("Findings The investigation")
    assert told(FINDINGS)[0].startswith("The investigation of P-101 found that")
    assert told(FINDINGS)[1] == "By the machine's own counter P-101 stood still for 30 minutes."


def test_a_title_over_several_lines_goes_with_its_headings() -> None:
    assert told(TITLED)[0].startswith("On 10 April 2026 at 04:01 local time alarm AL-395")


def test_lists_and_sentences_that_only_begin_short_stay_whole() -> None:
    listed = "Pump P-101\nSeal kit 7\nTorque 113 Nm"
    assert told(listed) == split_sentences(listed)
    running = (
        "The pump\nwas stopped by the shift lead at four in the morning because the bearing had become far too hot."
    )
    assert told(running) == split_sentences(running)


@given(st.lists(st.text("ab AB.-\n", min_size=1, max_size=90), min_size=1, max_size=6).map("\n".join))
def test_what_is_told_is_the_end_of_what_was_weighed(text: str) -> None:
    for sentence in split_sentences(text):
        told = without_heading(sentence, opening_of(text))
        assert sentence.endswith(told) and told


def sentence(text: str) -> Sentence:
    evidence = Evidence(
        id=f"ev_{text}", tenant="t", source="s", kind=Kind.PASSAGE, locator=CharSpan(0, 1), text=text, provenance=Provenance("test")
    )  # fmt: skip
    return Sentence(evidence, text, 0.5, 0.5, 0)


def test_the_best_sentence_that_gives_a_cause_has_a_place() -> None:
    ranked = [
        sentence(t)
        for t in ("It tripped.", "It stood still.", "It was released.", "The trip was caused by a worn seal.")
    ]
    assert [s.text for s in _with_cause(ranked[:3], ranked)] == [
        "It tripped.",
        "It stood still.",
        "The trip was caused by a worn seal.",
    ]
    assert _with_cause(ranked[3:], ranked) == ranked[3:]
    assert _with_cause(ranked[:1], ranked[:1]) == ranked[:1]


def test_words_that_only_sound_like_a_cause_take_nobodys_place() -> None:
    beside = ("The shift had lunch at noon.", "Cause under investigation, see IR-7.", "The cause is still unknown.")
    ranked = [sentence(t) for t in ("It tripped.", "It stood still.", "It was released.", *beside)]
    assert _with_cause(ranked[:3], ranked) == ranked[:3]
