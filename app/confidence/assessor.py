"""How sure an answer is, and what follows when that is not sure enough."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

import msgspec

from app.confidence.calibrator import Calibrator
from retrieval.types import Answer, Verdict

Abstain: TypeAlias = Literal["off", "warn", "refuse"]
# verdicts that state something; "insufficient" states nothing that could be wrong to act on
STATED = frozenset({Verdict.ANSWERED, Verdict.PARTIAL, Verdict.CONFLICT, Verdict.NOT_OBSERVED, Verdict.NOT_RECORDED})


class Assessor:
    """Gives answers their confidence. `abstain` says what becomes of one below its calibrator's threshold.

    off: nothing; warn: it says so beside the answer; refuse: it says so, and the verdict becomes insufficient. Claims stay in
    each case: what they cite can be checked.
    """

    def __init__(self, calibrators: Mapping[str, Calibrator] | None = None, abstain: Abstain = "warn") -> None:
        """`calibrators` by the name of the answerer (Answer.model)."""
        self._calibrators = dict(calibrators or {})
        self._abstain = abstain

    def assess(self, answer: Answer, features: Mapping[str, float]) -> Answer:
        """The answer with its features, and with a confidence where a calibrator fits who made it."""
        fitting = self._calibrators.get(answer.model)
        if fitting is None:
            return msgspec.structs.replace(answer, features=dict(features))
        confidence = fitting.head.probability(features)
        sure = msgspec.structs.replace(
            answer, confidence=confidence, calibration=fitting.version, features=dict(features)
        )
        return self._abstaining(sure, confidence, fitting)

    def _abstaining(self, answer: Answer, confidence: float, fitting: Calibrator) -> Answer:
        limit = fitting.head.abstention
        if limit is None or self._abstain == "off" or confidence >= limit.threshold or answer.verdict not in STATED:
            return answer
        told = (
            f"low confidence: {confidence:.2f} is below {limit.threshold:.2f}, from where on at most {limit.risk:.0%} of answers are "
            "wrong; check what it cites before acting on it"
        )
        verdict = Verdict.INSUFFICIENT if self._abstain == "refuse" else answer.verdict
        return msgspec.structs.replace(answer, verdict=verdict, degraded=(*answer.degraded, told))

    def describe(self, answerers: Sequence[str]) -> str:
        """For each answerer its calibrator and threshold in words."""
        return "; ".join(f"{name}: {self._one(name)}" for name in answerers)

    def _one(self, answerer: str) -> str:
        fitting = self._calibrators.get(answerer)
        if fitting is None:
            return "not calibrated, confidence stays empty"
        limit = fitting.head.abstention
        if limit is None:
            return f"{fitting.version}, without a threshold"
        does = {"off": "says nothing", "warn": "warns", "refuse": "is insufficient"}[self._abstain]
        return f"{fitting.version}, {does} below {limit.threshold:.2f} (risk {limit.risk:.0%})"
