"""The one configuration, for every series alike. Change a figure and you change the version, which is stored beside each flag."""

from __future__ import annotations

from ingest.series.anomaly.detectors import ClosestForecast, DetectorSettings, Level, RunningMedian, TimeOfDay
from ingest.series.anomaly.ensemble import Ensemble, FlagSettings
from ingest.series.anomaly.mewma import Mewma, MewmaSettings
from ingest.series.anomaly.port import SeriesDetector

VERSION = "anomaly-ensemble@1"
ROWS_VERSION = "mewma@1"
DETECTORS = DetectorSettings()
FLAGS = FlagSettings()
ROWS = MewmaSettings()


def detectors() -> tuple[SeriesDetector, ...]:
    """The four detectors of a new stream."""
    return tuple(make(DETECTORS) for make in (ClosestForecast, TimeOfDay, RunningMedian, Level))


def ensemble(flags: FlagSettings = FLAGS) -> Ensemble:
    """The detectors of one new series together."""
    return Ensemble(detectors(), flags)


def mewma() -> Mewma:
    """The detector of one new group of series that are sampled together."""
    return Mewma(ROWS)
