"""Whatever many tenants do in one store, none is ever shown anything of another: every channel, every index, any order of acts.

All tenants have the same words, the same names of sources and things, and nearly the same vectors: whatever is not told apart by tenant
and label mixes. What a finder returns is checked before and after the catalog's own check: before it, by the labels a piece came under;
after it, by what stands in its place and in its source today as well.
"""

from __future__ import annotations

import random
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import count, product
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pytest

from retrieval.adapters.faiss_vectors import FaissVectors
from retrieval.adapters.ladybug_graph import LadybugGraph
from retrieval.adapters.tantivy_words import TantivyWords
from retrieval.catalog import Catalog
from retrieval.fakes import HashImageEncoder, HashTextEncoder
from retrieval.ids import evidence_id
from retrieval.ports import Unit
from retrieval.projector import Projector
from retrieval.search import Indexes, Models, Searcher, load_weights
from retrieval.search.weights import CHANNELS
from retrieval.types import (
    Embedding,
    Entity,
    EntityType,
    Evidence,
    Filter,
    FrameAt,
    Interval,
    Kind,
    Link,
    LinkType,
    Locator,
    Mention,
    Principal,
    Provenance,
    Query,
    Relation,
    RowKey,
)

# these give what indexes hold, which the catalog still has to judge
UNCHECKED = {"evidence by the graph", "rows of the vectors", "rows of the words", "rows by time"}
WORDS = "pump seal leaked vibration P-101 P-102 tripped CAM-7 red green door 4.2 bar bearing".split()
SHARED = ["P-101", "P-102", "CAM-7"]
LABELS = ("hr", "security")
ANY_LABELS = ((), ("hr",), ("security",), LABELS)
SOURCES = 6


class Told(NamedTuple):
    """A piece as it was committed: whose it is, where it stands, and who may see it."""

    tenant: str
    source: str
    place: Locator
    labels: tuple[str, ...]

    def seen_by(self, asker: Principal) -> bool:
        return self.tenant == asker.tenant and (not self.labels or not set(self.labels).isdisjoint(asker.labels))


class Today:
    """What sources tell now, or told last: all that decides who may see what they told before."""

    def __init__(self) -> None:
        self._standing: dict[tuple[str, str], set[str]] = {}
        self._there: dict[tuple[str, str, Locator], Told] = {}
        self._last: dict[tuple[str, str], list[Told]] = {}

    def reads(self, tenant: str, source: str, pieces: dict[str, Told]) -> None:
        self._standing[tenant, source] = set(pieces)
        self._there.update(((tenant, source, each.place), each) for each in pieces.values())
        if pieces:
            self._last[tenant, source] = list(pieces.values())

    def shows(self, id_: str, told: Told, asker: Principal) -> bool:
        whose = told.tenant, told.source
        if id_ in self._standing[whose]:
            return True
        return self._there[*whose, told.place].seen_by(asker) and any(each.seen_by(asker) for each in self._last[whose])


class Town:
    """One store with many tenants; what each has put in, and who may see it."""

    def __init__(self, folder: Path, store: Path, tenants: int, seed: int) -> None:
        self.chance = random.Random(seed)
        self.tenants = [f"tenant-{n}" for n in range(tenants)]
        ticks = count(1_000, 10)
        self.catalog = Catalog(store, lambda: next(ticks))
        self.vectors, self.words = FaissVectors(gpu=False), TantivyWords(folder / "words")
        self.graph = LadybugGraph(folder / "graph")
        self.projector = Projector(self.catalog, (self.vectors, self.words, self.graph), lambda: 0)
        self.text, self.image = HashTextEncoder(), HashImageEncoder()
        indexes, models = (
            Indexes(self.catalog, self.vectors, self.words, self.graph),
            Models(self.text, self.image, None),
        )
        self.searcher = Searcher(indexes, models, load_weights(), lambda text: [w for w in text.split() if w in SHARED])
        # reads the rows beside everything that is tested
        self.raw = sqlite3.connect(store)
        self.told: dict[str, Told] = {}
        self.today = Today()
        self.relabelled: dict[str, list[tuple[int, int, str, list[Evidence]]]] = {tenant: [] for tenant in self.tenants}
        self.ids: dict[str, list[str]] = {tenant: [] for tenant in self.tenants}
        self.held: dict[tuple[str, str], list[Evidence]] = {}
        self.past: list[tuple[str, str, list[Evidence]]] = []
        self.shown: Counter[str] = Counter()
        self.version, self.place = count(), count()

    def close(self) -> None:
        self.searcher.close()
        self.raw.close()
        for part in (self.vectors, self.words, self.graph, self.catalog):
            part.close()

    # --- acts ---

    def add(self, tenant: str) -> None:
        source = f"file:///site/{self.chance.randrange(SOURCES)}"
        fresh = [self._piece(tenant, source) for _ in range(self.chance.randint(1, 3))]
        self._commit(tenant, source, list({e.id: e for e in [*self.held.get((tenant, source), []), *fresh]}.values()))

    def delete(self, tenant: str) -> None:
        mine = [source for (whose, source), pieces in self.held.items() if whose == tenant and pieces]
        if mine:
            source = self.chance.choice(mine)
            self.past.append((tenant, source, self.held[tenant, source]))
            self._commit(tenant, source, [])

    def add_again(self, tenant: str) -> None:
        mine = [past for past in self.past if past[0] == tenant]
        if mine:
            self._commit(*self.chance.choice(mine))

    def relabel(self, tenant: str) -> None:
        """A piece, or a whole source, is read again under other labels: more, fewer, others or none."""
        mine = [source for (whose, source), pieces in self.held.items() if whose == tenant and pieces]
        if mine:
            source = self.chance.choice(mine)
            pieces, before = self.held[tenant, source], self._now()
            some = pieces if self.chance.random() < 0.5 else [self.chance.choice(pieces)]
            labels = self.chance.choice(ANY_LABELS)
            self._commit(tenant, source, [self._under(each, labels) if each in some else each for each in pieces])
            self.relabelled[tenant].append((before, self._now(), source, pieces))
            either = [each.id for each in (*pieces, *self.held[tenant, source])]
            for held, as_of in product(ANY_LABELS, (before, self._now(), None)):
                self._got(either, Principal(tenant, labels=held), as_of)

    def put_back(self, tenant: str) -> None:
        """A source is read again as it was before one of its pieces was relabelled."""
        if self.relabelled[tenant]:
            _, _, source, pieces = self.chance.choice(self.relabelled[tenant])
            self._commit(tenant, source, pieces)

    def _now(self) -> int:
        """When the last change was known."""
        return int(self.raw.execute("SELECT recorded_at FROM head").fetchone()[0])

    def _under(self, piece: Evidence, labels: tuple[str, ...]) -> Evidence:
        id_ = evidence_id(
            self.catalog.tenant_key(piece.tenant), piece.source, piece.locator, piece.text + "".join(labels)
        )
        return self._tell(msgspec.structs.replace(piece, id=id_, labels=labels))

    def _tell(self, piece: Evidence) -> Evidence:
        if piece.id not in self.told:
            self.ids[piece.tenant].append(piece.id)
        self.told[piece.id] = Told(piece.tenant, piece.source, piece.locator, piece.labels)
        return piece

    def _piece(self, tenant: str, source: str) -> Evidence:
        text = " ".join(self.chance.choices(WORDS, k=4))
        labels = tuple(label for label in LABELS if self.chance.random() < 0.25)
        frame = self.chance.random() < 0.4
        at, place = self.chance.randrange(50), next(self.place)
        locator = FrameAt(place * 1000, place * 1000 + 900) if frame else RowKey("t", str(place))
        piece = Evidence(
            id=evidence_id(self.catalog.tenant_key(tenant), source, locator, text + "".join(labels)),
            tenant=tenant,
            source=source,
            kind=Kind.FRAME if frame else Kind.PASSAGE,
            locator=locator,
            text=text,
            provenance=Provenance("test"),
            labels=labels,
            valid=Interval(at, at + 5),
            entities=tuple(Mention(each, Relation.MENTIONS) for each in SHARED if each in text),
        )
        return self._tell(piece)

    def _commit(self, tenant: str, source: str, pieces: list[Evidence]) -> None:
        vectors = self.text.encode([piece.text for piece in pieces]) if pieces else []
        made = [Embedding(piece.id, self.text.space, vectors[n]) for n, piece in enumerate(pieces)]
        frames = [piece for piece in pieces if piece.kind is Kind.FRAME]
        seen = self.image.encode_texts([piece.text for piece in frames]) if frames else []
        made += [Embedding(piece.id, self.image.space, seen[n]) for n, piece in enumerate(frames)]
        own = Entity(id=f"OWN-{tenant}", type=EntityType.ASSET, name="theirs", tenant=tenant)
        there = [Entity(id=id_, type=EntityType.ASSET, name=id_, tenant=tenant) for id_ in SHARED]
        near = [("P-101", LinkType.PART_OF, own.id), ("P-101", LinkType.MONITORED_BY, "CAM-7")]
        links = [Link(*each, tenant=tenant) for each in near]
        site = {"entities": [own, *there], "links": links} if pieces else {}
        self.catalog.commit(Unit(tenant, source, f"{next(self.version)}", "test", pieces, made, **site))  # type: ignore[arg-type]
        self.held[tenant, source] = pieces
        self.today.reads(tenant, source, {piece.id: self.told[piece.id] for piece in pieces})

    # --- looks: each gives the ids it was shown ---

    def look(self, tenant: str) -> None:
        asker = Principal(tenant, labels=tuple(label for label in LABELS if self.chance.random() < 0.5))
        filter_ = Filter(as_of=self._some_time(tenant) if self.chance.random() < 0.4 else None)
        self.projector.catch_up()
        assert not self.projector.failures
        name, look = self.chance.choice(list(self._looks().items()))
        ids = list(look(asker, filter_))
        self.shown[name] += len(ids)
        strangers = [id_ for id_ in ids if not self.told[id_].seen_by(asker)]
        assert not strangers, f"{name} showed {asker} {[self.told[id_] for id_ in strangers]}"
        if name not in UNCHECKED:
            since = [self.told[id_] for id_ in ids if not self.today.shows(id_, self.told[id_], asker)]
            assert not since, f"{name} showed {asker} as of {filter_.as_of} {since}"

    def _some_time(self, tenant: str) -> int:
        """Any, or that before or after a change of labels."""
        if self.relabelled[tenant] and self.chance.random() < 0.5:
            return self.chance.choice(self.chance.choice(self.relabelled[tenant])[:2])
        return self.chance.randrange(1_000, 1_000 + 10 * (self.catalog.sequence() + 2))

    def _looks(self) -> dict[str, Callable[[Principal, Filter], Iterable[str]]]:
        channels = {f"search by {name}": self._channel(name) for name in CHANNELS}
        return channels | {
            "search": self._channel(""),
            "like a piece": self._similar,
            "nearest": self._nearest,
            "graph hop": self._hop,
            "evidence by the graph": self._hanging,
            "rows of the vectors": self._vector_rows,
            "rows of the words": self._word_rows,
            "rows by time": self._timed_rows,
            "another's id": self._taken,
        }

    def _channel(self, name: str) -> Callable[[Principal, Filter], Iterable[str]]:
        def find(asker: Principal, filter_: Filter) -> Iterable[str]:
            window = Interval(0, 60) if name == "time_place" else None
            narrow = Filter(as_of=filter_.as_of, window=window)
            text = " ".join(self.chance.choices(WORDS, k=3)) + " P-101 red"
            channels = (name,) if name else ()
            return [
                hit.evidence.id
                for hit in self.searcher.search(Query(text=text, filter=narrow, channels=channels), asker)
            ]

        return find

    def _similar(self, asker: Principal, filter_: Filter) -> Iterable[str]:
        mine = self.ids[asker.tenant]
        known = self.catalog.get(self.chance.sample(mine, min(50, len(mine))), asker, filter_.as_of)
        if not known:
            return []
        return [hit.evidence.id for hit in self.searcher.similar(self.chance.choice(list(known)), filter_, asker, 10)]

    def _nearest(self, asker: Principal, filter_: Filter) -> Iterable[str]:
        return [hit.evidence.id for hit in self.searcher.nearest(*self._vector(), filter_, asker, 10)]

    def _hop(self, asker: Principal, filter_: Filter) -> Iterable[str]:
        near = self.graph.neighbours(["CAM-7"], self.chance.choice((1, 2)), asker)
        assert {each.entity for each in near} <= {*SHARED, f"OWN-{asker.tenant}"}
        return []

    def _hanging(self, asker: Principal, filter_: Filter) -> Iterable[str]:
        return self.graph.evidence(SHARED, asker, 50, filter_.as_of)

    def _vector_rows(self, asker: Principal, filter_: Filter) -> Iterable[str]:
        return self._of_rows(self.vectors.search(*self._vector(), 20, filter_, asker).rows)

    def _word_rows(self, asker: Principal, filter_: Filter) -> Iterable[str]:
        asked = self.chance.choice(("pump seal", "vibr", "vibraton", "p101", "4,2 bar"))
        return self._of_rows(self.words.search(asked, 20, filter_, asker).rows)

    def _timed_rows(self, asker: Principal, filter_: Filter) -> Iterable[str]:
        return self._of_rows(self.vectors.by_time(20, filter_, asker).rows)

    def _taken(self, asker: Principal, filter_: Filter) -> Iterable[str]:
        """By the ids of everybody: only the asker's own come back."""
        return self._got([id_ for ids in self.ids.values() for id_ in ids[-20:]], asker, filter_.as_of)

    def _got(self, ids: list[str], asker: Principal, as_of: int | None) -> Iterable[str]:
        """By id: all come back that stood then and are shown today, and nothing else."""
        found = self.catalog.get(ids, asker, as_of)
        known = [id_ for id_ in ids if self.told[id_].seen_by(asker) and self._stood(id_, as_of)]
        withheld = {id_ for id_ in known if not self.today.shows(id_, self.told[id_], asker)}
        assert withheld == set(known) - set(found)
        self.shown["withheld since"] += len(withheld)
        return found

    def _stood(self, id_: str, as_of: int | None) -> bool:
        """Whether the piece stood at that time, or stands."""
        ended = "superseded_at IS NULL" if as_of is None else "recorded_at <= ?1 AND ifnull(superseded_at > ?1, 1)"
        found = f"SELECT count(*) FROM evidence WHERE id = ?2 AND coalesce(?1, 1) AND {ended}"
        return bool(self.raw.execute(found, (as_of, id_)).fetchone()[0])

    def _vector(self) -> tuple[str, Any]:
        texts = [" ".join(self.chance.choices(WORDS, k=3))]
        if self.chance.random() < 0.5:
            return self.text.space, self.text.encode(texts)[0]
        return self.image.space, self.image.encode_texts(["red"])[0]

    def _of_rows(self, rows: np.ndarray) -> Iterator[str]:
        """The ids of rows, whoever's they are."""
        return (self.raw.execute("SELECT id FROM evidence WHERE row = ?", (int(row),)).fetchone()[0] for row in rows)


@pytest.fixture
def town_of(store_at: Callable[[Path], Path]) -> Iterator[Callable[[int, int], Town]]:
    made: list[Town] = []
    # a disk's time for every commit is not what is tested
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(prefix="watchfloor-", dir=memory) as place:

        def build(tenants: int, seed: int) -> Town:
            folder = Path(place) / str(seed)
            folder.mkdir()
            made.append(Town(folder, store_at(folder / "catalog.db"), tenants, seed))
            return made[-1]

        yield build
        for town in made:
            town.close()


@pytest.mark.timeout(4 * 3600)
@pytest.mark.parametrize("turn", range(3))
def test_nobody_is_shown_anything_of_another(town_of: Callable[[int, int], Town], full: bool, turn: int) -> None:
    if turn and not full:
        pytest.skip("one seed is enough; --full takes three, of 50 tenants with 2,000 acts each")
    tenants, each = (50, 2_000) if full else (10, 40)
    seed = random.SystemRandom().randrange(10**6)
    town = town_of(tenants, seed)
    acts = [town.add, town.add, town.delete, town.add_again, town.relabel, town.put_back] + [town.look] * 8
    try:
        for _ in range(tenants * each):
            town.chance.choice(acts)(town.chance.choice(town.tenants))
    except BaseException:
        print(f"seed {seed}, {tenants} tenants")
        raise
    never = [name for name in (*town._looks(), "withheld since") if not town.shown[name] and name != "graph hop"]
    assert not never, f"seed {seed}: nothing was ever shown by {never}"
