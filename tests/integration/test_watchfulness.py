"""The watch over a real catalog: who is silent is told once, may be cited, and is not said to have been heard."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from ingest.fakes import InProcess
from ingest.pipeline import Pipeline
from ingest.stream.attendance import Attendance
from ingest.stream.counts import Counts
from ingest.stream.feeds import Feed
from ingest.stream.intake import Intake
from ingest.stream.message import Message
from ingest.tables.reader import TableReader
from ingest.watchfulness.alarms import alarm_unit
from ingest.watchfulness.groups import Places
from ingest.watchfulness.ledger import Declared, Heard
from ingest.watchfulness.record import Alarm, Record, Way
from ingest.watchfulness.standing import Asked, Overview, overview
from ingest.watchfulness.watch import Watchfulness
from retrieval.adapters.folder_blobs import FolderBlobs
from retrieval.catalog import Catalog
from retrieval.errors import InputError, StoreError
from retrieval.fakes import HashTextEncoder
from retrieval.ids import evidence_id
from retrieval.ports import Receipt, Unit
from retrieval.times import iso
from retrieval.types import (
    CharSpan,
    Entity,
    EntityType,
    Evidence,
    Filter,
    Interval,
    Kind,
    Layer,
    Principal,
    Provenance,
    Verdict,
)

SECOND, MINUTE = 1_000_000, 60_000_000
ME = Principal("t")
# 4 March 2026, 08:00 UTC
MORNING = 1_772_611_200_000_000
FEED = "feed:///alarms"


class Hands:
    """A clock that tests set."""

    now = MORNING

    def __call__(self) -> int:
        return self.now


class Plant:
    """A store under a clock, what takes things into it, and what watches it."""

    def __init__(self, catalog: Catalog, folder: Path, clock: Hands) -> None:
        self.catalog, self.folder, self.clock = catalog, folder, clock
        self.blobs = FolderBlobs(folder / "blobs")
        self.watch = Watchfulness(catalog, "t", Places(), clock)
        feeds = {"alarms": Feed(topic="a", id="id", version="rev")}
        self.intake = Intake(catalog, self.blobs, HashTextEncoder(), "t", feeds)

    def at(self, minutes: float) -> None:
        """So many minutes after the morning began."""
        self.clock.now = MORNING + round(minutes * MINUTE)

    def alarm(self, name: str, text: str = "seal leaks") -> None:
        told = {"id": name, "rev": 1, "message": text, "raised_at": iso(self.clock.now - 2 * SECOND), "severity": "low"}
        self.intake.take([Message("alarms", "", json.dumps(told).encode())])

    def alerts(self, source: str = "watchfloor:quality/") -> list[Evidence]:
        found = self.catalog.scan(Filter(kinds=(Kind.ALERT,)), ME)
        return [each for each in found if each.source.startswith(source)]

    def overview(self, minutes: float = 600) -> Overview:
        now = self.clock.now
        ledger = self.watch.look()
        return overview(self.catalog, ledger, Places(), Asked(ME, Interval(now - round(minutes * MINUTE), now)))


@pytest.fixture
def plant(tmp_path: Path, store_at: Callable[[Path], Path]) -> Iterator[Plant]:
    clock = Hands()
    catalog = Catalog(store_at(tmp_path / "catalog.db"), clock)
    yield Plant(catalog, tmp_path, clock)
    catalog.close()


def unit(source: str, text: str, at: int) -> Unit:
    place = CharSpan(0, len(text))
    piece = Evidence(
        id=evidence_id(b"k", source, place, text), tenant="t", source=source, kind=Kind.PASSAGE, locator=place, text=text,
        provenance=Provenance("test"), valid=Interval(at, at),
    )  # fmt: skip
    return Unit("t", source, text, "test", [piece])


def declared(every: int, way: Way = Way.FEED, subject: str = "") -> Declared:
    return Declared(every, way, subject)


def test_a_silence_is_told_once_and_ends_when_something_comes(plant: Plant) -> None:
    plant.watch.declare({FEED: declared(5 * MINUTE)})
    for minute in range(0, 30, 5):
        plant.at(minute)
        plant.alarm(f"AL-{minute}")
        plant.watch.look()
    heard = plant.catalog.scan(Filter(kinds=(Kind.ALERT,)), ME)[-1].recorded_at
    for minute in (27, 31, 34.9):
        plant.at(minute)
        plant.watch.look()
        assert plant.alerts() == []
    for minute in (35.5, 36, 60):
        plant.at(minute)
        plant.watch.look()
        (alert,) = plant.alerts()
        assert alert.valid == Interval(heard, heard)
        assert "nothing was heard from feed alarms since 2026-03-04 08:25" in alert.text
        assert "expected every 5 min, an alarm after 10 min" in alert.text
    assert [each.state for each in plant.overview().sources] == ["silent"]
    plant.at(70)
    plant.alarm("AL-again")
    plant.watch.look()
    (alert,) = plant.alerts()
    assert alert.valid is not None and (alert.valid.t0, alert.valid.t1) == (heard, plant.clock.now)
    assert "for 45 min" in alert.text
    (one,) = plant.overview().sources
    assert one.state == "heard" and [(each.start, each.end) for each in one.silences] == [(heard, plant.clock.now)]


def test_what_never_came_is_missed_too(plant: Plant) -> None:
    plant.watch.declare({FEED: declared(5 * MINUTE)})
    plant.watch.look()
    for minute in range(1, 13):
        plant.at(minute)
        plant.watch.look()
    assert [alert.valid for alert in plant.alerts()] == [Interval(MORNING, MORNING)]


def test_files_taken_in_by_hand_are_never_missed(plant: Plant) -> None:
    for n in range(20):
        plant.catalog.commit(unit(f"file:///site/reports/{n}.txt", "P-101 leaks", plant.clock.now))
    plant.watch.look()
    for day in range(1, 40):
        plant.at(day * 24 * 60)
        (one,) = plant.overview().sources
        assert (one.name, one.state, plant.alerts()) == ("file:///site/reports/", "learning", [])


def test_time_in_which_nobody_looked_is_no_silence(plant: Plant) -> None:
    plant.watch.declare({FEED: declared(5 * MINUTE)})
    plant.alarm("AL-1")
    plant.watch.look()
    # the machine was off for a night; what waits on the bus has not come yet
    for minute in (600, 601, 604):
        plant.at(minute)
        plant.watch.look()
    assert plant.alerts() == []
    for minute in (606, 608, 610.5):
        plant.at(minute)
        plant.watch.look()
    assert len(plant.alerts()) == 1


def test_a_feed_nobody_listens_to_is_not_silent(plant: Plant) -> None:
    plant.watch.declare({FEED: declared(5 * MINUTE)})
    plant.alarm("AL-1")
    plant.watch.look(Heard(attended={FEED: MORNING}))
    for minute in range(1, 60):
        plant.at(minute)
        plant.watch.look()
    assert plant.alerts() == [] and [one.state for one in plant.overview().sources] == ["unattended"]
    since = plant.clock.now
    for minute in range(60, 72):
        plant.at(minute)
        plant.watch.look(Heard(attended={FEED: since}))
    assert len(plant.alerts()) == 1


def test_what_says_nothing_new_was_heard_all_the_same(plant: Plant) -> None:
    plant.watch.declare({FEED: declared(5 * MINUTE)})
    plant.alarm("AL-1")
    for minute in range(60):
        plant.at(minute)
        told = {"repeated": {FEED: 3}} if minute < 30 else {"refused": {FEED: 1}}
        plant.watch.look(Heard(attended={FEED: MORNING}, **told))
    (one,) = plant.overview().sources
    assert plant.alerts() == [] and one.duplicates == 90 and one.pieces == 1


class Failing:
    """A catalog that dies at one of its writes, before it or right behind it."""

    def __init__(self, catalog: Catalog, at: int, behind: bool) -> None:
        self._catalog, self._left, self._behind = catalog, at, behind

    def __getattr__(self, name: str) -> Any:
        return getattr(self._catalog, name)

    def commit(self, unit: Unit) -> Receipt:
        return self._dying(lambda: self._catalog.commit(unit))

    def keep_standings(self, tenant: str, before: str | None, changed: Mapping[str, str | None]) -> bool:
        return self._dying(lambda: self._catalog.keep_standings(tenant, before, changed))

    def _dying(self, write: Callable[[], Any]) -> Any:
        self._left -= 1
        if self._left == 0 and not self._behind:
            raise StoreError("killed")
        done = write()
        if self._left == 0:
            raise StoreError("killed")
        return done


def told(plant: Plant) -> list[Any]:
    """Everything that is told of the sources and their alarms."""
    sources = [(s.name, s.pieces, s.rounds, s.state, s.unknown, s.lag_max_s) for s in plant.overview().sources]
    return [sources, sorted((e.source, e.text, e.valid) for e in plant.alerts())]


@pytest.mark.parametrize("behind", [False, True])
def test_a_kill_at_any_write_loses_nothing_and_counts_nothing_twice(
    tmp_path: Path, store_at: Callable[[Path], Path], behind: bool
) -> None:
    def story(killed_at: int) -> tuple[list[Any], bool]:
        clock, folder = Hands(), tmp_path / f"{killed_at}{behind}"
        folder.mkdir()
        catalog = Catalog(store_at(folder / "catalog.db"), clock)
        plant, died = Plant(catalog, folder, clock), False
        plant.watch.declare({FEED: declared(5 * MINUTE)})
        plant.watch = Watchfulness(Failing(catalog, killed_at, behind), "t", Places(), clock)
        for minute in (0, 1, 5.5, 10.5, 11.5, 14):
            plant.at(minute)
            if minute in (0, 1, 14):
                plant.alarm(f"AL-{minute}", "P-977 leaks")
            try:
                plant.watch.look()
            except StoreError:
                died = True
                plant.watch = Watchfulness(catalog, "t", Places(), clock)
                plant.watch.look()
        plant.watch = Watchfulness(catalog, "t", Places(), clock)
        found = told(plant)
        catalog.close()
        return found, died

    expected, _ = story(10_000)
    assert len(expected[1]) == 1 and expected[0][0][1:3] == (3, 3) and expected[0][0][4] == {"P-977": 3}
    at = 1
    while True:
        found, died = story(at)
        assert found == expected, at
        if not died:
            break
        at += 1
    assert at > 8


def test_several_that_look_at_once_count_everything_once(plant: Plant) -> None:
    for n in range(80):
        plant.catalog.commit(unit(f"feed:///alarms/{n}", f"text {n}", plant.clock.now))
    watchers = [Watchfulness(plant.catalog, "t", Places(), plant.clock) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda watch: watch.look(), watchers * 3))
    (one,) = plant.overview().sources
    assert one.pieces == 80


def test_forgetting_ends_the_alarm_and_the_source_until_it_comes_again(plant: Plant) -> None:
    plant.watch.declare({FEED: declared(5 * MINUTE)})
    for minute in range(12):
        plant.at(minute)
        plant.watch.look()
    assert plant.overview().sources[0].state == "silent"
    plant.watch.forget(FEED)
    assert plant.overview().sources == () and plant.alerts()[0].text.endswith(
        "(expected every 5 min, an alarm after 10 min)"
    )
    assert plant.alerts()[0].valid == Interval(MORNING, plant.clock.now)
    with pytest.raises(InputError, match="nothing named"):
        plant.watch.forget(FEED)
    plant.alarm("AL-1")
    assert [one.state for one in plant.overview().sources] == ["learning"]


# --- what was listened to


def listened(plant: Plant) -> list[tuple[float, float]]:
    """In minutes of the morning."""
    found = plant.catalog.coverage(ME, [FEED], Layer.EXAMINED)
    spans = sorted(each.valid for each in found if each.valid)
    return [((each.t0 - MORNING) / MINUTE, (each.t1 - MORNING) / MINUTE) for each in spans]


async def beats(attendance: Attendance, plant: Plant, minutes: range) -> None:
    for tenth in range(minutes.start * 10, minutes.stop * 10, 5):
        plant.at(tenth / 10)
        if tenth % 10 == 0 and tenth // 10 in minutes:
            plant.alarm(f"AL-{tenth}")
        await attendance.beat(True)
        if tenth % 10 == 5:
            plant.watch.look(Heard(attended={FEED: attendance.since()["alarms"]}))


def test_a_silence_is_not_told_as_listened_to(plant: Plant, house: Any) -> None:
    pump = Entity(id="P-101", type=EntityType.ASSET, name="Feed pump", tenant="t")
    plant.catalog.commit(Unit("t", "site", "1", "test", entities=[pump]))
    plant.watch.declare({FEED: declared(5 * MINUTE)})
    attendance = Attendance(
        plant.intake, Counts(), ["alarms"], plant.clock, lambda feed: plant.watch.silences(f"feed:///{feed}")
    )

    async def story() -> None:
        await beats(attendance, plant, range(0, 90, 5))
        # from 85 on nothing comes, over the full hour, until 150
        for tenth in range(900, 1500, 5):
            plant.at(tenth / 10)
            await attendance.beat(True)
            if tenth % 10 == 5:
                plant.watch.look(Heard(attended={FEED: attendance.since()["alarms"]}))
        assert max(end for _, end in listened(plant)) == pytest.approx(85, abs=0.01)
        await beats(attendance, plant, range(150, 170, 5))
        await attendance.end()

    asyncio.run(story())
    whole = listened(plant)
    assert whole[0][0] == 0 and whole[-1][1] == pytest.approx(169.5, abs=0.2)
    holes = [(a[1], b[0]) for a, b in pairwise(whole) if b[0] - a[1] > 0.01]
    assert holes == [(pytest.approx(85, abs=0.01), pytest.approx(150, abs=0.01))]

    # a question about that time is not answered as if nothing had happened, nor one about another time as if it were unknown
    asked = type(house)(plant.catalog, plant.blobs, plant.folder, UTC)
    asked.projector.catch_up()
    between = "Were there any alarms{} between {} and {} on 4 March 2026?"
    told = asked.ask(between.format("", "09:40", "10:20"), plant.clock.now)
    assert "nothing was heard from feed alarms" in told.claims[0].text
    silent = asked.ask(between.format(" on P-101", "09:40", "10:20"), plant.clock.now)
    assert (silent.verdict, silent.claims) == (Verdict.NOT_RECORDED, ())
    assert [note.text for note in silent.coverage] == [
        "feed alarms: not heard for 40 min, 4 March 2026 09:40:00–10:20:00 UTC"
    ]
    heard = asked.ask(between.format(" on P-101", "09:00", "09:20"), plant.clock.now)
    assert (heard.verdict, heard.coverage) == (Verdict.INSUFFICIENT, ())
    asked.searcher.close()


# --- asking


SITE = """\
site: {id: plant, name: Plant, timezone: UTC}
assets: [{id: P-101, name: Feed pump}]
sensors: [{id: S-101, name: discharge pressure, unit: bar, quantity: pressure, asset: P-101}]
sources: [{match: "readings/*.csv", sensor: S-101}]
"""


def readings(folder: Path, last: int) -> None:
    """A file of a reading a minute, as it is in this minute of the morning."""
    rows = [f"{iso(MORNING + n * MINUTE)},{4 + n % 7 / 10}" for n in range(last)]
    (folder / "readings" / "S-101.csv").write_text("\n".join(["timestamp,value", *rows]) + "\n")


@pytest.fixture
def sensed(plant: Plant, house: Any) -> Callable[[str], Any]:
    """A sensor's file that grows every ten minutes until nine, and not since; asked an hour later."""
    folder = plant.folder / "site"
    (folder / "readings").mkdir(parents=True)
    (folder / "site.yaml").write_text(SITE)
    reader = TableReader(plant.catalog.site, InProcess())
    pipeline = Pipeline(plant.catalog, plant.blobs, [reader], house.encoder, None, plant.clock)
    plant.watch.declare({"S-101": declared(10 * MINUTE, Way.SERIES, "S-101")})
    for minute in range(0, 120, 1):
        plant.at(minute)
        if minute % 10 == 0 and 0 < minute <= 60:
            readings(folder, minute)
            assert not pipeline.run([folder], "t").rejected
        plant.watch.look()
    asked = type(house)(plant.catalog, plant.blobs, plant.folder, UTC)
    asked.projector.catch_up()
    yield lambda question: asked.ask(question, plant.clock.now)
    asked.searcher.close()


def test_a_question_about_the_silent_time_is_answered_not_recorded(sensed: Callable[[str], Any], plant: Plant) -> None:
    (one,) = [one for one in plant.overview().sources if one.way == "series"]
    assert (one.name, one.state, one.subject) == ("S-101", "silent", "S-101")
    before = sensed("What was the highest discharge pressure of P-101 between 08:10 and 08:40 on 4 March 2026?")
    assert before.verdict is Verdict.ANSWERED and "4.6 bar" in before.claims[0].text
    silent = sensed("What was the highest discharge pressure of P-101 between 09:10 and 09:40 on 4 March 2026?")
    assert (silent.verdict, silent.claims) == (Verdict.NOT_RECORDED, ())
    assert [note.status for note in silent.coverage] == ["gap"]


@pytest.mark.parametrize(
    "question",
    [
        "Was anything wrong with P-101's sensor on 4 March 2026?",
        "What happened to S-101 on 4 March 2026?",
        "Were there any alerts on S-101 on 4 March 2026?",
    ],
)
def test_what_was_wrong_with_a_sensor_cites_its_silence(
    sensed: Callable[[str], Any], plant: Plant, question: str
) -> None:
    answer = sensed(question)
    (alert,) = plant.alerts()
    assert "nothing was heard from sensor discharge pressure (S-101) since 2026-03-04 09:00 UTC" in alert.text
    assert {each.entity for each in alert.entities} == {"S-101", "P-101"}
    assert answer.verdict in (Verdict.ANSWERED, Verdict.PARTIAL), answer
    assert alert.id in {citation.evidence for claim in answer.claims for citation in claim.citations}


@pytest.mark.parametrize("reader", ["1", "2"])
def test_an_alarm_goes_under_the_labels_that_its_feed_has_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reader: str
) -> None:
    catalog = Catalog(tmp_path / "catalog.sqlite3")
    alarm = Alarm(start=MINUTE, heard_at=MINUTE, every=1000, allowed=2000, declared=True, raised_at=MINUTE + 2000)
    for labels in (None, ("shift",), ("shift", "safety"), ("safety", "shift")):
        catalog.commit(alarm_unit(catalog, "t", "feed:///alarms", Record(way=Way.FEED, labels=labels), alarm))
        # also where another version of the reader tells it
        monkeypatch.setattr("ingest.watchfulness.alarms.VERSION", reader)
    shown = {held: len(catalog.scan(Filter(), Principal("t", labels=held))) for held in ((), ("shift",), ("safety",))}
    assert shown == {(): 0, ("shift",): 1, ("safety",): 1}
    catalog.close()
