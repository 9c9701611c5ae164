import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.fakes import InProcess
from ingest.ports import SourcePolicy
from ingest.series.reader import SAMPLES
from ingest.series.windows import length_for
from ingest.tables.reader import TableReader
from retrieval.errors import SourceRejected
from retrieval.times import iso
from retrieval.types import Entity, EntityType, Kind, Layer, Link, LinkType, Mention, Relation

VIB = Entity(
    id="P-101-VIB", type=EntityType.SENSOR, name="P-101 vibration", tenant="t",
    facts={"unit": "mm/s", "quantity": "vibration", "limits": {"high": 7.1}},
)  # fmt: skip
PUMP = Entity(id="P-101", type=EntityType.ASSET, name="Pump P-101", tenant="t")
ZONE = Entity(id="zone-a", type=EntityType.ZONE, name="Zone A", tenant="t")
LINKS = [
    Link("P-101", LinkType.MONITORED_BY, "P-101-VIB", "t"),
    Link("P-101-VIB", LinkType.LOCATED_IN, "zone-a", "t"),
]
READER = TableReader(lambda tenant: ([VIB, PUMP, ZONE], LINKS), InProcess())
BOUND = SourcePolicy(sensor="P-101-VIB")


def minutes(n, value):
    rows = [f"2026-03-{4 + i // 1440:02d} {i // 60 % 24:02d}:{i % 60:02d}:00,{value(i)}" for i in range(n)]
    return "timestamp,value\n" + "\n".join(rows) + "\n"


def spike(i):
    return 9.1 if i == 158 else round(3 + 0.3 * math.sin(i) + 0.05 * math.cos(7 * i), 3)


def test_a_bound_series_says_what_it_measures_and_what_was_odd(item_of):
    (batch,) = READER.read(item_of("sensors/P-101-VIB.csv", minutes(3 * 1440, spike), BOUND), "t")
    assert len(batch.drafts) == 72
    odd = batch.drafts[2]
    assert odd.kind is Kind.WINDOW and (odd.locator.series, odd.locator.first, odd.locator.last) == ("value", 122, 181)
    assert iso(odd.valid.t0) == "2026-03-04T02:00:00Z" and odd.valid.seconds == 3600
    assert set(odd.mentions) == {Mention("P-101-VIB", Relation.MEASURES), Mention("P-101", Relation.MENTIONS)}
    assert odd.text.startswith("P-101-VIB vibration (P-101, Zone A) 2026-03-04 02:00–03:00 UTC: min ")
    assert "max 9.1 at 02:38" in odd.text and "n=60" in odd.text and "mm/s" in odd.text
    assert "anomaly at 02:38: 9.1 mm/s, " in odd.text and " spreads above the nearest forecast of 3." in odd.text
    assert odd.text.count("tail probability 1e-06") == 1
    assert "1 samples above the high limit of 7.1 mm/s" in odd.text
    (crossing,) = odd.data["crossings"]
    assert crossing["count"] == 1 and crossing["peak"] == 9.1
    (told,) = [a for d in batch.drafts for a in d.data["anomalies"]]
    assert iso(told["t"]) == "2026-03-04T02:38:00Z" and told["value"] == 9.1 and told["direction"] == "above"
    assert told["value"] - told["baseline"] == pytest.approx(told["score"] * told["spread"])
    assert {one["detector"] for one in told["detectors"]} == {"closest", "median", "level"}  # on the first day
    assert odd.models == {"anomalies": "anomaly-ensemble@1"}


def test_figures_can_be_recomputed_from_the_samples_kept(item_of):
    (batch,) = READER.read(item_of("v.csv", minutes(1440 * 2, spike)), "t")
    for draft in batch.drafts:
        kept = json.loads(draft.media)
        assert draft.media_type == SAMPLES and kept["series"] == draft.locator.series
        assert draft.data["count"] == len(kept["v"]) and draft.data["max"] == max(kept["v"])
        assert draft.data["mean"] == pytest.approx(np.mean(kept["v"]), rel=1e-9)
        assert draft.data["std"] == pytest.approx(np.std(kept["v"]), rel=1e-6)
        assert kept["t"][kept["v"].index(min(kept["v"]))] == draft.data["t_min"]
        assert all(draft.locator.t0 <= t < draft.locator.t1 for t in kept["t"])


def test_coverage_is_split_at_gaps_and_blanks_are_gaps(item_of):
    rows = ["timestamp,value"] + [
        f"2026-03-04 0{h}:{m:02d}:00,{'' if h == 1 else m}" for h in range(3) for m in range(60)
    ]
    item = item_of("v.csv", "\n".join(rows))
    (batch,) = READER.read(item, "t")
    recorded = [c for c in batch.coverage if c.layer is Layer.RECORDED]
    assert [(iso(c.valid.t0), iso(c.valid.t1)) for c in recorded] == [
        ("2026-03-04T00:00:00Z", "2026-03-04T01:00:00Z"),
        ("2026-03-04T02:00:00Z", "2026-03-04T03:00:00Z"),
    ]
    examined = [c for c in batch.coverage if c.layer is Layer.EXAMINED]
    assert len(examined) == 2 and examined[0].interval_s == 60 and examined[0].able == {"value": 0.0}
    assert recorded[0].subject == f"{item.uri}#value"


def test_many_columns_assets_and_sensors(item_of):
    wide = item_of(
        "w.csv", "asset_id,timestamp,a,b,c\nChiller 6,2020-06-01 00:00:00,1,,\nChiller 6,2020-06-01 00:15:00,2,5,\n"
    )
    batches = list(READER.read(wide, "t"))
    assert [b.drafts[0].locator.series for b in batches] == ["a", "b"]
    assert batches[0].drafts[0].text.startswith("a (Chiller 6) of w 2020-06-01")
    assert [e.id for e in batches[0].entities] == ["Chiller 6"] and batches[1].entities == ()
    long = item_of("l.csv", "time,sensor_id,value\n2026-03-04 00:00:00,P-101-VIB,1\n2026-03-04 00:00:00,T-9,7\n")
    first, second = READER.read(long, "t")
    assert first.coverage[0].subject == "P-101-VIB" and second.drafts[0].locator.series == "T-9"
    two = item_of("t.csv", "time,asset,temp\n2026-03-04 00:00:00,K1,1\n2026-03-04 00:00:00,K2,7\n")
    assert [b.drafts[0].locator.series for b in READER.read(two, "t")] == ["K1 temp", "K2 temp"]


def test_unordered_and_single_samples(item_of):
    item = item_of("v.csv", "timestamp,value\n2026-03-04 02:00:00,3\n2026-03-04 00:00:00,1\n2026-03-04 01:00:00,2\n")
    drafts = [d for b in READER.read(item, "t") for d in b.drafts]
    assert [v for d in drafts for v in json.loads(d.media)["v"]] == [1.0, 2.0, 3.0]
    (one,) = [d for b in READER.read(item_of("s.csv", "timestamp,value\n2026-03-04,3\n"), "t") for d in b.drafts]
    assert one.data["count"] == 1 and one.data["std"] == 0


@pytest.mark.parametrize(
    ("row", "kind"),
    [("2026-03-04 00:02:00,oops", "broken_row"), ("later,3", "broken_row"), ("2026-03-04 00:02:00,inf", "broken_row"),
     ("2026-03-04 00:02:00", "broken_row")],
)  # fmt: skip
def test_a_broken_row_refuses_the_file_and_names_the_line(item_of, row, kind):
    good = "timestamp,value\n2026-03-04 00:00:00,1\n2026-03-04 00:01:00,2\n"
    with pytest.raises(SourceRejected, match="line 4") as refused:
        list(READER.read(item_of("v.csv", good + row + "\n"), "t"))
    assert refused.value.kind == kind


@pytest.mark.parametrize("row", ["2026-03-04 00:02:00,{}", "{},1"])
def test_a_long_cell_is_not_repeated_whole(item_of, row):
    good = "timestamp,value\n2026-03-04 00:00:00,1\n2026-03-04 00:01:00,2\n"
    with pytest.raises(SourceRejected, match="xxx…") as refused:
        list(READER.read(item_of("v.csv", good + row.format("x" * 5000) + "\n"), "t"))
    assert refused.value.reason.count("x") == 59


def test_dates_that_read_two_ways_refuse_a_series(item_of):
    item = item_of("v.csv", "timestamp,value\n3/4/2026 00:00,1\n3/4/2026 00:01,2\n")
    with pytest.raises(SourceRejected, match="line 2") as refused:
        list(READER.read(item, "t"))
    assert refused.value.kind == "ambiguous_dates"
    assert list(READER.read(item._replace(policy=SourcePolicy(dates="us")), "t"))


DAY, HOUR = 86400 * 10**6, 3600 * 10**6


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 40 * 365 * DAY))
def test_never_more_than_300_windows(span):
    assert span / length_for(span) <= 300.5


def test_usual_lengths():
    minute = 60 * 10**6
    assert [length_for(n * DAY, minute) // HOUR for n in (1, 3, 8, 30, 180)] == [1, 1, 1, 24, 24]
    assert length_for(2 * minute, minute) == 10 * minute and length_for(365 * DAY, DAY) == 7 * DAY
