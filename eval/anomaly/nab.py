"""Suite `nab`: the flags of single series against the labelled windows of the Numenta Anomaly Benchmark.

Each series is streamed once through the product's detectors in their one configuration. Beside the score at the product's
threshold stands that at a threshold chosen, for each series, on the other series alone. Baselines of the same run: each detector
alone, and a windowed Gaussian, each at the threshold that is best on these very series.
"""

from __future__ import annotations

import csv
import json
import time
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from eval.anomaly.nab_score import Span, raw_score, scaled, warm_up
from eval.resampling import interval
from ingest.series.anomaly import standard
from ingest.series.anomaly.ensemble import Refractory
from retrieval.errors import InputError
from retrieval.times import to_micros

Progress = Callable[[int, int, str], None]
Values = NDArray[np.float64]
_GRID = np.round(np.arange(1.0, 4.01, 0.1), 1)
# a threshold is chosen by the mean score of itself and two neighbours on either side: a plateau rather than a peak
_REACH = 2
_WINDOW = 8192
_GAUSSIAN = np.round(np.arange(0.5, 8.01, 0.1), 1)
# standard profile, on these nine series, with the thresholds published for the whole corpus
PUBLISHED = {"ARTime": 81.3, "CAD OSE": 80.9, "Numenta HTM": 64.5, "random cut forest": 59.5}


class Labelled(NamedTuple):
    """One series: times in UTC µs as they come (a clock may be set back), values, and the labelled windows."""

    name: str
    t: NDArray[np.int64]
    v: Values
    windows: tuple[Span, ...]


class Streamed(NamedTuple):
    """Surprises of the ensemble and of each detector alone, by name, each of shape (n,); and µs of processor time a value."""

    ensemble: Values
    alone: dict[str, Values]
    micros: float


def run(data_dir: Path, progress: Progress | None = None) -> dict[str, Any]:
    """{suite, n, metrics, by_series, published, configuration, latency_ms}. Raises InputError where the data is not there."""
    series = read(data_dir / "sensor" / "NAB")
    streams = []
    for done, one in enumerate(series, 1):
        streams.append(stream(one))
        if progress:
            progress(done, len(series), one.name)
    micros = float(np.average([s.micros for s in streams], weights=[len(one.v) for one in series]))
    return {
        "suite": "nab", "items": "series", "n": len(series),
        "metrics": measured(series, streams) | {"µs an observation": micros},
        "by_series": {one.name: _told(one, s.ensemble) for one, s in zip(series, streams, strict=True)},
        "published": PUBLISHED, "configuration": standard.VERSION, "threshold": standard.FLAGS.threshold,
        "latency_ms": {"an observation": micros / 1e3},
    }  # fmt: skip


def read(folder: Path) -> list[Labelled]:
    """The series that labels_windows.json names, by name. Raises InputError."""
    try:
        labels = json.loads((folder / "labels_windows.json").read_text(encoding="utf-8"))
        return [_series(folder / "data" / name, name, labels[name]) for name in sorted(labels)]
    except (OSError, KeyError, ValueError) as error:
        raise InputError(f"{folder} does not hold NAB's series and windows: {error}") from error


def stream(one: Labelled) -> Streamed:
    """A series through the standard ensemble, value after value."""
    ensemble = standard.ensemble()
    names = [detector.name for detector in standard.detectors()]
    together, alone = np.zeros(len(one.v)), {name: np.zeros(len(one.v)) for name in names}
    started = time.process_time()
    verdicts = [ensemble.update(*sample) for sample in zip(one.t.tolist(), one.v.tolist(), strict=True)]
    micros = (time.process_time() - started) * 1e6 / len(one.v)
    for at, verdict in enumerate(verdicts):
        together[at] = verdict.surprise
        for named in verdict.readings:
            alone[named.name][at] = named.reading.surprise
    return Streamed(together, alone, micros)


def measured(series: Sequence[Labelled], streams: Sequence[Streamed]) -> dict[str, float]:
    """The score with its 95 % interval over series, the one with thresholds chosen on other series, and the baselines."""
    windows = np.array([len(one.windows) for one in series])
    own = raws(series, [s.ensemble for s in streams], [standard.FLAGS.threshold])[0]
    table = raws(series, [s.ensemble for s in streams], _GRID)
    spread = interval(lambda at: scaled(own[at].sum(), windows[at].sum()), [0] * len(series))
    count = int(windows.sum())
    best = int(np.argmax(table.sum(axis=1)))
    found = {
        "score": scaled(float(own.sum()), count), "score low": spread.low, "score high": spread.high,
        "leave one series out": scaled(float(left_out(table)), count),
        "best threshold": float(_GRID[best]), "score at the best threshold": scaled(float(table[best].sum()), count),
    }  # fmt: skip
    for name in streams[0].alone:
        found[f"{name} alone, best threshold"] = _best(raws(series, [s.alone[name] for s in streams], _GRID), count)
    gaussian = [windowed_gaussian(one.v) for one in series]
    found["windowed Gaussian, best threshold"] = _best(raws(series, gaussian, _GAUSSIAN, quiet=False), count)
    return found | {"null": scaled(-float(count), count)}


def raws(
    series: Sequence[Labelled], surprises: Sequence[Values], thresholds: Sequence[float] | Values, quiet: bool = True
) -> Values:
    """Raw scores of shape (thresholds, series); `quiet` keeps the product's silence after a flag."""
    return np.array([
        [raw_score(flagged(s, float(at), quiet), one.windows) for one, s in zip(series, surprises, strict=True)]
        for at in thresholds
    ])  # fmt: skip


def flagged(surprises: Values, threshold: float, quiet: bool = True) -> NDArray[np.bool_]:
    """Which values are flagged at a threshold."""
    if not quiet:
        return np.asarray(surprises >= threshold)
    refractory = Refractory(standard.FLAGS._replace(threshold=threshold))
    return np.array([refractory.update(one) for one in surprises.tolist()])


def left_out(table: Values) -> float:
    """The sum of raw scores, each series at the threshold chosen on the others. `table` has shape (thresholds, series)."""
    return sum(float(table[chosen(np.delete(table, at, axis=1).sum(axis=1)), at]) for at in range(table.shape[1]))


def chosen(scores: Values) -> int:
    """The place of the highest mean of neighbouring scores; scores at the ends count as their own neighbours."""
    padded = np.pad(scores, _REACH, mode="edge")
    return int(np.argmax(np.convolve(padded, np.ones(2 * _REACH + 1), mode="valid")))


def windowed_gaussian(v: Values) -> Values:
    """−log10 of the two-sided normal tail of each value, by mean and deviation of up to 8192 values before it; at most about 300.

    A plain form of the benchmark's own baseline of this name, which learns in steps.
    """
    sums = np.concatenate(([0.0], np.cumsum(v - v[0])))
    squares = np.concatenate(([0.0], np.cumsum((v - v[0]) ** 2)))
    at = np.arange(len(v))
    first = np.maximum(at - _WINDOW, 0)
    count = np.maximum(at - first, 1)
    mean = (sums[at] - sums[first]) / count
    variance = np.maximum((squares[at] - squares[first]) / count - mean**2, 0.0)
    z = np.abs(v - v[0] - mean) / np.maximum(np.sqrt(variance), 1e-6)
    return np.where(at < 2, 0.0, _normal_surprise(np.minimum(z, 37.0)))


def _normal_surprise(z: Values) -> Values:
    from scipy.stats import norm

    return np.asarray(-(norm.logsf(z) + np.log(2)) / np.log(10), dtype=np.float64)


def _best(table: Values, windows: int) -> float:
    return scaled(float(table.sum(axis=1).max()), windows)


def _told(one: Labelled, surprises: Values) -> dict[str, Any]:
    flags = [
        int(at) for at in np.flatnonzero(flagged(surprises, standard.FLAGS.threshold)) if at >= warm_up(len(one.v))
    ]
    found = [any(w.first <= at <= w.last for at in flags) for w in one.windows]
    outside = [at for at in flags if not any(w.first <= at <= w.last for w in one.windows)]
    return {"n": len(one.v), "windows": len(one.windows), "found": sum(found), "flags outside": len(outside)}


def _series(path: Path, name: str, labels: Sequence[tuple[str, str]]) -> Labelled:
    with path.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    stamps = [row["timestamp"].strip()[:19] for row in rows]
    t = np.array([to_micros(datetime.fromisoformat(stamp).replace(tzinfo=UTC)) for stamp in stamps], dtype=np.int64)
    return Labelled(name, t, np.array([float(row["value"]) for row in rows]), _spans(stamps, labels, name))


def _spans(stamps: Sequence[str], labels: Sequence[tuple[str, str]], name: str) -> tuple[Span, ...]:
    """The rows of each window. Raises ValueError for a window that holds none."""
    found = [Span(bisect_left(stamps, a[:19]), bisect_right(stamps, b[:19]) - 1) for a, b in labels]
    if any(span.first > span.last for span in found):
        raise ValueError(f"a window of {name} holds no row")
    return tuple(sorted(found))
