"""What is missing of a series: fill values are no values, and a gap is told with every window it reaches into."""

from datetime import UTC

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.fakes import InProcess
from ingest.ports import SourcePolicy
from ingest.series.fills import Fill, fills
from ingest.series.gaps import gaps
from ingest.series.quality import bad
from ingest.series.samples import Series
from ingest.series.windows import cut
from ingest.tables.reader import TableReader
from retrieval.times import iso
from retrieval.types import Entity, EntityType, Layer

SENSOR = Entity(
    id="P-101-TMP", type=EntityType.SENSOR, name="P-101 temperature", tenant="t",
    facts={"unit": "°C", "quantity": "temperature", "limits": {"high": 80}},
)  # fmt: skip
READER = TableReader(lambda tenant: ([SENSOR], []), InProcess())


def drafts(item):
    return [draft for batch in READER.read(item, "t") for draft in batch.drafts]


def minutes(value, n=120, header="timestamp,value"):
    rows = [f"2026-03-04 {i // 60:02d}:{i % 60:02d}:00,{value(i)}" for i in range(n)]
    return header + "\n" + "\n".join(rows) + "\n"


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ([20, 21, 22, -9999, 21, -9999], [(-9999, 2)]),
        ([20, 21, 22, -9999], [(-9999, 1)]),  # once is enough for what nobody counts up to
        ([20, 21, 22, 999.9, 999.9], [(999.9, 2)]),
        ([20, 21, 22, 999.9], []),  # once it may be a reading
        ([20, 21, 22, np.float32(999.9), np.float32(999.9)], [(float(np.float32(999.9)), 2)]),
        ([1, 2, 3, 32767, 32767, -32768, -32768], [(-32768, 2), (32767, 2)]),
        ([20, 21, 22, -999, 9999, 9999], [(-999, 1), (9999, 2)]),
        ([1e30, 1e30, 1, 2, 3], [(1e30, 2)]),
        ([996, 997, 998, 999, 999], []),  # a counter on its way
        ([0, 500, 1000, -999, -999], []),  # no farther than the rest spans
        ([0, 0, 0, 500, 500], []),  # far, but no code
        ([-9999, -9999, -9999], []),  # nothing else to compare with
        ([20, 21, -9999, -9999], []),  # too little to compare with
        ([99.9, 99.9, 1, 2, 3], []),  # a percentage
        ([], []),
    ],
)
def test_fill_values_are_known_by_how_they_are_written_and_how_far_they_lie(values, found):
    assert fills(np.array(values, dtype=float)) == tuple(Fill(*each) for each in found)


@given(st.lists(st.floats(-500, 500), min_size=5, max_size=60), st.integers(1, 9), st.randoms(use_true_random=False))
def test_what_is_written_over_a_series_is_found_whatever_the_order(values, times, rng):
    mixed = [*values, *[-99999.0] * times]
    rng.shuffle(mixed)
    assert Fill(-99999.0, times) in fills(np.array(mixed))


@given(st.lists(st.floats(-900, 900), max_size=60))
def test_measured_values_are_never_fills(values):
    assert fills(np.array(values)) == ()


def test_a_fill_value_is_said_and_deafens_nothing(item_of):
    steady = [round(3 + 0.3 * np.sin(i), 3) for i in range(600)]

    def value(i):
        return -9999 if i % 100 == 5 else 9.1 if i == 450 else steady[i]

    told = drafts(item_of("v.csv", minutes(value, 600)))
    assert "-9999 is taken for a missing value: 6 samples" in told[0].notes
    assert min(draft.data["min"] for draft in told) > 2
    flagged = [flag for draft in told for flag in draft.data["anomalies"]]
    assert [iso(flag["t"]) for flag in flagged] == ["2026-03-04T07:30:00Z"] and flagged[0]["value"] == 9.1
    assert sum(draft.data["count"] for draft in told) == 594


MINUTE = 60 * 10**6


def test_a_gap_is_told_by_every_window_it_reaches_into_and_is_not_recorded(item_of):
    # one sample a minute but for 00:43 to 01:36, in windows of ten minutes
    item = item_of("v.csv", minutes(lambda i: "" if 43 <= i < 96 else i, 240))
    (batch,) = READER.read(item, "t")
    gapped = {iso(draft.valid.t0)[11:16]: draft for draft in batch.drafts if draft.data["gaps"]["count"]}
    assert list(gapped) == ["00:40", "01:30"]
    midnight = batch.drafts[0].locator.t0
    longest = {"t0": midnight + 42 * MINUTE, "t1": midnight + 96 * MINUTE}
    assert gapped["00:40"].data["gaps"] == {"count": 1, "missing": 0.7, "longest": longest}
    assert gapped["01:30"].data["gaps"] == {"count": 1, "missing": 0.6, "longest": longest}
    told = "; no samples between 00:42 and 01:36; 60% of the samples of this time are missing"
    assert told in gapped["01:30"].text
    recorded = [c.valid for c in batch.coverage if c.layer is Layer.RECORDED]
    assert [(span.t0 - midnight, span.t1 - midnight) for span in recorded] == [
        (0, 43 * MINUTE),
        (96 * MINUTE, 240 * MINUTE),
    ]


def test_the_longest_of_several_gaps_is_told(item_of):
    out = {*range(10, 18), *range(30, 45)}
    text = minutes(lambda i: "" if i in out else i, 1440)
    (first, *_) = drafts(item_of("v.csv", text))
    assert first.valid.seconds == 3600 and first.data["gaps"]["count"] == 2
    assert "; no samples between 00:29 and 00:45, the longest of 2 gaps; 38% of the samples" in first.text


@given(st.sets(st.integers(1, 298), max_size=250))
def test_no_window_lies_about_what_is_missing(out):
    """Windows tell a gap exactly where the record leaves more than five steps out, and never count samples that are there."""
    at = np.array([i for i in range(300) if i not in out], np.int64)
    step = int(np.median(np.diff(at * MINUTE)))
    series = Series("v", at * MINUTE, at.astype(float), at, step, "", None, len(out), ())
    wide = [(a, b) for a, b in zip(at[:-1].tolist(), at[1:].tolist(), strict=True) if (b - a) * MINUTE > 5 * step]
    for window in cut(series, UTC):
        told = gaps(series, window)
        assert told["count"] == sum(a * MINUTE < window.t1 and b * MINUTE > window.t0 for a, b in wide)
        assert 0 <= told["missing"] <= 1
        if told["longest"]:
            assert told["longest"]["t1"] - told["longest"]["t0"] > 5 * step


# --- units ----------------------------------------------------------------------------------------------------------

BOUND = SourcePolicy(sensor="P-101-TMP")


def test_the_unit_of_a_header_is_kept_and_limits_in_another_are_not_compared(item_of):
    hot = minutes(lambda i: 150, header="timestamp,temp [°F]")
    fahrenheit = drafts(item_of("v.csv", hot, BOUND))[0]
    assert fahrenheit.data["unit"] == "°F" and fahrenheit.data["crossings"] == [] and fahrenheit.data["limits"] == {}
    assert fahrenheit.data["max"] == 150 and "limits are not compared" in fahrenheit.notes[-1]
    celsius = drafts(item_of("v.csv", hot.replace("°F", "degC"), BOUND))[0]
    assert (
        celsius.data["unit"] == "°C"
        and celsius.data["crossings"][0]["limit"] == "high"
        and celsius.notes == fahrenheit.notes[:-1]
    )


def test_a_column_of_units_names_the_unit_of_each_series(item_of):
    rows = "timestamp,sensor_id,value,unit\n" + "".join(
        f"2026-03-04 00:{i:02d}:00,T-1,20,K\n2026-03-04 00:{i:02d}:00,F-1,5,{'m3/h' if i else 'l/s'}\n"
        for i in range(5)
    )
    (one, *_), (two, *_) = (batch.drafts for batch in READER.read(item_of("v.csv", rows), "t"))
    assert one.data["unit"] == "K" and "mean 20 K" in one.text
    assert two.data["unit"] == "" and "its rows name several units (l/s, m3/h); none is told" in two.notes


# --- quality --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cells", "marks"),
    [
        (["Good", "Bad", "bad, no data", "Uncertain", "", None], [False, True, True, False, False, False]),
        ([192, 0, 216, 64, 24], [False, True, False, False, True]),
        (["192", "8"], [False, True]),
        ([0, 0, 1], [False, False, False]),  # codes of another kind
        ([], []),
    ],
)
def test_what_a_source_says_of_its_samples(cells, marks):
    assert bad(cells) == marks


def test_samples_marked_as_bad_are_missing(item_of):
    rows = "".join(
        f"2026-03-04 00:{i:02d}:00,T-1,{0 if i in (3, 4) else 20},{'Bad' if i in (3, 4) else 'Good'}\n"
        for i in range(30)
    )
    (first, *more) = drafts(item_of("v.csv", "timestamp,sensor_id,value,quality\n" + rows))
    assert min(draft.data["min"] for draft in (first, *more)) == 20 and first.locator.series == "T-1"
    assert sum(draft.data["count"] for draft in (first, *more)) == 28
    assert "rows that the source itself marks as bad, taken for missing: 2" in first.notes
