"""A calibrator: from the features of an answer to the probability that it is right. Fitted by eval, applied here by arithmetic alone.

p = sigmoid(bias + Σ weight · (feature − mean) / scale), then, where the head has knots, the piecewise linear map through them
(isotonic regression). A file holds one head for each answerer; the file that ships is brief.v1.json.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Annotated, NamedTuple, TypeAlias

import msgspec

from app.confidence.features import MEANINGS, VERSION
from retrieval.errors import BadSettings

PACKAGED = Path(__file__).with_name("brief.v1.json")
# the site's own, in its data directory
OWN = "calibration.json"
Share: TypeAlias = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]
Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0)]
Name: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]


class Abstention(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """From `threshold` up at most a share `risk` of what is stated is wrong, with probability `certainty`, by `method`.

    Held-out answers: `stated` of them stated something, `kept` of these lay at or above the threshold, `wrong` of those were wrong;
    `bound` is the upper bound of their risk.
    """

    threshold: Share
    risk: Share
    certainty: Share
    method: str
    stated: Count
    kept: Count
    wrong: Count
    bound: Share


class Fitted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a head was fitted on: the day (UTC, 2026-11-26), answers and how many of them were right, and answers by source."""

    on: str
    answers: Count
    right: Count
    sources: dict[str, int]
    method: str
    l2: float


class Head(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The calibrator of one answerer's answers. `knots` are (score, probability), empty where the sigmoid is left as it is."""

    answerer: str
    features: tuple[str, ...]
    means: tuple[float, ...]
    scales: tuple[float, ...]
    weights: tuple[float, ...]
    bias: float
    fitted: Fitted
    knots: tuple[tuple[Share, Share], ...] = ()
    abstention: Abstention | None = None

    def __post_init__(self) -> None:
        columns = (self.means, self.scales, self.weights)
        if {len(column) for column in columns} != {len(set(self.features))} or not self._named_once():
            raise ValueError("features, means, scales and weights do not go together")
        unknown = sorted(set(self.features) - set(MEANINGS))
        if unknown:
            raise ValueError(f"unknown features: {', '.join(unknown)}")
        if not all(math.isfinite(x) for column in columns for x in column) or not math.isfinite(self.bias):
            raise ValueError("a number is not finite")
        if any(scale <= 0 for scale in self.scales):
            raise ValueError("a scale is not positive")
        if any(a[0] >= b[0] or a[1] > b[1] for a, b in pairwise(self.knots)):
            raise ValueError("the knots do not rise")

    def _named_once(self) -> bool:
        return len(set(self.features)) == len(self.features)

    def probability(self, features: Mapping[str, float]) -> float:
        """The probability in [0, 1] that an answer with these features is right. Raises KeyError for a missing feature."""
        columns = zip(self.features, self.means, self.scales, self.weights, strict=True)
        score = self.bias + sum(weight * (features[name] - mean) / scale for name, mean, scale, weight in columns)
        return _interpolated(sigmoid(score), self.knots)


class Calibration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A calibration file. `version` is that of the features it was fitted on."""

    name: Name
    version: int
    heads: Annotated[tuple[Head, ...], msgspec.Meta(min_length=1)]

    def __post_init__(self) -> None:
        if self.version != VERSION:
            raise ValueError(f"it was fitted on features of version {self.version}, these are of version {VERSION}")
        if len({head.answerer for head in self.heads}) != len(self.heads):
            raise ValueError("two heads are for the same answerer")


class Calibrator(NamedTuple):
    """A head with the version an answer names: the file's name and the beginning of its SHA-256, "brief.v1@0123abcd"."""

    version: str
    head: Head


def sigmoid(score: float) -> float:
    """1 / (1 + e^-score), without overflow."""
    if score >= 0:
        return 1.0 / (1.0 + math.exp(-score))
    grown = math.exp(score)
    return grown / (1.0 + grown)


def _interpolated(x: float, knots: tuple[tuple[float, float], ...]) -> float:
    if not knots:
        return x
    if x <= knots[0][0]:
        return knots[0][1]
    for (x0, y0), (x1, y1) in pairwise(knots):
        if x <= x1:
            return y0 + (y1 - y0) * (x - x0) / (x1 - x0)
    return knots[-1][1]


def load(path: Path) -> dict[str, Calibrator]:
    """The calibrators of a file by answerer. Raises BadSettings naming what is wrong with it."""
    try:
        data = path.read_bytes()
        read = msgspec.json.decode(data, type=Calibration)
    except (OSError, msgspec.MsgspecError) as error:
        raise BadSettings(f"calibration {path.name}: {error}") from error
    version = f"{read.name}@{hashlib.sha256(data).hexdigest()[:8]}"
    return {head.answerer: Calibrator(version, head) for head in read.heads}


def load_calibrators(own: Path | None = None) -> dict[str, Calibrator]:
    """What ships, with the heads of the site's own file, where there is one, before it. Raises BadSettings."""
    return load(PACKAGED) | (load(own) if own is not None and own.exists() else {})
