"""Which frames of a clip look like words that no detector reports in them.

How much a frame looks like words is measured from what the clip looks like at most times: the median over time, since kept frames crowd
where something moves. How much is enough depends on the encoder, and on the clip: what detectors did see in it shows how far a frame moves
when something comes into view that has a name. A fifth of that is asked for, three median deviations where nothing was seen. It is a
likeness, and no more: on sample sites with their own checkpoint, 1 in 4 first hits for what was not there pass (42 of 167 at seed 11; the
fifth was chosen on seeds 2 and 3), where deviations alone let 65 pass and fewer of the true ones.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from statistics import median
from typing import NamedTuple

_SHARE = 0.2
_DEVIATIONS = 3.0

Margins = dict[str, float]
Scores = Callable[[str], Mapping[str, float]]
"""Words → likeness of each frame that can be compared, by its id."""


class Shown(NamedTuple):
    """A frame: its id, how long it stands (ms), and the labels that were seen in it."""

    id: str
    length_ms: int
    labels: frozenset[str]


def margins(frames: Sequence[Shown], scores: Mapping[str, float]) -> Margins:
    """Likeness of each frame minus that of the clip at most times; empty where none can be compared."""
    lengths = [(scores[each.id], max(1, each.length_ms)) for each in frames if each.id in scores]
    if not lengths:
        return {}
    usual = median_over_time(lengths)
    return {each.id: scores[each.id] - usual for each in frames if each.id in scores}


def stands_out(frame: str, words: Margins, frames: Sequence[Shown], scores: Scores) -> bool:
    """Whether the frame looks like the words whose margins are given, and not only other than the rest of its clip."""
    if words[frame] <= 0:
        return False
    scale = _seen(frames, scores)
    if scale <= 0:
        return words[frame] > _DEVIATIONS * median(abs(each) for each in words.values())
    return words[frame] >= _SHARE * scale


def median_over_time(values: Sequence[tuple[float, int]]) -> float:
    """The least value that is not exceeded for half of the time or more; of (value, ms) pairs, one at least."""
    ordered = sorted(values)
    passed = list(accumulate(length for _, length in ordered))
    return ordered[bisect_left(passed, passed[-1] / 2)][0]


def _seen(frames: Sequence[Shown], scores: Scores) -> float:
    """The margin that a frame usually has for what was seen in it, of the label for which it is largest; 0 where nothing was seen."""
    showing: dict[str, list[str]] = defaultdict(list)
    for each in frames:
        for label in each.labels:
            showing[label].append(each.id)
    found = [0.0]
    for label, ids in showing.items():
        compared = margins(frames, scores(label))
        found.append(median([compared[each] for each in ids if each in compared] or [0.0]))
    return max(found)
