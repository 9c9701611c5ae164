"""The words for things eyes can see: which label a question means, and how well anything that looked could see it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

# the label that says no more than that somebody is there
PERSON = "person"
# "someone in a hi-vis vest", "anyone in Zone B without a helmet": what follows says which one is meant
_QUALIFIES = re.compile(
    r"(?:(?!\b(?:and|or)\b|,).)*?\b(?:in|with|without|wearing|has|having|carrying)\s+(?:an? |the |no |any )?|\s*"
)
_DENIES = re.compile(r"\b(?:without|not wearing|no|lacking|missing)\s+(?:an? |any |the |his |her |their )?$")
# what nobody can see in single pictures, and colours that a label does not carry
_UNSEEN = re.compile(
    r"\b(?:f[ae]ll(?:en|ing|s)?|run(?:ning|s)?|ran|hit(?:ting|s)?|collid\w+|crash\w*|jump\w*|fight\w*|fought|sleep\w*|slept|argu\w+|"
    r"stol\w+|steal\w*|limp\w*|smok(?:ed|es) a|red|blue|green|yellow|white|black|orange|purple|brown|gr[ea]y)\b"
)


class Asked(NamedTuple):
    """What a question wants seen: the labels, whether all of them together, and whether it wants what no eye here can tell."""

    labels: tuple[str, ...]
    together: bool = False
    beyond: bool = False


class Sights(NamedTuple):
    """`labels` maps every word or phrase people use (lower case) to the detector's label it means."""

    labels: Mapping[str, str]

    def asked(self, text: str) -> tuple[str, ...]:
        """The labels a text speaks of, in order, the longest phrase first where two overlap."""
        return self.read(text).labels

    def read(self, text: str) -> Asked:
        """What a text wants seen."""
        low = text.lower()
        found = self._found(low)
        gaps = [low[end : found[i + 1][0]] for i, (_, end, _) in enumerate(found[:-1])]
        # only a person is made another one by what they wear
        kept = [
            f for i, f in enumerate(found) if not (i < len(gaps) and f[2] == PERSON and _QUALIFIES.fullmatch(gaps[i]))
        ]
        labels = tuple(dict.fromkeys(label for _, _, label in kept))
        rest = low
        for start, end, _ in found:
            rest = rest[:start] + " " * (end - start) + rest[end:]
        denied = any(_DENIES.search(low[:start]) for start, _, _ in kept)
        together = len(labels) > 1 and any(re.search(r"\b(?:and|with|together)\b", gap) for gap in gaps)
        return Asked(labels, together, denied or bool(_UNSEEN.search(rest)))

    def _found(self, low: str) -> list[tuple[int, int, str]]:
        taken: list[tuple[int, int, str]] = []
        for phrase in sorted(self.labels, key=len, reverse=True):
            for match in re.finditer(rf"(?<![\w-]){re.escape(phrase)}(?:s|es)?(?![\w-])", low):
                if not any(a < match.end() and match.start() < b for a, b, _ in taken):
                    taken.append((*match.span(), self.labels[phrase]))
        return sorted(taken)
