"""Coverage of cameras: few rows, gaps never told, the same however often and in whatever order it is told."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.live.roll import Roll, merged
from retrieval.catalog import Catalog
from retrieval.errors import StoreBusy
from retrieval.intervals import union
from retrieval.types import Coverage, Interval, Layer, Principal

SECOND, HOUR = 1_000_000, 3_600_000_000
BEGAN = 500_000 * HOUR
ANN = Principal("t", "ann")


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    return Catalog(tmp_path / "catalog.sqlite3")


def span(begin_s: float, end_s: float) -> Interval:
    return Interval(BEGAN + int(begin_s * SECOND), BEGAN + int(end_s * SECOND))


def looked(interval_s: float = 1.0, by: str = "ssd") -> Coverage:
    return Coverage(
        source="file:///x", subject="file:///x", layer=Layer.EXAMINED, tenant="t", by=by, interval_s=interval_s, able={"person": 0.2}
    )  # fmt: skip


def told(catalog: Catalog, layer: Layer) -> list[tuple[float, float]]:
    found = catalog.coverage(ANN, ["CAM-01"], layer)
    return [((c.valid.t0 - BEGAN) / SECOND, (c.valid.t1 - BEGAN) / SECOND) for c in found if c.valid]


def test_clips_that_meet_are_one_row_and_gaps_stay_gaps(catalog: Catalog) -> None:
    roll = Roll(catalog, "t", "CAM-01", ())
    for begin in (0, 10, 20, 50, 60):
        roll.recorded([span(begin, begin + 10)])
        roll.tell()
    roll.examined([span(0, 10), span(10, 20)], [looked(0.6), looked(2.0, "ocr")])
    roll.examined([span(20, 30)], [looked(1.4)])
    roll.tell()
    assert told(catalog, Layer.RECORDED) == [(0, 30), (50, 70)]
    examined = {c.by: (c.valid, c.interval_s) for c in catalog.coverage(ANN, ["CAM-01"], Layer.EXAMINED)}
    assert examined == {"ssd": (span(0, 30), 1.4), "ocr": (span(0, 20), 2.0)}


def test_hours_are_told_each_and_a_restart_adds_to_them(catalog: Catalog) -> None:
    first = Roll(catalog, "t", "CAM-01", ())
    first.recorded([span(3590, 3610)])
    first.tell()
    second = Roll(catalog, "t", "CAM-01", ())
    assert second.told(Layer.RECORDED, span(3600, 3605)) and not second.told(Layer.RECORDED, span(3610, 3620))
    second.recorded([span(3610, 3620)])
    second.tell()
    assert told(catalog, Layer.RECORDED) == [(3590, 3600), (3600, 3620)]


def test_what_is_told_again_changes_nothing(catalog: Catalog) -> None:
    roll = Roll(catalog, "t", "CAM-01", ())
    roll.recorded([span(0, 10)])
    roll.tell()
    before = catalog.sequence()
    roll.recorded([span(2, 8)])
    roll.tell()
    roll.tell()
    assert catalog.sequence() == before


def test_labels_hide_coverage_and_are_known_again(catalog: Catalog) -> None:
    for begin in (0, 10):
        roll = Roll(catalog, "t", "CAM-01", ("gate",))
        roll.recorded([span(begin, begin + 10)])
        roll.tell()
    assert told(catalog, Layer.RECORDED) == []
    guard = Principal("t", "guard", labels=("gate",))
    assert [c.valid for c in catalog.coverage(guard, ["CAM-01"])] == [span(0, 20)]


class Failing:
    """A catalog that is busy for a while."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog, self.busy = catalog, True

    def __getattr__(self, name: str) -> object:
        if self.busy:
            raise StoreBusy()
        return getattr(self._catalog, name)


def test_what_could_not_be_told_is_told_with_the_next(catalog: Catalog) -> None:
    failing = Failing(catalog)
    roll = Roll(failing, "t", "CAM-01", ())  # type: ignore[arg-type]
    roll.recorded([span(0, 10)])
    with pytest.raises(StoreBusy):
        roll.tell()
    failing.busy = False
    roll.recorded([span(10, 20)])
    roll.tell()
    assert told(catalog, Layer.RECORDED) == [(0, 20)]


@given(st.lists(st.tuples(st.integers(0, 200), st.integers(1, 30), st.sampled_from(["ssd", "ocr"])), max_size=30))
def test_merging_keeps_what_is_covered_and_says_each_moment_once(parts: list[tuple[int, int, str]]) -> None:
    records = [
        Coverage(source="c", subject="c", layer=Layer.EXAMINED, tenant="t", valid=span(a, a + n), by=by, interval_s=float(n))
        for a, n, by in parts
    ]  # fmt: skip
    joined = merged(records)
    for by in ("ssd", "ocr"):
        mine = [c.valid for c in joined if c.by == by and c.valid]
        assert sorted(mine) == union(c.valid for c in records if c.by == by and c.valid)
        assert all(
            c.interval_s
            >= max(
                r.interval_s
                for r in records
                if r.by == by and r.valid and c.valid and c.valid.t0 <= r.valid.t0 < c.valid.t1
            )
            for c in joined
            if c.by == by
        )
    assert merged(joined) == joined
