"""What keeps the indexes well, over a real catalog and indexes in memory."""

from __future__ import annotations

import threading
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from retrieval.canary import Canary, rare_words
from retrieval.catalog import Catalog
from retrieval.errors import GraphUnavailable, ProjectionError, StoreBusy, StoreError
from retrieval.failpoints import Step
from retrieval.fakes import MemoryGraph, MemoryVectors, MemoryWords
from retrieval.ports import LogEntry, LogReader, Scored, Unit
from retrieval.projector import Projector
from retrieval.snapshots import Snapshots
from retrieval.types import CharSpan, Embedding, Evidence, Filter, Kind, Mention, Principal, Provenance, Relation
from retrieval.upkeep import Memory, Policy, Upkeep

ME = Principal("t")
DIGEST = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


class Shop:
    """A catalog, three indexes that follow it, and what keeps them; `root` is where snapshots lie."""

    def __init__(self, catalog: Catalog, root: Path, policy: Policy | None = None) -> None:
        self.catalog, self.root = catalog, root
        self.vectors, self.words, self.graph = MemoryVectors(), MemoryWords(), MemoryGraph()
        parts = (self.vectors, self.words, self.graph)
        self.projector = Projector(catalog, parts, lambda: 1234)
        self.snapshots = Snapshots(root, catalog.census, lambda: 5678)
        canary = Canary(catalog, catalog.census, *parts)
        self.clock = 0.0
        memory = Memory(self.vectors, self.snapshots)
        self.upkeep = Upkeep(self.projector, canary, memory, policy, now=lambda: self.clock)

    def put(self, *names: str) -> None:
        for name in names:
            evidence = Evidence(
                id=f"ev_{name}",
                tenant="t",
                source=name,
                kind=Kind.PASSAGE,
                locator=CharSpan(0, 1),
                text=f"bearing {name}4711 inspected, casing{name} cracked",
                provenance=Provenance("test"),
                entities=(Mention("pump", Relation.MENTIONS),),
            )
            unit = np.zeros(8, np.float32)
            unit[ord(name) % 8] = 1
            self.catalog.commit(Unit("t", name, "h", "test", [evidence], [Embedding(evidence.id, "text", unit)]))


@pytest.fixture
def shop(tmp_path: Path, store_at: Callable[[Path], Path]) -> Iterator[Shop]:
    catalog = Catalog(store_at(tmp_path / "catalog.db"))
    made = Shop(catalog, tmp_path / "snapshots")
    made.put("a", "b", "c")
    yield made
    catalog.close()


def again(shop: Shop, policy: Policy | None = None) -> Shop:
    """The next process."""
    return Shop(shop.catalog, shop.root, policy)


def test_begins_from_a_snapshot_and_applies_what_came_after(shop: Shop) -> None:
    assert shop.upkeep.snapshot().sequence == 3
    shop.put("d")
    new, told = again(shop), list[tuple[str, int, int]]()
    assert new.upkeep.catch_up(lambda *seen: told.append(seen)) == {}
    assert [seen for seen in told if seen[0] == "vectors"] == [("vectors", 4, 4)]
    assert new.vectors.rows() == shop.catalog.row_numbers()
    assert new.upkeep.standing().loaded == 3 and new.upkeep.standing().trouble == ()


def test_the_two_latest_are_kept(shop: Shop) -> None:
    for name in "defg":
        shop.put(name)
        shop.upkeep.snapshot()
    assert [kept.sequence for kept in shop.upkeep.snapshots()] == [7, 6]
    assert len(list(shop.root.glob("0*"))) == 2


def test_one_process_at_a_time_takes_one(shop: Shop) -> None:
    class Meanwhile:
        def reach(self, step: Step) -> None:
            if step is Step.SNAPSHOT_DUMPED:
                with pytest.raises(StoreBusy, match="another process"):
                    shop.upkeep.snapshot()

    first = Snapshots(shop.root, shop.catalog.census, lambda: 0, Meanwhile())
    shop.upkeep.catch_up()
    assert first.take(shop.vectors).sequence == 3
    assert shop.upkeep.snapshot().sequence == 3


def test_where_nothing_can_be_written_it_is_said_and_goes_on(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    stuck = Shop(shop.catalog, tmp_path / "file" / "below", Policy(every=1))
    stuck.upkeep.tick()
    assert stuck.vectors.rows() == shop.catalog.row_numbers()
    (trouble,) = stuck.upkeep.standing().trouble
    assert "no snapshot could be taken" in trouble and "Not a directory" in trouble
    with pytest.raises(StoreError):
        stuck.upkeep.snapshot()


@pytest.mark.parametrize(("policy", "taken"), [(Policy(closing=3), 1), (Policy(closing=4), 0)])
def test_an_ending_process_takes_one_where_much_came_in(shop: Shop, policy: Policy, taken: int) -> None:
    new = again(shop, policy)
    new.upkeep.close()
    assert new.upkeep.snapshots() == []
    new.upkeep.catch_up()
    new.upkeep.close()
    assert len(new.upkeep.snapshots()) == taken


def test_a_staying_process_takes_one_every_so_many_entries(shop: Shop) -> None:
    new = again(shop, Policy(every=3))
    new.upkeep.tick()
    new.put("d", "e")
    new.upkeep.tick()
    assert [kept.sequence for kept in new.upkeep.snapshots()] == [3]
    new.put("f")
    new.upkeep.tick()
    assert [kept.sequence for kept in new.upkeep.snapshots()] == [6, 3]


def test_renewed_snapshots_hold_nothing_of_before(shop: Shop) -> None:
    shop.upkeep.snapshot()
    shop.put("d")
    shop.upkeep.snapshot()
    assert shop.upkeep.renew().sequence == 4
    assert [kept.sequence for kept in shop.upkeep.snapshots()] == [4]


EMPTIED = {
    "vectors": lambda shop: shop.vectors.forget(shop.vectors.rows()),
    "words": lambda shop: shop.words.forget(shop.words.rows()),
    "graph": lambda shop: shop.graph.forget(shop.graph.rows()),
}


@pytest.mark.parametrize("name", EMPTIED)
def test_an_empty_index_is_not_one_that_found_nothing(shop: Shop, name: str) -> None:
    shop.upkeep.catch_up()
    EMPTIED[name](shop)
    assert shop.upkeep.catch_up() == {}, "it believes to be at the end of the log"
    lost = shop.upkeep._look()
    assert lost.keys() == {name} and "did not come back" in lost[name]
    assert shop.upkeep.probe() == {} and shop.upkeep.failures == {}, "it was rebuilt"
    assert getattr(shop, name).rows() == shop.catalog.row_numbers()


def test_a_stale_vector_is_lost(shop: Shop) -> None:
    shop.upkeep.catch_up()
    row = next(iter(shop.vectors.rows()))
    shop.vectors._vectors[row]["text"] = [np.full(8, -1, np.float32)]
    assert "own vector" in shop.upkeep._look()["vectors"]


def test_what_is_lost_again_at_once_stays_told_and_is_not_rebuilt_for_ever(shop: Shop) -> None:
    class Forgetful(MemoryWords):
        rebuilt = 0

        def reset(self) -> None:
            super().reset()
            self.rebuilt += 1

        def search(self, text: str, k: int, filter_: Filter, principal: Principal) -> Scored:
            return super().search("", k, filter_, principal)

    words = Forgetful()
    projector = Projector(shop.catalog, [shop.vectors, words], lambda: 99)
    upkeep = Upkeep(projector, Canary(shop.catalog, shop.catalog.census, shop.vectors, words))
    assert upkeep.catch_up()["words"].kind == "doubted"
    upkeep.probe()
    upkeep.probe()
    assert words.rebuilt == 1
    assert upkeep.told()[0].startswith("words: the canary did not come back")


def test_an_index_that_fails_does_not_hide_what_another_has_lost(shop: Shop) -> None:
    class Down(MemoryGraph):
        def evidence(self, *_: object, **__: object) -> list[str]:
            raise GraphUnavailable("no answer")

    shop.upkeep.catch_up()
    shop.words.forget(shop.words.rows())
    canary = Canary(shop.catalog, shop.catalog.census, shop.vectors, shop.words, Down())
    assert canary.look(canary.take()).keys() == {"words"}


@pytest.mark.parametrize("doubted", [False, True])
def test_an_index_that_cannot_write_keeps_what_it_has(shop: Shop, doubted: bool) -> None:
    class Full(MemoryWords):
        full = False

        def apply(self, entries: Sequence[LogEntry], log: LogReader) -> None:
            if self.full:
                raise ProjectionError("no room on the disk")
            super().apply(entries, log)

    words = Full()
    projector = Projector(shop.catalog, [shop.vectors, words], lambda: 99)
    upkeep = Upkeep(projector, Canary(shop.catalog, shop.catalog.census, shop.vectors, words))
    assert upkeep.catch_up() == {}
    held = words.rows()
    if doubted:
        projector.distrust("words", "a probe was lost")
    words.full = True
    shop.put("d")
    shop.vectors.forget(shop.vectors.rows())
    assert upkeep.probe() == {} and words.rows() == held
    assert shop.vectors.rows() == shop.catalog.row_numbers(), "what another has lost is mended all the same"
    words.full = False
    assert upkeep.probe() == {} and words.rows() == shop.catalog.row_numbers()


def test_superseded_evidence_is_no_loss(shop: Shop) -> None:
    shop.upkeep.catch_up()
    probes = shop.upkeep._canary.take()
    shop.catalog.commit(Unit("t", "a", "h2", "test"))
    shop.upkeep.catch_up()
    assert shop.upkeep._canary.look(probes) == {}


def test_others_are_not_held_up_while_the_indexes_are_kept(shop: Shop) -> None:
    """An index that takes long is told as behind, and what it has so far is searched."""
    stop, inside, go = threading.Event(), threading.Event(), threading.Event()

    class Slow(MemoryVectors):
        def apply(self, entries, log):  # type: ignore[no-untyped-def]
            super().apply(entries, log)
            inside.set()
            go.wait(20)

    slow = Slow()
    projector = Projector(shop.catalog, [slow, shop.words], lambda: 7, batch=1)
    canary = Canary(shop.catalog, shop.catalog.census, slow, shop.words)
    upkeep = Upkeep(projector, canary, None, Policy(patience_s=1.0, look_s=0.01))
    keeping = threading.Thread(target=upkeep.keep, args=(stop,))
    keeping.start()
    assert inside.wait(20)
    failures = upkeep.catch_up()
    assert failures["vectors"].kind == "behind" and "words" not in failures
    assert upkeep.told() == ["vectors: it is being loaded or brought up"]
    assert shop.words.rows() == shop.catalog.row_numbers() and len(slow.rows()) == 1
    go.set()
    for _ in range(2_000):
        if not upkeep.catch_up():
            break
    assert upkeep.catch_up() == {} and upkeep.told() == []
    stop.set()
    keeping.join(20)
    assert not keeping.is_alive()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("pump 4711000 inspected, vibration sensor", ["4711000", "inspected", "vibration"]),
        ("the pump is on", []),
        ("", []),
        ("only inspected", []),
        # a piece of a longer run is no term of any index
        (f"pulled sha256:{DIGEST} over sha256:{DIGEST[::-1]} today", []),
        ("x" * 3990 + " vibration inspected 4711000 sensors", []),
        (unicodedata.normalize("NFD", "équipement arrêté à l’improviste"), ["improviste", "équipement", "arrêté"]),
        # too long in bytes
        ("監視" * 12 + " inspected vibration", []),
    ],
)
def test_rare_words(text: str, found: list[str]) -> None:
    assert rare_words(text) == found
