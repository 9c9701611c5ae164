"""Unlike detectors together: the mean of their surprises, a flag where two of them agree, and quiet after a flag."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from ingest.series.anomaly.movement import Movement
from ingest.series.anomaly.port import Reading, SeriesDetector


class FlagSettings(NamedTuple):
    """When a value is flagged.

    `threshold`: on the mean surprise of the detectors that could say something. `agreeing` detectors must also be `spreads` away
    each: a value among 10,000 is always the least probable one, but on normal noise no two detectors stand 4.5 spreads off.
    After a flag, `quiet` × the values seen so far, within [`shortest`, `longest`], raise no other.
    """

    threshold: float = 2.1
    spreads: float = 4.5
    agreeing: int = 2
    quiet: float = 0.0375
    shortest: int = 10
    longest: int = 188


class Named(NamedTuple):
    """A reading and whose it is."""

    name: str
    against: str
    reading: Reading


class Verdict(NamedTuple):
    """What the detectors make of one value together: `surprise` in [0, 6], 0 where too few agree; `readings` of all who spoke."""

    surprise: float
    flagged: bool
    readings: tuple[Named, ...]


class Refractory:
    """Counts values, and says of each that is above the threshold whether the last flag is long enough ago."""

    def __init__(self, settings: FlagSettings) -> None:
        self._settings = settings
        self._seen = 0
        self._until = 0

    def update(self, surprise: float) -> bool:
        at, self._seen = self._seen, self._seen + 1
        if surprise < self._settings.threshold or at < self._until:
            return False
        quiet = int(self._settings.quiet * at)
        self._until = at + min(max(quiet, self._settings.shortest), self._settings.longest)
        return True


class Ensemble:
    """A stream's detectors and its flags. State is plain Python: it can be pickled between two values and goes on as if it had not."""

    def __init__(self, detectors: Sequence[SeriesDetector], settings: FlagSettings) -> None:
        self._detectors = tuple(detectors)
        self._settings = settings
        self._movement = Movement()
        self._refractory = Refractory(settings)

    def update(self, t: int, v: float) -> Verdict:
        """Judge a value at `t` (UTC µs) and learn from it; a value that is not finite is passed over."""
        if not math.isfinite(v):
            return Verdict(0.0, False, ())
        floor = self._movement.floor(v)
        told = [(one, one.update(t, v, floor)) for one in self._detectors]
        self._movement.add(v)
        readings = tuple([Named(one.name, one.against, found) for one, found in told if found is not None])
        surprise = self._surprise([named.reading for named in readings])
        return Verdict(surprise, self._refractory.update(surprise), readings)

    def _surprise(self, readings: Sequence[Reading]) -> float:
        """The mean surprise: −log10 of the geometric mean of the tail probabilities; 0 where too few stand far off."""
        far = sum(reading.spreads >= self._settings.spreads for reading in readings)
        if far < self._settings.agreeing:
            return 0.0
        return sum(reading.surprise for reading in readings) / len(readings)
