"""Where a series has no samples: told with the window it falls in, so that no figure is read as if it covered the hole."""

from __future__ import annotations

from typing import Any

import numpy as np

from ingest.series.samples import Series
from ingest.series.windows import Window
from retrieval.resampling import breaks


def gaps(series: Series, window: Window) -> dict[str, Any]:
    """{"count", "missing", "longest"} of a window, as plain JSON.

    A gap lies between two samples more than five median steps apart, wherever in it the window's edge is; `longest` is
    {"t0", "t1"} in UTC µs, the samples around it, or None. `missing` is the share of samples that one every step would make between
    the first and last sample of the series, and that are not in the window, in [0, 1]; 0 where there is no gap.
    """
    at = breaks(series.t, series.step)
    inside = at[(series.t[at] < window.t1) & (series.t[at + 1] > window.t0)]
    if not len(inside):
        return {"count": 0, "missing": 0.0, "longest": None}
    widest = int(inside[np.argmax(series.t[inside + 1] - series.t[inside])])
    return {
        "count": len(inside),
        "missing": _missing(series, window),
        "longest": {"t0": int(series.t[widest]), "t1": int(series.t[widest + 1])},
    }


def _missing(series: Series, window: Window) -> float:
    first = max(window.t0, int(series.t[0]))
    last = min(window.t1, int(series.t[-1]) + series.step)
    expected = max(1, round((last - first) / series.step))
    return round(max(0.0, 1.0 - (window.b - window.a) / expected), 4)
