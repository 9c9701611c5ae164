"""Erased is nowhere from the moment that was said, and gone from every byte once there is a receipt; whatever is killed on the way."""

from __future__ import annotations

import importlib.util
import json
import random
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from app.governance import receipts
from app.governance.retention import Rules
from retrieval.erasure import ed25519
from retrieval.erasure.values import State, Target
from retrieval.errors import EvidenceNotFound
from retrieval.types import (
    Answer,
    Citation,
    Claim,
    Coverage,
    Filter,
    Interval,
    Kind,
    Layer,
    Query,
    Support,
    Verdict,
)

KIT = Path(__file__).with_name("erasing_floor.py")
_spec = importlib.util.spec_from_file_location("erasing_floor", KIT)
assert _spec is not None and _spec.loader is not None
kit = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(kit)
ANN = kit.ANN
COUNT = 12


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of four sources with its indexes on disk, to copy."""
    folder = tmp_path_factory.mktemp("filled") / "data"
    folder.mkdir()
    floor = kit.Floor(folder)
    floor.fill(4, COUNT)
    floor.close()
    return folder


@pytest.fixture
def data(filled: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(filled, tmp_path / "data"))


@pytest.fixture
def opened(data: Path) -> Iterator[Callable[..., Any]]:
    made: list[Any] = []

    def build(**given: Any) -> Any:
        made.append(kit.Floor(data, **given))
        made[-1].follower.catch_up()
        return made[-1]

    yield build
    for floor in made:
        floor.close()


class Seen(NamedTuple):
    """A way of reading that came upon a piece, and when it was begun (monotonic clock)."""

    way: str
    at: float


def ways(floor: Any, number: int, known: dict[str, int]) -> dict[str, Callable[[], Any]]:
    """Every way to come upon the first piece of a source; each gives something true where it does."""
    piece, uri = kit.pieces(number, 1)[0], kit.source(number)
    row, catalog, as_of = known[piece.id], floor.catalog, 2**61

    def shown(scored: Any) -> bool:
        return piece.id in catalog.shown([int(each) for each in scored.rows], ANN).values()

    return {
        "get": lambda: catalog.get([piece.id], ANN),
        "get as of": lambda: catalog.get([piece.id], ANN, as_of),
        "row": lambda: catalog.rows([row], ANN),
        "scan": lambda: catalog.scan(Filter(sources=(uri,)), ANN),
        "scan as of": lambda: catalog.scan(Filter(sources=(uri,), as_of=as_of), ANN),
        "vector": lambda: shown(floor.vectors.search(kit.SPACE, kit.vector(number, 0), 3, Filter(), ANN)),
        "words": lambda: shown(floor.words.search(kit.word(number, 0), 3, Filter(), ANN)),
        "graph": lambda: catalog.get(floor.graph.evidence([f"P-{number}"], ANN), ANN),
        "search": lambda: [h for h in searched(floor, kit.word(number, 0)) if h.evidence.id == piece.id],
        "answer": lambda: catalog.get(sorted(quoted(floor)), ANN).keys() & {piece.id},
    }


def searched(floor: Any, text: str) -> list[Any]:
    from retrieval.search import Indexes, Models, Searcher, load_weights

    seeker = floor.__dict__.get("seeker")
    if seeker is None:
        indexes = Indexes(floor.catalog, floor.vectors, floor.words, floor.graph)
        seeker = floor.seeker = Searcher(indexes, Models(None), load_weights())
    return list(seeker.search(Query(text=text, k=5), ANN))


def quoted(floor: Any) -> set[str]:
    return {piece.id for piece in kit.pieces(0, COUNT)} | {piece.id for piece in kit.pieces(1, COUNT)}


def rows_of(floor: Any) -> dict[str, int]:
    return {item.evidence.id: item.row for page in floor.catalog.census.pages() for item in page}


def test_after_it_was_said_no_reader_comes_upon_it(opened: Callable[..., Any], full: bool) -> None:
    floor, stop = opened(), threading.Event()
    known, seen, told = rows_of(floor), [], threading.Lock()
    looked = [0]

    def read(number: int, seed: int) -> None:
        every = list(ways(floor, number, known).items())
        draw = random.Random(seed)
        while not stop.is_set():
            way, look = draw.choice(every)
            begun = time.monotonic()
            found = look()
            with told:
                looked[0] += 1
                if found:
                    seen.append((number, Seen(way, begun)))

    readers = [threading.Thread(target=read, args=(n % 2, n)) for n in range(10)]
    for reader in readers:
        reader.start()
    time.sleep(1.0)
    erased = floor.office.erase(Target(sources=(kit.source(0),)), ANN)
    said = time.monotonic()
    (done,) = floor.office.resume()
    time.sleep(20.0 if full else 1.0)
    stop.set()
    for reader in readers:
        reader.join()
    assert (erased.tally.evidence, done.state) == (COUNT, State.PURGED), done.trouble
    before = {each.way for number, each in seen if number == 0 and each.at < said}
    assert len(before) >= 8, "the readers came upon it before, in nearly every way"
    assert [each for number, each in seen if number == 0 and each.at >= said] == []
    assert {each.way for number, each in seen if number == 1 and each.at >= said} >= {"get", "scan", "row"}


def test_once_there_is_a_receipt_no_byte_of_it_is_left(opened: Callable[..., Any], data: Path) -> None:
    floor = opened()
    gone, kept = kit.pieces(0, COUNT), kit.pieces(1, COUNT)
    known = rows_of(floor)
    made = floor.office.erase(Target(sources=(kit.source(0),)), ANN)
    (done,) = floor.office.resume()
    assert done.state is State.PURGED, done.trouble
    signed = floor.office.receipt(made.id, ANN)
    assert signed.receipt.counts["evidence"] == signed.receipt.counts["blobs"] == COUNT
    assert floor.office.receipt(made.id, ANN).salt == ""
    found = receipts.verify(signed, data, floor.office.public_key())
    assert found.absent and found.needles == {"id": COUNT, "vector": COUNT, "word": 2 * COUNT}, found
    # not by our own scanner alone
    needles = [each.id.encode() for each in gone] + [kit.word(0, part).encode() for part in range(COUNT)]
    needles += [kit.vector(0, part).tobytes() for part in range(COUNT)]
    for path in data.rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        assert not [each for each in needles if each in content], path
    assert floor.words.rows() == floor.graph.rows() == set(known.values()) - {known[each.id] for each in gone}
    assert not any(ways(floor, 0, known)[way]() for way in ways(floor, 0, known))
    assert floor.catalog.get([each.id for each in kept], ANN).keys() == {each.id for each in kept}
    assert all(floor.blobs.get("t", each.media) for each in floor.catalog.scan(Filter(), ANN))


def test_it_does_not_come_back_with_a_snapshot_or_a_rebuild(opened: Callable[..., Any], data: Path) -> None:
    floor = opened()
    known = rows_of(floor)
    floor.office.erase(Target(sources=(kit.source(0),)), ANN)
    floor.office.resume()
    floor.close()
    again = kit.Floor(data)
    again.follower.catch_up()
    assert not any(look() for look in ways(again, 0, known).values())
    assert any(look() for look in ways(again, 1, known).values())
    again.follower.reindex()
    assert not any(look() for look in ways(again, 0, known).values())
    report = again.follower.reconcile()
    assert {name: (told.missing, told.extra, told.stale) for name, told in report.items()} == dict.fromkeys(
        report, (0, 0, 0)
    )
    again.close()


@pytest.mark.parametrize("what", ["id", "vector", "word"])
def test_what_is_planted_back_is_found(opened: Callable[..., Any], data: Path, what: str) -> None:
    floor = opened()
    made = floor.office.erase(Target(sources=(kit.source(0),)), ANN)
    floor.office.resume()
    signed = floor.office.receipt(made.id, ANN)
    piece = kit.pieces(0, 1)[0]
    bytes_of = {"id": piece.id.encode(), "vector": kit.vector(0, 0).tobytes(), "word": kit.word(0, 0).encode()}[what]
    place = data / "blobs" / "planted"
    place.write_bytes(b"some bytes before " + bytes_of + b" and after")
    found = receipts.verify(signed, data, floor.office.public_key())
    assert not found.absent
    assert [told.split(" at byte ")[1] for told in found.found] == ["18"]
    place.unlink()
    assert receipts.verify(signed, data, floor.office.public_key()).absent
    changed = json.loads(receipts.encoded(signed).replace('"evidence":12', '"evidence":11'))
    refused = receipts.verify(receipts.decoded(json.dumps(changed)), data, floor.office.public_key())
    assert (refused.signed, refused.looked, refused.absent) == (False, False, False)
    assert not receipts.verify(signed, data, "00" * 32).absent


def test_a_message_that_told_of_it_goes_and_what_others_say_too_stays(opened: Callable[..., Any], data: Path) -> None:
    floor = opened()
    told = kit.pieces(0, 1)[0].text.encode()
    dead, held = floor.blobs.put("t", b"dead letter: " + told, "x"), floor.blobs.put("t", b"samples of " + told, "x")
    floor.catalog.record_rejection("t", "feed:///alarms/~dead/1", "broken_row", "cannot be read", dead)
    other = kit.msgspec.structs.replace(kit.pieces(9, 1)[0], media=held)
    floor.catalog.commit(kit.Unit("t", kit.source(9), "hash 9", "test", [other]))
    made = floor.office.erase(Target(sources=(kit.source(0),)), ANN)
    (done,) = floor.office.resume()
    assert done.state is State.PURGED, done.trouble
    signed = floor.office.receipt(made.id, ANN)
    assert signed.receipt.shared == 2 and receipts.verify(signed, data, floor.office.public_key()).absent
    assert floor.catalog.rejections(ANN) == [] and floor.blobs.get("t", held)
    assert not list(data.rglob(dead))


def test_an_answer_that_tells_it_word_for_word_goes_although_it_cites_another(opened: Callable[..., Any]) -> None:
    floor = opened()
    other = kit.pieces(1, 1)[0]
    for id_, text in (("an_told", kit.pieces(0, 1)[0].text), ("an_other", "The fan was loud.")):
        quote = Citation(other.id, other.kind, other.source, other.locator, None, "quote")
        claims = (Claim(text, Support.SUPPORTED, (quote,)),)
        rest = {"timeline": (), "coverage": (), "as_of": 1, "sequence": 9, "model": "brief", "confidence": None}
        given = Answer(id=id_, question="What?", verdict=Verdict.ANSWERED, claims=claims, **rest)
        floor.catalog.record_ask(given, ANN, None)
    floor.office.erase(Target(sources=(kit.source(0),)), ANN)
    (done,) = floor.office.resume()
    assert done.state is State.PURGED, done.trouble
    assert floor.catalog.answer("an_other", ANN).id == "an_other"
    with pytest.raises(EvidenceNotFound):
        floor.catalog.answer("an_told", ANN)


def test_another_tenant_s_copy_of_a_blob_stays(opened: Callable[..., Any], data: Path) -> None:
    floor, picture = opened(), b"the same picture of both"
    for number, tenant in ((7, "t"), (8, "other")):
        key = floor.blobs.put(tenant, picture, "image/png")
        (piece,) = kit.pieces(number, 1)
        shown = kit.msgspec.structs.replace(piece, tenant=tenant, media=key)
        floor.catalog.commit(kit.Unit(tenant, kit.source(number), f"h{number}", "test", [shown]))
    floor.office.erase(Target(sources=(kit.source(7),)), ANN)
    (done,) = floor.office.resume()
    assert done.state is State.PURGED, done.trouble
    assert floor.blobs.get("other", key) == picture and len(list((data / "blobs").rglob(key))) == 1


def test_what_cannot_be_removed_is_told_and_keeps_no_other_waiting(opened: Callable[..., Any], data: Path) -> None:
    floor = opened()
    stuck = floor.office.erase(Target(sources=(kit.source(0),)), ANN)
    free = floor.office.erase(Target(sources=(kit.source(1),)), ANN)
    foreign = data / "somebody's notes.txt"
    foreign.write_bytes(b"note: " + kit.pieces(0, 1)[0].id.encode())
    states = {each.id: each for each in floor.office.resume()}
    assert states[free.id].state is State.PURGED
    assert states[stuck.id].state is State.PURGING
    where, todo = "somebody's notes.txt: an evidence id at byte 6", "take it out of the file, or remove the file"
    assert states[stuck.id].trouble == f"not gone yet: {where}; {todo}, which is not Watchfloor's"
    assert floor.office.receipt(stuck.id, ANN) is None
    foreign.unlink()
    assert [each.state for each in floor.office.resume()] == [State.PURGED]


def test_another_instance_must_give_it_up_first(opened: Callable[..., Any], data: Path) -> None:
    floor = opened()
    other = data / "projections" / "second"
    (other / "words").mkdir(parents=True)
    made = floor.office.erase(Target(sources=(kit.source(0),)), ANN)
    (now,) = floor.office.resume()
    assert now.state is State.HIDDEN and "instance second" in now.trouble
    assert not floor.catalog.scan(Filter(sources=(kit.source(0),)), ANN)
    (other / "erased.json").write_text(json.dumps({"sequence": made.sequence}))
    (now,) = floor.office.resume()
    assert now.state is State.PURGED and now.trouble == ""


class _Died(BaseException):
    """The process is no more."""


class _Counting:
    """Stands before a part: at the nth call of any of them all, or right after it, nothing more is done."""

    def __init__(self, part: object, counter: _Counter) -> None:
        self._part, self._counter = part, counter

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._part, name)
        if not callable(found):
            return found

        def call(*given: Any, **more: Any) -> Any:
            self._counter.step(name)
            result = found(*given, **more)
            self._counter.step(f"{name} done")
            return result

        return call


class _Counter:
    def __init__(self, dies_at: int) -> None:
        self.left, self.at = dies_at, ""

    def step(self, name: str) -> None:
        self.left -= 1
        if self.left == 0:
            self.at = name
            raise _Died


def test_it_goes_on_wherever_it_was_ended(filled: Path, tmp_path: Path, full: bool) -> None:
    """Ended before and after every call that removing makes, until one run needs no more of them."""
    step, ended = 1, list[str]()
    while True:
        data = Path(shutil.copytree(filled, tmp_path / f"data-{step}"))
        counter = _Counter(step)
        floor = kit.Floor(data, around=lambda _, part, counter=counter: _Counting(part, counter))
        floor.follower.catch_up()
        made = floor.office.erase(Target(sources=(kit.source(0),)), ANN)
        try:
            floor.office.resume()
        except _Died:
            ended.append(counter.at)
        floor.close()
        _finished(data, made.id)
        shutil.rmtree(data)
        if counter.left > 0:
            break
        step += 1 if full else 7
    assert len(ended) >= (20 if full else 3), ended


def _finished(data: Path, erasure: str) -> None:
    """The next who keeps the store ends it, and others' evidence is whole."""
    floor = kit.Floor(data)
    floor.follower.catch_up()
    floor.office.resume()
    now = floor.office.erasure(erasure, ANN)
    assert now.state is State.PURGED, now.trouble
    assert receipts.verify(floor.office.receipt(erasure, ANN), data, floor.office.public_key()).absent
    held = [each for number in (1, 2, 3) for each in kit.pieces(number, COUNT)]
    assert rows_of(floor).keys() == {each.id for each in held}
    assert floor.words.rows() == floor.graph.rows() == set(rows_of(floor).values())
    floor.close()


@pytest.mark.timeout(900)
def test_a_killed_process_is_gone_on_with(filled: Path, tmp_path: Path, full: bool) -> None:
    seed = random.randrange(2**32)
    draw = random.Random(seed)
    print(f"seed {seed}")
    for turn in range(30 if full else 2):
        data = Path(shutil.copytree(filled, tmp_path / f"killed-{turn}"))
        command = [sys.executable, str(KIT), str(data), kit.source(0)]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None and child.stdout.readline() == "hidden\n"
        time.sleep(draw.uniform(0.0, 1.5))
        child.kill()
        child.wait()
        floor = kit.Floor(data)
        (made,) = floor.office.erasures(ANN)
        assert not floor.catalog.scan(Filter(sources=(kit.source(0),)), ANN)
        floor.close()
        _finished(data, made.id)
        shutil.rmtree(data)


def test_a_server_removes_it_by_itself(opened: Callable[..., Any]) -> None:
    floor, stop = opened(), threading.Event()
    keeper = threading.Thread(target=floor.office.keep, args=(stop,))
    keeper.start()
    made = floor.office.erase(Target(evidence=(kit.pieces(2, 1)[0].id,)), ANN)
    until = time.monotonic() + 60
    while floor.office.erasure(made.id, ANN).state is not State.PURGED and time.monotonic() < until:
        time.sleep(0.05)
    stop.set()
    keeper.join()
    assert floor.office.erasure(made.id, ANN).state is State.PURGED
    assert len(floor.catalog.scan(Filter(sources=(kit.source(2),)), ANN)) == COUNT - 1


def test_a_server_applies_the_rules_and_hands_no_salt_out(opened: Callable[..., Any]) -> None:
    floor, stop = opened(rules=Rules({Kind.PASSAGE: 1}, None)), threading.Event()
    keeper = threading.Thread(target=floor.office.keep, args=(stop,))
    keeper.start()
    until = time.monotonic() + 60
    while not [e for e in floor.office.erasures(ANN) if e.state is State.RECEIPTED] and time.monotonic() < until:
        time.sleep(0.05)
    stop.set()
    keeper.join()
    (made,) = floor.office.erasures(ANN)
    assert (made.state, made.subject, made.tally.evidence) == (State.RECEIPTED, "retention", 4 * COUNT)
    signed = floor.office.receipt(made.id, ANN)
    # so that nothing is kept of thousands a day that nobody could look for by
    assert (signed.salt, signed.receipt.commitments, signed.receipt.salt_sha256) == ("", "", "")
    assert signed.receipt.what.startswith("rule: passage recorded before ") and "kept for 1 µs" in signed.receipt.what
    assert signed.receipt.sought == {"id": 4 * COUNT, "vector": 4 * COUNT, "word": 8 * COUNT}
    found = receipts.verify(signed, floor.folder, floor.office.public_key())
    assert (found.signed, found.own, found.looked, found.absent) == (True, True, False, False)
    assert found.attested == signed.receipt.sought
    assert floor.catalog.scan(Filter(), ANN) == []


def test_a_receipt_that_was_signed_before_it_told_what_was_sought_still_verifies(tmp_path: Path) -> None:
    seed = bytes(range(ed25519.SEED_BYTES))
    told: dict[str, Any] = {
        "format": 1, "erasure": "er_1", "what": "source", "asked_by": "ann", "hidden_at": "", "purged_at": "",
        "counts": {"evidence": 1}, "commitments": "", "salt_sha256": "", "looked": {"files": 1}, "shared": 0,
        "made_sure": ["looked"], "beyond": [],
    }  # fmt: skip
    written = json.dumps(told, separators=(",", ":")).encode()
    signature, key = ed25519.sign(seed, written).hex(), ed25519.public_key(seed).hex()
    signed = receipts.decoded(json.dumps({"receipt": told, "signature": signature, "key": key}))
    found = receipts.verify(signed, tmp_path, key)
    assert (found.signed, found.own, found.attested, found.absent) == (True, True, {}, False)


def test_a_receipt_of_what_needs_no_looking_for_is_read_with_its_salt(opened: Callable[..., Any]) -> None:
    floor = opened()
    told = Coverage(source="CAM", subject="CAM", tenant="t", layer=Layer.RECORDED, valid=Interval(0, 5))
    floor.catalog.commit(kit.Unit("t", "camera:///C/~covered/1", "h", "live", coverage=[told]))
    made = floor.office.erase(Target(sources=("camera:///C/~covered/1",)), ANN)
    assert [each.state for each in floor.office.resume()] == [State.PURGED]
    found = receipts.verify(floor.office.receipt(made.id, ANN), floor.folder, floor.office.public_key())
    assert (found.signed, found.looked, found.absent) == (True, False, False)


def test_it_goes_from_postgres_too(postgres: Callable[[], str], tmp_path: Path) -> None:
    floor = kit.Floor(tmp_path, where=postgres())
    floor.fill(2, 4)
    made = floor.office.erase(Target(sources=(kit.source(0),)), ANN)
    (done,) = floor.office.resume()
    assert done.state is State.PURGED, done.trouble
    signed = floor.office.receipt(made.id, ANN)
    assert receipts.verify(signed, tmp_path, floor.office.public_key()).absent
    assert len(floor.words.rows()) == len(floor.graph.rows()) == len(floor.catalog.row_numbers()) == 4
    floor.close()
