"""Metrics on answers worked out by hand."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from eval.questions import Expected, Figure, Question, read_questions, write_questions
from eval.scoring import figure_accuracy, numbers, score
from retrieval.times import to_micros
from retrieval.types import (
    Answer,
    CharSpan,
    Citation,
    Claim,
    Evidence,
    FrameAt,
    Interval,
    Kind,
    Locator,
    PageBox,
    Provenance,
    RowKey,
    Support,
    Verdict,
)

AT = to_micros(datetime(2026, 3, 4, 2, tzinfo=UTC))
MINUTE = 60_000_000


def citation(id_: str, source: str, kind: Kind, locator: Locator, valid: Interval | None = None) -> Citation:
    return Citation(id_, kind, f"file:///data/{source}", locator, valid, "quote")


def answer(verdict: Verdict, *citations: Citation, text: str = "claim") -> Answer:
    claims = (Claim(text, Support.SUPPORTED, citations),) if citations else ()
    return Answer(
        id="an_1", question="?", verdict=verdict, confidence=None, claims=claims, timeline=(), coverage=(),
        as_of=0, sequence=0, model="m",
    )  # fmt: skip


def lookup(id_: str) -> Evidence:
    return Evidence(
        id=id_, tenant="t", source="s", kind=Kind.PASSAGE, locator=CharSpan(0, 1), text="The  seal\nfailed at night",
        provenance=Provenance("test"),
    )  # fmt: skip


def question(*evidence: Expected, acceptable: tuple[Expected, ...] = (), verdict: str = "answered") -> Question:
    return Question(
        id="q", kind="k", question="?", asked_at=datetime(2026, 3, 6, tzinfo=UTC), verdict=verdict,
        evidence=evidence, acceptable=acceptable,
    )  # fmt: skip


def test_recall_and_precision_by_hand() -> None:
    page = citation("a", "manual.pdf", Kind.PASSAGE, PageBox(3))
    row = citation("b", "wo.csv", Kind.ROW, RowKey("wo", "WO-1", 2))
    stray = citation("c", "other.md", Kind.PASSAGE, CharSpan(0, 9))
    wanted = question(
        Expected(source="manual.pdf", page=3, contains=("seal failed",)),
        Expected(source="wo.csv", key="WO-2"),
        acceptable=(Expected(source="wo.csv"),),
    )
    scored = score(wanted, answer(Verdict.ANSWERED, page, row, stray), lookup)
    assert scored.verdict == 1.0
    assert scored.recall == 0.5
    assert scored.precision == pytest.approx(2 / 3)


def test_times_overlap_half_open() -> None:
    frame = citation("f", "cam.mp4", Kind.FRAME, FrameAt(1000, 6000), Interval(AT, AT + MINUTE))
    start = datetime(2026, 3, 4, 2, 1, tzinfo=UTC)
    touching = Expected(source="cam.mp4", start=start, end=datetime(2026, 3, 4, 2, 2, tzinfo=UTC))
    inside = Expected(source="cam.mp4", start=datetime(2026, 3, 4, 2, 0, 30, tzinfo=UTC), end=start)
    assert score(question(touching), answer(Verdict.ANSWERED, frame), lookup).recall == 0.0
    assert score(question(inside), answer(Verdict.ANSWERED, frame), lookup).recall == 1.0


def test_a_position_in_a_clip() -> None:
    frame = citation("f", "clip.gif", Kind.FRAME, FrameAt(4000, 6000))
    assert (
        score(question(Expected(source="clip.gif", ms=(5000, 9000))), answer(Verdict.ANSWERED, frame), lookup).recall
        == 1
    )
    assert (
        score(question(Expected(source="clip.gif", ms=(7000, 9000))), answer(Verdict.ANSWERED, frame), lookup).recall
        == 0
    )


def test_what_truth_does_not_name_is_not_scored() -> None:
    scored = score(question(verdict="insufficient"), answer(Verdict.INSUFFICIENT), lookup)
    assert (scored.verdict, scored.recall, scored.precision, scored.figures) == (1.0, None, None, None)


def test_figures_within_tolerance() -> None:
    said = answer(Verdict.ANSWERED, citation("a", "s.csv", Kind.WINDOW, CharSpan(0, 1)), text="peaked at 1,234.5 mm/s")
    assert figure_accuracy((Figure(1234.4, 0.2), Figure(7.0, 0.5)), said) == 0.5


def test_numbers_of_a_text() -> None:
    assert numbers("-3.5 bar, 1,200 rpm and 33") == [-3.5, 1200.0, 33.0]


def test_questions_round_trip(tmp_path) -> None:
    asked = [question(Expected(source="a.mp4", ms=(0, 10)), acceptable=(Expected(source="b"),))]
    write_questions(tmp_path / "q.jsonl", asked)
    assert read_questions(tmp_path / "q.jsonl") == asked
