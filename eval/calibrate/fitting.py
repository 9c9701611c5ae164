"""Fitting a calibrator: logistic regression on standardised features, l2 chosen by cross-validation, isotonic on top where asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from app.confidence.calibrator import Fitted, Head
from eval.calibrate.examples import BRIEF, Example
from eval.calibrate.metrics import Bools, Floats
from retrieval.errors import InputError

Method: TypeAlias = Literal["logistic", "isotonic"]
FOLDS = 5
# strengths of the l2 penalty ½ · l2 · ‖weights‖² beside the summed log loss
L2 = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
_LEAST, _LEAST_OF_EACH = 40, 8
# what each has a reason to tell right from wrong: all that is measured is more than a few dozen wrong answers can weigh (cross-validated
# on sites and cases, all of it gives a log loss of 0.377, these 0.362)
_OF_ANY = (
    "verdict_insufficient",
    "words_carried",
    "words_in_first_claim",
    "claims",
    "amount_missing",
    "time_missing",
    "entity_matched",
    "unknown_tag",
)
BRIEF_FEATURES = (
    *_OF_ANY,
    "verdict_not_observed",
    "verdict_not_recorded",
    "strategy_event",
    "strategy_sight",
    "strategy_fact",
    "words",
    "sentence_words",
    "near_miss",
)
MODEL_FEATURES = (
    *_OF_ANY,
    "verdict_partial",
    "cited_rank",
    "supported",
    "contradicted",
    "judged_score",
    "judged_lowest",
    "judged_words",
    "sighting_confirmed",
    "sighting_rejected",
    "logprobs_given",
    "token_probability",
    "token_probability_lowest",
)


class Fit(NamedTuple):
    """A head and, for each example it was fitted on, the probability given by a head that had not seen its family: float64, (n,)."""

    head: Head
    held_out: Floats


class _Table(NamedTuple):
    """Examples as arrays: features (n, columns), right (n,), weights (n,) that make every suite count the same."""

    names: tuple[str, ...]
    x: Floats
    right: Bools
    weights: Floats
    families: list[str]


def fit(examples: Sequence[Example], method: Method, on: datetime) -> Fit:
    """Fit on answers of one answerer. `on` is the day that is noted. Raises InputError where there are too few of them."""
    _enough(examples)
    table = _table(examples)
    held = {l2: _held_out(table, l2) for l2 in L2}
    l2 = min(L2, key=lambda strength: log_loss(held[strength], table))
    head = _head(table, examples, method, l2, on)
    if method == "logistic":
        return Fit(head, held[l2])
    knots = _isotonic(held[l2], table)
    return Fit(_with_knots(head, knots), _isotonic_held_out(held[l2], table))


def predict(head: Head, examples: Sequence[Example]) -> Floats:
    """The head's probability for each example, float64, shape (n,)."""
    return np.array([head.probability(e.features) for e in examples], np.float64)


def log_loss(probabilities: Floats, table: _Table) -> float:
    """Mean of −log of the probability given to what came true, weighted."""
    true = np.clip(np.where(table.right, probabilities, 1.0 - probabilities), 1e-12, 1.0)
    return float(np.average(-np.log(true), weights=table.weights))


def _enough(examples: Sequence[Example]) -> None:
    right = sum(e.right for e in examples)
    if len(examples) < _LEAST or min(right, len(examples) - right) < _LEAST_OF_EACH:
        raise InputError(
            f"{len(examples)} answers, {right} of them right: at least {_LEAST}, and {_LEAST_OF_EACH} right and wrong ones, are needed"
        )
    if len({e.family for e in examples}) < FOLDS:
        raise InputError(f"fewer than {FOLDS} different questions")


def _table(examples: Sequence[Example]) -> _Table:
    """Features that are the same for every example tell nothing and are left out."""
    chosen = BRIEF_FEATURES if examples[0].answerer == BRIEF else MODEL_FEATURES
    every = np.array([[e.features[name] for name in chosen] for e in examples], np.float64)  # (n, features)
    told = np.ptp(every, axis=0) > 0
    names = tuple(name for name, kept in zip(chosen, told, strict=True) if kept)
    sizes = Counter(e.suite for e in examples)
    weights = np.array([len(examples) / (len(sizes) * sizes[e.suite]) for e in examples], np.float64)
    right = np.array([e.right for e in examples], np.bool_)
    return _Table(names, every[:, told], right, weights, [e.family for e in examples])


class _Line(NamedTuple):
    """A fitted logistic regression on standardised columns."""

    means: Floats
    scales: Floats
    weights: Floats
    bias: float

    def probabilities(self, x: Floats) -> Floats:
        from scipy.special import expit

        return np.asarray(expit(self.bias + ((x - self.means) / self.scales) @ self.weights), np.float64)


def _line(table: _Table, rows: NDArray[np.intp], l2: float) -> _Line:
    from sklearn.linear_model import LogisticRegression

    x = table.x[rows]
    means, spread = x.mean(axis=0), x.std(axis=0)
    # a column that is constant in a fold has weight 0 there
    scales = np.where(spread > 0, spread, 1.0)
    model = LogisticRegression(C=1.0 / l2, max_iter=5000)
    model.fit((x - means) / scales, table.right[rows], sample_weight=table.weights[rows])
    return _Line(means, scales, model.coef_[0], float(model.intercept_[0]))


def _folds(table: _Table) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """(train, test) rows; a family is never in both."""
    from sklearn.model_selection import StratifiedGroupKFold

    splitter = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=1)
    return list(splitter.split(table.x, table.right, table.families))


def _held_out(table: _Table, l2: float) -> Floats:
    found = np.zeros(len(table.right))
    for train, test in _folds(table):
        found[test] = _line(table, train, l2).probabilities(table.x[test])
    return found


def _isotonic(scores: Floats, table: _Table, rows: NDArray[np.intp] | None = None) -> Any:
    """Isotonic regression of the outcome on held-out scores."""
    from sklearn.isotonic import IsotonicRegression

    chosen = np.arange(len(scores)) if rows is None else rows
    model = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip")
    return model.fit(scores[chosen], table.right[chosen], sample_weight=table.weights[chosen])


def _isotonic_held_out(scores: Floats, table: _Table) -> Floats:
    found = np.zeros(len(scores))
    for train, test in _folds(table):
        found[test] = _isotonic(scores, table, train).predict(scores[test])
    return found


def _head(table: _Table, examples: Sequence[Example], method: Method, l2: float, on: datetime) -> Head:
    line = _line(table, np.arange(len(table.right)), l2)
    sources = dict(sorted(Counter(f"{e.suite}/{e.source}" for e in examples).items()))
    fitted = Fitted(
        on=on.date().isoformat(),
        answers=len(examples),
        right=int(table.right.sum()),
        sources=sources,
        method=method,
        l2=l2,
    )
    return Head(
        answerer=examples[0].answerer,
        features=table.names,
        means=_rounded(line.means),
        scales=_rounded(line.scales),
        weights=_rounded(line.weights),
        bias=round(line.bias, 6),
        fitted=fitted,
    )


def _rounded(values: Floats) -> tuple[float, ...]:
    """Six decimals: what is stored is what a reader of the file sees. A scale never rounds to 0: features differ by 1e-6 or more."""
    return tuple(round(float(value), 6) for value in values)


def _with_knots(head: Head, model: Any) -> Head:
    import msgspec

    # equal neighbours after rounding would be no knots any more
    knots = {
        round(float(x), 6): round(float(y), 6) for x, y in zip(model.X_thresholds_, model.y_thresholds_, strict=True)
    }
    return msgspec.structs.replace(head, knots=tuple(sorted(knots.items())))
