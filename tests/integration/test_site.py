"""A whole plant that nobody tuned on: made, taken in, asked, and scored, as `watchfloor eval run site` does it."""

from __future__ import annotations

import pytest

from eval.questions import read_questions


@pytest.fixture(scope="module")
def summary(plant):
    return plant.summary, plant.folder


def test_verdicts_evidence_and_citations_hold(summary) -> None:
    found, _ = summary
    metrics = found["metrics"]
    assert metrics["verdict_accuracy"] >= 0.9
    assert metrics["evidence_recall"] >= 0.85
    assert metrics["citation_precision"] >= 0.8
    assert metrics["baseline_answered"] < 0.6


def test_no_kind_of_question_is_left_behind(summary) -> None:
    found, folder = summary
    kinds = {q.kind for q in read_questions(folder / "truth" / "questions.jsonl")}
    assert kinds == set(found["by_kind"])
    weak = {kind: m["verdict_accuracy"] for kind, m in found["by_kind"].items() if m["verdict_accuracy"] < 0.7}
    assert weak == {}


def test_everything_was_taken_in_and_reported(summary) -> None:
    found, folder = summary
    assert found["ingest"]["rejected"] == []
    report = (folder.parent / "report" / "report.html").read_text()
    assert "verdict_accuracy" in report
    assert "data:image/png;base64," in report
