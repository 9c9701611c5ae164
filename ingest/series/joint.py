"""Series of one asset that are sampled together, watched together: what no single one shows, their relations may.

The chart is `mewma`; what it says of rows is told as episodes, each with the series that carry it and how far each is off.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ingest.series.anomaly import standard
from ingest.series.anomaly.mewma import Mewma
from ingest.series.anomaly.port import RowReading
from ingest.series.samples import Series
from ingest.series.windows import Window, rounded
from retrieval.types import Micros

# a series with fewer of the common samples than this share would cost the others theirs
_FULL = 0.9
# rows within the limit that part two episodes: as many as the average needs to forget all but a twentieth, ln 20 / λ
_APART = 60
_TOLD = 4
# below this many spreads an average does not carry an episode
_CARRIES = 3.0
# values of something that is on or off
_SWITCH = 2


class Carrier(NamedTuple):
    """One series at the height of an episode: its moving `average` lay `spreads` (signed) from what was `usual`, in its own unit.

    `spread` is the standard deviation of such an average while the first rows were learnt.
    """

    series: str
    average: float
    usual: float
    spread: float
    spreads: float


class Episode(NamedTuple):
    """Rows beyond the limit, from `t0` to `t1` (UTC µs, the first and the last of them); `peak` is when the statistic was greatest.

    `ends` is false where the record ends within it. `carriers`: those that are farthest off at the peak, the farthest first.
    """

    t0: Micros
    t1: Micros
    peak: Micros
    statistic: float
    limit: float
    ends: bool
    carriers: tuple[Carrier, ...]


class Together(NamedTuple):
    """Series by their place in the file, their common times (n,) and values (n, series)."""

    members: tuple[int, ...]
    t: NDArray[np.int64]
    rows: NDArray[np.float64]


class _Row(NamedTuple):
    at: int
    reading: RowReading


def groups(found: Sequence[Series], asset_of: Callable[[Series], str]) -> list[Together]:
    """Series of the same asset ("" counts as one) that have enough common times for the chart to learn and then to judge."""
    by_asset: dict[str, list[int]] = {}
    for index, series in enumerate(found):
        by_asset.setdefault(asset_of(series), []).append(index)
    return [group for members in by_asset.values() if (group := _together(found, members)) is not None]


def episodes(found: Sequence[Series], group: Together) -> list[Episode]:
    """What the standard chart says of the rows after those it learns from, in order of time."""
    chart = standard.mewma()
    readings = [(at, chart.update(row)) for at, row in enumerate(group.rows)]
    beyond = [_Row(at, one) for at, one in readings if one is not None and one.flagged]
    return [_episode(run, found, group, chart) for run in _runs(beyond)]


def joint_flags(window: Window, name: str, told: Sequence[Episode]) -> list[dict[str, Any]]:
    """The episodes that a series carries and that begin or peak in the window, as plain JSON; `own` is the series itself."""
    found = []
    for episode in told:
        own = next((each for each in episode.carriers if each.series == name), None)
        if own is not None and any(window.t0 <= t < window.t1 for t in (episode.t0, episode.peak)):
            found.append({
                "t0": episode.t0, "t1": episode.t1, "peak": episode.peak, "ends": episode.ends,
                "statistic": rounded(episode.statistic), "limit": rounded(episode.limit), "own": _plain(own),
                "carriers": [_plain(each) for each in episode.carriers],
            })  # fmt: skip
    return found


def _together(found: Sequence[Series], members: Sequence[int]) -> Together | None:
    most = max(len(found[i].t) for i in members)
    full = [i for i in members if len(found[i].t) >= _FULL * most and _moves(found[i])]
    if len(full) < 2:
        return None
    t = found[full[0]].t
    for i in full[1:]:
        t = np.intersect1d(t, found[i].t)
    if len(t) <= standard.ROWS.train:
        return None
    # of samples that share a time the first counts
    rows = np.stack([found[i].v[np.searchsorted(found[i].t, np.unique(t))] for i in full], axis=1)
    return Together(tuple(full), np.unique(t), rows)


def _moves(series: Series) -> bool:
    """Whether there is a usual value to learn: a switch, or what stands still while it is learnt, has none."""
    return len(np.unique(series.v[: standard.ROWS.train])) > _SWITCH


def _runs(beyond: Sequence[_Row]) -> list[list[_Row]]:
    runs: list[list[_Row]] = []
    for row in beyond:
        if runs and row.at - runs[-1][-1].at <= _APART:
            runs[-1].append(row)
        else:
            runs.append([row])
    return runs


def _episode(run: Sequence[_Row], found: Sequence[Series], group: Together, chart: Mewma) -> Episode:
    top = max(run, key=lambda row: row.reading.statistic)
    order = np.argsort(-np.abs(top.reading.parts), kind="stable")
    far = [int(i) for n, i in enumerate(order[:_TOLD]) if n == 0 or abs(top.reading.parts[i]) >= _CARRIES]
    usual, spread = chart.baseline()
    carriers = tuple(
        Carrier(
            found[group.members[i]].column,
            float(usual[i] + top.reading.parts[i] * spread[i]), float(usual[i]), float(spread[i]), float(top.reading.parts[i]),
        )
        for i in far
    )  # fmt: skip
    ends = run[-1].at + _APART < len(group.t)
    times = (int(group.t[run[0].at]), int(group.t[run[-1].at]), int(group.t[top.at]))
    return Episode(*times, top.reading.statistic, top.reading.limit, ends, carriers)


def _plain(carrier: Carrier) -> dict[str, Any]:
    return {key: rounded(value) if isinstance(value, float) else value for key, value in carrier._asdict().items()}
