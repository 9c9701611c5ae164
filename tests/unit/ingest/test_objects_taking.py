"""Objects are taken in once, again when they change, and closed when they are gone; what is told of them is only a hint."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ingest.follow.bucket import PrefixFollower
from ingest.objects.address import Prefix
from ingest.objects.port import Seen
from ingest.objects.spool import Spool
from ingest.objects.taking import LEFT, REFUSED, TAKEN
from ingest.stream.message import Message
from retrieval.catalog.database import Database
from retrieval.catalog.erasures import ErasureBook
from retrieval.erasure.values import Target
from retrieval.errors import SourceRejected, UpstreamError
from retrieval.types import Filter, Principal

ALL = Prefix("plant", "")
ME = Principal("t")
SITE = b"site: {id: n, name: N, timezone: Europe/Madrid}\nsources: [{match: 'hr/*', labels: [hr]}]\n"


@pytest.fixture
def house(bucketed: Callable[[str], Any]) -> Any:
    return bucketed("house")


def follower(house: Any, prefix: Prefix = ALL) -> PrefixFollower:
    return PrefixFollower(prefix, house.objects, house.taker, house.catalog, "t")


def notice(key: str, bucket: str = "plant") -> Message:
    about = {"bucket": {"name": bucket}, "object": {"key": key.replace(" ", "+")}}
    return Message("objects", "", json.dumps({"Records": [{"s3": about}]}).encode())


def torn(house: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """From now on b.md never comes whole. Returns what fetched it before."""
    fetch = house.objects.fetch

    def cut_off(bucket: str, seen: Seen, to: Path, within_s: float | None = None) -> bool:
        if seen.key == "b.md":
            raise UpstreamError("only 3 of 15 bytes came")
        return bool(fetch(bucket, seen, to, within_s))

    monkeypatch.setattr(house.objects, "fetch", cut_off)
    return fetch


def test_what_is_unchanged_is_not_fetched_again(house: Any) -> None:
    house.objects.put("plant", "log.md", b"Pump 1 tripped.")
    house.objects.put("plant", "b.zip", b"PK" + b"0" * 1000)
    first = follower(house).round()
    assert (first.taken, len(first.refused)) == (1, 1)
    # an archive is refused by its name: nothing of it is fetched
    assert house.objects.fetched == len(b"Pump 1 tripped.")
    second = follower(house).round()
    assert (second.taken, second.closed, second.refused) == (0, 0, ())
    assert house.objects.fetched == len(b"Pump 1 tripped.")


def test_a_replaced_object_supersedes_and_a_deleted_one_closes_and_both_stay_known_as_of_then(house: Any) -> None:
    house.objects.put("plant", "log.md", b"Pump 1 tripped.")
    follower(house).round()
    (before,) = house.catalog.scan(Filter(), ME)
    house.objects.put("plant", "log.md", b"Pump 1 was well.")
    follower(house).round()
    assert house.texts() == {"s3://plant/log.md": ["Pump 1 was well."]}
    house.objects.delete("plant", "log.md")
    assert follower(house).round().closed == 1
    assert house.texts() == {}
    assert [e.text for e in house.catalog.scan(Filter(as_of=before.recorded_at), ME)] == ["Pump 1 tripped."]
    house.objects.put("plant", "log.md", b"Pump 1 tripped.")
    follower(house).round()
    assert house.texts() == {"s3://plant/log.md": ["Pump 1 tripped."]}


def test_a_store_that_is_away_closes_nothing(house: Any) -> None:
    house.objects.put("plant", "log.md", b"Pump 1 tripped.")
    follower(house).round()
    house.objects.down = True
    with pytest.raises(UpstreamError):
        follower(house).round()
    with pytest.raises(UpstreamError):
        house.intake.take([notice("log.md")])
    assert house.texts() == {"s3://plant/log.md": ["Pump 1 tripped."]}


def test_what_is_kept_stays_when_it_is_gone_from_the_bucket(house: Any) -> None:
    house.objects.put("plant", "log.md", b"Pump 1 tripped.")
    PrefixFollower(ALL, house.objects, house.taker, house.catalog, "t", closes=False).round()
    house.objects.delete("plant", "log.md")
    assert PrefixFollower(ALL, house.objects, house.taker, house.catalog, "t", closes=False).round().closed == 0
    assert house.texts() == {"s3://plant/log.md": ["Pump 1 tripped."]}


def test_only_below_the_prefix_is_anything_closed(house: Any) -> None:
    for key in ("north/a.md", "northern.md"):
        house.objects.put("plant", key, b"Pump 1 tripped.")
    follower(house).round()
    for key in ("north/a.md", "northern.md"):
        house.objects.delete("plant", key)
    assert follower(house, Prefix("plant", "north/")).round().closed == 1
    assert set(house.texts()) == {"s3://plant/northern.md"}


def test_a_refused_object_is_told_once_and_forgotten_when_it_is_gone(house: Any) -> None:
    follow = follower(house)
    house.objects.put("plant", "../up.md", b"x")
    house.objects.put("plant", "broken.json", b"{")
    assert {each.code for each in follow.round().refused} == {"unsafe_key", "broken_row"}
    assert follow.round().refused == ()
    assert len(house.catalog.rejections(ME)) == 2
    for key in ("../up.md", "broken.json"):
        house.objects.delete("plant", key)
    follow.round()
    assert house.catalog.rejections(ME) == []


def test_an_erased_object_is_refused_once_and_taken_once_that_is_allowed(house: Any) -> None:
    follow, book = follower(house), ErasureBook(Database(house.folder / "catalog.db"))
    house.objects.put("plant", "log.md", b"Pump 1 tripped.")
    follow.round()
    assert book.hide(Target(sources=("s3://plant/log.md",)), ME) is not None
    assert [each.code for each in follow.round().refused] == ["erased"]
    before = house.objects.fetched
    assert follow.round().refused == () and house.objects.fetched == before
    assert book.allow(ME, ["s3://plant/log.md"], []) > 0
    assert (follow.round().taken, follow.round().taken) == (1, 0)
    assert house.texts() == {"s3://plant/log.md": ["Pump 1 tripped."]}
    book.close()


def test_what_is_larger_than_the_spool_is_not_fetched(house: Any) -> None:
    house.objects.put("plant", "big.md", b"x" * ((1 << 20) + 1))
    (refused,) = follower(house).round().refused
    assert (refused.code, house.objects.fetched) == ("too_large", 0)


def test_names_that_cannot_lie_side_by_side_are_both_taken(house: Any) -> None:
    house.objects.put("plant", "a.md", b"A file.")
    house.objects.put("plant", "a.md/b.md", b"A file in what is no folder.")
    follower(house).round()
    assert set(house.texts()) == {"s3://plant/a.md", "s3://plant/a.md/b.md"}


def test_a_site_description_governs_what_lies_below_it_and_again_when_it_changes(house: Any) -> None:
    house.objects.put("plant", "hr/pay.md", b"Secret pay.")
    house.intake.take([notice("hr/pay.md")])
    assert set(house.texts()) == {"s3://plant/hr/pay.md"}
    house.objects.put("plant", "site.yaml", SITE)
    house.intake.take([notice("site.yaml")])
    assert house.texts() == {}
    assert set(house.texts(Principal("t", labels=("hr",)))) == {"s3://plant/hr/pay.md"}


def test_a_broken_site_description_keeps_what_it_governs_waiting(house: Any) -> None:
    house.objects.put("plant", "site.yaml", b"site: [")
    house.objects.put("plant", "log.md", b"Pump 1 tripped.")
    done = follower(house).round()
    assert done.taken == 0 and done.waiting and "site.yaml" in done.note
    house.objects.put("plant", "site.yaml", SITE)
    follower(house).round()
    assert set(house.texts()) == {"s3://plant/log.md"}


def test_a_broken_site_description_stops_no_messages_and_its_mending_takes_all_below_it(house: Any) -> None:
    house.objects.put("plant", "north/site.yaml", b"site: [")
    for key in ("north/log.md", "south/log.md"):
        house.objects.put("plant", key, b"Pump 1 tripped.")
    taken = house.intake.take([notice("north/log.md"), notice("south/log.md")])
    assert (taken.stored, [dead.code for dead in taken.dead]) == (1, ["bad_site_description"])
    assert [each.source for each in house.catalog.rejections(ME)] == ["s3://plant/north/log.md"]
    house.objects.put("plant", "north/site.yaml", SITE)
    house.intake.take([notice("north/site.yaml")])
    assert set(house.texts()) == {"s3://plant/north/log.md", "s3://plant/south/log.md"}
    assert house.catalog.rejections(ME) == []


def test_a_notification_about_anything_else_is_buried_and_nothing_is_fetched(house: Any) -> None:
    house.objects.put("other", "log.md", b"Not ours.")
    house.objects.put("plant", "log.md", b"Pump 1 tripped.")
    taken = house.intake.take([notice("log.md", "other"), Message("objects", "", b"{"), notice("log.md")])
    assert (taken.stored, sorted(dead.code for dead in taken.dead)) == (1, ["broken_row", "not_allowed"])
    assert house.objects.fetched == len(b"Pump 1 tripped.")
    again = house.intake.take([notice("log.md")])
    assert (again.stored, again.known, again.dead) == (0, 1, ())


def test_of_a_message_about_several_what_is_allowed_is_taken_and_the_rest_is_told(house: Any) -> None:
    house.objects.put("plant", "log.md", b"Pump 1 tripped.")
    both = [json.loads(notice("log.md", bucket).body)["Records"][0] for bucket in ("other", "plant")]
    taken = house.intake.take([Message("objects", "", json.dumps({"Records": both}).encode())])
    assert (taken.stored, taken.known, [dead.code for dead in taken.dead]) == (1, 0, ["not_allowed"])
    assert set(house.texts()) == {"s3://plant/log.md"}


class Restless:
    """Puts another content under the key each time it was fetched, `times` times: the writer is always one ahead."""

    def __init__(self, house: Any, times: int) -> None:
        self._objects, self._fetch, self.left = house.objects, house.objects.fetch, times

    def __call__(self, bucket: str, seen: Seen, to: Path, within_s: float | None = None) -> bool:
        done = self._fetch(bucket, seen, to, within_s)
        if self.left:
            self.left -= 1
            self._objects.put(bucket, seen.key, f"Pump {self.left} tripped.".encode())
        return bool(done)


def test_what_is_written_while_it_is_read_is_read_again_at_once(house: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(house.objects, "fetch", Restless(house, 2))
    house.objects.put("plant", "log.md", b"Pump 9 tripped.")
    assert house.taker.settle(ALL, ["log.md"])["log.md"].status == TAKEN
    assert house.texts() == {"s3://plant/log.md": ["Pump 0 tripped."]}


def test_an_object_that_never_rests_ends_the_call_and_is_right_at_the_next(
    house: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    restless = Restless(house, 50)
    monkeypatch.setattr(house.objects, "fetch", restless)
    house.objects.put("plant", "log.md", b"Pump 99 tripped.")
    assert house.taker.settle(ALL, ["log.md"])["log.md"].status == "changing"
    restless.left = 0
    house.taker.settle(ALL, ["log.md"])
    assert house.texts()["s3://plant/log.md"][0].encode() == house.objects._held[("plant", "log.md")]


def test_a_key_that_may_not_be_asked_for_is_refused_and_the_rest_goes_on(
    house: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    stat = house.objects.stat

    def guarded(bucket: str, key: str) -> Seen | None:
        if key == "shut.md":
            raise SourceRejected("the object store refuses it", kind="forbidden")
        found: Seen | None = stat(bucket, key)
        return found

    monkeypatch.setattr(house.objects, "stat", guarded)
    house.objects.put("plant", "open.md", b"Pump 1 tripped.")
    told = house.taker.settle(ALL, ["shut.md", "open.md", "gone.md", "folder/"])
    assert {key: each.status for key, each in told.items()} == {
        "shut.md": REFUSED, "open.md": TAKEN, "gone.md": "absent", "folder/": LEFT,
    }  # fmt: skip


def test_what_may_be_seen_and_not_be_read_is_refused_and_the_rest_goes_on(
    house: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch = house.objects.fetch

    def guarded(bucket: str, seen: Seen, to: Path, within_s: float | None = None) -> bool:
        if seen.key == "archived.md":
            raise SourceRejected("the object store refuses it (InvalidObjectState)", kind="forbidden")
        return bool(fetch(bucket, seen, to, within_s))

    monkeypatch.setattr(house.objects, "fetch", guarded)
    for key in ("archived.md", "open.md"):
        house.objects.put("plant", key, b"Pump 1 tripped.")
    follow = follower(house)
    done = follow.round()
    assert (done.taken, [each.code for each in done.refused]) == (1, ["forbidden"])
    assert set(house.texts()) == {"s3://plant/open.md"}
    monkeypatch.setattr(house.objects, "fetch", fetch)
    assert follow.round().taken == 1
    assert house.catalog.rejections(ME) == []


def test_an_object_that_does_not_come_whole_keeps_no_other_waiting(house: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    fetch = torn(house, monkeypatch)
    for key in ("a.md", "b.md", "c.md"):
        house.objects.put("plant", key, b"Pump 1 tripped.")
    follow = follower(house)
    done = follow.round()
    assert (done.taken, done.waiting) == (2, 1) and "b.md waits: only 3 of 15" in done.note
    assert set(house.texts()) == {"s3://plant/a.md", "s3://plant/c.md"}
    monkeypatch.setattr(house.objects, "fetch", fetch)
    assert follow.round().taken == 1


def test_a_message_about_an_object_that_never_comes_whole_is_buried_in_the_end_and_read_again_later(
    house: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch = torn(house, monkeypatch)
    for key in ("a.md", "b.md"):
        house.objects.put("plant", key, b"Pump 1 tripped.")
    both, waited = [notice("a.md"), notice("b.md")], 0
    while True:
        try:
            taken = house.intake.take(both)
            break
        except UpstreamError:
            waited += 1
            assert waited < 100, "it is waited for without end"
    assert waited > 10 and [each.code for each in taken.dead] == ["never_whole", "upstream"]
    assert set(house.texts()) == {"s3://plant/a.md"}
    monkeypatch.setattr(house.objects, "fetch", fetch)
    assert house.letters.again(house.intake, ["objects"]) == (1, 0)
    assert set(house.texts()) == {"s3://plant/a.md", "s3://plant/b.md"}


def test_what_a_dead_process_left_in_the_spool_is_removed_and_a_living_one_s_is_not(house: Any) -> None:
    folder = house.folder / "spool"
    left, alive = folder / "999999999" / "x", folder / "1" / "x"
    for each in (left, alive):
        each.mkdir(parents=True)
    Spool(folder, 1, house.kept)
    assert not left.exists() and alive.exists()


def test_what_lies_beside_an_object_that_is_refused_is_not_read_for_it(
    house: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch = house.objects.fetch
    house.objects.put("plant", "pump.json", b'[{"id": "AL-1", "message": "Pump 1 tripped."}]')
    follow = follower(house)
    follow.round()

    def guarded(bucket: str, seen: Seen, to: Path, within_s: float | None = None) -> bool:
        if seen.key == "pump.jpg":
            raise SourceRejected("the object store refuses it", kind="forbidden")
        return bool(fetch(bucket, seen, to, within_s))

    monkeypatch.setattr(house.objects, "fetch", guarded)
    house.objects.put("plant", "pump.jpg", b"no picture")
    house.objects.put("plant", "log.md", b"Pump 2 tripped.")
    done = follow.round()
    assert (done.taken, [each.code for each in done.refused]) == (1, ["forbidden"])
    assert [each.source for each in house.catalog.rejections(ME)] == ["s3://plant/pump.jpg"]
