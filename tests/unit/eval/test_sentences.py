"""Which sentence an answer says: scored by hand on small answers."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from eval.sentences import Wanted, holds, load, measured, plain, says, scored, sentence_at
from retrieval.errors import InputError
from retrieval.types import Answer, CharSpan, Citation, Claim, Kind, Support, Verdict

DATA = Path(os.environ.get("WATCHFLOOR_TEST_DATA", "../shared/data"))
TEXT = 'The pump tripped at 3.41 p.m. on Monday. Dr. Smith saw it. "It was loud." Nobody was hurt!'


def answer(*claims: str, verdict: Verdict = Verdict.ANSWERED) -> Answer:
    cited = Citation("ev_1", Kind.PASSAGE, "file:///x", CharSpan(0, 9), None, "")
    made = tuple(Claim(text, Support.SUPPORTED, (cited,)) for text in claims)
    return Answer(
        id="a", question="?", verdict=verdict, claims=made, confidence=None, timeline=(), coverage=(), as_of=0, sequence=1,
        model="brief",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("word", "sentence"), [("Monday", "The pump tripped at 3.41 p.m. on Monday."), ("hurt", "Nobody was hurt!")]
)
def test_the_sentence_around_a_place(word: str, sentence: str) -> None:
    assert sentence_at(TEXT, TEXT.index(word)) == sentence


def test_a_sentence_is_said_whole_or_for_the_most_part() -> None:
    sentence = plain("The pump tripped at noon.")
    assert says(plain("It is known:  the PUMP tripped at noon"), sentence)
    assert says(plain("pump tripped at noon"), sentence)
    assert not says(plain("noon"), sentence)
    assert not says("", sentence)


def test_an_answer_is_no_part_of_a_word() -> None:
    assert holds("it took 30 minutes", "30")
    assert not holds("it took 130 minutes", "30")


WANTED = Wanted("When?", ("The pump tripped at noon.", "It was hot."), "noon")


def test_one_of_two_needed_sentences() -> None:
    told = scored(WANTED, answer("The pump tripped at noon."), 5.0)
    assert (told.answered, told.said) == (1.0, 0.5)
    # the words of the answer in another sentence are not the answer
    elsewhere = scored(WANTED, answer("At noon the yard was empty."), 5.0)
    assert (elsewhere.answered, elsewhere.said) == (0.0, 0.0)


def test_yes_and_no_stand_in_no_sentence() -> None:
    told = scored(WANTED._replace(answer=""), answer("It was hot."), 5.0)
    assert (told.answered, told.said) == (None, 0.5)


def test_means_over_the_questions() -> None:
    rows = [
        scored(WANTED, answer("The pump tripped at noon.", "It was hot."), 1.0),
        scored(WANTED, answer(verdict=Verdict.INSUFFICIENT), 1.0),
        scored(WANTED._replace(answer=""), answer("It was hot."), 1.0),
    ]
    found = measured(rows)
    assert found["answer sentence"] == 0.5
    assert found["needed sentences"] == pytest.approx(0.5)
    assert found["all needed"] == pytest.approx(1 / 3)
    assert found["abstained"] == pytest.approx(1 / 3)


def test_collections_that_are_not_there_are_refused(tmp_path: Path) -> None:
    for suite in ("xquad-answers", "other"):
        with pytest.raises(InputError):
            load(suite, tmp_path)


@pytest.mark.data
@pytest.mark.parametrize(
    ("suite", "documents", "questions"), [("xquad-answers", 24, 612), ("hotpotqa-answers", 40, 100)]
)
def test_the_collections_are_whole(suite: str, documents: int, questions: int) -> None:
    if not (DATA / "qa").is_dir():
        pytest.skip(f"{DATA / 'qa'} is not here")
    texts, wanted = load(suite, DATA)
    assert (len(texts), len(wanted)) == (documents, questions)
    assert all(one.sentences for one in wanted)
    if suite == "xquad-answers":
        assert all(holds(plain(one.sentences[0]), plain(one.answer)) for one in wanted[:50])
