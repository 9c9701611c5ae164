"""Runs a suite and writes its report: sites and cases through the whole of Watchfloor, retrieval suites through its search."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from app.ports import Ask, Service
from eval.questions import Question, read_questions
from eval.scoring import Scored, average, score, summarise
from eval.suites import OTHERS, Progress, Wanted, needed
from retrieval.errors import InputError
from retrieval.times import to_micros
from retrieval.types import Evidence, Principal

# what the cases on real data are asked over, below the folder of shared data
CASE_FOLDERS = ("video", "pdf", "reports/mybinder", "reports/osha", "sensor/NAB", "assetops/data")
CASES = Path(__file__).parent / "cases"
# an attribute with at least this average precision on held-out pictures counts as seen well
SEEN_WELL = 0.9
OF_QUESTIONS = ("site", "cases", "blind")
SUITES = (*OF_QUESTIONS, *OTHERS)


def run(
    suite: str,
    site_dir: Path | None = None,
    data_dir: Path | None = None,
    out_dir: Path | None = None,
    progress: Progress | None = None,
    claim_set: str = "tuning",
    seed: int = 1,
) -> dict[str, Any]:
    """Run one suite: {suite, n, metrics, by_kind, latency_ms, …}. Raises InputError when its data is not there.

    `claim_set` and `seed` say which scripted claims the suite "claims" makes; with `out_dir`, its store is kept there. The seed also
    says which clips "clocks" and "moments" draw.
    """
    if suite not in SUITES:
        raise InputError(f"no suite {suite}; there are {', '.join(SUITES)}")
    if suite in OTHERS:
        return OTHERS[suite](Wanted(suite, site_dir, data_dir, out_dir, progress, claim_set, seed))
    paths, questions = _site(site_dir) if suite == "site" else _cases(data_dir, suite)
    if out_dir is None:
        with TemporaryDirectory(prefix="watchfloor-eval-") as folder:
            return _run_questions(suite, paths, questions, Path(folder), progress)
    return _run_questions(suite, paths, questions, out_dir, progress)


def _site(site_dir: Path | None) -> tuple[list[Path], list[Question]]:
    folder = needed(site_dir, "--site")
    truth = folder / "truth" / "questions.jsonl"
    if not truth.is_file():
        raise InputError(f"{truth} is missing; make a site with `watchfloor eval site --out {folder}`")
    return [folder / "site"], read_questions(truth)


def _cases(data_dir: Path | None, suite: str) -> tuple[list[Path], list[Question]]:
    folder = needed(data_dir, "--data")
    questions = [
        q
        for path in sorted((CASES / "blind" if suite == "blind" else CASES).glob("*.jsonl"))
        for q in read_questions(path)
    ]
    return [folder / name for name in CASE_FOLDERS], questions


def _run_questions(
    suite: str, paths: Sequence[Path], questions: Sequence[Question], out: Path, progress: Progress | None
) -> dict[str, Any]:
    from app.settings import load
    from app.wiring import build
    from eval.report import write_report

    settings = load(data_dir=out / "store")
    service = build(settings)
    try:
        principal = Principal(settings.tenant)
        ingested = service.ingest(paths, principal)
        scored = ask_all(service, questions, principal, progress)
    finally:
        service.close()
    weak = weak_attributes(paths)
    summary = summary_of(suite, scored) | {
        "by_attributes": {
            "seen_well": attribute_metrics(scored, lambda labels: not labels & weak),
            "seen_badly": attribute_metrics(scored, lambda labels: bool(labels & weak)),
        },
        "ingest": {
            "ingested": ingested.ingested,
            "rejected": list(ingested.rejected),
            "evidence_by_kind": ingested.evidence_by_kind,
        },
    }
    write_report(out, suite, scored, summary)
    return summary


def weak_attributes(paths: Sequence[Path]) -> frozenset[str]:
    """Attributes that the site's own checkpoint finds with an average precision below 0.9, by its card."""
    cards = [card for path in paths for card in sorted(path.glob("models/*/card.json"))]
    found = [one for card in cards for one in json.loads(card.read_text(encoding="utf-8")).get("attributes", ())]
    return frozenset(str(one["label"]) for one in found if float(one["average_precision"]) < SEEN_WELL)


def attribute_metrics(scored: Sequence[Scored], chosen: Callable[[frozenset[str]], bool]) -> dict[str, Any]:
    """The metrics of the questions that hang on visual attributes, for a choice of attributes."""
    rows = [s for s in scored if s.question.attributes and chosen(frozenset(s.question.attributes))]
    return summarise(rows) | {"n": len(rows)}


def ask_all(
    service: Service, questions: Sequence[Question], principal: Principal, progress: Progress | None = None
) -> list[Scored]:
    """Ask every question and score its answer."""

    def lookup(evidence_id: str) -> Evidence:
        return service.evidence(evidence_id, principal)

    scored = []
    for done, question in enumerate(questions, 1):
        started = time.perf_counter()
        answer = service.ask(Ask(question=question.question, asked_at=to_micros(question.asked_at)), principal)
        answer.timings_ms["asked"] = (time.perf_counter() - started) * 1e3
        scored.append(score(question, answer, lookup))
        if progress:
            progress(done, len(questions), question.id)
    return scored


def summary_of(suite: str, scored: Sequence[Scored]) -> dict[str, Any]:
    """The suite's figures; `baseline_answered` is what always saying "answered" would get."""
    kinds = sorted({s.question.kind for s in scored})
    times = sorted(s.answer.timings_ms["asked"] for s in scored)
    metrics = summarise(scored) | {
        "baseline_answered": average(float(s.question.verdict == "answered") for s in scored)
    }
    return {
        "suite": suite,
        "n": len(scored),
        "metrics": metrics,
        "by_kind": {
            kind: summarise(rows) | {"n": len(rows)}
            for kind in kinds
            if (rows := [s for s in scored if s.question.kind == kind])
        },
        "latency_ms": {"p50": percentile(times, 0.5), "p95": percentile(times, 0.95)},
    }


def percentile(ordered: Sequence[float], share: float) -> float | None:
    """Nearest-rank percentile of sorted values; None for none."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else None
