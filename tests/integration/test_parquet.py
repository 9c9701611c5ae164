"""Parquet files as pyarrow writes them, through the child process: as series and alerts, and what is refused of them."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.bombs import columns
from ingest.media_types import PARQUET, media_type
from ingest.ports import Item, SourcePolicy
from ingest.tables.parquet import load_parquet
from ingest.tables.parquet_footer import Column, Holds, read_footer
from ingest.tables.reader import TableReader
from retrieval.errors import SourceRejected
from retrieval.times import iso
from retrieval.types import Kind, RowKey

HERE = Path(__file__).parent / "parquet"
MADRID = SourcePolicy(timezone="Europe/Madrid")
VALUES = np.round(3 + 0.3 * np.sin(np.arange(120)), 3)


def item(path, policy=MADRID):
    return Item(path, path.as_uri(), path.name, media_type(path), "h", policy)


def read(name, policy=MADRID):
    found = item(HERE / f"{name}.parquet", policy)
    reader = TableReader(lambda tenant: ([], []))
    assert reader.accepts(found) and found.media_type == PARQUET
    return list(reader.read(found, "t"))


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("local_ns_gzip_pages2", "2026-03-03T23:00:00Z"),
        ("int96", "2026-03-03T23:00:00Z"),
        ("utc_ns_zstd", "2026-03-04T00:00:00Z"),
    ],
)
def test_times_are_read_by_what_the_file_says_of_their_zone(name, first):
    (batch,) = read(name)
    assert iso(min(draft.data["t_min"] for draft in batch.drafts)) >= first
    assert iso(batch.coverage[0].valid.t0) == first
    assert sum(draft.data["count"] for draft in batch.drafts) == 120
    assert max(draft.data["max"] for draft in batch.drafts) == VALUES.max()
    assert any("Europe/Madrid" in note for note in batch.drafts[0].notes) is (name != "utc_ns_zstd")


def test_units_gaps_and_fill_values_of_a_file_of_columns():
    warm, flow = read("local_us_snappy")
    (first, *_) = warm.drafts
    assert first.data["unit"] == "°C" and first.text.startswith("temp of local us snappy 2026-03-03 23:")
    gapped = [draft for draft in warm.drafts if draft.data["gaps"]["count"]]
    assert gapped and all("no samples between 23:29 and 23:50" in draft.text for draft in gapped)
    assert {draft.data["unit"] for draft in flow.drafts} == {"m³/h"}
    assert min(draft.data["min"] for draft in flow.drafts) > 0
    assert "-9999 is taken for a missing value: 3 samples" in flow.drafts[0].notes


def test_alerts_have_types_and_say_what_was_left_out():
    (batch,) = read("alarms")
    first, second = batch.drafts
    assert first.kind is Kind.ALERT and first.locator == RowKey("alarms", "A-1", 1)
    assert (iso(first.valid.t0), iso(first.valid.t1)) == ("2026-03-04T00:00:00Z", "2026-03-04T00:09:00Z")
    assert first.data["fields"] == {
        "alarm_id": "A-1", "asset": "P-101", "severity": "high", "message": "low flow é", "checked": True, "day": "2026-03-04",
        "tags": '["a","b"]', "count": 2**63, "raised": "2026-03-04T00:00:00Z", "cleared": "2026-03-04T00:09:00Z",
    }  # fmt: skip
    assert "severity" not in second.data["fields"] and second.text.endswith("not cleared in the record")
    assert "columns of raw bytes, half floats or times of day, not read: raw" in first.notes


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("decimal", "unsupported", "save them as double"),
        ("delta", "unsupported", "BYTE_STREAM_SPLIT"),
        ("no_rows", "empty", "rows"),
    ],
)
def test_what_is_not_read_is_refused_with_what_to_do(name, kind, words):
    with pytest.raises(SourceRejected, match=words) as refused:
        read(name)
    assert refused.value.kind == kind


def test_a_name_is_no_pattern_and_a_column_no_query(tmp_path):
    odd = tmp_path / "it's [a] * file.parquet"
    shutil.copy(HERE / "utc_ns_zstd.parquet", odd)
    assert len(load_parquet(item(odd)).rows) == 120
    data = (HERE / "utc_ns_zstd.parquet").read_bytes()
    named = tmp_path / "named.parquet"
    # a name of the same length, in the schema and in every path
    named.write_bytes(data.replace(b"value", b"`) r "))
    assert load_parquet(item(named)).columns == ("timestamp", "`) r")


@pytest.mark.parametrize("cut", [4, 300, 1500])
def test_a_cut_file_is_refused(tmp_path, cut):
    path = tmp_path / "cut.parquet"
    path.write_bytes((HERE / "utc_ns_zstd.parquet").read_bytes()[:-cut])
    with pytest.raises(SourceRejected) as refused:
        load_parquet(item(path))
    assert refused.value.kind == "unreadable" and str(tmp_path) not in refused.value.reason


def test_damaged_pages_are_refused_or_read_but_crash_nothing(tmp_path):
    data = bytearray((HERE / "local_us_snappy.parquet").read_bytes())
    data[4:400] = bytes(396)
    path = tmp_path / "damaged.parquet"
    path.write_bytes(data)
    with pytest.raises(SourceRejected) as refused:
        load_parquet(item(path))
    assert refused.value.kind in ("unreadable", "too_large") and str(tmp_path) not in refused.value.reason


def test_encrypted_footers_are_told(tmp_path):
    path = tmp_path / "secret.parquet"
    path.write_bytes(b"PARE" + bytes(100) + (50).to_bytes(4, "little") + b"PARE")
    with pytest.raises(SourceRejected, match="encrypted"):
        load_parquet(item(path))


def test_the_footer_says_what_columns_hold():
    footer = read_footer(HERE / "alarms.parquet")
    assert footer.rows == 2 and footer.encodings == ()
    assert [column for column in footer.columns if column.holds is not Holds.PLAIN] == [
        Column("raised", Holds.UTC), Column("cleared", Holds.UTC), Column("day", Holds.DATE), Column("tags", Holds.NESTED),
        Column("raw", Holds.UNREAD),
    ]  # fmt: skip
    assert [column.name for column in footer.columns][-1] == "count"


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 255)), min_size=1, max_size=8))
def test_no_footer_does_more_than_refuse(tmp_path_factory, changes):
    data = bytearray((HERE / "alarms.parquet").read_bytes())
    for at, byte in changes:
        data[-1 - at % len(data)] = byte
    path = tmp_path_factory.mktemp("footer") / "x.parquet"
    path.write_bytes(data)
    try:
        read_footer(path)
    except SourceRejected as refused:
        assert refused.kind in ("unreadable", "too_large", "encrypted")


def test_the_bombs_are_whole_files_but_for_their_size(tmp_path):
    path = tmp_path / "rows.parquet"
    path.write_bytes(columns.parquet_of_a_trillion_rows())
    assert read_footer(path).rows == 10**12 and read_footer(path).columns == (Column("v", Holds.PLAIN),)
    with pytest.raises(SourceRejected, match="cells") as refused:
        load_parquet(item(path))
    assert refused.value.kind == "too_large"
