"""`watchfloor eval calibrate`: answers in; a calibrator, its metrics both ways, its threshold and its plots out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np

from app.confidence.calibrator import OWN, Abstention, Calibration, Name
from app.confidence.features import VERSION
from eval.calibrate.examples import NEVER_FITTED, Example, Progress, answerer_of, gather
from eval.calibrate.fitting import Fit, Method, fit, predict
from eval.calibrate.metrics import Estimate, Floats, estimate
from eval.calibrate.threshold import Held, choose, upper_bound
from retrieval.errors import InputError


class Wanted(NamedTuple):
    """What to fit and how. `fit` and `test` are sources as examples.gather takes them; `risk` is a share in (0, 1)."""

    fit: tuple[str, ...]
    test: tuple[str, ...] = ()
    data_dir: Path | None = None
    name: str = "fitted"
    method: Method = "logistic"
    risk: float = 0.1
    certainty: float = 0.95
    seed: int = 1


class Direction(NamedTuple):
    """Probabilities for answers that took no part in fitting: from what, on what, and the same of the two baselines, each (n,)."""

    fitted_on: str
    tested_on: str
    examples: list[Example]
    probabilities: Floats
    base_rate: Floats
    top_score: Floats


def run(wanted: Wanted, out: Path, progress: Progress | None = None) -> dict[str, Any]:
    """Fit and measure; writes calibration.json, summary.json, two plots and report.html into `out`. Raises InputError.

    The summary: {name, answerer, fitted, abstention, directions: [{fitted_on, tested_on, n, right, metrics}], kept: [...], files}.
    """
    _named(wanted.name)
    out.mkdir(parents=True, exist_ok=True)
    fitted_on = gather(wanted.fit, wanted.data_dir, out, progress)
    tested_on = gather(wanted.test, wanted.data_dir, out, progress)
    _never_fitted(fitted_on)
    answerer = answerer_of(fitted_on)
    fitted_on, tested_on = ([e for e in some if e.answerer == answerer] for some in (fitted_on, tested_on))
    now = datetime.now(UTC)
    made = fit(fitted_on, wanted.method, now)
    abstention = choose(_held(fitted_on, made.held_out), wanted.risk, wanted.certainty)
    head = msgspec.structs.replace(made.head, abstention=abstention)
    calibration = Calibration(name=wanted.name, version=VERSION, heads=(head,))
    (out / OWN).write_bytes(msgspec.json.format(msgspec.json.encode(calibration)) + b"\n")
    directions = [_across(fitted_on, made), *_between(fitted_on, tested_on, wanted.method, now)]
    summary = _summary(calibration, directions, wanted)
    _write(out, summary, directions)
    return summary


def _named(name: str) -> None:
    """Names are told with every answer: letters, digits and -_. alone."""
    try:
        msgspec.convert(name, Name)
    except msgspec.ValidationError as error:
        raise InputError(f"no name for a calibration: {name[:64]!r}") from error


def _never_fitted(examples: Sequence[Example]) -> None:
    found = sorted({e.suite for e in examples} & NEVER_FITTED)
    if found:
        raise InputError(f"{', '.join(found)} is for testing alone; give it to --test")


def _held(examples: Sequence[Example], probabilities: Floats) -> list[Held]:
    pairs = zip(examples, probabilities.tolist(), strict=True)
    return [Held(e.suite, p, e.right) for e, p in pairs if e.stated]


def _across(examples: list[Example], made: Fit) -> Direction:
    """Cross-validation over all that is fitted on."""
    return _direction(_suites(examples), "the same, held out by question", examples, examples, made.held_out)


def _between(fitted: list[Example], tested: list[Example], method: Method, on: datetime) -> list[Direction]:
    """From all that is fitted on to each tested suite, and from each suite to each other one."""
    every = [*fitted, *tested]
    pairs = {(_suites(fitted), suite): (fitted, own) for suite, own in _by_suite(tested).items()}
    suites = _by_suite(every)
    for name, learner in suites.items():
        for other, rest in suites.items():
            if other != name and name not in NEVER_FITTED:
                pairs.setdefault((name, other), (learner, rest))
    return [
        _direction(name, other, learner, rest, predict(fit(learner, method, on).head, rest))
        for (name, other), (learner, rest) in pairs.items()
    ]


def _by_suite(examples: Sequence[Example]) -> dict[str, list[Example]]:
    return {suite: [e for e in examples if e.suite == suite] for suite in sorted({e.suite for e in examples})}


def _suites(examples: Sequence[Example]) -> str:
    return " + ".join(sorted({e.suite for e in examples}))


def _direction(
    name: str, other: str, learner: Sequence[Example], examples: list[Example], probabilities: Floats
) -> Direction:
    rate = float(np.mean([e.right for e in learner]))
    top = np.array([e.features["top_score"] for e in examples], np.float64)
    return Direction(name, other, examples, probabilities, np.full(len(examples), rate), top)


def _summary(calibration: Calibration, directions: Sequence[Direction], wanted: Wanted) -> dict[str, Any]:
    (head,) = calibration.heads
    limit = head.abstention
    return {
        "name": calibration.name,
        "answerer": head.answerer,
        "fitted": msgspec.to_builtins(head.fitted),
        "abstention": msgspec.to_builtins(limit),
        "directions": [measured(direction, wanted.seed) for direction in directions],
        "kept": [_kept(direction, limit) for direction in directions] if limit else [],
        "weights": dict(zip(head.features, head.weights, strict=True)),
    }


def measured(direction: Direction, seed: int) -> dict[str, Any]:
    """The metrics of a direction with intervals, beside those of the two baselines."""
    right = np.array([e.right for e in direction.examples], np.bool_)
    families = [e.family for e in direction.examples]
    scores = {
        "calibrated": direction.probabilities,
        "base rate": direction.base_rate,
        "top score": direction.top_score,
    }
    return {
        "fitted_on": direction.fitted_on,
        "tested_on": direction.tested_on,
        "n": len(right),
        "right": int(right.sum()),
        "metrics": {name: _plain(estimate(p, right, families, seed)) for name, p in scores.items()},
    }


def _plain(found: dict[str, Estimate]) -> dict[str, dict[str, float | None]]:
    return {name: one._asdict() for name, one in found.items()}


def _kept(direction: Direction, limit: Abstention) -> dict[str, Any]:
    """What the threshold keeps of the answers that state something, and how much of it is wrong, with its 95 % upper bound."""
    held = _held(direction.examples, direction.probabilities)
    kept = [h.right for h in held if h.confidence >= limit.threshold]
    wrong = kept.count(False)
    return {
        "fitted_on": direction.fitted_on,
        "tested_on": direction.tested_on,
        "stated": len(held),
        "stated_wrong": sum(not h.right for h in held),
        "kept": len(kept),
        "kept_wrong": wrong,
        "risk": wrong / len(kept) if kept else None,
        "risk_upper": upper_bound(wrong, len(kept), 0.05) if kept else None,
    }


def _write(out: Path, summary: dict[str, Any], directions: Sequence[Direction]) -> None:
    from eval.calibrate.report import write_report

    (out / "summary.json").write_bytes(msgspec.json.format(msgspec.json.encode(summary)) + b"\n")
    write_report(out, summary, directions)
