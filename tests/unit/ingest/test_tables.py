import csv

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.fakes import InProcess
from ingest.ports import SourcePolicy
from ingest.tables.plain import csv_rows
from ingest.tables.reader import TableReader
from ingest.tables.shape import TableKind, plain_name, shape_of
from ingest.tables.table import load, typed, unique
from ingest.tables.text import decode, encoding_of, opened
from retrieval.errors import SourceRejected
from retrieval.times import iso
from retrieval.types import Kind, RowKey

READER = TableReader(lambda tenant: ([], []), InProcess())
US = SourcePolicy(timezone="Europe/Madrid", dates="us")


def drafts(item):
    return [draft for batch in READER.read(item, "t") for draft in batch.drafts]


def spans(item):
    return [(iso(d.valid.t0), iso(d.valid.t1)) if d.valid else None for d in drafts(item)]


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        ("v.csv", "timestamp,value\n2026-03-04 00:00:00,1\n2026-03-04 00:01:00,2\n", TableKind.SERIES),
        ("v.csv", "datetime;Pressure;anomaly\n2026-03-04 00:00:00;1.5;0.0\n", TableKind.SERIES),
        ("v.jsonl", '{"asset_id": "Chiller 6", "timestamp": 1590984000, "tonnage": 4.5}\n', TableKind.SERIES),
        ("v.csv", "time,sensor_id,value\n2026-03-04 00:00:00,P-1,2\n", TableKind.SERIES),
        ("a.csv", "equipment_id,rule_id,start_time,end_time\nC1,R1,11/24/20 19:00,11/24/20 23:59\n", TableKind.ALERTS),
        (
            "a.csv",
            "timestamp,KPI,asset_name,value,anomaly_score\n4/26/20 14:14,Load,chiller 9,2,.9\n",
            TableKind.ALERTS,
        ),
        ("a.json", '[{"id": "A-1", "severity": "high", "raised": "2026-03-04T02:41:00Z"}]', TableKind.ALERTS),
        ("alerts/x.csv", "time,asset,text\n2026-03-04T02:41:00Z,P-1,it tripped\n", TableKind.ALERTS),
        ("w.csv", "wo_id,description,actual_finish\nWO1,oil,4/6/16 14:00\n", TableKind.WORK_ORDERS),
        ("w.json", '{"work_orders": [{"work_order": "WO-1", "title": "seal"}]}', TableKind.WORK_ORDERS),
        ("r.csv", "rule_id,rule_name\nR1,low\n", TableKind.ROWS),
        ("r.csv", "event_id,event_time,note\nWO1,2010-06-22 14:12:00,\n", TableKind.ROWS),
        ("n.jsonl", '{"id": "1", "title": "Fall", "SUMMARY": "' + "He fell. " * 40 + '"}', TableKind.NARRATIVES),
    ],
)
def test_what_a_table_is_about(item_of, name, text, kind):
    item = item_of(name, text)
    assert shape_of(load(item, "t", InProcess()), item.name).kind is kind


def test_alerts_become_spans_with_typed_fields_and_an_asset(item_of):
    item = item_of(
        "alert_events.csv",
        "equipment_id,equipment_name,rule_id,start_time,end_time\n"
        "CWC04013,Chiller 13,RUL0021,1/2/20 19:00,1/2/20 23:59\nCWC04013,Chiller 13,RUL0018,11/24/20 0:30,\n",
    )
    (batch,) = READER.read(item, "t")
    first, second = batch.drafts
    assert first.kind is Kind.ALERT and first.locator == RowKey("alert_events", "", 2)
    assert (iso(first.valid.t0), iso(first.valid.t1)) == ("2020-01-02T19:00:00Z", "2020-01-02T23:59:00Z")
    assert second.valid.t0 == second.valid.t1
    assert first.data["fields"]["start_time"] == "2020-01-02T19:00:00Z" and first.data["fields"]["rule_id"] == "RUL0021"
    assert "RUL0021 on Chiller 13 (CWC04013), from 2020-01-02 19:00 UTC" in first.text
    assert "month first" in first.notes[0]
    assert [(e.id, e.name) for e in batch.entities] == [("CWC04013", "Chiller 13")]
    assert [m.entity for m in first.mentions] == ["CWC04013"]
    assert batch.coverage[0].able == {"alert": 0.0} and batch.coverage[0].valid.t0 == first.valid.t0


def test_json_alerts_with_nesting_and_a_wrapper(item_of):
    item = item_of(
        "alerts.json",
        '{"alerts": [{"alertId": "A-7", "severity": "high", "asset": {"id": "P-101"}, "message": "vibration high",'
        ' "raised": "2026-03-04 03:41", "cleared": null, "tags": ["a", "b"]}], "count": 1}',
    )
    (draft,) = drafts(item._replace(policy=US))
    assert (
        draft.locator.key == "A-7"
        and draft.data["fields"]["asset.id"] == "P-101"
        and draft.data["fields"]["tags"] == "a, b"
    )
    assert draft.text.startswith("Alert A-7 (high): vibration high") and iso(draft.valid.t0) == "2026-03-04T02:41:00Z"
    assert "Europe/Madrid" in draft.notes[0]


def test_dates_that_read_two_ways_stay_unknown_unless_policy_decides(item_of):
    item = item_of("alerts.csv", "id,raised\nA1,3/4/2026 10:00\n")
    assert spans(item) == [None] and "either" not in drafts(item)[0].text
    assert "site.yaml" in drafts(item)[0].notes[0]
    assert spans(item._replace(policy=US)) == [("2026-03-04T09:00:00Z", "2026-03-04T09:00:00Z")]


def test_rows_and_work_orders(item_of):
    item = item_of(
        "wo.csv", "wo_id,opened,finished,cost,code\nWO-1,2026-03-04,2026-03-05,12.50,007\nWO-2,2026-03-09,tbd,,\n"
    )
    first, second = drafts(item)
    assert first.kind is Kind.ROW and spans(item)[0] == ("2026-03-04T00:00:00Z", "2026-03-06T00:00:00Z")
    assert first.data["fields"] == {
        "wo_id": "WO-1", "opened": "2026-03-04", "finished": "2026-03-05", "cost": 12.5, "code": "007",
    }  # fmt: skip
    assert first.text == "wo — wo_id: WO-1; opened: 2026-03-04; finished: 2026-03-05; cost: 12.5; code: 007"
    assert spans(item)[1] == ("2026-03-09T00:00:00Z", "2026-03-10T00:00:00Z") and "not a time: 'tbd'" in second.notes
    assert second.data["fields"].keys() == {"wo_id", "opened", "finished"}


def test_narratives_are_passages_dated_by_their_opening(item_of):
    story = "On November 20  2008 a worker fell. " + "He was hurt. " * 30
    item = item_of("acc.jsonl", '{"id": "9", "title": "Fall", "SUMMARY": "' + story + '", "cause": "Roofing"}\n')
    (draft,) = drafts(item)
    assert (
        draft.kind is Kind.PASSAGE and draft.text.startswith("Fall\nOn November 20 2008") and draft.locator.key == "9"
    )
    assert spans(item)[0][0] == "2008-11-20T00:00:00Z" and draft.data["fields"]["cause"] == "Roofing"


@pytest.mark.parametrize(
    ("name", "content", "kind", "words"),
    [
        ("x.csv", "a,b\n1,2\n3\n", "broken_row", "line 3"),
        ("x.csv", "a,b\n1,2,3\n", "broken_row", "line 2"),
        ("x.csv", 'a,b\n1,"2\n', "broken_row", "line 2"),
        ("x.csv", "a,b\n", "empty", "no rows"),
        ("x.csv", "\n\n", "empty", "blank"),
        ("x.csv", "1,2\n3,4\n", "no_header", "names"),
        ("x.jsonl", '{"a": 1}\n{"a": \n', "broken_row", "line 2"),
        ("x.jsonl", "[1]\n", "unknown_shape", "line 1"),
        ("x.json", '{"a": [1, 2], "b": [3]}', "unknown_shape", "records"),
        ("x.json", "[1, 2]", "unknown_shape", "records"),
        ("x.json", '"text"', "unknown_shape", "records"),
        ("x.json", "[" * 100_000, "broken_row", "json"),
        ("x.json", "[]", "empty", "no rows"),
        ("alerts.csv", "id,raised\nA1,2026-03-04 10:00\nA2,2026-03-05 10:00\nA3,soon\n", "broken_row", "line 4"),
        ("alerts.csv", "id,raised\nA1,24/11/2020\nA2,11/24/2020\n", "broken_row", "day first"),
    ],
)
def test_broken_tables_are_refused_whole(item_of, name, content, kind, words):
    with pytest.raises(SourceRejected, match=words) as refused:
        drafts(item_of(name, content))
    assert refused.value.kind == kind


def test_a_long_cell_is_not_repeated_whole(item_of):
    start = "id,raised\nA1,2026-03-04 10:00\nA2,2026-03-05 10:00\nA3,"
    with pytest.raises(SourceRejected, match="xxx…") as refused:
        drafts(item_of("alerts.csv", start + "x" * 5000 + "\n"))
    assert refused.value.reason.count("x") == 59


def test_encodings_marks_and_trailing_blanks(item_of):
    assert load(item_of("a.csv", b"\xef\xbb\xbfname,b\nx,1,\n"), "t", InProcess()).columns == ("name", "b")
    assert load(item_of("b.csv", "näme;b\nx;1\n".encode("utf-16")), "t", InProcess()).columns == ("näme", "b")
    assert "Windows-1252" in load(item_of("c.csv", "name,b\nü,1\n".encode("cp1252")), "t", InProcess()).notes[0]
    assert load(item_of("d.csv", "a,a,\n1,2,3\n"), "t", InProcess()).columns == ("a", "a 2", "column 3")


def test_cells_and_names():
    assert [typed(c) for c in ("1", "1.5", "007", "TRUE", " x ", "", "-3", "1e3", "nan")] == [
        1, 1.5, "007", True, "x", None, -3, 1000.0, None,
    ]  # fmt: skip
    assert {plain_name(n) for n in ("Start Time", "startTime", "start-time", "START_TIME")} == {"start_time"}


def test_names_that_come_late_and_records_without_any(item_of):
    table = load(item_of("r.jsonl", '{"a": 1}\n{}\n{"b": {"c": true}, "a": null}\n'), "t", InProcess())
    assert table.columns == ("a", "b.c")
    assert [(list(row.cells), row.line) for row in table.rows] == [([1, None], 1), ([None, True], 3)]


def test_a_number_beyond_64_bits_is_kept_as_its_digits(item_of):
    table = load(
        item_of("r.json", '[{"id": 123456789012345678901234567890, "n": 18446744073709551615}]'), "t", InProcess()
    )
    assert table.rows[0].cells == ["123456789012345678901234567890", 18446744073709551615]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("x.csv", "a" + "," * 20 + "\n1\n", "21 columns"),
        ("x.jsonl", "\n".join(f'{{"n{i}": 1}}' for i in range(20)), "cells"),
        ("x.json", "[" + ",".join(['{"a": 1, "b": 2}'] * 20) + "]", "cells"),
        ("x.csv", "a,b\n" + "1,2\n" * 20, "cells"),
        ("x.csv", "a,b\n1," + "x" * 200 + "\n", "line 2: longer"),
        ("x.jsonl", '{"a": "' + "x" * 200, "line 1: longer"),
    ],
)
def test_what_is_too_much_is_refused(item_of, monkeypatch, name, content, words):
    monkeypatch.setattr("ingest.tables.plain.MAX_COLUMNS", 16)
    monkeypatch.setattr("ingest.tables.plain.MAX_CELLS", 90)
    monkeypatch.setattr("ingest.tables.text.MAX_LINE", 100)
    with pytest.raises(SourceRejected, match=words) as refused:
        load(item_of(name, content), "t", InProcess())
    assert refused.value.kind == "too_large"


def test_many_rows_come_in_batches_of_which_the_last_tells_what_was_examined(item_of):
    lines = "".join(f"WO-{i},2026-03-{1 + i % 28:02}\n" for i in range(1200))
    batches = list(READER.read(item_of("wo.csv", "wo_id,opened\n" + lines), "t"))
    assert [len(batch.drafts) for batch in batches] == [500, 500, 200]
    assert [len(batch.coverage) for batch in batches] == [0, 0, 1]
    whole = batches[-1].coverage[0].valid
    assert (iso(whole.t0), iso(whole.t1)) == ("2026-03-01T00:00:00Z", "2026-03-29T00:00:00Z")


@given(st.lists(st.sampled_from(["", "a", "a 2", "column 1", "b"]), max_size=8))
def test_columns_can_be_told_apart(names):
    told = unique(names)
    assert len(set(told)) == len(told) == len(names)


@given(
    st.lists(st.lists(st.text(max_size=6), min_size=3, max_size=3), min_size=1, max_size=8), st.sampled_from(",;\t|")
)
def test_what_a_spreadsheet_writes_is_read_back(tmp_path_factory, rows, delimiter):
    rows = [[cell.replace("\0", "") for cell in row] for row in rows]
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter=delimiter).writerows([["one", "two", "three"], *rows])
    _, *found = csv_rows({"path": str(path)})
    assert [list(row.cells) for part in found for row in part.rows] == [row for row in rows if any(map(str.strip, row))]


@given(
    st.binary(max_size=60)
    | st.text(max_size=40).map(str.encode)
    | st.text(max_size=20).map(lambda t: t.encode("utf-16"))
)
def test_a_file_reads_as_its_bytes_do(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("text") / "a.txt"
    path.write_bytes(data)

    def streamed():
        encoding = encoding_of(path)
        with opened(path, encoding, "") as file:
            return file.read(), encoding.notes

    assert outcome(streamed) == outcome(lambda: decode(data))


def outcome(read):
    try:
        return read()
    except SourceRejected as refused:
        return refused.kind
