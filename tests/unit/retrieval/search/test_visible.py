"""What askers were shown is remembered only while the catalog stands still, and never for another asker."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from retrieval.catalog import Catalog
from retrieval.ids import evidence_id
from retrieval.ports import Unit
from retrieval.search.visible import Lately, Visible
from retrieval.types import CharSpan, Evidence, Kind, Principal, Provenance

TENANT = "plant"
ME, GUARD, OTHER = Principal(TENANT), Principal(TENANT, labels=("security",)), Principal("other")


def piece(name: str, text: str, labels: tuple[str, ...] = ()) -> Evidence:
    where = CharSpan(0, len(text), name)
    # labels are part of what a piece is, as ingest has it: put under others, it is another piece
    id_ = evidence_id(b"key", name, where, f"{text} {labels}")
    return Evidence(
        id=id_,
        tenant=TENANT,
        source=name,
        kind=Kind.PASSAGE,
        locator=where,
        text=text,
        provenance=Provenance("test"),
        labels=labels,
    )


def commit(catalog: Catalog, *pieces: Evidence, version: str = "1") -> None:
    catalog.commit(Unit(TENANT, pieces[0].source, version, "test", list(pieces)))


def shown(visible: Visible, catalog: Catalog) -> set[str]:
    ids = list(visible.ranking(dict.fromkeys(catalog.row_numbers(), 1.0)))
    return {each.text for each in visible.evidence(ids)}


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    opened = Catalog(tmp_path / "catalog.db")
    commit(opened, piece("report.md", "the seal leaked"))
    commit(opened, piece("secret.md", "it was cut", labels=("security",)))
    yield opened
    opened.close()


def test_the_same_state_is_kept_for_who_holds_the_same_labels(catalog: Catalog) -> None:
    lately = Lately(catalog)
    kept = lately.of(ME, None)
    assert lately.of(msgspec.structs.replace(ME, subject="another of the shift"), None) is kept
    assert lately.of(GUARD, None) is not kept and lately.of(OTHER, None) is not kept
    assert lately.of(ME, 1) is not kept


def test_nobody_sees_through_the_eyes_of_another(catalog: Catalog) -> None:
    lately = Lately(catalog)
    assert shown(lately.of(GUARD, None), catalog) == {"the seal leaked", "it was cut"}
    assert shown(lately.of(ME, None), catalog) == {"the seal leaked"}
    assert shown(lately.of(OTHER, None), catalog) == set()


def test_what_a_commit_closes_or_hides_is_gone_with_it(catalog: Catalog) -> None:
    lately = Lately(catalog)
    assert shown(lately.of(ME, None), catalog) == {"the seal leaked"}
    commit(catalog, piece("report.md", "the seal held"), version="2")
    assert shown(lately.of(ME, None), catalog) == {"the seal held"}
    catalog.abandon(TENANT, "report.md")
    commit(catalog, piece("report.md", "the seal held", labels=("security",)), version="3")
    assert shown(lately.of(ME, None), catalog) == set()


def test_a_full_memory_begins_anew(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("retrieval.search.visible._ROWS", 1)
    lately = Lately(catalog)
    first = lately.of(ME, None)
    assert shown(first, catalog) == {"the seal leaked"}
    assert lately.of(ME, None) is not first
