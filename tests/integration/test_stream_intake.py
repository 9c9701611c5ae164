"""The intake over a real catalog: together on disk, in any order, with its dead letters."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

import ingest.stream.intake as intake_module
from ingest.masking import BatchMask, PatternMasker
from ingest.stream.dead import DeadLetters
from ingest.stream.feeds import Feed
from ingest.stream.intake import Intake
from ingest.stream.message import Message, said
from retrieval.adapters.folder_blobs import FolderBlobs
from retrieval.catalog import Catalog
from retrieval.errors import SourceRejected, StoreBusy
from retrieval.fakes import HashTextEncoder
from retrieval.ports import Unit
from retrieval.types import Entity, EntityType, Filter, Interval, Kind, Principal, Vector

ANN = Principal("t", "ann")
FEEDS = {
    "alarms": Feed(topic="a", id="id", version="rev"),
    "plain": Feed(topic="p", id="id"),
    "secret": Feed(topic="s", id="id", version="rev", labels=("security",)),
}
SEEDS = 8


class Keyed:
    """A catalog whose ids can be compared with another's: the same tenant's key."""

    def __init__(self, catalog: Catalog, key: bytes) -> None:
        self._catalog, self._key = catalog, key

    def tenant_key(self, tenant: str) -> bytes:
        return self._key

    def __getattr__(self, name: str) -> Any:
        return getattr(self._catalog, name)


def alarm(name: str, rev: int, text: str = "seal leaks", feed: str = "alarms", asset: str = "P-101") -> Message:
    body = {
        "id": name,
        "rev": rev,
        "severity": "high",
        "message": text,
        "raised_at": "2026-03-04T02:41:00Z",
        "asset": asset,
    }
    return Message(feed, "", json.dumps(body).encode())


def ordered(name: str, place: int, text: str) -> Message:
    """On a feed that the bus orders; "" = it is no more."""
    body = {"id": name, "message": text, "raised_at": "2026-03-04T02:41:00Z", "severity": "low"}
    return Message("plain", name, json.dumps(body).encode() if text else b"", None, place)


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    opened = Catalog(tmp_path / "catalog.db")
    yield opened
    opened.close()


def intake(catalog: Catalog, folder: Path, mask: BatchMask | None = None) -> Intake:
    return Intake(catalog, FolderBlobs(folder / "blobs"), HashTextEncoder(), "t", FEEDS, mask)


def texts(catalog: Catalog, principal: Principal = ANN) -> dict[str, str]:
    return {e.source: e.text for e in catalog.scan(Filter(), principal)}


def test_alarms_are_evidence_with_vectors_and_known_assets(catalog: Catalog, tmp_path: Path) -> None:
    catalog.commit(
        Unit("t", "site", "1", "test", entities=[Entity(id="P-101", type=EntityType.ASSET, name="Pump 1", tenant="t")])
    )
    taken = intake(catalog, tmp_path).take([alarm("AL-1", 1), alarm("AL-2", 1, "Pump 1 runs hot"), alarm("AL-1", 1)])
    assert (taken.stored, taken.known, taken.dead) == (2, 1, ())
    found = catalog.scan(Filter(kinds=(Kind.ALERT,)), ANN)
    assert {m.entity for e in found for m in e.entities} == {"P-101"}
    assert len(list(catalog.embeddings([e.id for e in found]))) == 2


def test_labels_of_a_feed_hide_what_it_brings(catalog: Catalog, tmp_path: Path) -> None:
    intake(catalog, tmp_path).take([alarm("AL-1", 1, feed="secret")])
    assert texts(catalog) == {}
    assert len(texts(catalog, Principal("t", "guard", labels=("security",)))) == 1


def test_a_dead_letter_names_its_cause_keeps_its_body_and_stops_nothing(catalog: Catalog, tmp_path: Path) -> None:
    bad = [Message("alarms", "AL-9", b'{"id": "AL-9", "rev": "%d days"}' % n) for n in range(2)]
    taking = intake(catalog, tmp_path)
    taken = taking.take([alarm("AL-1", 1), *bad, alarm("AL-9", 1), bad[0]])
    assert taken.stored == 2
    assert [dead.code for dead in taken.dead] == ["bad_version"] * 3
    taking.take([alarm("AL-9", 2, "well again")])
    # neither the next bad one nor a good one hides it
    kept = {rejection.source: rejection for rejection in catalog.rejections(ANN)}
    assert set(kept) == {dead.source for dead in taken.dead} and len(kept) == 2
    letters = DeadLetters(catalog, FolderBlobs(tmp_path / "blobs"), "t").letters()
    assert {each.message for each in letters} == set(bad)


def test_a_letter_is_kept_as_it_came_and_one_of_an_earlier_version_is_read(catalog: Catalog, tmp_path: Path) -> None:
    """What looks through the files for erased text must find it there."""
    blobs = FolderBlobs(tmp_path / "blobs")
    letters = DeadLetters(catalog, blobs, "t")
    odd = Message("alarms", "AL-9 ü\n", b'{"text": "PUMP-1234 leaked", \xff\n', 7, None)
    letters.bury([(odd, SourceRejected("no json", kind="broken_row"))])
    (rejection,) = catalog.rejections(ANN)
    assert odd.body in blobs.get("t", rejection.tried) and [each.message for each in letters.letters()] == [odd]
    old = blobs.put("t", msgspec.json.encode(odd), "application/json")
    catalog.record_rejections("t", [(rejection.source, rejection.code, rejection.reason, old)])
    assert [each.message for each in letters.letters()] == [odd]
    junk = blobs.put("t", b"{}\n", "application/json")
    catalog.record_rejections("t", [(rejection.source, rejection.code, rejection.reason, junk)])
    assert [each.message for each in letters.letters()] == [None]


def test_things_told_are_remembered_up_to_a_count(
    catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake_module, "_MOST_TOLD", 3)
    taking = intake(catalog, tmp_path)
    for n in range(6):
        taking.take([alarm("AL-0", 2 * n, asset="P-0"), alarm(f"AL-{n}", 2 * n + 1, asset=f"P-{n}")])
    assert len(taking._told) == 3
    told = catalog.sequence()
    taking.take([alarm("AL-0", 90, "one more", asset="P-0")])
    assert catalog.sequence() == told + 1, "what is named all the time is not told again"
    taking.take([alarm("AL-1", 91, "one more", asset="P-1")])
    assert {e.id for e in catalog.site("t")[0]} == {f"P-{n}" for n in range(6)} and catalog.sequence() == told + 2


class Busy:
    """An intake whose store is held by another."""

    def take(self, messages: Sequence[Message]) -> Any:
        raise StoreBusy("another writes")


def test_a_store_that_fails_while_letters_are_read_again_loses_none(catalog: Catalog, tmp_path: Path) -> None:
    bad = Message("alarms", "AL-9", b'{"id": "AL-9", "rev": "9 days"}')
    taking = intake(catalog, tmp_path)
    taking.take([bad])
    letters = DeadLetters(catalog, FolderBlobs(tmp_path / "blobs"), "t")
    with pytest.raises(StoreBusy):
        letters.again(Busy(), ["alarms"])
    assert [each.message for each in letters.letters()] == [bad]
    assert letters.again(taking, ["alarms"]) == (0, 1)
    assert [each.message for each in letters.letters()] == [bad]


def test_what_is_masked_is_not_kept_as_it_was(catalog: Catalog, tmp_path: Path) -> None:
    masked = intake(catalog, tmp_path, BatchMask(PatternMasker()))
    told = masked.take([alarm("AL-1", 1, "call ann@plant.example"), Message("alarms", "", b"{ann@plant.example")])
    assert "[email]" in texts(catalog)["feed:///alarms/AL-1"]
    assert told.dead[0].code == "broken_row"
    masked.take([alarm("ann@plant.example", 1)])
    everything = [e.source + e.text for e in catalog.scan(Filter(), ANN)] + [
        r.source + r.reason for r in catalog.rejections(ANN)
    ]
    assert len(everything) == 3 and not any("ann" in text for text in everything)
    kept = [p for p in (tmp_path / "blobs").rglob("*") if p.is_file()]
    assert not any(b"ann@plant" in p.read_bytes() for p in kept)


def whole(catalog: Catalog) -> set[tuple[str, str, str, tuple[str, ...]]]:
    """All that stands: ids, sources, texts and what they hang on."""
    found = catalog.scan(Filter(), ANN)
    return {(e.id, e.source, e.text, tuple(sorted(m.entity for m in e.entities))) for e in found}


def test_any_order_and_any_duplication_end_alike(catalog: Catalog, tmp_path: Path) -> None:
    told = ["P-101 leaks", "Feed pump runs hot", "nothing", "seal of P-101 and of P-7"]
    sent = [alarm(f"AL-{n % 7}", n, told[n % 4], asset=f"P-{101 + n % 3}") for n in range(40)]
    sent += [ordered(f"O-{n % 3}", n, "" if n in (9, 3) else f"text {n}") for n in range(12)]
    key = catalog.tenant_key("t")
    intake(catalog, tmp_path).take(sent)
    expected = whole(catalog)
    assert {source for _, source, _, _ in expected} == {
        *(f"feed:///alarms/AL-{n}" for n in range(7)),
        "feed:///plain/O-1",
        "feed:///plain/O-2",
    }
    for seed in range(SEEDS):
        chance = random.Random(seed)
        shuffled = [message for message in sent for _ in range(chance.randint(1, 5))]
        chance.shuffle(shuffled)
        folder = tmp_path / str(seed)
        other = Catalog(folder / "catalog.db")
        taking = Intake(Keyed(other, key), FolderBlobs(folder / "blobs"), HashTextEncoder(), "t", FEEDS)
        while shuffled:
            size = chance.randint(1, 30)
            taking.take(shuffled[:size])
            shuffled = shuffled[size:]
        assert whole(other) == expected, f"seed {seed}"
        other.close()


def test_other_labels_are_another_reading(catalog: Catalog, tmp_path: Path) -> None:
    intake(catalog, tmp_path).take([alarm("AL-1", 1)])
    hidden = {**FEEDS, "alarms": Feed(topic="a", id="id", version="rev", labels=("security",))}
    Intake(catalog, FolderBlobs(tmp_path / "blobs"), HashTextEncoder(), "t", hidden).take([alarm("AL-1", 1)])
    assert texts(catalog) == {}
    assert len(texts(catalog, Principal("t", "guard", labels=("security",)))) == 1


class Counting(HashTextEncoder):
    """Counts the texts it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.encoded = 0

    def encode(self, texts: Sequence[str]) -> Vector:
        self.encoded += len(texts)
        return super().encode(texts)


def test_what_says_nothing_new_is_not_encoded_and_what_stands_is(catalog: Catalog, tmp_path: Path) -> None:
    encoder = Counting()
    taking = Intake(catalog, FolderBlobs(tmp_path / "blobs"), encoder, "t", FEEDS)
    taking.take([alarm("AL-1", 1), alarm("AL-2", 5)])
    before = encoder.encoded
    taking.take([alarm("AL-1", 1), alarm("AL-2", 4, "older")])
    assert encoder.encoded == before
    # back to what was said before, behind something else: the catalog still holds the first when the last is looked at
    taking.take([alarm("AL-1", 2, "another"), alarm("AL-1", 3, "seal leaks again")])
    taking.take([alarm("AL-2", 6, "another"), alarm("AL-2", 7, "older")])
    found = catalog.scan(Filter(), ANN)
    assert len({e.id for e in found}) == 2
    assert len(list(catalog.embeddings([e.id for e in found]))) == 2


def test_when_a_feed_was_listened_to_is_told_and_only_then(catalog: Catalog, tmp_path: Path) -> None:
    hour, taking = 3_600_000_000, intake(catalog, tmp_path)
    began = 10 * hour + hour // 2
    for minute in range(60):
        taking.listened("alarms", Interval(began, began + (minute + 1) * 60_000_000))
    told = catalog.coverage(ANN, ["feed:///alarms"])
    spans = sorted((c.valid.t0, c.valid.t1) for c in told if c.valid)
    assert spans == [(began, 11 * hour), (11 * hour, began + hour)]


class Stubborn(HashTextEncoder):
    """Gives a vector that no store takes, for one text."""

    def encode(self, texts: Sequence[str]) -> Vector:
        made = super().encode(texts)
        made[["cursed" in text for text in texts]] = float("nan")
        return made


def test_what_the_store_or_the_reader_cannot_take_stops_nothing_else(
    catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taking = Intake(catalog, FolderBlobs(tmp_path / "blobs"), Stubborn(), "t", FEEDS)
    taken = taking.take([alarm("AL-1", 1), alarm("AL-2", 1, "cursed seal"), alarm("AL-3", 1)])
    assert (taken.stored, [d.code for d in taken.dead]) == (2, ["unstorable"])

    def broken(message: Message, *rest: Any) -> Any:
        if b"AL-5" in message.body:
            raise KeyError("a slip of ours")
        return said(message, *rest)

    monkeypatch.setattr(intake_module, "said", broken)
    taken = taking.take([alarm("AL-4", 1), alarm("AL-5", 1)])
    assert (taken.stored, [d.code for d in taken.dead]) == (1, ["fault"])
    assert set(texts(catalog)) == {f"feed:///alarms/AL-{n}" for n in (1, 3, 4)}


def test_dead_letters_are_kept_and_read_again_once_the_feed_is_mended(catalog: Catalog, tmp_path: Path) -> None:
    blobs = FolderBlobs(tmp_path / "blobs")
    odd = Message(
        "alarms", "k", b'{"name": "AL-9", "rev": 1, "message": "leak", "raised_at": "2026-03-04T02:41:00Z"}', 5, 7
    )
    broken = Message("alarms", "", b"{")
    intake(catalog, tmp_path).take([odd, broken, odd])
    letters = DeadLetters(catalog, blobs, "t")
    assert {each.message for each in letters.letters()} == {odd, broken}
    mended = Intake(catalog, blobs, HashTextEncoder(), "t", {"alarms": Feed(topic="a", id="name", version="rev")})
    assert letters.again(mended, ["alarms"]) == (1, 1)
    assert [each.message for each in letters.letters()] == [broken]
    assert list(texts(catalog)) == ["feed:///alarms/AL-9"]
    assert (letters.forget(), list(letters.letters())) == (1, [])


def test_a_sender_gone_mad_is_counted_and_not_kept(catalog: Catalog, tmp_path: Path) -> None:
    letters = DeadLetters(catalog, FolderBlobs(tmp_path / "blobs"), "t", most=3)
    cause = SourceRejected("not valid json", kind="broken_row")
    for n in range(10):
        letters.bury([(Message("alarms", "", b"{%d" % n), cause)])
    letters.bury([(Message("alarms", "", b"{0"), cause)])
    found = {each.rejection.source: each for each in letters.letters()}
    assert sum(each.message is not None for each in found.values()) == 3
    (more,) = [each.rejection for each in found.values() if each.message is None]
    assert (more.code, more.tries) == ("too_many_dead", 7)
