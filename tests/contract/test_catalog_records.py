"""What every catalog does with coverage, the site, keys and the journal; evidence is in test_catalog.py."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from retrieval.catalog import Catalog
from retrieval.errors import EvidenceNotFound
from retrieval.ports import Unit
from retrieval.types import (
    Answer,
    CharSpan,
    Coverage,
    Entity,
    EntityType,
    Evidence,
    Interval,
    Kind,
    Layer,
    Link,
    LinkType,
    Principal,
    Provenance,
    Verdict,
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


def looked(subject: str = "CAM-1", t0: int = 0, t1: int = 10, **more: object) -> Coverage:
    fields = {
        "source": "s",
        "subject": subject,
        "layer": Layer.RECORDED,
        "tenant": "t",
        "valid": Interval(t0, t1),
    }
    return Coverage(**{**fields, **more})  # type: ignore[arg-type]


def answer(id_: str = "an_1", verdict: Verdict = Verdict.ANSWERED) -> Answer:
    return Answer(
        id=id_,
        question="why?",
        verdict=verdict,
        confidence=None,
        claims=(),
        timeline=(),
        coverage=(),
        as_of=5,
        sequence=1,
        model="brief",
    )


# --- coverage and site ---


def test_coverage_by_subject_or_source_layer_and_window(catalog: Catalog) -> None:
    records = [
        looked(t0=0, t1=10),
        looked(t0=20, t1=30),
        looked(layer=Layer.EXAMINED, by="ssd 1", interval_s=5.0, able={"person": 0.1}),
        looked("CAM-2", 0, 10),
        looked("CAM-1", valid=None, span_ms=(0, 5000)),
    ]
    catalog.commit(unit(coverage=records))
    assert catalog.coverage(ANN, ["CAM-1"], Layer.RECORDED) == [records[0], records[1], records[4]]
    assert catalog.coverage(ANN, ["CAM-1"], window=Interval(5, 25)) == [records[0], records[2], records[1]]
    assert catalog.coverage(ANN, ["s"], Layer.EXAMINED) == [records[2]]
    assert len(catalog.coverage(ANN, ["s", "CAM-1", "CAM-2"])) == 5
    assert len(catalog.coverage(ANN, [])) == 5
    assert catalog.coverage(ANN, ["CAM-9"]) == []


def test_coverage_remembers_what_was_known(catalog: Catalog, clock: Ticking) -> None:
    catalog.commit(unit(coverage=[looked(t0=0, t1=10)]))
    clock.now += 100
    catalog.commit(unit(coverage=[looked(t0=0, t1=20)], content="B"))
    assert catalog.coverage(ANN, ["CAM-1"], as_of=clock.now - 1) == [looked(t0=0, t1=10)]
    assert catalog.coverage(ANN, ["CAM-1"]) == [looked(t0=0, t1=20)]


def test_the_site_follows_its_description(catalog: Catalog) -> None:
    def told(name: str, zone: str, content: str) -> Unit:
        camera = Entity(
            id="CAM-1", type=EntityType.CAMERA, name=name, tenant="t", aliases=("cam one",), facts={"fps": 5}
        )
        return unit(
            source="site", content=content, entities=[camera], links=[Link("CAM-1", LinkType.LOCATED_IN, zone, "t")]
        )

    catalog.commit(told("Dock", "A", "1"))
    catalog.commit(told("Dock west", "B", "2"))
    assert [(e.id, e.name) for e in catalog.entities(ANN)] == [("CAM-1", "Dock west")]
    assert [link.target for link in catalog.links(ANN)] == ["B"]
    assert catalog.site("t") == (catalog.entities(ANN), catalog.links(ANN))
    assert catalog.site("other") == ([], [])
    catalog.commit(unit(source="site", content="3"))
    assert catalog.site("t") == ([], [])


def test_an_entity_lives_as_long_as_one_source_tells_of_it(catalog: Catalog) -> None:
    pump = Entity(id="P-1", type=EntityType.ASSET, name="Pump", tenant="t")
    catalog.commit(unit(source="site", entities=[pump]))
    catalog.commit(unit(source="orders", entities=[Entity(id="P-1", type=EntityType.ASSET, name="Pump 1", tenant="t")]))
    assert [e.name for e in catalog.entities(ANN)] == ["Pump 1"]
    catalog.commit(unit(source="orders", content="B"))
    assert catalog.entities(ANN) == [pump]


# --- keys, journal ---


def test_tenant_keys_are_secret_different_and_lasting(catalog: Catalog, where: str) -> None:
    key = catalog.tenant_key("t")
    assert len(key) == 32
    assert catalog.tenant_key("t") == key != catalog.tenant_key("other")
    again = Catalog(where)
    assert again.tenant_key("t") == key
    again.close()


def test_answers_are_kept_and_read_by_who_could_have_seen_as_much(catalog: Catalog) -> None:
    catalog.record_ask(answer(), Principal("t", labels=("ops",)), 12.5)
    catalog.record_ask(answer(), Principal("t", labels=("ops",)), 99.0)
    assert catalog.answer("an_1", Principal("t", "zoe", labels=("hr", "ops"))) == answer()
    for who, id_ in ((ANN, "an_1"), (OTHER, "an_1"), (ANN, "an_2")):
        with pytest.raises(EvidenceNotFound):
            catalog.answer(id_, who)
    assert catalog.stats(ANN)["asks"] == 1


def test_feedback_needs_an_answer_one_can_see(catalog: Catalog) -> None:
    catalog.record_ask(answer(), ANN, None)
    catalog.record_feedback("an_1", True, "", ANN)
    for id_, who in (("an_9", ANN), ("an_1", OTHER)):
        with pytest.raises(EvidenceNotFound):
            catalog.record_feedback(id_, True, "", who)


def test_stats_count_what_happened(catalog: Catalog) -> None:
    catalog.commit(unit(evidence=[piece("a"), piece("b", kind=Kind.ALERT)]))
    catalog.record_rejection("t", "bad.pdf", "encrypted", "needs a password")
    for number in range(1, 101):
        verdict = Verdict.ANSWERED if number <= 90 else Verdict.NOT_RECORDED
        catalog.record_ask(answer(f"an_{number}", verdict), ANN, float(number))
    catalog.record_ask(answer("an_none", Verdict.INSUFFICIENT), ANN, None)
    catalog.record_ask(answer("an_other"), OTHER, 5000.0)
    for accepted in (False, True):
        catalog.record_feedback("an_1", accepted, "", ANN)
    catalog.record_feedback("an_1", False, "no", Principal("t", "bob"))
    assert catalog.stats(ANN) == {
        "asks": 101,
        "by_verdict": {"answered": 90, "insufficient": 1, "not_recorded": 10},
        "acceptance": {"accepted": 1, "rejected": 1, "rate": 0.5},
        "first_evidence_ms": {"p50": pytest.approx(50.5), "p95": pytest.approx(95.05)},
        "evidence_by_kind": {"alert": 1, "passage": 1},
        "sources": 1,
        "rejected_sources": 1,
    }
    empty = catalog.stats(Principal("nobody"))
    assert empty["acceptance"]["rate"] is None
    assert empty["first_evidence_ms"] == {"p50": None, "p95": None}


def test_a_rejection_lasts_until_the_source_is_ingested(catalog: Catalog) -> None:
    catalog.record_rejection("t", "s", "truncated", "ends early")
    catalog.record_rejection("t", "s", "encrypted", "needs a password")
    catalog.record_rejection("t", "other", "empty", "no bytes")
    assert [(r.source, r.code) for r in catalog.rejections(ANN)] == [("other", "empty"), ("s", "encrypted")]
    assert catalog.rejections(OTHER) == []
    catalog.commit(unit("a"))
    catalog.clear_rejection("t", "other")
    assert catalog.rejections(ANN) == []


def test_sources_show_their_newest_revision(catalog: Catalog) -> None:
    catalog.commit(unit("a"))
    catalog.commit(unit("b", source="r", content="B", closes=False))
    catalog.commit(unit("a", "c", content="B", closes=False))
    states = [(s.source, s.content_hash, s.revision, s.whole, s.evidence) for s in catalog.sources(ANN)]
    assert states == [("r", "B", 1, False, 1), ("s", "B", 2, False, 2)]


def test_audit_is_kept_newest_first(catalog: Catalog, clock: Ticking) -> None:
    catalog.audit(ANN, "ingest", {"sources": 3})
    catalog.audit(ANN, "reindex")
    trail = catalog.audit_trail(ANN)
    assert [(e.subject, e.action, e.detail) for e in trail] == [
        ("ann", "reindex", {}),
        ("ann", "ingest", {"sources": 3}),
    ]
    assert trail[0].recorded_at == clock.now
    assert catalog.audit_trail(OTHER) == []


def test_meta_is_per_tenant_and_replaced(catalog: Catalog) -> None:
    catalog.set_meta("t", "timezone", "UTC")
    catalog.set_meta("t", "timezone", "Europe/Vienna")
    assert catalog.meta("t", "timezone") == "Europe/Vienna"
    assert catalog.meta("other", "timezone") is None
