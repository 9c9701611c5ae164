"""The report of a run: results.jsonl (one answer a line), summary.json, and report.html with its plots."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from eval.scoring import Scored


def write_report(out: Path, suite: str, scored: Sequence[Scored], summary: Mapping[str, Any]) -> None:
    """Write the three files into `out`."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "results.jsonl").write_bytes(b"".join(msgspec.json.encode(_row(s)) + b"\n" for s in scored))
    (out / "summary.json").write_bytes(msgspec.json.format(msgspec.json.encode(summary)))
    (out / "report.html").write_text(_page(suite, scored, summary), encoding="utf-8")


def _row(scored: Scored) -> dict[str, Any]:
    return {
        "id": scored.question.id,
        "kind": scored.question.kind,
        "paraphrase_of": scored.question.paraphrase_of,
        "question": scored.question.question,
        "expected": scored.question.verdict,
        "got": scored.answer.verdict.value,
        "verdict": scored.verdict,
        "recall": scored.recall,
        "precision": scored.precision,
        "figures": scored.figures,
        "claims": [claim.text for claim in scored.answer.claims],
        "cited": [
            {"source": c.source, "locator": c.locator, "valid": c.valid}
            for a in scored.answer.claims
            for c in a.citations
        ],
        "wanted": scored.question.evidence,
        "ms": scored.answer.timings_ms.get("asked"),
        "answerer": scored.answer.model,
        "confidence": scored.answer.confidence,
        "features": scored.answer.features,
    }


def _page(suite: str, scored: Sequence[Scored], summary: Mapping[str, Any]) -> str:
    rows = "".join(_table_row(s) for s in scored)
    kinds = "".join(
        f"<tr><td>{html.escape(kind)}</td><td>{v['n']}</td>{_cells(v)}</tr>" for kind, v in summary["by_kind"].items()
    )
    metrics = "".join(
        f"<tr><td>{html.escape(name)}</td><td>{_figure(value)}</td></tr>" for name, value in summary["metrics"].items()
    )
    head = "<tr><th>kind</th><th>n</th><th>verdicts</th><th>evidence recall</th><th>citation precision</th><th>figures</th></tr>"
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><title>Watchfloor: "
        f"{html.escape(suite)}</title><style>body{{font:15px system-ui;margin:2rem auto;max-width:70rem;color:#222}}"
        "table{border-collapse:collapse;margin:1rem 0}td,th{border:1px solid #ccc;padding:.3rem .6rem;text-align:left}"
        ".miss{background:#fdd}img{max-width:100%}</style>"
        f"<h1>{html.escape(suite)}: {len(scored)} questions</h1><table>{metrics}</table>"
        f"<img alt='verdict accuracy by kind, and latency' src='data:image/png;base64,{_plots(scored, summary)}'>"
        f"<h2>By kind</h2><table>{head}{kinds}</table><h2>Every question</h2>"
        f"<table><tr><th>id</th><th>question</th><th>expected</th><th>got</th><th>recall</th><th>precision</th></tr>{rows}</table></html>"
    )


def _cells(metrics: Mapping[str, Any]) -> str:
    names = ("verdict_accuracy", "evidence_recall", "citation_precision", "figure_accuracy")
    return "".join(f"<td>{_figure(metrics[name])}</td>" for name in names)


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _table_row(scored: Scored) -> str:
    miss = "" if scored.verdict else " class=miss"
    cells = (scored.question.id, scored.question.question, scored.question.verdict, scored.answer.verdict.value)
    text = "".join(f"<td>{html.escape(cell)}</td>" for cell in cells)
    return f"<tr{miss}>{text}<td>{_figure(scored.recall)}</td><td>{_figure(scored.precision)}</td></tr>"


def _plots(scored: Sequence[Scored], summary: Mapping[str, Any]) -> str:
    """Verdict accuracy by kind and the spread of latencies, as a base64 PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 3.4), layout="constrained")
    bars, times = figure.subplots(1, 2)
    kinds = list(summary["by_kind"])
    bars.barh(kinds, [summary["by_kind"][k]["verdict_accuracy"] or 0 for k in kinds], color="#3b6ea5")
    bars.set(xlim=(0, 1), title="verdict accuracy by kind")
    times.hist([s.answer.timings_ms.get("asked", 0.0) for s in scored], bins=30, color="#6a8f3c")
    times.set(title="milliseconds a question")
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=110)
    return base64.b64encode(data.getvalue()).decode()
