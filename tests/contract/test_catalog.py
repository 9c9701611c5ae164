"""What every catalog does, whichever database stands behind it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from retrieval.catalog import Catalog
from retrieval.errors import StoreError
from retrieval.ports import LogEntry, SourceState, Unit
from retrieval.types import (
    CharSpan,
    Coverage,
    Embedding,
    Entity,
    EntityType,
    Evidence,
    Filter,
    FrameAt,
    Interval,
    Kind,
    Layer,
    Link,
    LinkType,
    Mention,
    PageBox,
    Principal,
    Provenance,
    Relation,
    RowKey,
    SeriesWindow,
)

ANN = Principal("t", "ann")
OTHER = Principal("other", "bob")


class Ticking:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.now = 1_000_000

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Ticking:
    return Ticking()


@pytest.fixture(params=["sqlite", "postgres"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty store."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'catalog.db'}"
    found: str = request.getfixturevalue("postgres_store")()
    return found


@pytest.fixture
def catalog(where: str, clock: Ticking) -> Iterator[Catalog]:
    opened = Catalog(where, clock)
    yield opened
    opened.close()


def piece(name: str, source: str = "s", **more: object) -> Evidence:
    fields = {
        "id": f"ev_{name}",
        "tenant": "t",
        "source": source,
        "kind": Kind.PASSAGE,
        "locator": CharSpan(0, 5),
        "text": f"text of {name}",
        "provenance": Provenance("test"),
    }
    return Evidence(**{**fields, **more})  # type: ignore[arg-type]


def unit(*names: str, content: str = "A", closes: bool = True, source: str = "s", **more: object) -> Unit:
    evidence = [piece(name, source) for name in names]
    return Unit("t", source, content, "reader 1", **{"evidence": evidence, "closes": closes, **more})  # type: ignore[arg-type]


def vector(seed: int, dim: int = 8) -> np.ndarray:
    values = np.random.default_rng(seed).standard_normal(dim).astype(np.float32)
    return values / np.linalg.norm(values)


def seen(catalog: Catalog, as_of: int | None = None, principal: Principal = ANN) -> set[str]:
    return {e.id.removeprefix("ev_") for e in catalog.scan(Filter(as_of=as_of), principal)}


def looked(subject: str = "CAM-1", t0: int = 0, t1: int = 10, **more: object) -> Coverage:
    fields = {
        "source": "s",
        "subject": subject,
        "layer": Layer.RECORDED,
        "tenant": "t",
        "valid": Interval(t0, t1),
    }
    return Coverage(**{**fields, **more})  # type: ignore[arg-type]


# --- evidence in, evidence out ---


@pytest.mark.parametrize(
    "locator",
    [
        FrameAt(1500, 2000, (0.1, 0.2, 0.3, 0.4)),
        PageBox(3, (0.0, 0.0, 1.0, 0.5)),
        CharSpan(1, 9, "Heading"),
        SeriesWindow("temp", 10, 20, 1, 5),
        RowKey("orders", "WO-1", 7),
    ],
)
def test_evidence_comes_back_as_it_went_in(catalog: Catalog, clock: Ticking, locator: object) -> None:
    whole = piece(
        "a",
        locator=locator,
        kind=Kind.FRAME,
        text='Ünï "quotes" 漢字 🙂',
        media="f" * 64,
        valid=Interval(-5, 2**53 + 1),
        entities=(Mention("P-2", Relation.MEASURES), Mention("P-1", Relation.MENTIONS)),
        labels=("ops", "security"),
        provenance=Provenance("video", "2", {"ocr": "rapidocr 3"}, ("zone assumed",)),
        data={"mean": 0.1, "n": 3, "deep": {"list": [1, None, "x"]}},
    )
    catalog.commit(unit(evidence=[whole]))
    back = catalog.get(["ev_a"], Principal("t", labels=("ops",)))["ev_a"]
    assert back == whole.__class__(
        **{**{f: getattr(whole, f) for f in whole.__struct_fields__}, "recorded_at": clock.now}
    )


def test_get_keeps_the_order_asked_and_leaves_out_the_unknown(catalog: Catalog) -> None:
    catalog.commit(unit("a", "b", "c"))
    assert list(catalog.get(["ev_c", "ev_nope", "ev_a", "ev_c"], ANN)) == ["ev_c", "ev_a"]
    assert catalog.get([], ANN) == {}


def test_more_ids_than_a_statement_binds(catalog: Catalog) -> None:
    names = [f"n{i}" for i in range(2500)]
    catalog.commit(unit(*names))
    assert len(catalog.get([f"ev_{name}" for name in names] + ["x"] * 50_000, ANN)) == 2500


def test_rows_are_checked_like_ids(catalog: Catalog) -> None:
    catalog.commit(unit("a", "b"))
    rows = {p.evidence.id: p.row for p in catalog.projected(["ev_a", "ev_b"])}
    found = catalog.rows(np.array([rows["ev_b"], 999, rows["ev_a"]]), ANN)  # type: ignore[arg-type]
    assert [(row, e.id) for row, e in found.items()] == [(rows["ev_b"], "ev_b"), (rows["ev_a"], "ev_a")]
    assert catalog.rows(list(rows.values()), OTHER) == {}
    # the same check without reading them
    assert catalog.shown([rows["ev_b"], 999, rows["ev_a"]], ANN) == {rows["ev_a"]: "ev_a", rows["ev_b"]: "ev_b"}
    assert catalog.shown(list(rows.values()), OTHER) == {}


def test_the_same_unit_again_changes_nothing(catalog: Catalog, clock: Ticking) -> None:
    first = unit("a", "b", embeddings=[Embedding("ev_a", "text", vector(1))], coverage=[looked()])
    assert catalog.commit(first) == (1, 2, 0)
    clock.now += 50
    assert catalog.commit(first) == (1, 0, 0)
    assert catalog.sequence() == 1
    assert len(catalog.coverage(ANN, ["CAM-1"])) == 1


def test_an_id_twice_in_a_unit_is_stored_once(catalog: Catalog) -> None:
    assert catalog.commit(unit("a", "b", "a")).added == 2


def test_a_new_reading_supersedes_what_it_no_longer_has(catalog: Catalog, clock: Ticking) -> None:
    catalog.commit(unit("a", "b"))
    clock.now += 100
    assert catalog.commit(unit("b", "c", content="B")) == (2, 1, 1)
    assert seen(catalog) == {"b", "c"}
    kept, new = catalog.get(["ev_b", "ev_c"], ANN).values()
    assert (kept.revision, new.revision) == (1, 2)
    assert catalog.state("t", "s") == SourceState("s", "B", "reader 1", 2, True, 2)
    closed = next(p.evidence for p in catalog.projected(["ev_a"]))
    assert closed.superseded_at == new.recorded_at == clock.now


def test_what_one_reading_kept_the_next_may_drop(catalog: Catalog) -> None:
    for content, names, superseded in (("A", "ab", 0), ("B", "a", 1), ("C", "c", 1)):
        assert catalog.commit(unit(*names, content=content)).superseded == superseded
    assert seen(catalog) == {"c"}


def test_evidence_that_returns_is_a_new_revision(catalog: Catalog) -> None:
    for content, names in (("A", "ab"), ("B", "b"), ("C", "ab")):
        catalog.commit(unit(*names, content=content))
    assert [p.evidence.revision for p in catalog.projected(["ev_a"])] == [1, 3]
    assert seen(catalog) == {"a", "b"}


def test_another_ingester_reads_the_same_bytes_again(catalog: Catalog) -> None:
    catalog.commit(unit("a"))
    again = unit("b")._replace(ingester="reader 2")
    assert catalog.commit(again) == (2, 1, 1)


def test_a_new_encoder_gives_known_evidence_its_vectors(catalog: Catalog) -> None:
    old, new = Embedding("ev_a", "text:1", vector(1)), Embedding("ev_a", "text:2", vector(2))
    catalog.commit(unit("a", embeddings=[old]))
    receipt = catalog.commit(unit("a", embeddings=[old, new])._replace(ingester="reader 1 text:2"))
    assert (receipt.added, receipt.superseded) == (0, 0)
    assert [space for _, space, _ in catalog.embeddings(["ev_a"])] == ["text:1", "text:2"]
    assert catalog.log(receipt.sequence - 1)[0].evidence == ("ev_a",)


def test_as_of_shows_what_was_known_then(catalog: Catalog, clock: Ticking) -> None:
    catalog.commit(unit("a", "b"))
    clock.now = 2_000_000
    catalog.commit(unit("b", "c", content="B"))
    assert seen(catalog, 999_999) == set()
    assert seen(catalog, 1_000_000) == {"a", "b"}
    assert seen(catalog, 1_999_999) == {"a", "b"}
    assert seen(catalog, 2_000_000) == {"b", "c"}
    assert set(catalog.get(["ev_a", "ev_c"], ANN, as_of=1_500_000)) == {"ev_a"}
    rows = [p.row for p in catalog.projected(["ev_a", "ev_c"])]
    assert [e.id for e in catalog.rows(rows, ANN, as_of=1_500_000).values()] == ["ev_a"]
    assert list(catalog.shown(rows, ANN, as_of=1_500_000).values()) == ["ev_a"]


def test_transaction_time_never_stands_still_or_goes_back(catalog: Catalog, clock: Ticking) -> None:
    times = []
    for step, name in ((0, "a"), (0, "b"), (-500, "c"), (5000, "d")):
        clock.now += step
        catalog.commit(unit(name, source=name))
        times.append(catalog.get([f"ev_{name}"], ANN)[f"ev_{name}"].recorded_at)
    assert times == sorted(set(times))
    assert times[-1] == clock.now


# --- a source in several units ---


def test_half_a_source_is_visible_as_such(catalog: Catalog) -> None:
    catalog.commit(unit("a", closes=False))
    assert catalog.state("t", "s") == SourceState("s", "A", "reader 1", 1, False, 1)
    assert seen(catalog) == {"a"}
    catalog.commit(unit("b", closes=False))
    catalog.commit(unit("c"))
    assert catalog.state("t", "s") == SourceState("s", "A", "reader 1", 1, True, 3)
    assert catalog.commit(unit("a", closes=False)) == (3, 0, 0)


def test_a_long_new_reading_supersedes_only_when_it_closes(catalog: Catalog) -> None:
    catalog.commit(unit("a", "b", coverage=[looked()]))
    catalog.commit(unit("b", "c", content="B", closes=False, coverage=[looked(t0=5, t1=20)]))
    assert seen(catalog) == {"a", "b", "c"}
    assert len(catalog.coverage(ANN, ["CAM-1"])) == 2
    assert catalog.commit(unit("d", content="B")).superseded == 1
    assert seen(catalog) == {"b", "c", "d"}
    assert [c.valid for c in catalog.coverage(ANN, ["CAM-1"])] == [Interval(5, 20)]


def test_abandoning_leaves_the_previous_reading(catalog: Catalog) -> None:
    catalog.commit(unit("a", "b", embeddings=[Embedding("ev_a", "text", vector(1))], coverage=[looked()]))
    before = catalog.row_numbers()
    more = [Embedding("ev_c", "text", vector(3)), Embedding("ev_a", "image", vector(4))]
    links = [Link("P-1", LinkType.FEEDS, "P-2", "t")]
    catalog.commit(
        unit("a", "c", content="B", closes=False, embeddings=more, coverage=[looked(t0=50, t1=60)], links=links)
    )
    assert len(catalog.links(ANN)) == 1
    catalog.abandon("t", "s")
    assert seen(catalog) == {"a", "b"}
    assert catalog.row_numbers() == before
    assert [space for _, space, _ in catalog.embeddings(["ev_a", "ev_c"])] == ["text"]
    assert [c.valid for c in catalog.coverage(ANN, ["CAM-1"])] == [Interval(0, 10)]
    assert catalog.links(ANN) == []
    assert catalog.state("t", "s") == SourceState("s", "A", "reader 1", 1, True, 2)
    assert catalog.log(2) == [LogEntry(3, "t", ("ev_a",), ("ev_c",), True)]
    assert catalog.commit(unit("a", "b")) == (3, 0, 0)


def test_what_an_abandoned_reading_kept_can_still_be_superseded(catalog: Catalog) -> None:
    catalog.commit(unit("a", "b"))
    catalog.commit(unit("a", content="B", closes=False))
    catalog.abandon("t", "s")
    assert catalog.commit(unit("c", content="C")).superseded == 2
    assert seen(catalog) == {"c"}


def test_abandoning_a_first_reading_leaves_nothing(catalog: Catalog) -> None:
    catalog.commit(unit("a", closes=False))
    catalog.abandon("t", "s")
    assert catalog.state("t", "s") is None
    assert catalog.row_numbers() == set()


def test_abandoning_what_is_whole_or_unknown_changes_nothing(catalog: Catalog) -> None:
    catalog.commit(unit("a"))
    catalog.abandon("t", "s")
    catalog.abandon("t", "never seen")
    assert (seen(catalog), catalog.sequence()) == ({"a"}, 1)


def test_a_row_number_is_never_given_twice(catalog: Catalog) -> None:
    catalog.commit(unit("a", closes=False))
    used = catalog.row_numbers()
    catalog.abandon("t", "s")
    catalog.commit(unit("b"))
    assert not used & catalog.row_numbers()


def test_other_content_replaces_an_unfinished_reading(catalog: Catalog) -> None:
    catalog.commit(unit("a", closes=False))
    catalog.commit(unit("b", content="B"))
    assert seen(catalog) == {"b"}
    catalog.commit(unit("c", content="C", closes=False))
    assert catalog.commit(unit("b", content="B")).added == 0
    assert seen(catalog) == {"b"}
    assert catalog.state("t", "s") == SourceState("s", "B", "reader 1", 1, True, 1)


def test_an_interrupted_reading_resumes(catalog: Catalog) -> None:
    parts = [unit("a", closes=False, coverage=[looked()]), unit("b", closes=False), unit("c")]
    catalog.commit(parts[0])
    assert [catalog.commit(part).added for part in parts] == [0, 1, 1]
    assert len(catalog.coverage(ANN, ["CAM-1"])) == 1


# --- who may see what ---


def test_tenants_are_apart(catalog: Catalog) -> None:
    catalog.commit(
        unit("a", coverage=[looked()], entities=[Entity(id="P", type=EntityType.ASSET, name="P", tenant="t")])
    )
    assert catalog.get(["ev_a"], OTHER) == {}
    assert seen(catalog, principal=OTHER) == set()
    assert catalog.coverage(OTHER, ["CAM-1"]) == []
    assert catalog.entities(OTHER) == []
    assert catalog.sources(OTHER) == []
    assert catalog.state("other", "s") is None


def test_labels_are_any_of_and_none_means_everyone(catalog: Catalog) -> None:
    pieces = [piece("open"), piece("ops", labels=("ops",)), piece("both", labels=("ops", "hr"))]
    catalog.commit(unit(evidence=pieces))
    assert seen(catalog) == {"open"}
    assert seen(catalog, principal=Principal("t", labels=("hr",))) == {"open", "both"}
    assert seen(catalog, principal=Principal("t", labels=("x", "ops"))) == {"open", "ops", "both"}
    rows = [each.row for each in catalog.projected(["ev_open", "ev_ops", "ev_both"])]
    assert set(catalog.shown(rows, Principal("t", labels=("hr",))).values()) == {"ev_open", "ev_both"}
    assert set(catalog.get(["ev_ops", "ev_open"], ANN)) == {"ev_open"}


def test_labels_guard_coverage_entities_links_and_sources(catalog: Catalog) -> None:
    entity = Entity(id="V", type=EntityType.ZONE, name="Vault", tenant="t", labels=("ops",))
    link = Link("C", LinkType.LOCATED_IN, "V", "t", labels=("ops",))
    hidden = unit(
        evidence=[piece("v", labels=("ops",))], coverage=[looked(labels=("ops",))], entities=[entity], links=[link]
    )
    catalog.commit(hidden)
    ops = Principal("t", labels=("ops",))
    for reads in (catalog.entities, catalog.links, catalog.sources, lambda who: catalog.coverage(who, ["CAM-1"])):
        assert (len(reads(ANN)), len(reads(ops))) == (0, 1)
    assert catalog.stats(ANN)["evidence_by_kind"] == {}


def test_a_unit_may_not_reach_into_another_tenant_or_source(catalog: Catalog) -> None:
    catalog.commit(unit("a"))
    with pytest.raises(StoreError, match="another source"):
        catalog.commit(unit(evidence=[piece("a", source="s2")], source="s2"))
    with pytest.raises(StoreError, match="another tenant"):
        catalog.commit(unit(coverage=[looked(tenant="other")], content="B"))
    with pytest.raises(StoreError, match="another source"):
        catalog.commit(unit(evidence=[piece("z", source="s9")], content="B"))
    assert catalog.sequence() == 1


# --- threads ---


def test_threads_share_one_catalog(catalog: Catalog) -> None:
    keys: list[bytes] = []
    work: list[Callable[[], object]] = [
        lambda n=n: keys.append(catalog.tenant_key("new")) or catalog.commit(unit(f"{n}", source=f"s{n}"))  # type: ignore[misc]
        for n in range(12)
    ]
    work += [lambda: [catalog.scan(Filter(), ANN) for _ in range(5)]] * 4
    threads = [threading.Thread(target=job) for job in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(keys)) == 1 and len(keys) == 12
    assert [entry.sequence for entry in catalog.log(0)] == list(range(1, 13))
    times = [p.evidence.recorded_at for p in catalog.projected([e.evidence[0] for e in catalog.log(0)])]
    assert len(set(times)) == 12
