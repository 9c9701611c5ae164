"""Suite `skab`: rows of eight series sampled together against the labelled outliers of the Skoltech Anomaly Benchmark, valve1.

Each file is one stream: its first 400 rows are learnt from, the rest is judged. F1 is taken over the rows of all files. Beside the
product's limit stands the F1 with the limit chosen, for each file, on the other files; baselines of the same run are to flag every
row after the first 400, and the same chart without memory (Hotelling's T²) at the limit that is best on these very files.
"""

from __future__ import annotations

import csv
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from eval.resampling import interval
from ingest.series.anomaly import standard
from ingest.series.anomaly.mewma import Mewma, MewmaSettings
from retrieval.errors import InputError

Progress = Callable[[int, int, str], None]
Values = NDArray[np.float64]
_NOT_SENSORS = ("datetime", "anomaly", "changepoint")
_MARGINS = np.round(np.arange(0.5, 5.01, 0.25), 2)
# outlier F1 on the whole benchmark, from its leaderboard
PUBLISHED = {"Conv-AE": 0.78, "MSET": 0.78, "T2+Q": 0.76, "LSTM-AE": 0.74, "T2": 0.66, "isolation forest": 0.29}


class Labelled(NamedTuple):
    """One file: rows of shape (n, sensors), and which of them are labelled, shape (n,)."""

    name: str
    rows: Values
    truth: NDArray[np.bool_]


class Counts(NamedTuple):
    """Rows rightly flagged, wrongly flagged, and missed."""

    right: int
    wrong: int
    missed: int


def run(data_dir: Path, progress: Progress | None = None) -> dict[str, Any]:
    """{suite, n, metrics, by_file, published, configuration, latency_ms}. Raises InputError where the data is not there."""
    files = read(data_dir / "sensor" / "SKAB" / "valve1")
    charts, memoryless = [], []
    started, spent = time.process_time(), 0.0
    for done, one in enumerate(files, 1):
        started = time.process_time()
        charts.append(charted(one, standard.ROWS))
        spent += time.process_time() - started
        memoryless.append(charted(one, standard.ROWS._replace(weight=1.0)))
        if progress:
            progress(done, len(files), one.name)
    micros = spent * 1e6 / sum(len(one.rows) for one in files)
    own = tallies(files, charts, [standard.ROWS.margin])[:, 0]
    return {
        "suite": "skab", "items": "files", "n": len(files),
        "metrics": measured(files, charts, memoryless) | {"µs an observation": micros},
        "by_file": {one.name: {"n": len(one.rows), "F1": f1(own[[at]])} for at, one in enumerate(files)},
        "published": PUBLISHED, "configuration": standard.VERSION, "latency_ms": {"an observation": micros / 1e3},
    }  # fmt: skip


def read(folder: Path) -> list[Labelled]:
    """The files of a folder, by name. Raises InputError."""
    try:
        files = [_file(path) for path in sorted(folder.glob("*.csv"))]
    except (OSError, KeyError, ValueError) as error:
        raise InputError(f"{folder} does not hold files of SKAB: {error}") from error
    if not files:
        raise InputError(f"{folder} holds no file of SKAB")
    return files


def charted(one: Labelled, settings: MewmaSettings) -> Values:
    """The statistic of each row over the largest one learnt from, shape (n,); 0 for the rows learnt from."""
    chart = Mewma(settings)
    told = (chart.update(row) for row in one.rows)
    return np.array([0.0 if found is None else settings.margin * found.statistic / found.limit for found in told])


def measured(files: Sequence[Labelled], charts: Sequence[Values], memoryless: Sequence[Values]) -> dict[str, float]:
    """F1 with its 95 % interval over files, the one with limits chosen on other files, and the baselines."""
    own = tallies(files, charts, [standard.ROWS.margin])[:, 0]
    grid = tallies(files, charts, _MARGINS)
    spread = interval(lambda at: f1(own[at]), [0] * len(files))
    flat = tallies(files, memoryless, _MARGINS)
    right, wrong, missed = own.sum(axis=0)
    everything = np.array([counted(one.truth, np.arange(len(one.truth)) >= standard.ROWS.train) for one in files])
    return {
        "F1": f1(own), "F1 low": spread.low, "F1 high": spread.high,
        "precision": float(right / (right + wrong)), "recall": float(right / (right + missed)),
        "leave one file out": f1(np.array([grid[at, chosen(grid, at)] for at in range(len(files))])),
        "T² without memory, best limit": max(f1(flat[:, at]) for at in range(len(_MARGINS))),
        "every row after training": f1(everything),
    }  # fmt: skip


def chosen(grid: NDArray[np.int64], left_out: int) -> int:
    """The place of the limit that is best on all files but one. `grid` has shape (files, limits, 3)."""
    others = np.delete(grid, left_out, axis=0)
    return int(np.argmax([f1(others[:, at]) for at in range(grid.shape[1])]))


def tallies(
    files: Sequence[Labelled], charts: Sequence[Values], margins: Sequence[float] | Values
) -> NDArray[np.int64]:
    """Counts of shape (files, limits, 3): right, wrong, missed."""
    return np.array([
        [counted(one.truth, chart > margin) for margin in margins] for one, chart in zip(files, charts, strict=True)
    ])  # fmt: skip


def counted(truth: NDArray[np.bool_], said: NDArray[np.bool_]) -> Counts:
    return Counts(int((said & truth).sum()), int((said & ~truth).sum()), int((~said & truth).sum()))


def f1(counts: NDArray[np.int64]) -> float:
    """F1 of the sums over files of counts, shape (files, 3). NaN where nothing is labelled and nothing flagged."""
    right, wrong, missed = counts.sum(axis=0)
    total = 2 * right + wrong + missed
    return float(2 * right / total) if total else float("nan")


def _file(path: Path) -> Labelled:
    with path.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream, delimiter=";"))
    columns = [name for name in rows[0] if name not in _NOT_SENSORS] if rows else []
    values = np.array([[float(row[name]) for name in columns] for row in rows])
    return Labelled(path.name, values, np.array([float(row["anomaly"]) > 0 for row in rows]))
