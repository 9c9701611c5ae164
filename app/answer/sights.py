"""The words for things eyes can see: which label a question means, and how well anything that looked could see it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from retrieval.types import Coverage, Layer


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
        return tuple(dict.fromkeys(label for _, _, label in sorted(taken)))


def miss_rate(label: str, coverage: Iterable[Coverage]) -> float | None:
    """The best (lowest) measured miss rate with which anything that examined could see the label; None = nothing could."""
    rates = [c.able[label] for c in coverage if c.layer is Layer.EXAMINED and label in c.able]
    return min(rates) if rates else None
