"""What is kept of one that delivers: exact where it counts, and small."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.video.skew import ClipSkew, Skew
from ingest.watchfulness.fakes import MINUTE, MONDAY
from ingest.watchfulness.folding import Fold
from ingest.watchfulness.groups import Group, Places, group_of
from ingest.watchfulness.ledger import MOST, OTHERS, Ledger
from ingest.watchfulness.record import DAY, HOUR, Alarm, Record, Way
from retrieval.ports import Arrival
from retrieval.types import Entity, EntityType, Interval

LAGS = st.lists(st.integers(1, 400_000_000), min_size=1, max_size=60)


@given(LAGS)
def test_lags_are_those_of_the_day(lags: list[int]) -> None:
    record = Record(way=Way.FEED)
    for n, lag in enumerate(lags):
        record.hear(MONDAY + n, Interval(MONDAY + n - lag, MONDAY + n - lag))
    day = record.day(MONDAY)
    assert (day.pieces, day.lag, day.future) == (len(lags), max(lags), 0)
    assert day.lags.quantile(0.5) == pytest.approx(np.quantile(lags, 0.5, method="lower"), rel=0.05, abs=1_000)
    assert record.hours[MONDAY // HOUR].pieces == len(lags)


def test_what_happens_after_it_is_stored_is_told_as_such() -> None:
    record = Record(way=Way.FEED)
    record.hear(MONDAY, Interval(MONDAY + 5, MONDAY + 9))
    record.hear(MONDAY + 1, None)
    day = record.day(MONDAY)
    assert (day.future, day.pieces, day.lag, record.last_event) == (1, 2, 0, MONDAY)


def test_what_is_stored_together_is_one_delivery() -> None:
    record = Record(way=Way.FEED)
    for n in range(500):
        record.hear(MONDAY + n, None)
    record.hear(MONDAY + 5 * MINUTE, None)
    assert (record.rounds, record.gaps.count, record.day(MONDAY).longest) == (2, 1, 5 * MINUTE)


def test_it_stays_small_however_long_it_goes_on() -> None:
    record = Record(way=Way.FEED)
    for n in range(100 * 24):
        at = MONDAY + n * HOUR
        record.hear(at, Interval(at - n * n, at - n * n))
        record.unnamed(f"P-{n}")
        record.skewed(ClipSkew(f"clip {n}", at, Skew(1.0, 0.0, 3, "name")))
        record.raise_alarm(Alarm(start=at, heard_at=at, raised_at=at, every=1, allowed=1, end=at))
    assert (len(record.hours), len(record.days), record.pieces, record.unknown_pieces) == (168, 35, 2400, 2400)
    assert len(msgspec.json.encode(record)) < 32_000
    assert msgspec.json.decode(msgspec.json.encode(record), type=Record) == record


def test_who_may_see_a_piece_may_see_how_it_came() -> None:
    record = Record(way=Way.FEED)
    record.seen_by(("security",))
    record.seen_by(("ops",))
    assert record.labels == ("ops", "security")
    record.seen_by(())
    record.seen_by(("security",))
    assert record.labels == ()


def arrival(source: str, subject: str = "", **more: object) -> Arrival:
    return Arrival(1, source, MONDAY, Interval(MONDAY, MONDAY), subject, **more)  # type: ignore[arg-type]


THINGS = {"S-1": EntityType.SENSOR, "CAM-1": EntityType.CAMERA}
PLACES = Places("file:///data/uploads/", "file:///data/live/")


@pytest.mark.parametrize(
    ("given_", "group"),
    [
        (arrival("feed:///alarms/AL-1%2F2"), Group("feed:///alarms", Way.FEED)),
        (arrival("warehouse:///plant/rows@2026-03-04?slice=3of16"), Group("warehouse:///plant/rows", Way.MAPPING)),
        (arrival("file:///site/reports/a.pdf"), Group("file:///site/reports/", Way.FOLDER)),
        (arrival("s3://plant/2026/a.pdf"), Group("s3://plant/2026/", Way.FOLDER)),
        (arrival("file:///data/uploads/x1/a.pdf"), Group("file:///data/uploads/", Way.FOLDER)),
        (arrival("file:///data/live/CAM-1/1.mp4"), None),
        (arrival("file:///site/a.mp4#captions/ev_1"), None),
        (arrival("watchfloor:quality/feed/1"), None),
        (arrival("file:///site/s.csv", "S-1"), Group("S-1", Way.SERIES, "S-1")),
        (arrival("file:///site/a.mp4", "CAM-1"), Group("CAM-1", Way.CAMERA, "CAM-1")),
        (arrival("camera:///CAM-9", "CAM-9"), Group("CAM-9", Way.CAMERA, "CAM-9")),
        (arrival("file:///site/s.csv", "file:///site/s.csv#value"), None),
        (arrival("file:///site/a.mp4", "file:///site/a.mp4"), None),
    ],
)
def test_who_delivered(given_: Arrival, group: Group | None) -> None:
    assert group_of(given_, PLACES, THINGS) == group


def entity(id_: str, kind: EntityType) -> Entity:
    return Entity(id=id_, type=kind, name=id_, tenant="t")


def folded(*arrivals: Arrival) -> Ledger:
    ledger = Ledger.of({})
    fold = Fold(ledger, PLACES, [entity("P-101", EntityType.ASSET), entity("CAM-1", EntityType.CAMERA)])
    for each in arrivals:
        fold.take(each)
    return ledger


def test_tags_that_name_nothing_are_counted_and_keys_of_rows_are_no_tags() -> None:
    ledger = folded(
        arrival("feed:///a/AL-7", text="Alert AL-7 on P-101, see AL-6", key="AL-7"),
        arrival("feed:///a/AL-8", text="Alert AL-8 on P-999 and P-999", key="AL-8"),
        arrival("feed:///a/AL-9", text="P-998 leaks", labels=("security",)),
    )
    assert ledger.records["feed:///a"].unknown == {"P-999": 1}


def test_a_clock_in_a_picture_is_its_cameras() -> None:
    skew = {"seconds": 3.0, "mad": 0.0, "readings": 4, "against": "name"}
    ledger = folded(arrival("file:///site/a.mp4", skew=skew, entities=("CAM-1",)))
    (clip,) = ledger.records["CAM-1"].clips
    assert (clip.source, clip.skew.seconds) == ("file:///site/a.mp4", 3.0)


def test_who_comes_beyond_the_most_is_counted_with_all_others() -> None:
    ledger = folded(*(arrival(f"file:///site/{n}/a.txt") for n in range(MOST + 5)))
    assert len(ledger.records) == MOST + 1 and ledger.records[OTHERS].pieces == 5


def test_days_are_of_utc() -> None:
    record = Record(way=Way.FEED)
    record.hear(MONDAY + DAY - 1, None)
    record.hear(MONDAY + DAY, None)
    assert [day.pieces for day in record.days.values()] == [1, 1]
