"""The retrieval benchmark end to end over a small store: what it measures is really stored, checked and found."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from app.cli.main import main
from app.wiring_store import StoreRooms
from eval.bench import retrieval_adding, retrieval_finding, retrieval_memory, retrieval_sizes, retrieval_words
from eval.bench.retrieval_data import FILTERS, Material, load
from eval.bench.retrieval_finding import Ours, asking
from eval.bench.retrieval_places import Places
from eval.bench.retrieval_rounds import Plan
from eval.bench.retrieval_store import ASKER, SECRET, SPACE, follow, number_of, prepared, settings_at
from retrieval.errors import InputError
from retrieval.types import Principal

N = 2_000


def nothing(done: int, total: int, what: str) -> None:
    return None


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Places:
    made = Places(tmp_path_factory.mktemp("bench"))
    built = prepared(made, N, nothing)
    assert (built.n, built.decoys) == (N, 200)
    assert prepared(made, N, nothing) == built, "what is there is taken as it is"
    return made


@pytest.fixture(scope="module")
def material(places: Places) -> Material:
    return load(places.material)


@pytest.fixture
def rooms(places: Places) -> Iterator[StoreRooms]:
    opened = StoreRooms(settings_at(places.store))
    follow(opened)
    yield opened
    opened.close()


def test_a_folder_that_holds_another_size_is_refused(places: Places) -> None:
    with pytest.raises(InputError, match="2000 pieces, not 3000"):
        prepared(places, 3_000, nothing)


def test_decoys_lie_nearest_of_all_and_only_others_see_them(rooms: StoreRooms, material: Material) -> None:
    """So that a leak cannot stay unseen: who may see a decoy finds it first, under every filter."""
    searcher = Ours(rooms).searcher
    guard, other = msgspec.structs.replace(ASKER, labels=(SECRET,)), Principal("elsewhere")
    for name in FILTERS:
        filter_ = asking(name, material.values[name][3]).parsed()
        for who in (guard, other):
            first = searcher.nearest(SPACE, material.queries[3], filter_, who, 1)[0].evidence
            assert (number_of(first), first.text, first.tenant) == (-1, "not for you", who.tenant)
        assert all(
            number_of(hit.evidence) >= 0 for hit in searcher.nearest(SPACE, material.queries[3], filter_, ASKER, 10)
        )


def test_hits_come_whole(rooms: StoreRooms, material: Material) -> None:
    hits = Ours(rooms).hits(material.queries[0], "none", -1)
    truth = material.truth["none"][0].tolist()
    assert [number_of(hit.evidence) for hit in hits] == truth
    assert all(20 < len(hit.evidence.text.split()) <= 61 and len(hit.evidence.entities) == 2 for hit in hits)
    assert {hit.evidence.labels for hit in hits} <= {(), ASKER.labels}


def test_finding_gives_every_filter_its_figures(places: Places, material: Material) -> None:
    found = retrieval_finding.run(places.store, material, "", Plan(2, 0.2), nothing)
    assert set(found["ways"]["ours"]) == set(found["tax_ms"]) == set(FILTERS)
    for of in found["ways"]["ours"].values():
        assert (of["recall"], of["short"], of["foreign"]) == (1.0, 0, 0)
        assert of["p50_ms"]["worst"] >= of["p50_ms"]["median"] > 0


def test_memory_is_growth_over_the_raw_vectors(places: Places, material: Material) -> None:
    found = retrieval_memory.run(places.store, material, "", nothing)
    assert found["raw_mib"] == pytest.approx(N * 384 * 4 / 2**20, abs=0.1)
    assert found["ratio"] * found["raw_mib"] == pytest.approx(found["grown_mib"], abs=0.2)


def test_what_is_added_is_found_and_set_beside_the_bare(places: Places, material: Material, tmp_path: Path) -> None:
    small = Places(tmp_path)
    prepared(small, 1_000, nothing)
    found = retrieval_adding.run((places.store, small.store), (material, load(small.material)), 1, nothing)
    # medians do not add up, but no part takes longer than the whole
    assert all(0 < found[part]["median"] <= found["ms"]["worst"] for part in ("commit_ms", "apply_ms", "find_ms"))
    assert found["over_bare"]["median"] == pytest.approx(found["ms"]["median"] / found["bare_ms"]["median"], rel=0.01)


def test_words_are_found_by_their_text_and_new_ones_at_once(tmp_path: Path) -> None:
    found = retrieval_words.run(tmp_path, 400, 1, nothing)
    ours = found["engines"]["ours"]
    assert ours["target_in_ten"] > 0.9 and ours["p50_ms"]["median"] > 0 and found["found_ms"]["median"] > 0
    assert set(found["engines"]) | set(found["skipped"]) == {"ours", "rank_bm25", "bm25s"}


def test_a_line_of_the_sizing_table(tmp_path: Path) -> None:
    places = Places(tmp_path)
    prepared(places, 1_000, nothing)
    built = retrieval_sizes.building(places.store, "", nothing)
    assert set(built) == {"vectors_s", "words_s", "graph_s", "settle_s", "snapshot_s"}
    started = retrieval_sizes.starting(places.store, load(places.material), "", nothing)
    assert started["from_snapshot"] and started["recall"] == dict.fromkeys(FILTERS, 1.0)
    assert all(of["p95"] >= of["p50"] > 0 for of in started["times_ms"].values())


def test_a_run_that_ends_early_has_told_what_it_measured(tmp_path: Path) -> None:
    """Of a table of which a store cannot be made, the lines before it stand on standard error."""
    prepared(Places(tmp_path / "1001"), 1_000, nothing)
    done = CliRunner().invoke(main, ["bench", "sizes", "--rows", "1000,1001", "--folder", str(tmp_path), "--json"])
    assert done.exit_code != 0 and done.exception is not None and '"table"' not in done.stdout
    (line,) = [json.loads(told) for told in done.stderr.splitlines() if told.startswith("{")]
    assert (line["rows"], line["storage"]) == (1_000, "")
    assert line["times_ms"].keys() == set(FILTERS) and line["disk_mib"]["catalog"] > 0
