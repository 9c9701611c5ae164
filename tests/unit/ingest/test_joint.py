"""Series of one asset that are sampled together: a relation that breaks is told by each series that carries it."""

import numpy as np
import pytest

from ingest.fakes import InProcess
from ingest.series.anomaly import standard
from ingest.series.joint import groups
from ingest.series.samples import Series
from ingest.tables.reader import TableReader
from retrieval.times import iso

N, BROKEN = 900, slice(600, 700)
RNG = np.random.default_rng(5)
LOAD = RNG.normal(0, 1, N)
# the motor's current follows its load, but for a hundred minutes in which it does as it likes, never out of its usual range
CURRENT = np.where(np.arange(N) // 100 == 6, 0.9 - 0.1 * LOAD, 0.95 * LOAD) + RNG.normal(0, 0.05, N)
COLUMNS = {"load (kN)": 50 + LOAD, "current_A": 10 + CURRENT, "noise": RNG.normal(3, 0.1, N), "on": np.ones(N)}
READER = TableReader(lambda tenant: ([], []), InProcess())


def file(columns, asset=None):
    head = ",".join([*(["asset"] if asset else []), "timestamp", *columns])
    rows = [
        ",".join([*([asset] if asset else []), f"2026-03-04T{i // 60:02d}:{i % 60:02d}:00Z", *(f"{v[i]:.4f}" for v in columns.values())])
        for i in range(len(next(iter(columns.values()))))
    ]  # fmt: skip
    return "\n".join([head, *rows]) + "\n"


@pytest.fixture
def told(item_of):
    batches = list(READER.read(item_of("motor.csv", file(COLUMNS, "M-1")), "t"))
    return {batch.drafts[0].locator.series: batch.drafts for batch in batches}


def flagged(drafts):
    return [(draft, flag) for draft in drafts for flag in draft.data["joint"]]


def test_a_broken_relation_is_told_with_who_carries_it_and_how_far(told):
    draft, flag = flagged(told["current_A"])[0]
    assert "2026-03-04T10:00:00Z" <= iso(flag["t0"]) <= iso(flag["peak"]) <= iso(flag["t1"]) <= "2026-03-04T12:30:00Z"
    assert flag["ends"] and flag["statistic"] > flag["limit"]
    own = flag["own"]
    assert own["series"] == "current_A" and own["average"] == pytest.approx(
        own["usual"] + own["spreads"] * own["spread"]
    )
    assert own in flag["carriers"] and abs(own["spreads"]) >= 3
    assert [abs(one["spreads"]) for one in flag["carriers"]] == sorted(
        [abs(c["spreads"]) for c in flag["carriers"]], reverse=True
    )
    assert "unlike the first rows from 10:" in draft.text and "against a limit of" in draft.text
    assert draft.models["joint"] == standard.ROWS_VERSION


def test_the_average_told_is_the_exponential_one(told):
    _, flag = flagged(told["current_A"])[0]
    usual, weight, average = flag["own"]["usual"], standard.ROWS.weight, 0.0
    values = np.round(COLUMNS["current_A"], 4)
    at = (flag["peak"] - told["current_A"][0].locator.t0) // 60_000_000
    for value in values[: at + 1]:
        average += weight * (value - usual - average)
    assert usual + average == pytest.approx(flag["own"]["average"], rel=1e-6)


def test_what_does_not_carry_it_and_what_stands_still_say_nothing(told):
    assert flagged(told["noise"]) == [] == flagged(told["on"])
    assert all("joint" not in draft.models for draft in told["noise"])


def test_one_column_alone_shows_next_to_nothing_of_it(told):
    inside = [flag for draft in told["current_A"] for flag in draft.data["anomalies"]]
    assert not [flag for flag in inside if "10:00" <= iso(flag["t"])[11:16] < "11:40"]


def test_related_series_that_stay_so_raise_nothing(item_of):
    rng = np.random.default_rng(11)
    base = rng.normal(0, 1, 1200)
    steady = {"a": base, "b": base + rng.normal(0, 0.1, 1200), "c": rng.normal(0, 1, 1200)}
    assert not [f for batch in READER.read(item_of("m.csv", file(steady)), "t") for f in flagged(batch.drafts)]


def series(name, asset="", n=500, step=1, shift=0):
    t = (np.arange(n, dtype=np.int64) * step + shift) * 60_000_000
    return Series(name, t, RNG.normal(0, 1, n), t, 60_000_000, asset, None, 0, ())


def test_only_series_of_one_asset_with_enough_common_times_go_together():
    def asset_of(one):
        return one.asset

    together = [series("a", "K1"), series("b", "K2"), series("c", "K1"), series("sparse", "K1", n=100, step=5)]
    (group,) = groups(together, asset_of)
    assert group.members == (0, 2) and group.rows.shape == (500, 2)
    assert groups([series("a"), series("b", shift=10_000)], asset_of) == []
    assert groups([series("a", n=400), series("b", n=400)], asset_of) == []  # nothing is left to judge
    (shifted,) = groups([series("a"), series("b", shift=50)], asset_of)
    assert len(shifted.t) == 450
