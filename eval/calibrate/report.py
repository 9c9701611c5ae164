"""The report of a calibration: reliability and risk–coverage plots, and a page with the tables."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from eval.calibrate.metrics import METRICS, reliability, risk_coverage
from eval.resampling import wilson

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from eval.calibrate.running import Direction

RELIABILITY, RISK_COVERAGE = "reliability.png", "risk-coverage.png"
_COLUMNS = 3


def write_report(out: Path, summary: Mapping[str, Any], directions: Sequence[Direction]) -> None:
    """Write reliability.png, risk-coverage.png and report.html into `out`."""
    limit = (summary["abstention"] or {}).get("threshold")
    _figure(out / RELIABILITY, directions, lambda axes, one: _reliability(axes, one, limit))
    _figure(
        out / RISK_COVERAGE, directions, lambda axes, one: _risk(axes, one, (summary["abstention"] or {}).get("risk"))
    )
    (out / "report.html").write_text(_page(summary), encoding="utf-8")


def _figure(path: Path, directions: Sequence[Direction], draw: Any) -> None:
    from matplotlib.figure import Figure

    columns = min(_COLUMNS, len(directions))
    rows = -(-len(directions) // columns)
    figure = Figure(figsize=(4.4 * columns, 4.2 * rows), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.flat[len(directions) :]:
        axes.set_axis_off()
    for axes, direction in zip(grid.flat, directions, strict=False):
        draw(axes, direction)
        axes.set_title(f"{direction.fitted_on} → {direction.tested_on}\nn = {len(direction.examples)}", fontsize=10)
    figure.savefig(path, dpi=110)


def _reliability(axes: Axes, direction: Direction, threshold: float | None) -> None:
    """Accuracy by probability in bins of equal mass, with Wilson 95 % intervals, over a rug of the probabilities."""
    right = np.array([e.right for e in direction.examples], np.bool_)
    n, x, y = reliability(direction.probabilities, right)
    low, high = wilson(y * n, n)
    axes.plot([0, 1], [0, 1], color="#999", linewidth=1, linestyle="--", label="perfect")
    axes.errorbar(
        x,
        y,
        yerr=[np.maximum(y - low, 0), np.maximum(high - y, 0)],
        fmt="o-",
        color="#3b6ea5",
        capsize=2,
        label="answers",
    )
    axes.plot(direction.probabilities, np.full(len(right), -0.03), "|", color="#3b6ea5", alpha=0.4)
    if threshold is not None:
        axes.axvline(threshold, color="#b5482f", linewidth=1, label=f"threshold {threshold:.2f}")
    axes.set(xlim=(0, 1), ylim=(-0.06, 1.02), xlabel="confidence", ylabel="share right")
    axes.legend(loc="best", fontsize=8)


def _risk(axes: Axes, direction: Direction, risk: float | None) -> None:
    right = np.array([e.right for e in direction.examples], np.bool_)
    for name, scores, colour in (
        ("calibrated", direction.probabilities, "#3b6ea5"),
        ("top score", direction.top_score, "#c08a2b"),
        ("best possible", right.astype(np.float64), "#6a8f3c"),
        ("any order", direction.base_rate, "#999"),
    ):
        curve = risk_coverage(scores, right)
        axes.plot(curve.coverage, curve.risk, color=colour, label=name)
    if risk is not None:
        axes.axhline(risk, color="#b5482f", linewidth=1, linestyle=":", label=f"stated risk {risk:.0%}")
    axes.set(xlim=(0, 1), ylim=(0, None), xlabel="share of answers kept", ylabel="share wrong")
    axes.legend(loc="best", fontsize=8)


def _page(summary: Mapping[str, Any]) -> str:
    fitted, limit = summary["fitted"], summary["abstention"]
    threshold = (
        "No threshold keeps the risk: none is stored."
        if limit is None
        else f"Threshold {limit['threshold']:.3f}: of what is stated above it at most {limit['risk']:.0%} is wrong, with certainty "
        f"{limit['certainty']:.0%} ({limit['method']}); held out, {limit['kept']} of {limit['stated']} stated answers lie above it and "
        f"{limit['wrong']} of those are wrong, bound {limit['bound']:.3f}."
    )
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>Calibration {html.escape(summary['name'])}</title><style>"
        "body{font:15px system-ui;margin:2rem auto;max-width:80rem;color:#222}table{border-collapse:collapse;margin:1rem 0}"
        "td,th{border:1px solid #ccc;padding:.3rem .6rem;text-align:left}img{max-width:100%}</style>"
        f"<h1>Calibration {html.escape(summary['name'])} of {html.escape(summary['answerer'])}</h1>"
        f"<p>Fitted on {html.escape(fitted['on'])} on {fitted['answers']} answers, {fitted['right']} of them right "
        f"({html.escape(', '.join(f'{name}: {n}' for name, n in fitted['sources'].items()))}); {html.escape(fitted['method'])}, "
        f"l2 {fitted['l2']:g}.</p><p>{html.escape(threshold)}</p>"
        f"{_metrics(summary['directions'])}{_kept(summary['kept'])}"
        f"<h2>Reliability</h2><img alt='reliability' src='{RELIABILITY}'>"
        f"<h2>Risk and coverage</h2><img alt='risk and coverage' src='{RISK_COVERAGE}'>{_weights(summary['weights'])}</html>"
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    cells = "".join(f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><tr>{''.join(f'<th>{html.escape(name)}</th>' for name in head)}</tr>{cells}</table>"


def _metrics(directions: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        (d["fitted_on"], d["tested_on"], f"{d['right']} of {d['n']}", name, *(interval(found[m]) for m in METRICS))
        for d in directions
        for name, found in d["metrics"].items()
    ]
    head = ("fitted on", "tested on", "right", "score", *METRICS)
    return f"<h2>Metrics</h2><p>With 95 % bootstrap intervals over questions.</p>{_table(head, rows)}"


def interval(found: Mapping[str, float | None]) -> str:
    """0.083 (0.061–0.120), or – where a metric is not defined."""
    value, low, high = found["value"], found["low"], found["high"]
    if value is None:
        return "–"
    return f"{value:.3f}" + (f" ({low:.3f}–{high:.3f})" if low is not None and high is not None else "")


def _kept(rows: Sequence[Mapping[str, Any]]) -> str:
    head = ("fitted on", "tested on", "stated", "of these wrong", "kept", "of these wrong", "risk", "95 % upper bound")
    told = [
        (
            row["fitted_on"],
            row["tested_on"],
            *(str(row[name]) for name in ("stated", "stated_wrong", "kept", "kept_wrong")),
            *("–" if row[name] is None else f"{row[name]:.3f}" for name in ("risk", "risk_upper")),
        )
        for row in rows
    ]
    return f"<h2>At the threshold</h2>{_table(head, told)}" if told else ""


def _weights(weights: Mapping[str, float]) -> str:
    from app.confidence.features import MEANINGS

    ranked = sorted(weights.items(), key=lambda pair: -abs(pair[1]))
    rows = [(name, f"{weight:+.3f}", MEANINGS[name]) for name, weight in ranked]
    return f"<h2>Weights</h2>{_table(('feature', 'weight of a standard deviation', 'meaning'), rows)}"
