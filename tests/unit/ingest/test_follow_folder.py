"""A followed folder: whole files are taken once, changed ones again, and what is removed is closed only where that was asked for."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.governance.places import Places
from ingest.follow.folder import FolderFollower
from ingest.follow.look import look_at
from ingest.follow.marks import Marks
from ingest.follow.port import Round
from ingest.follow.quiet import Quiet, unfinished
from ingest.follow.waking import Waker
from retrieval.adapters.folder_blobs import FolderBlobs
from retrieval.catalog.database import Database
from retrieval.catalog.erasures import ErasureBook
from retrieval.erasure.values import Target
from retrieval.errors import StoreError, UpstreamError
from retrieval.types import Filter, Principal

QUIET = 2.0


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Yard:
    """A folder, a store, and a follower whose clock is turned by hand."""

    def __init__(self, house: Any, root: Path) -> None:
        self.house, self.root, self.clock = house, root, Clock()
        self.marks: Path = house.folder / "follow" / "marks.json"
        root.mkdir()

    def follower(self, closing: bool = False) -> FolderFollower:
        marks = Marks(self.marks, b"key")
        closes = self.house.catalog if closing else None
        return FolderFollower(self.root, self.house, marks, "t", closes, [], (QUIET, self.clock))

    def rounds(self, follower: FolderFollower) -> Any:
        """A look, a while, and another: what is quiet is taken in the second."""
        follower.round()
        self.clock.now += QUIET
        return follower.round()

    def put(self, name: str, text: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def texts(self) -> dict[str, list[str]]:
        base = self.root.as_uri() + "/"
        return {source.removeprefix(base): texts for source, texts in self.house.texts().items()}


@pytest.fixture
def yard(bucketed: Callable[[str], Any], tmp_path: Path) -> Yard:
    return Yard(bucketed("house"), tmp_path / "in")


def test_a_file_is_taken_once_nobody_writes_to_it_any_more(yard: Yard) -> None:
    follower, path = yard.follower(), yard.put("log.md", "Pump 1")
    for text in ("Pump 1 tr", "Pump 1 tripped."):
        done = follower.round()
        assert (done.taken, done.waiting) == (0, 1)
        yard.clock.now += QUIET
        path.write_text(text)
    done = yard.rounds(follower)
    assert (done.taken, done.waiting) == (1, 0)
    assert yard.texts() == {"log.md": ["Pump 1 tripped."]}
    assert follower.round().taken == 0


@pytest.mark.parametrize("name", ["a.md.part", ".a.md", "~$a.docx", "a.md.tmp", "a.md~", "a.md.CRDOWNLOAD", "a.md.swp"])
def test_what_names_itself_unfinished_is_left_alone_until_it_is_renamed(yard: Yard, name: str) -> None:
    follower, path = yard.follower(), yard.put(name, "Pump 1 tripped.")
    assert yard.rounds(follower) == Round()
    path.rename(yard.root / "a.md")
    assert yard.rounds(follower).taken == 1


def test_a_changed_file_supersedes_and_the_earlier_text_stays_known_as_of_then(yard: Yard) -> None:
    follower = yard.follower()
    yard.put("log.md", "Pump 1 tripped.")
    yard.rounds(follower)
    (before,) = yard.house.catalog.scan(Filter(), Principal("t"))
    yard.put("log.md", "Pump 1 was well.")
    yard.rounds(follower)
    assert yard.texts() == {"log.md": ["Pump 1 was well."]}
    then = yard.house.catalog.scan(Filter(as_of=before.recorded_at), Principal("t"))
    assert [each.text for each in then] == ["Pump 1 tripped."]


def test_after_a_restart_nothing_is_read_again(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    yard.put("log.md", "Pump 1 tripped.")
    yard.rounds(yard.follower())

    def read_again(*_: object) -> None:
        raise AssertionError("read again")

    monkeypatch.setattr(yard.house, "take", read_again)
    assert yard.rounds(yard.follower()).taken == 0
    # as an earlier version wrote it
    told = msgspec.json.decode(yard.marks.read_bytes())
    told["marks"] = dict.fromkeys([(yard.root / "log.md").as_uri()], *told["marks"].values())
    yard.marks.write_bytes(msgspec.json.encode(told))
    assert yard.rounds(yard.follower()).taken == 0


class Desk:
    """What an erasure, and who allows it to be taken in again, do to a followed folder."""

    def __init__(self, yard: Yard) -> None:
        self.book = ErasureBook(Database(yard.house.folder / "catalog.db"))
        places = Places(yard.house.folder, FolderBlobs(yard.house.folder / "blobs"), lambda _: b"key")
        self._unmark = lambda path: places.unmark("t", [path.as_uri()])

    def erase(self, path: Path) -> None:
        assert self.book.hide(Target(sources=(path.as_uri(),)), Principal("t")) is not None
        self._unmark(path)

    def allow(self, path: Path) -> None:
        assert self.book.allow(Principal("t"), [path.as_uri()], []) > 0
        self._unmark(path)


@pytest.fixture
def desk(yard: Yard) -> Iterator[Desk]:
    made = Desk(yard)
    yield made
    made.book.close()


@pytest.mark.parametrize("running", [True, False])
def test_an_erased_file_is_refused_once_and_taken_once_that_is_allowed(yard: Yard, desk: Desk, running: bool) -> None:
    follower = yard.follower()

    def rounds() -> tuple[int, list[str]]:
        """How many were taken in a look and the one after, and why others were not."""
        nonlocal follower
        follower = follower if running else yard.follower()
        done = [follower.round()]
        yard.clock.now += QUIET
        done.append(follower.round())
        return sum(each.taken for each in done), [told.code for each in done for told in each.refused]

    erased = yard.put("erased.md", "Pump 1 tripped.")
    yard.put("other.md", "Pump 2 tripped.")
    rounds()
    desk.erase(erased)
    yard.put("other.md", "Pump 2 was well.")
    assert rounds() == (1, ["erased"])
    assert rounds() == (0, []) and b"erased.md" not in yard.marks.read_bytes()
    desk.allow(erased)
    assert (rounds(), rounds()) == ((1, []), (0, []))
    assert yard.texts()["erased.md"] == ["Pump 1 tripped."]


def test_what_is_erased_while_others_are_taken_is_not_noted_as_taken(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever erases writes the same file between a follower's look and its note."""
    follower, first = yard.follower(), yard.put("a.md", "Pump 1 tripped.")
    yard.rounds(follower)
    take, desk = yard.house.take, Desk(yard)

    def taking(paths: Any, names: Any) -> Any:
        told = take(paths, names)
        desk.erase(first)
        return told

    monkeypatch.setattr(yard.house, "take", taking)
    yard.put("b.md", "Pump 2 tripped.")
    assert yard.rounds(follower).taken == 1
    monkeypatch.undo()
    assert [each.code for each in follower.round().refused] == ["erased"]
    desk.book.close()


def test_lost_marks_only_cost_a_look_into_each_file(yard: Yard) -> None:
    yard.put("log.md", "Pump 1 tripped.")
    yard.rounds(yard.follower())
    yard.marks.write_text("{half")
    assert yard.rounds(yard.follower()).taken == 0
    assert yard.texts() == {"log.md": ["Pump 1 tripped."]}


def test_a_changed_site_description_is_applied_to_all_that_was_taken(yard: Yard) -> None:
    follower = yard.follower()
    yard.put("hr/pay.md", "Secret pay.")
    yard.rounds(follower)
    yard.put("site.yaml", "site: {id: n, name: N, timezone: UTC}\nsources: [{match: 'hr/*', labels: [hr]}]\n")
    # not with half a description
    assert follower.round().taken == 0
    assert yard.rounds(follower).taken == 1
    assert yard.texts() == {}


def test_removed_files_stay_evidence_unless_asked_otherwise(yard: Yard) -> None:
    kept, gone = yard.put("kept.md", "Pump 2 runs."), yard.put("gone.md", "Pump 1 tripped.")
    yard.rounds(yard.follower())
    gone.unlink()
    assert yard.rounds(yard.follower()).closed == 0
    assert set(yard.texts()) == {"kept.md", "gone.md"}
    assert yard.rounds(yard.follower(closing=True)).closed == 1
    assert set(yard.texts()) == {kept.name}
    yard.put("gone.md", "Pump 1 tripped.")
    assert yard.rounds(yard.follower(closing=True)).taken == 1
    assert set(yard.texts()) == {"kept.md", "gone.md"}


def test_a_folder_that_is_away_or_empty_all_at_once_closes_nothing(yard: Yard) -> None:
    follower = yard.follower(closing=True)
    yard.put("log.md", "Pump 1 tripped.")
    yard.rounds(follower)
    yard.root.rename(yard.root.with_name("elsewhere"))
    with pytest.raises(UpstreamError, match="mounted"):
        follower.round()
    yard.root.mkdir()
    done = yard.rounds(follower)
    assert done.closed == 0 and "empty all at once" in done.note
    assert set(yard.texts()) == {"log.md"}


def test_a_closing_that_ends_halfway_leaves_nothing_that_could_not_come_back(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    follower = yard.follower(closing=True)
    gone = yard.put("log.md", "Pump 1 tripped.")
    yard.put("other.md", "Pump 2 runs.")
    yard.rounds(follower)
    gone.rename(yard.root.with_name("elsewhere"))
    commit = yard.house.catalog.commit

    def dying(unit: Any) -> Any:
        commit(unit)
        raise StoreError("the process ends here")

    monkeypatch.setattr(yard.house.catalog, "commit", dying)
    with pytest.raises(StoreError):
        yard.rounds(follower)
    monkeypatch.setattr(yard.house.catalog, "commit", commit)
    assert set(yard.texts()) == {"other.md"}
    yard.root.with_name("elsewhere").rename(gone)
    assert yard.rounds(yard.follower(closing=True)).taken == 1
    assert set(yard.texts()) == {"log.md", "other.md"}


def test_what_lies_in_a_folder_that_cannot_be_listed_is_not_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shut = tmp_path / "shut"
    shut.mkdir()
    scandir = os.scandir

    def refusing(path: Any) -> Any:
        if Path(path) == shut:
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    look = look_at(tmp_path, [])
    assert look.shut == (shut,)
    assert not look.gone(shut / "a.md") and look.gone(tmp_path / "b.md")


def test_a_refused_file_is_told_with_its_cause_and_again_when_it_changes(yard: Yard) -> None:
    follower = yard.follower()
    yard.put("a.json", "{")
    (refused,) = yard.rounds(follower).refused
    assert refused.code == "broken_row"
    assert yard.rounds(follower).refused == ()
    yard.put("a.json", "{{")
    assert len(yard.rounds(follower).refused) == 1


def test_a_file_that_goes_away_while_others_are_read_keeps_none_of_them(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    follower, take = yard.follower(), yard.house.take
    for n in range(5):
        yard.put(f"{n}.md", f"Pump {n} tripped.")

    def losing(paths: Any, names: Any) -> Any:
        (yard.root / "3.md").unlink(missing_ok=True)
        return take(paths, names)

    monkeypatch.setattr(yard.house, "take", losing)
    assert yard.rounds(follower).taken == 4
    monkeypatch.setattr(yard.house, "take", take)
    yard.put("3.md", "Pump 3 tripped.")
    assert yard.rounds(follower).taken == 1


def test_a_sidecar_is_no_source_and_its_change_takes_the_picture_again(yard: Yard) -> None:
    follower = yard.follower()
    yard.put("clip.mp4", "no film")
    yard.put("clip.mp4.json", '{"start": "2026-03-04T02:00:00Z"}')
    assert [each.uri.rsplit("/", 1)[1] for each in yard.rounds(follower).refused] == ["clip.mp4"]
    yard.put("clip.mp4.json", '{"start": "2026-03-04T02:00:01Z"}')
    assert len(yard.rounds(follower).refused) == 1


def test_the_system_tells_of_a_change_long_before_the_next_look(tmp_path: Path) -> None:
    pytest.importorskip("watchfiles")
    waker, stop = Waker(tmp_path), threading.Event()
    try:
        for n in range(100):
            # the watch begins in its own time
            (tmp_path / f"{n}.md").write_text("x")
            began = time.monotonic()
            waker.wait(1.0, stop)
            if time.monotonic() - began < 0.99:
                return
        pytest.fail("no change was told")
    finally:
        waker.close()


def test_a_waker_that_is_stopped_returns(tmp_path: Path) -> None:
    waker, stop = Waker(tmp_path), threading.Event()
    stop.set()
    waker.wait(600.0, stop)
    waker.close()


MARKS = st.dictionaries(st.sampled_from("abc"), st.sampled_from(["1:1", "1:2", "2:2"]))


@given(st.lists(st.tuples(MARKS, st.floats(0, 3)), max_size=12))
def test_a_file_is_quiet_only_if_each_look_for_long_enough_saw_the_same(
    looks: list[tuple[dict[str, str], float]],
) -> None:
    quiet, now, seen = Quiet(QUIET), 0.0, list[tuple[float, dict[str, str]]]()
    for marks, passed in looks:
        now += passed
        seen.append((now, marks))
        settled = quiet.settled(marks, now)
        for name in settled:
            begun = max((at for at, m in seen if m.get(name) != marks[name]), default=-1.0)
            first = min(at for at, m in seen if at > begun or (at == begun and m.get(name) == marks[name]))
            assert now - first >= QUIET


@given(st.text(min_size=1, max_size=20))
def test_a_hidden_name_is_never_taken(name: str) -> None:
    assert unfinished("." + name)


def test_a_link_that_leads_out_of_the_folder_is_left_out(tmp_path: Path) -> None:
    root, outside = tmp_path / "in", tmp_path / "secret.md"
    root.mkdir()
    outside.write_text("not for them")
    (root / "own.md").write_text("Pump 1 tripped.")
    (root / "out.md").symlink_to(outside)
    (root / "inside.md").symlink_to(root / "own.md")
    assert {path.name for path in look_at(root, []).marks} == {"own.md", "inside.md"}
