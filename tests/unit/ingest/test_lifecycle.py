"""The course of an alert: in columns of one row, and in rows of steps."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.cells import Row
from ingest.fakes import InProcess
from ingest.ports import SourcePolicy
from ingest.tables.alerts import told_alerts
from ingest.tables.lifecycle import State, state_of
from ingest.tables.reader import TableReader
from ingest.tables.reading import read_row
from ingest.tables.shape import shape_of
from ingest.tables.table import Table
from ingest.tables.wording import took
from ingest.timestamps import Clock
from retrieval.times import iso

READER = TableReader(lambda tenant: ([], []), InProcess())


def drafts(item):
    return [draft for batch in READER.read(item, "t") for draft in batch.drafts]


def spans(found):
    return [(iso(draft.valid.t0)[11:], iso(draft.valid.t1)[11:]) for draft in found]


@pytest.mark.parametrize(
    ("cell", "state"),
    [
        ("ACT", State.RAISED), ("UNACK_ALM", State.RAISED), ("Acked", State.ACKNOWLEDGED), ("ACK_ALM", State.ACKNOWLEDGED),
        ("RTN", State.CLEARED), ("Return to Normal", State.CLEARED), ("ACK_RTN", State.CLEARED), ("CLR", State.CLEARED),
        ("Shelved", State.SHELVED), ("Suppressed by design", State.SHELVED), ("unshelved", State.UNSHELVED),
        ("running", None), ("", None), (None, None), (3, None),
    ],
)  # fmt: skip
def test_the_words_of_states(cell, state):
    assert state_of(cell) is state


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (59.6, "1 min"), (250, "4 min 10 s"), (7200, "2 h"), (7205, "2 h"), (90061, "1 d 1 h")],
)
def test_lengths_of_time_in_words(seconds, words):
    assert took(int(seconds * 1e6)) == words


def test_columns_tell_the_course(item_of):
    item = item_of(
        "alarms.csv",
        "id,asset,message,raised,acknowledged,cleared\n"
        "A-1,P-101,low flow,2026-03-04T02:10:00Z,2026-03-04T02:14:10Z,2026-03-04T02:30:00Z\n"
        "A-2,P-101,low flow,2026-03-04T03:10:00Z,,\n"
        "A-3,P-101,low flow,2026-03-04T04:10:00Z,2026-03-04T04:00:00Z,2026-03-04T04:30:00Z\n",
    )
    first, second, third = drafts(item)
    assert first.text == (
        "Alert A-1: low flow on P-101, from 2026-03-04 02:10 UTC to 2026-03-04 02:30 UTC; "
        "acknowledged 2026-03-04 02:14 UTC, after 4 min 10 s".replace("02:14 UTC", "02:14:10 UTC")
    )
    assert first.data["course"] == {
        "raised": "2026-03-04T02:10:00Z", "acknowledged": "2026-03-04T02:14:10Z", "cleared": "2026-03-04T02:30:00Z",
        "acknowledged_after_s": 250.0, "open": False, "shelved": [],
    }  # fmt: skip
    assert second.text.endswith("2026-03-04 03:10 UTC; not cleared in the record") and second.data["course"]["open"]
    assert second.valid.t0 == second.valid.t1
    # acknowledged before it was raised: the time is told, no delay made of it
    assert third.data["course"]["acknowledged_after_s"] is None and third.text.endswith(
        "acknowledged 2026-03-04 04:00 UTC"
    )


JOURNAL = (
    "time,tag,alarm,state,priority\n"
    "2026-03-04T02:00:00Z,P-101,LOW FLOW,ACT,high\n"
    "2026-03-04T02:01:00Z,P-102,LOW FLOW,ACT,low\n"
    "2026-03-04T02:01:30Z,P-101,LOW FLOW,ACK,high\n"
    "2026-03-04T02:02:00Z,P-101,LOW FLOW,SHELVED,high\n"
    "2026-03-04T02:05:00Z,P-101,LOW FLOW,RTN,high\n"
    "2026-03-04T02:06:00Z,P-101,LOW FLOW,ACT,high\n"
    "2026-03-04T02:07:00Z,P-103,HIGH TEMP,RTN,high\n"
    "2026-03-04T02:08:00Z,P-101,LOW FLOW,ACT,high\n"
    "2026-03-04T02:09:00Z,P-101,LOW FLOW,RTN,high\n"
    "2026-03-04T02:12:00Z,P-101,LOW FLOW,ACK,high\n"
)


def test_rows_of_steps_become_one_alert_each(item_of):
    told = drafts(item_of("journal.csv", JOURNAL))
    assert [draft.locator.line for draft in told] == [2, 3, 7, 8, 9]
    assert [draft.data["course"].get("lines") for draft in told] == [[2, 4, 5, 6], None, None, None, [9, 10, 11]]
    first, other, again, orphan, last = told
    assert spans([first, last]) == [("02:00:00Z", "02:05:00Z"), ("02:08:00Z", "02:09:00Z")]
    assert first.text == (
        "Alert: LOW FLOW on P-101, from 2026-03-04 02:00 UTC to 2026-03-04 02:05 UTC; priority: high; "
        "acknowledged 2026-03-04 02:01:30 UTC, after 1 min 30 s; shelved 2026-03-04 02:02 UTC"
    )
    assert other.data["course"]["open"] and again.data["course"]["open"]
    assert again.text.endswith("not cleared in the record") and spans([again]) == [("02:06:00Z", "02:06:00Z")]
    assert orphan.text.endswith("raised before the record begins") and orphan.data["course"]["raised"] is None
    # acknowledged only after it had cleared
    assert last.data["course"]["acknowledged_after_s"] == 240.0


def test_steps_are_one_alerts_by_its_key_and_by_the_column_that_names_states(item_of):
    text = "".join(
        f'{{"alarm_id": "A-{n}", "event_type": "process", "state": "{state}", "message": "{words}", "time": "2026-03-04T02:0{m}:00Z"}}\n'
        for n, state, words, m in (
            (1, "ACTIVE", "flow low", 0),
            (2, "ACTIVE", "flow low", 1),
            (1, "CLEARED", "flow is back", 2),
        )
    )
    first, second = drafts(item_of("alarms.jsonl", text))
    assert first.data["course"]["lines"] == [1, 3] and spans([first]) == [("02:00:00Z", "02:02:00Z")]
    assert first.text.startswith("Alert A-1: flow low, from") and second.data["course"]["open"]


def test_a_list_that_runs_backwards_gives_the_same(item_of):
    head, *rows = JOURNAL.splitlines()
    back = drafts(item_of("back.csv", "\n".join([head, *reversed(rows)])))
    assert sorted(draft.text for draft in back) == sorted(draft.text for draft in drafts(item_of("j.csv", JOURNAL)))


def test_steps_of_one_moment_come_as_written_whichever_way_the_list_runs(item_of):
    rows = [
        "2026-03-04T02:00:00Z,P-101,LOW FLOW,ACT", "2026-03-04T02:00:00Z,P-101,LOW FLOW,RTN",
        "2026-03-04T02:01:00Z,P-102,LOW FLOW,ACT",
    ]  # fmt: skip
    for ordered in (rows, rows[::-1]):
        told = drafts(item_of("j.csv", "\n".join(["time,tag,alarm,state", *ordered])))
        assert sorted(draft.data["course"]["open"] for draft in told) == [False, True]


@pytest.mark.parametrize(
    "text",
    [
        # a list of standing alarms: a row each, with the state it is in
        "id,asset,message,raised,state\nA-1,P-1,a,2026-03-04T02:00:00Z,active\nA-2,P-2,b,2026-03-04T02:01:00Z,cleared\n",
        # an alarm a row, by its key
        "alarm_id,time,tag,alarm,state\nA-1,2026-03-04T02:00:00Z,P-1,LOW,ACT\nA-2,2026-03-04T02:01:00Z,P-1,LOW,RTN\n",
        # an end of its own
        "alarm_id,raised,cleared,state\nA-1,2026-03-04T02:00:00Z,2026-03-04T02:10:00Z,cleared\nA-1,2026-03-04T03:00:00Z,,active\n",
        # words that are no states
        "time,tag,alarm,status\n2026-03-04T02:00:00Z,P-1,LOW,running\n2026-03-04T02:01:00Z,P-1,LOW,tripped\n",
        # only raised
        "time,tag,alarm,state\n2026-03-04T02:00:00Z,P-1,LOW,ACT\n2026-03-04T02:01:00Z,P-1,LOW,ACT\n",
    ],
)
def test_what_are_no_steps_stays_a_row_each(item_of, text):
    told = drafts(item_of("alarms.csv", text))
    assert [draft.locator.line for draft in told] == [2, 3]


STATES = st.sampled_from(["ACT", "ACK", "RTN", "SHELVED", "UNSHELVED", "??", ""])


@given(st.lists(st.tuples(st.integers(0, 59), st.sampled_from(["P-1", "P-2"]), STATES), min_size=1, max_size=40))
def test_every_row_is_told_once(drawn):
    rows = [
        Row([f"2026-03-04T02:{minute:02d}:00Z", tag, "LOW", state], n + 2)
        for n, (minute, tag, state) in enumerate(drawn)
    ]
    table = Table("j", ("time", "tag", "alarm", "state"), rows)
    shape = shape_of(table, "j.csv")
    clock = Clock(SourcePolicy())
    told = told_alerts(table, shape, [read_row(table, shape, row, clock) for row in rows])
    assert sorted(at for one in told for at in one.rows) == list(range(len(rows)))
    for one in told:
        if one.course and one.course.raised and one.course.cleared:
            assert one.valid.t0 == one.course.raised.t0 <= one.valid.t1 == one.course.cleared.t0
