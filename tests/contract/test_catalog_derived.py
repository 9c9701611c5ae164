"""What was made out of a piece of evidence ends with it, in the same transaction, whatever ends it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.catalog import Catalog
from retrieval.errors import EvidenceNotFound, SourceRejected
from retrieval.ids import derived_from, derived_source, evidence_id
from retrieval.ports import Receipt, Unit
from retrieval.types import Embedding, Evidence, Filter, FrameAt, Kind, Principal, Provenance

ANN = Principal("t", "ann")
CLIP = "file:///site/cam.mp4"


class Ticking:
    def __init__(self) -> None:
        self.now = 1_000_000

    def __call__(self) -> int:
        self.now += 1_000
        return self.now


@pytest.fixture(params=["sqlite", "postgres"])
def catalog(request: pytest.FixtureRequest, tmp_path: Path, store_at: Callable[[Path], Path]) -> Iterator[Catalog]:
    on_postgres = request.param == "postgres"
    where = request.getfixturevalue("postgres_store")() if on_postgres else store_at(tmp_path / "catalog.db")
    made = Catalog(where, Ticking())
    yield made
    made.close()


def frame(n: int, source: str = CLIP, **more: Any) -> Evidence:
    place = FrameAt(1000 * n, 1000 * n + 1000)
    given: dict[str, Any] = {"tenant": "t", "kind": Kind.FRAME, "text": f"frame {n}", "provenance": Provenance("test")}
    return Evidence(id=evidence_id(b"key", source, place, "x"), source=source, locator=place, **(given | more))


def read(catalog: Catalog, content: str, *frames: Evidence, closes: bool = True) -> Receipt:
    (source,) = {each.source for each in frames} or {CLIP}
    return catalog.commit(Unit(frames[0].tenant if frames else "t", source, content, "reader", frames, closes=closes))


def caption(catalog: Catalog, of: Evidence, text: str = "a man with a ladder", by: str = "captions") -> Evidence:
    source = derived_source(of.source, of.id, "captions")
    piece = msgspec.structs.replace(
        of, id=evidence_id(b"key", source, of.locator, text), source=source, kind=Kind.PASSAGE, text=text
    )
    vector = Embedding(piece.id, "text", np.ones(4, dtype=np.float32))
    catalog.commit(Unit(of.tenant, source, "frame", by, [piece], [vector]))
    return piece


def texts(catalog: Catalog, as_of: int | None = None) -> list[str]:
    return [e.text for e in catalog.scan(Filter(kinds=(Kind.PASSAGE,), as_of=as_of), ANN)]


def test_a_caption_ends_with_its_frame_and_the_log_says_so(catalog: Catalog) -> None:
    read(catalog, "one", frame(1), frame(2))
    first, second = caption(catalog, frame(1), "first"), caption(catalog, frame(2), "second")
    before = catalog.get([first.id], ANN)[first.id].recorded_at
    receipt = read(catalog, "two", frame(2), frame(3))
    assert texts(catalog) == ["second"] and catalog.get([first.id, second.id], ANN).keys() == {second.id}
    (entry,) = catalog.log(receipt.sequence - 1)
    assert set(entry.closed) == {frame(1).id, first.id} and receipt.superseded == 2
    # what was known then is known of both, or of neither
    (gone,) = [p.evidence for p in catalog.projected([first.id])]
    (shown,) = [p.evidence for p in catalog.projected([frame(1).id])]
    assert gone.superseded_at == shown.superseded_at is not None
    assert texts(catalog, before) == ["first"] and texts(catalog, gone.superseded_at) == ["second"]


def test_a_clip_read_as_it_was_keeps_its_captions(catalog: Catalog) -> None:
    read(catalog, "one", frame(1))
    caption(catalog, frame(1))
    read(catalog, "two", frame(1), frame(2))
    assert texts(catalog) == ["a man with a ladder"]


def test_a_frame_that_comes_back_is_captioned_anew(catalog: Catalog) -> None:
    read(catalog, "one", frame(1))
    caption(catalog, frame(1))
    read(catalog, "two", frame(2))
    assert texts(catalog) == []
    read(catalog, "three", frame(1))
    source = derived_source(CLIP, frame(1).id, "captions")
    piece = msgspec.structs.replace(frame(1), id="ev_again", source=source, kind=Kind.PASSAGE, text="again")
    assert catalog.commit(Unit("t", source, "frame, recorded anew", "captions", [piece])).added == 1
    assert texts(catalog) == ["again"]


def test_what_an_unfinished_reading_stored_goes_with_its_captions(catalog: Catalog) -> None:
    read(catalog, "one", frame(1))
    caption(catalog, frame(1), "stays")
    read(catalog, "two", frame(2), closes=False)
    gone = caption(catalog, frame(2), "goes")
    catalog.abandon("t", CLIP)
    assert texts(catalog) == ["stays"] and catalog.projected([gone.id]) == []
    assert list(catalog.embeddings([gone.id])) == []
    assert gone.id in catalog.log(catalog.sequence() - 1)[0].closed


def test_nothing_is_made_out_of_what_is_not_there(catalog: Catalog) -> None:
    read(catalog, "one", frame(1))
    read(catalog, "two", frame(2))
    elsewhere = msgspec.structs.replace(frame(2), tenant="other")
    sequence = catalog.sequence()
    for gone in (frame(1), frame(7), elsewhere, frame(2, "file:///site/cam2.mp4")):
        with pytest.raises(EvidenceNotFound):
            caption(catalog, gone)
    assert catalog.sequence() == sequence and texts(catalog) == []


def test_other_clips_and_tenants_are_left_alone(catalog: Catalog) -> None:
    # names that sort beside the clip's
    near = [f"{CLIP}.bak", f"{CLIP}!", f"{CLIP}$", CLIP[:-1]]
    for source in near:
        read(catalog, "one", frame(1, source))
        caption(catalog, frame(1, source), source)
    mine = msgspec.structs.replace(frame(1), id="ev_theirs", tenant="other")
    read(catalog, "one", mine)
    theirs = caption(catalog, mine, "theirs")
    read(catalog, "one", frame(1))
    caption(catalog, frame(1), "gone")
    read(catalog, "two", frame(2))
    assert set(texts(catalog)) == set(near)
    assert catalog.get([theirs.id], Principal("other"))


def test_captions_are_no_sources_and_labels_are_told(catalog: Catalog) -> None:
    read(catalog, "one", frame(1, labels=("yard", "hr")), frame(2, labels=("gate",)))
    caption(catalog, frame(1, labels=("yard", "hr")))
    assert catalog.labels("t") == ("gate", "hr", "yard") and catalog.labels("other") == ()
    seen = Principal("t", labels=catalog.labels("t"))
    assert [state.source for state in catalog.sources(seen)] == [CLIP] and catalog.stats(seen)["sources"] == 1
    assert texts(catalog) == [] and len(catalog.scan(Filter(), seen)) == 3


@given(st.text(st.characters(exclude_characters="#"), min_size=1), st.text(min_size=1).map("ev_".__add__))
def test_what_a_source_hangs_on_is_read_from_its_name(source: str, of: str) -> None:
    assert derived_from(source) is None
    if "/" not in of:
        assert derived_from(derived_source(source, of, "captions")) == (source, of)


def test_of_several_one_whose_frame_is_gone_leaves_the_others_in(catalog: Catalog) -> None:
    gone, stands = frame(1), frame(2, "file:///site/other.mp4")
    read(catalog, "A", gone)
    read(catalog, "B", frame(3))
    source = derived_source(gone.source, gone.id, "captions")
    orphan = Unit("t", source, "frame", "captions", [frame(4, source, kind=Kind.PASSAGE)])
    got = catalog.commit_all([Unit("t", stands.source, "A", "reader", [stands]), orphan])
    assert isinstance(got[0], Receipt) and isinstance(got[1], SourceRejected)
    assert stands.id in catalog.get([stands.id], ANN)
