"""The searcher over a real catalog and in-memory indexes."""

import io
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from PIL import Image

from retrieval.adapters.late_interaction import LateInteraction
from retrieval.catalog import Catalog
from retrieval.errors import BadQuery, EncoderUnavailable, GraphUnavailable, ProjectionError
from retrieval.fakes import HashImageEncoder, HashTextEncoder, MemoryGraph, MemoryVectors, MemoryWords
from retrieval.ids import evidence_id
from retrieval.ports import Neighbour, Unit
from retrieval.projector import Projector
from retrieval.search import Indexes, Models, Searcher, load_weights
from retrieval.types import (
    CharSpan,
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
    Mention,
    Principal,
    Provenance,
    Query,
    Relation,
)

TENANT = "plant"
ME = Principal(TENANT)
TEXT, IMAGE = HashTextEncoder(), HashImageEncoder()
MINUTE = 60_000_000


def piece(name: str, text: str, kind: Kind = Kind.PASSAGE, at: int | None = None, **more: Any) -> Evidence:
    locator = FrameAt(1000 * (at or 0)) if kind is Kind.FRAME else CharSpan(0, len(text), name)
    return Evidence(
        id=evidence_id(b"key", name, locator, text),
        tenant=more.pop("tenant", TENANT),
        source=name,
        kind=kind,
        locator=locator,
        text=text,
        provenance=Provenance("test"),
        valid=None if at is None else Interval(at * MINUTE, (at + 1) * MINUTE),
        **more,
    )


def on(entity: str) -> tuple[Mention, ...]:
    return (Mention(entity, Relation.OBSERVED_AT),)


PIECES = [
    piece("seal.md", "the seal of pump P-3 leaked and the pump tripped", entities=on("P-3"), at=10),
    piece("yard.md", "rain in the yard, nothing else to report", at=400),
    piece("secret.md", "the seal of pump P-3 was sabotaged", labels=("security",), at=11),
    piece("elsewhere.md", "the seal of pump P-3 of another company", tenant="other"),
    piece("cam7.mp4", "CAM-07", Kind.FRAME, at=12, entities=on("CAM-07")),
    piece("later.mp4", "CAM-07", Kind.FRAME, at=300, entities=on("CAM-07")),
    piece("vib.csv", "vibration anomaly", Kind.WINDOW, at=9, entities=on("V-3")),
]
COLOURS = {"cam7.mp4": "red", "later.mp4": "blue"}


def embeddings(evidence: Evidence) -> list[Embedding]:
    made = [Embedding(evidence.id, TEXT.space, TEXT.encode([evidence.text])[0])]
    if evidence.source in COLOURS:
        picture = Image.new("RGB", (8, 8), COLOURS[evidence.source])
        made.append(Embedding(evidence.id, IMAGE.space, IMAGE.encode_images([picture])[0]))
    return made


def unit(evidence: Evidence) -> Unit:
    tenant = evidence.tenant
    entities = [
        Entity(id="P-3", type=EntityType.ASSET, name="pump 3", tenant=tenant),
        Entity(id="V-3", type=EntityType.SENSOR, name="vibration", tenant=tenant),
        Entity(id="CAM-07", type=EntityType.CAMERA, name="camera 7", tenant=tenant),
    ]
    links = [Link("P-3", LinkType.MONITORED_BY, other, tenant) for other in ("V-3", "CAM-07")]
    return Unit(tenant, evidence.source, "hash", "test", [evidence], embeddings(evidence), (), entities, links)


@pytest.fixture(scope="module")
def indexes(tmp_path_factory: pytest.TempPathFactory, store_at: Callable[[Path], Path]) -> Iterator[Indexes]:
    catalog = Catalog(store_at(tmp_path_factory.mktemp("search") / "catalog.db"))
    found = Indexes(catalog, MemoryVectors(), MemoryWords(), MemoryGraph())
    for evidence in PIECES:
        catalog.commit(unit(evidence))
    assert not Projector(catalog, [found.vectors, found.words, found.graph], lambda: 0).catch_up()
    yield found
    catalog.close()


def make(indexes: Indexes, models: Models | None = None, linker: Any = None) -> Searcher:
    return Searcher(indexes, models or Models(TEXT, IMAGE, LateInteraction(TEXT)), load_weights(), linker)


def sources(searcher: Searcher, text: str, principal: Principal = ME, **query: Any) -> list[str]:
    return [hit.evidence.source for hit in searcher.search(Query(text=text, **query), principal)]


def test_the_passage_with_the_words_comes_first(indexes: Indexes) -> None:
    result = make(indexes).find(Query(text="why did the pump seal leak"), ME)
    best = result.hits[0]
    assert best.evidence.source == "seal.md"
    assert best.channels["words"] == 1
    assert result.sequence == len(PIECES)
    assert result.degraded == ()
    assert {"text", "words", "image", "feedback", "rerank", "total"} <= set(result.timings_ms)
    assert [hit.score for hit in result.hits] == sorted((hit.score for hit in result.hits), reverse=True)


def test_once_forgotten_nothing_of_evidence_is_kept_in_memory(indexes: Indexes) -> None:
    late = LateInteraction(TEXT)
    searcher = make(indexes, Models(TEXT, IMAGE, late), lambda text: ["P-3"])
    searcher.search(Query(text="seal of pump P-3"), ME)
    (rings,) = {
        id(each._rings): each._rings for each in searcher._channels.values() if hasattr(each, "_rings")
    }.values()
    assert rings._kept and late._kept
    searcher.forget()
    assert not rings._kept and not late._kept


def test_labels_and_tenants_are_kept_apart(indexes: Indexes) -> None:
    searcher = make(indexes)
    found = sources(searcher, "seal of pump P-3")
    assert "secret.md" not in found and "elsewhere.md" not in found
    assert "secret.md" in sources(searcher, "seal of pump P-3", Principal(TENANT, labels=("security",)))
    assert sources(searcher, "seal of pump P-3", Principal("other")) == ["elsewhere.md"]


def test_an_index_that_returns_foreign_rows_is_checked(indexes: Indexes) -> None:
    class Leaky(MemoryWords):
        def search(self, text: str, k: int, filter_: Filter, principal: Principal) -> Any:
            everyone = Principal("other"), Principal(TENANT, labels=("security",))
            found = [super(Leaky, self).search(text, k, Filter(), each) for each in everyone]
            return type(found[0])(*(np.concatenate(column) for column in zip(*found, strict=True)))

    leaky = Leaky()
    Projector(indexes.catalog, [leaky], lambda: 0).catch_up()  # type: ignore[arg-type]
    assert len(leaky.search("pump", 9, Filter(), ME).rows) == 3
    found = sources(make(indexes._replace(words=leaky), Models(None)), "seal of pump P-3", channels=("words",))
    assert found == ["seal.md"]


def test_pictures_are_found_by_what_they_show_and_only_frames(indexes: Indexes) -> None:
    searcher = make(indexes)
    assert sources(searcher, "something red", channels=("image",))[0] == "cam7.mp4"
    assert sources(searcher, "blue", channels=("image",))[0] == "later.mp4"
    assert sources(searcher, "red", channels=("image",), filter=Filter(kinds=(Kind.PASSAGE,))) == []


def test_the_graph_reaches_what_watches_the_asset(indexes: Indexes) -> None:
    searcher = make(indexes, linker=lambda text: ["P-3"] if "P-3" in text else [])
    found = sources(searcher, "what about P-3", channels=("graph",))
    assert found[0] == "seal.md"
    assert set(found) == {"seal.md", "cam7.mp4", "later.mp4", "vib.csv"}
    assert sources(searcher, "what about nothing", channels=("graph",)) == []


def test_time_and_place_keep_to_the_window_and_put_near_times_first(indexes: Indexes) -> None:
    searcher = make(indexes, linker=lambda _: ["P-3"])
    window = Filter(window=Interval(9 * MINUTE, 13 * MINUTE))
    found = sources(searcher, "", channels=("time_place",), filter=window)
    assert found[0] == "seal.md"
    assert set(found) == {"seal.md", "cam7.mp4", "vib.csv"}
    assert sources(searcher, "", channels=("time_place",)) == []


def test_filters_hold_in_every_channel(indexes: Indexes) -> None:
    searcher = make(indexes, linker=lambda _: ["P-3"])
    filter_ = Filter(kinds=(Kind.FRAME,), window=Interval(0, 100 * MINUTE))
    assert sources(searcher, "red pump seal CAM-07", filter=filter_) == ["cam7.mp4"]


class BrokenGraph(MemoryGraph):
    def neighbours(self, entities: Sequence[str], hops: int, principal: Principal) -> list[Neighbour]:
        raise GraphUnavailable()


class BrokenVectors(MemoryVectors):
    def search(self, *_: Any) -> Any:
        raise ProjectionError("damaged")


def test_a_channel_that_fails_is_left_out_and_named(indexes: Indexes) -> None:
    broken = indexes._replace(graph=BrokenGraph(), vectors=BrokenVectors())
    result = make(broken, linker=lambda _: ["P-3"]).find(Query(text="pump seal"), ME)
    assert result.hits[0].evidence.source == "seal.md"
    assert {line.split(":")[0] for line in result.degraded} == {"text", "image", "graph"}
    assert "damaged" in " ".join(result.degraded)


class SilentText(HashTextEncoder):
    """Its weights are gone."""

    def encode(self, texts: Sequence[str]) -> Any:
        raise EncoderUnavailable("weights are gone; fetch them")


def test_what_fails_is_explained_as_failed_beside_the_rest(indexes: Indexes) -> None:
    searcher = make(indexes, Models(SilentText(), IMAGE))
    query = Query(text="pump seal", filter=Filter(as_of=2**60))
    told = {each.space: each for each in searcher.explain(query, ME)}
    assert list(told) == ["text", IMAGE.space, "words"]
    assert (told["text"].plan, told["text"].why, told["text"].found) == ("failed", "weights are gone; fetch them", 0)
    assert told["words"].found == 1 and told[IMAGE.space].plan != "failed"
    broken = {each.space: each for each in make(indexes._replace(vectors=BrokenVectors())).explain(query, ME)}
    assert {name: each.plan for name, each in broken.items()} == {"text": "failed", "image": "failed", "words": "BM25"}


class DeadGraph(MemoryGraph):
    """Nobody answers where it is."""

    def applied(self) -> int:
        raise GraphUnavailable("nobody answers")


def test_a_graph_that_cannot_be_asked_how_far_it_is_leaves_the_rest(indexes: Indexes) -> None:
    result = make(indexes._replace(graph=DeadGraph())).find(Query(text="pump seal"), ME)
    assert result.hits[0].evidence.source == "seal.md" and result.sequence == len(PIECES)
    assert "graph: nobody answers" in result.degraded


def test_a_bug_is_not_called_degraded(indexes: Indexes) -> None:
    class Buggy(MemoryWords):
        def search(self, *_: Any) -> Any:
            raise KeyError("bug")

    with pytest.raises(KeyError):
        make(indexes._replace(words=Buggy())).search(Query(text="pump"), ME)


def test_without_models_words_still_find(indexes: Indexes) -> None:
    result = make(indexes._replace(graph=None), Models(None)).find(Query(text="rain yard"), ME)
    assert result.hits[0].evidence.source == "yard.md"
    assert set(result.hits[0].channels) == {"words"}


@pytest.mark.parametrize("name", ["text", "image", "graph", "time_place"])
def test_a_channel_asked_for_by_name_that_is_not_there_is_said_once(indexes: Indexes, name: str) -> None:
    searcher = make(indexes._replace(graph=None), Models(None))
    found = searcher.find(Query(text="rain yard", channels=(name, "words", name)), ME)
    (told,) = found.degraded
    assert told.startswith(f"{name}: ") and ("no encoder" in told or "no graph" in told)
    assert found.hits[0].evidence.source == "yard.md"
    assert searcher.find(Query(text="rain yard", channels=("words",)), ME).degraded == ()
    # who leaves the choice to search has nothing missing
    assert searcher.find(Query(text="rain yard"), ME).degraded == ()


def test_a_channel_asked_for_by_name_that_has_no_weight_is_said(indexes: Indexes) -> None:
    weights = load_weights()
    none = msgspec.structs.replace(weights.channels["words"], weight=0.0)
    weights = msgspec.structs.replace(weights, channels={**weights.channels, "words": none})
    searcher = Searcher(indexes, Models(TEXT, IMAGE), weights)
    assert searcher.find(Query(text="rain yard", channels=("words",)), ME).degraded == (
        "words: its weight is 0; give it one in the weights of search",
    )
    assert searcher.explain(Query(text="rain yard", channels=("words",)), ME) == []


def png(colour: str) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (8, 8), colour).save(out, "PNG")
    return out.getvalue()


class Noting:
    """Notes which searches an index is asked for, and which it is asked to explain."""

    def __init__(self) -> None:
        super().__init__()
        self.run: list[tuple[Any, ...]] = []
        self.told: list[tuple[Any, ...]] = []

    def search(self, *asked: Any) -> Any:
        self.run.append(tuple(each.tobytes() if isinstance(each, np.ndarray) else each for each in asked))
        return super().search(*asked)  # type: ignore[misc]

    def explain(self, *asked: Any) -> Any:
        noted, self.run = self.run, []
        found = super().explain(*asked)  # type: ignore[misc]
        self.run = noted
        self.told.append(tuple(each.tobytes() if isinstance(each, np.ndarray) else each for each in asked))
        return found


class NotingVectors(Noting, MemoryVectors): ...


class NotingWords(Noting, MemoryWords): ...


@pytest.mark.parametrize(
    "query",
    [
        Query(text="pump seal"),
        Query(text="pump seal", quick=True, k=2),
        Query(text="pump seal", quick=True, channels=("words",)),
        Query(text="pump seal", channels=("text",)),
        Query(text="", channels=("text", "image")),
        Query(text="something", pictures=(png("red"), png("blue"))),
        Query(text="pump seal", pictures=(png("red"),), channels=("image",), quick=True),
        Query(text="red", filter=Filter(kinds=(Kind.PASSAGE,))),
    ],
)
def test_what_is_explained_is_what_would_be_searched(indexes: Indexes, query: Query) -> None:
    vectors, words = NotingVectors(), NotingWords()
    Projector(indexes.catalog, [vectors, words], lambda: 0).catch_up()  # type: ignore[arg-type]
    weights = load_weights()
    alone = msgspec.structs.replace(weights, feedback=msgspec.structs.replace(weights.feedback, documents=0))
    searcher = Searcher(indexes._replace(vectors=vectors, words=words), Models(TEXT, IMAGE), alone)
    searcher.search(query, ME)
    told = searcher.explain(query, ME)
    # the channels run side by side: vectors are searched in any order
    assert sorted(map(repr, vectors.told)) == sorted(map(repr, vectors.run))
    assert words.told == words.run
    assert len(told) == len(vectors.run) + len(words.run)


@pytest.mark.parametrize("query", [Query(text="x", k=0), Query(text="x", channels=("telepathy",))])
def test_wrong_queries_are_refused(indexes: Indexes, query: Query) -> None:
    with pytest.raises(BadQuery):
        make(indexes).search(query, ME)


@pytest.mark.parametrize("text", ["", "   ", "???"])
def test_a_question_without_words_is_no_error(indexes: Indexes, text: str) -> None:
    make(indexes).search(Query(text=text), ME)


def test_as_of_hides_what_was_not_known(indexes: Indexes) -> None:
    assert sources(make(indexes), "pump seal", filter=Filter(as_of=1)) == []


def test_the_reranker_can_be_switched_off_by_weights(indexes: Indexes) -> None:
    class Refusing(LateInteraction):
        def score(self, query: str, texts: Sequence[str]) -> Any:
            raise AssertionError("must not be asked")

    weights = load_weights()
    off = msgspec.structs.replace(weights, rerank=msgspec.structs.replace(weights.rerank, weight=0.0))
    searcher = Searcher(indexes, Models(TEXT, None, Refusing(TEXT)), off)
    assert searcher.search(Query(text="pump seal"), ME)[0].evidence.source == "seal.md"


def test_a_quick_search_neither_asks_again_nor_re_ranks(indexes: Indexes) -> None:
    class Refusing(LateInteraction):
        def score(self, query: str, texts: Sequence[str]) -> Any:
            raise AssertionError("must not be asked")

    searcher = Searcher(indexes, Models(TEXT, None, Refusing(TEXT)), load_weights())
    found = searcher.find(Query(text="pump seal", quick=True), ME)
    assert found.hits[0].evidence.source == "seal.md"
    assert not {"feedback", "rerank"} & set(found.timings_ms)
    assert {hit.evidence.id for hit in found.hits} == {
        hit.evidence.id for hit in make(indexes).find(Query(text="pump seal"), ME).hits
    }


@pytest.mark.parametrize("typed", ["XV-4702", "xv4702", "valve xv 4702 stuck"])
def test_a_tag_nobody_declared_is_told_from_those_beside_it(
    tmp_path: Path, store_at: Callable[[Path], Path], typed: str
) -> None:
    catalog = Catalog(store_at(tmp_path / "catalog.db"))
    found = Indexes(catalog, MemoryVectors(), MemoryWords(), MemoryGraph())
    for n in range(4700, 4710):
        catalog.commit(unit(piece(f"{n}.md", f"Valve XV-{n} stuck half open.")))
    assert not Projector(catalog, [found.vectors, found.words, found.graph], lambda: 0).catch_up()
    assert sources(make(found), typed)[0] == "4702.md"
    catalog.close()
