"""The words for things eyes can see: which label a question means, and how well anything that looked could see it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from retrieval.types import Coverage, Layer

_QUALIFIES = re.compile(
    r"\s+(?:(?:who (?:is|was) )?(?:not )?(?:in|with|without|wearing|has|having|carrying|that has)\s+(?:an? |the |no |any )?)?"
)


class Sights(NamedTuple):
    """`labels` maps every word or phrase people use (lower case) to the detector's label it means."""

    labels: Mapping[str, str]

    def asked(self, text: str) -> tuple[str, ...]:
        """The labels a text speaks of, in order, the longest phrase first where two overlap."""
        low = text.lower()
        taken: list[tuple[int, int, str]] = []
        for phrase in sorted(self.labels, key=len, reverse=True):
            for match in re.finditer(rf"(?<![\w-]){re.escape(phrase)}(?:s|es)?(?![\w-])", low):
                if not any(a < match.end() and match.start() < b for a, b, _ in taken):
                    taken.append((*match.span(), self.labels[phrase]))
        found = sorted(taken)
        # "someone in a hi-vis vest" asks for the vest, "a person without a helmet" for that, not for anyone
        kept = [
            label
            for i, (_, end, label) in enumerate(found)
            if not (i + 1 < len(found) and _QUALIFIES.fullmatch(low[end : found[i + 1][0]]))
        ]
        return tuple(dict.fromkeys(kept))


def miss_rate(label: str, coverage: Iterable[Coverage]) -> float | None:
    """The best (lowest) measured miss rate with which anything that examined could see the label; None = nothing could."""
    rates = [c.able[label] for c in coverage if c.layer is Layer.EXAMINED and label in c.able]
    return min(rates) if rates else None
