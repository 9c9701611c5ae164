"""Calibrations to load, answers to judge, and reports to fit on."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from app.confidence.features import MEANINGS, VERSION
from retrieval.types import Answer, Verdict

ANSWERER = "evidence-brief.v1"


def head(**given: Any) -> dict[str, Any]:
    """A head of two features as JSON holds it: p = sigmoid(0.5 + 2 · (words − 0.5) / 0.25 − gaps)."""
    fitted = {"on": "2026-11-26", "answers": 50, "right": 40, "sources": {}, "method": "logistic", "l2": 10.0}
    return {
        "answerer": ANSWERER,
        "features": ["words", "coverage_gaps"],
        "means": [0.5, 0.0],
        "scales": [0.25, 1.0],
        "weights": [2.0, -1.0],
        "bias": 0.5,
        "fitted": fitted,
    } | given


def abstention(threshold: float = 0.7) -> dict[str, Any]:
    counts = {"stated": 100, "kept": 60, "wrong": 2}
    return {"threshold": threshold, "risk": 0.1, "certainty": 0.95, "method": "some", "bound": 0.09} | counts


def calibration(*heads: dict[str, Any], **given: Any) -> dict[str, Any]:
    return {"name": "own.v2", "version": VERSION, "heads": list(heads or (head(),))} | given


@pytest.fixture
def written(tmp_path: Path) -> Callable[..., Path]:
    """Write a calibration file, whatever is in it."""

    def write(content: object) -> Path:
        path = tmp_path / "calibration.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    return write


def features(**given: float) -> dict[str, float]:
    return dict.fromkeys(MEANINGS, 0.0) | given


def answer(verdict: Verdict = Verdict.ANSWERED, model: str = ANSWERER) -> Answer:
    return Answer(
        id="an_1",
        question="?",
        verdict=verdict,
        confidence=None,
        claims=(),
        timeline=(),
        coverage=(),
        as_of=0,
        sequence=1,
        model=model,
    )


def write_report(folder: Path, suite: str, rows: Sequence[dict[str, Any]]) -> Path:
    folder.mkdir(parents=True)
    (folder / "summary.json").write_text(json.dumps({"suite": suite}))
    (folder / "results.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def row(n: int, right: bool, answerer: str = ANSWERER, verdict: str = "answered", **given: float) -> dict[str, Any]:
    """A line of results.jsonl, with the fields that are for people left out."""
    scores = {"verdict": float(right), "recall": float(right), "figures": None}
    return {"id": f"q-{n}", "got": verdict, "answerer": answerer, "features": features(**given)} | scores


def noisy_rows(n: int, seed: int, answerer: str = ANSWERER) -> list[dict[str, Any]]:
    """Answers whose chance to be right is their feature `words`."""
    rng = random.Random(seed)
    drawn = [(rng.random(), rng.random(), rng.random()) for _ in range(n)]
    return [
        row(i, chance > luck, answerer, words=chance, top_score=score) for i, (chance, luck, score) in enumerate(drawn)
    ]
