"""What stands beside what is erased: other words, other tenants, old revisions, and those who do the removing."""

from __future__ import annotations

import importlib.util
import os
import threading
import time
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from app.governance import receipts
from app.governance.office import Pace
from app.governance.port import Again
from app.governance.retention import RULES
from ingest.follow.marks import Marks
from retrieval.erasure.needles import WORD, unpacked
from retrieval.erasure.values import State, Target
from retrieval.errors import ProjectionError, StoreError
from retrieval.types import Filter, Principal

_spec = importlib.util.spec_from_file_location("erasing_floor", Path(__file__).with_name("erasing_floor.py"))
assert _spec is not None and _spec.loader is not None
kit = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(kit)
ANN = kit.ANN
COUNT = 4
OLD_S = 7200


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[..., Any]]:
    made: list[Any] = []

    def build(**given: Any) -> Any:
        """One at a time: the next is who comes after."""
        fresh = not (tmp_path / "catalog.sqlite3").exists()
        while made:
            made.pop().close()
        made.append(kit.Floor(tmp_path, **given))
        if fresh:
            made[-1].fill(2, COUNT)
        made[-1].follower.catch_up()
        return made[-1]

    yield build
    for floor in made:
        floor.close()


def erased(floor: Any, **target: Any) -> Any:
    made = floor.office.erase(Target(**(target or {"sources": (kit.source(0),)})), ANN)
    return {each.id: each for each in floor.office.resume()}[made.id]


def test_a_source_that_came_back_outlives_its_old_revision(opened: Callable[..., Any]) -> None:
    floor = opened()
    there, first = floor.catalog.scan(Filter(), ANN), kit.unit(0, COUNT, floor.blobs)
    between = [msgspec.structs.replace(each, source=kit.source(0)) for each in kit.pieces(7, 1)]
    floor.catalog.commit(first._replace(content_hash="B", evidence=between, embeddings=[]))
    old = time.time_ns() // 1000
    floor.catalog.commit(first)
    floor.follower.catch_up()
    done = erased(floor, sources=(kit.source(0),), before=old)
    assert (done.state, done.tally.evidence) == (State.PURGED, COUNT + 1), done.trouble
    floor.follower.reindex()
    standing = floor.catalog.scan(Filter(), ANN)
    assert {each.id for each in standing} == {each.id for each in there}
    assert len(floor.words.rows()) == len(floor.graph.rows()) == 2 * COUNT == len(standing)
    found = floor.vectors.search(kit.SPACE, kit.vector(0, 0), 1, Filter(), ANN)
    assert set(floor.catalog.shown(found.rows.tolist(), ANN).values()) == {kit.pieces(0, 1)[0].id}


def test_a_word_that_stands_by_chance_elsewhere_is_told_and_keeps_nobody_waiting(
    opened: Callable[..., Any], tmp_path: Path
) -> None:
    floor = opened()
    for name, number in (("models/text/tokenizer.json", 0), ("uploads/up_1/refused.txt", 1), ("notes.txt", 2)):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f'"{kit.word(0, number)}": 7')
    floor.catalog.audit(ANN, "noted", {"said": kit.word(0, 3)})
    done = erased(floor)
    assert done.state is State.PURGED, done.trouble
    signed = floor.office.receipt(done.id, ANN)
    assert signed.receipt.shared == 4 and any("4 of its words" in told for told in signed.receipt.beyond)
    assert receipts.verify(signed, tmp_path, floor.office.public_key()).absent
    assert (tmp_path / "uploads/up_1/refused.txt").exists()


def _said(floor: Any, number: int, text: str, tenant: str = "t") -> None:
    """A source of one piece that says this."""
    (made,) = kit.pieces(number, 1)
    told = msgspec.structs.replace(made, id=made.id[:-2] + f"{number:02}", text=text, tenant=tenant)
    floor.catalog.commit(kit.Unit(tenant, kit.source(number), f"hash {number}", "test", [told]))
    floor.follower.catch_up()


def test_a_word_that_an_index_makes_of_what_others_say_keeps_nobody_waiting(
    opened: Callable[..., Any], tmp_path: Path
) -> None:
    floor, other = opened(), tmp_path / "projections" / "second"
    _said(floor, 3, "part x12serial900q was replaced")
    _said(floor, 4, "ALSO X12SERIAL900Q", tenant="other")
    made = floor.office.erase(Target(sources=(kit.source(3),)), ANN)
    (other / "words").mkdir(parents=True)
    (other / "words" / "terms").write_bytes(b"also x12serial900q")
    (other / "erased.json").write_bytes(msgspec.json.encode({"sequence": made.sequence}))
    (done,) = floor.office.resume()
    assert done.state is State.PURGED, done.trouble
    signed = floor.office.receipt(done.id, ANN)
    assert signed.receipt.shared == 1 and receipts.verify(signed, tmp_path, floor.seal.known()).absent


class _Writing:
    """Indexes in whose files a word stands again whenever they were made anew: they make it of what stays."""

    def __init__(self, part: Any, file: Path) -> None:
        self._part, self._file = part, file

    def __getattr__(self, name: str) -> Any:
        return getattr(self._part, name)

    def purge(self) -> None:
        self._part.purge()
        self._file.write_bytes(b"stem x12serial900q")

    def mend(self, place: Any) -> bool:
        told = bool(self._part.mend(place))
        self._file.write_bytes(b"stem x12serial900q")
        return told


def test_a_word_that_an_index_made_anew_still_has_is_one_that_stays(opened: Callable[..., Any], tmp_path: Path) -> None:
    file = tmp_path / "projections" / kit.INSTANCE / "words" / "terms"
    floor = opened(around=lambda name, part: _Writing(part, file) if name == "indexes" else part)
    _said(floor, 3, "part x12serial900q was replaced")
    done = erased(floor, sources=(kit.source(3),))
    assert done.state is State.PURGED, done.trouble
    assert floor.office.receipt(done.id, ANN).receipt.shared == 1


def test_an_index_that_cannot_be_made_anew_is_not_taken_for_one_that_was(
    opened: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "projections" / kit.INSTANCE / "words" / "terms"
    floor = opened(around=lambda name, part: _Writing(part, file) if name == "indexes" else part)
    _said(floor, 3, "part x12serial900q was replaced")

    def broken() -> None:
        raise ProjectionError("word index: the disk does not answer")

    made = floor.office.erase(Target(sources=(kit.source(3),)), ANN)
    monkeypatch.setattr(floor.words, "reset", broken)
    (done,) = floor.office.resume()
    assert done.state is not State.PURGED and "the disk does not answer" in done.trouble
    monkeypatch.undo()
    assert [each.state for each in floor.office.resume()] == [State.PURGED], made.id


def test_what_is_kept_back_by_another_s_index_says_what_to_do(opened: Callable[..., Any], tmp_path: Path) -> None:
    floor, other = opened(), tmp_path / "projections" / "second"
    made = floor.office.erase(Target(sources=(kit.source(0),)), ANN)
    (other / "words").mkdir(parents=True)
    (other / "words" / "terms").write_bytes(kit.word(0, 1).encode())
    (other / "erased.json").write_bytes(msgspec.json.encode({"sequence": made.sequence}))
    (done,) = floor.office.resume()
    assert done.state is State.PURGING
    assert done.trouble.startswith("not gone yet: projections/second/words/terms: a word at byte 0; run `watchfloor re")


@pytest.mark.parametrize(("hidden", "found"), [("NFC", "NFD"), ("NFD", "NFC"), ("NFD", "NFD"), ("NFC", "NFC")])
def test_a_word_is_found_however_its_accents_are_written(
    opened: Callable[..., Any], tmp_path: Path, hidden: Any, found: Any
) -> None:
    floor, name = opened(), "Sørensen-Müller77"
    _said(floor, 3, unicodedata.normalize(hidden, f"badge of {name} was lost"))
    done = erased(floor, sources=(kit.source(3),))
    assert done.state is State.PURGED, done.trouble
    signed = floor.office.receipt(done.id, ANN)
    assert receipts.verify(signed, tmp_path, floor.seal.known()).absent
    (tmp_path / "planted").write_bytes(unicodedata.normalize(found, f"and {name} came").encode())
    assert receipts.verify(signed, tmp_path, floor.seal.known()).found == ("planted: a word at byte 4",)


def test_a_word_that_others_write_with_other_accents_is_not_counted_on(opened: Callable[..., Any]) -> None:
    floor = opened()
    _said(floor, 3, unicodedata.normalize("NFC", "Sørensen-Müller77"))
    _said(floor, 4, unicodedata.normalize("NFD", "asked Sørensen-Müller77 again"))
    done = erased(floor, sources=(kit.source(3),))
    assert done.state is State.PURGED, done.trouble
    signed = floor.office.receipt(done.id, ANN)
    assert WORD not in {each.kind for each in unpacked(signed.receipt.commitments)}


def test_blobs_and_refusals_of_another_tenant_stay(opened: Callable[..., Any], tmp_path: Path) -> None:
    floor = opened()
    key = floor.blobs.put("other", b"dead letter: " + kit.pieces(0, 1)[0].text.encode(), "x")
    os.utime(floor.blobs.path("other", key), (time.time() - OLD_S,) * 2)
    floor.catalog.record_rejection("other", "feed:///alarms/~dead/1", "broken_row", "cannot be read", key)
    done = erased(floor)
    assert done.state is State.PURGED, done.trouble
    assert floor.blobs.get("other", key) and len(floor.catalog.rejections(Principal("other"))) == 1


def test_a_blob_that_an_ingest_may_yet_tell_of_is_waited_for(opened: Callable[..., Any]) -> None:
    floor = opened()
    key = floor.blobs.put("t", b"sample of " + kit.pieces(0, 1)[0].text.encode(), "x")
    done = erased(floor)
    assert done.state is State.PURGING and key in done.trouble
    place = Path(floor.blobs.path("t", key))
    os.utime(place, (time.time() - OLD_S,) * 2)
    assert [each.state for each in floor.office.resume()] == [State.PURGED]
    assert not place.exists()


class _Standing:
    """Stands before a part, and does something first at each call of a name."""

    def __init__(self, part: object, name: str, does: Callable[[], None]) -> None:
        self._part, self._name, self._does = part, name, does

    def __getattr__(self, name: str) -> Any:
        if name == self._name:
            self._does()
        return getattr(self._part, name)


def before(part: str, name: str, does: Callable[[], None]) -> Callable[[str, object], object]:
    return lambda told, made: _Standing(made, name, does) if told == part else made


def test_who_is_killed_after_removing_blobs_has_counted_them(opened: Callable[..., Any]) -> None:
    class Died(BaseException):
        pass

    class Dying:
        """Removes what lies in places, and then is no more."""

        def __init__(self, places: Any) -> None:
            self._places = places

        def __getattr__(self, name: str) -> Any:
            return getattr(self._places, name)

        def clear(self, *given: Any) -> None:
            self._places.clear(*given)
            raise Died

    floor = opened(around=lambda name, part: Dying(part) if name == "places" else part)
    made = floor.office.erase(Target(sources=(kit.source(0),)), ANN)
    with pytest.raises(Died):
        floor.office.resume()
    after = opened()
    (done,) = after.office.resume()
    assert done.state is State.PURGED, done.trouble
    assert after.office.receipt(made.id, ANN).receipt.counts["blobs"] == COUNT


def test_one_thread_removes_at_a_time(opened: Callable[..., Any]) -> None:
    inside, go, met = threading.Event(), threading.Event(), []

    def wait() -> None:
        met.append(threading.current_thread().name)
        inside.set()
        go.wait(30)

    floor = opened(around=before("indexes", "others", wait))
    floor.office.erase(Target(sources=(kit.source(0),)), ANN)
    first = threading.Thread(target=floor.office.resume, name="first")
    first.start()
    assert inside.wait(30)
    floor.office.resume()
    go.set()
    first.join()
    assert met == ["first"] and floor.office.erasures(ANN)[0].state is State.PURGED


def test_an_instance_that_cannot_give_up_yet_goes_on_trying(opened: Callable[..., Any], tmp_path: Path) -> None:
    assert erased(opened()).state is State.PURGED
    (tmp_path / "projections" / kit.INSTANCE / "erased.json").unlink()
    tries, stop, forgot = [0], threading.Event(), threading.Event()

    def fail_twice() -> None:
        tries[0] += 1
        if tries[0] < 3:
            raise StoreError("another instance is behind")

    def around(name: str, part: object) -> object:
        made = before("indexes", "reach", fail_twice)(name, part)
        return before("places", "forget", forgot.set)(name, made)

    floor = opened(around=around)
    floor.office._pace = Pace(look_s=0.01, again_s=0.01)
    keeper = threading.Thread(target=floor.office.keep, args=(stop,))
    keeper.start()
    assert forgot.wait(30), "caches are emptied with the indexes"
    assert keeper.is_alive() and tries[0] >= 3
    stop.set()
    keeper.join()


def test_somebody_named_as_a_rule_is_gets_salt_and_commitments(opened: Callable[..., Any]) -> None:
    floor, somebody = opened(), Principal("t", RULES)
    made = floor.office.erase(Target(sources=(kit.source(0),)), somebody)
    (done,) = floor.office.resume()
    assert done.state is State.PURGED
    signed = floor.office.receipt(made.id, somebody)
    assert signed.salt and signed.receipt.commitments and signed.receipt.asked_by == RULES


def test_what_fails_again_is_tried_more_and_more_rarely() -> None:
    pace = Pace(look_s=1, again_s=15)
    assert [pace.after(vain) for vain in (0, 1, 2, 3, 9, 500)] == [1, 15, 30, 60, 3600, 3600]


def test_a_followed_folder_forgets_the_name_of_a_whole_source(opened: Callable[..., Any], tmp_path: Path) -> None:
    floor = opened()
    key, marks = floor.catalog.tenant_key("t"), {kit.source(0): "1/2", kit.source(1): "3/4"}
    (tmp_path / "follow").mkdir()
    old, new, half = (tmp_path / "follow" / name for name in ("old.json", "new.json", "old.17.tmp"))
    for file in (old, half):
        file.write_bytes(msgspec.json.encode({"shape": "s", "marks": marks}))
    os.utime(half, (time.time() - OLD_S,) * 2)
    follower = Marks(new, key)
    follower.change("s", {follower.name(uri): mark for uri, mark in marks.items()})
    assert erased(floor).state is State.PURGED
    assert msgspec.json.decode(old.read_bytes()) == {"shape": "s", "marks": {kit.source(1): "3/4"}}
    assert follower.read("s") == {follower.name(kit.source(1)): "3/4"} and not half.exists()
    # it was refused meanwhile; once it is allowed it is to be taken again
    follower.change("s", {follower.name(kit.source(0)): "1/2"})
    floor.office.allow(Again(sources=(kit.source(0),)), kit.ANN)
    assert follower.read("s") == {follower.name(kit.source(1)): "3/4"}
