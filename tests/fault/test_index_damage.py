"""Indexes on disk that are damaged are made anew from the catalog, and it is said; what is wired is what is asked here, without models."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from yard import ALL, SPACE, ids_of, unit, vector, word_of

from app.settings import load
from app.standing import upkeep_checks
from app.wiring_store import StoreRooms
from retrieval.types import Filter

SOURCES = 6


def rooms(folder: Path) -> StoreRooms:
    return StoreRooms(load(None, data_dir=folder))


def filled(folder: Path) -> Path:
    """Where the projections of a store lie that holds a little and was closed."""
    made = rooms(folder)
    for number in range(SOURCES):
        made.book.commit(unit(number))
    assert made.follower.catch_up() == {}
    made.follower.snapshot()
    made.close()
    (found,) = (folder / "projections").iterdir()
    return found


def everything_is_found(made: StoreRooms) -> None:
    assert made.follower.catch_up() == {}
    who, (id_, *_) = ALL["north"], ids_of(0)
    for rows in (
        made.vectors.search(SPACE, vector(id_), 1, Filter(), who).rows,
        made.words.search(word_of(id_), 1, Filter(), who).rows,
    ):
        assert list(made.book.shown(rows.tolist(), who).values()) == [id_]
    assert id_ in made.graph.evidence(["pump-0"], who)
    assert all(report[1:] == (0, 0, 0, 0) for report in made.follower.reconcile().values())


def _state_flipped(projections: Path) -> str:
    file = projections / "words" / "state.json"
    raw = bytearray(file.read_bytes())
    raw[len(raw) // 2] ^= 0x80
    file.write_bytes(raw)
    return "words"


def _state_cut(projections: Path) -> str:
    file = projections / "words" / "state.json"
    file.write_bytes(file.read_bytes()[:10])
    return "words"


def _segments_gone(projections: Path) -> str:
    for file in (projections / "words").rglob("*.idx"):
        file.unlink()
    return "words"


def _words_overwritten(projections: Path) -> str:
    for file in (projections / "words").rglob("meta.json"):
        file.write_bytes(random.Random(1).randbytes(200))
    return "words"


def _graph_overwritten(projections: Path) -> str:
    file = projections / "graph"
    file.write_bytes(random.Random(2).randbytes(file.stat().st_size))
    return "graph"


@pytest.mark.parametrize("damage", [_state_flipped, _state_cut, _segments_gone, _words_overwritten, _graph_overwritten])
def test_a_damaged_index_is_made_anew_and_told(tmp_path: Path, damage: Callable[[Path], str]) -> None:
    name = damage(filled(tmp_path))
    made = rooms(tmp_path)
    everything_is_found(made)
    checks = {check.name: check for check in upkeep_checks(lambda: made.follower, made.damaged)}
    assert (
        checks["projections"].state == "degraded"
        and f"{name} was damaged and made anew" in checks["projections"].detail
    )
    assert checks["snapshots"].state == checks["canary"].state == "ok"
    made.close()
    again = rooms(tmp_path)
    everything_is_found(again)
    assert again.damaged == {}
    again.close()


def test_a_lost_folder_of_projections_costs_time_only(tmp_path: Path) -> None:
    projections = filled(tmp_path)
    projections.rename(projections.with_name("elsewhere"))
    made = rooms(tmp_path)
    everything_is_found(made)
    assert made.follower.standing().loaded == 0
    made.close()


def test_an_emptied_index_that_says_it_is_up_to_date_is_rebuilt(tmp_path: Path) -> None:
    filled(tmp_path)
    made = rooms(tmp_path)
    made.words.forget(made.book.row_numbers())
    made.words.close()
    made.__dict__.pop("words")
    everything_is_found(made)
    made.close()


def test_an_index_that_another_holds_is_told(tmp_path: Path) -> None:
    filled(tmp_path)
    made, other = rooms(tmp_path), rooms(tmp_path)
    assert made.follower.catch_up() == {}
    other._opened = lambda name, make: make(False)  # type: ignore[assignment] - without the patience of ten seconds
    (check,) = upkeep_checks(lambda: other.follower, other.damaged)
    assert (check.name, check.state) == ("projections", "failed") and "open in another process" in check.detail
    other.close()
    made.close()


def test_what_is_wrong_is_told_in_words(tmp_path: Path) -> None:
    projections = filled(tmp_path)
    (folder,) = (projections / "snapshots").glob("0*")
    (folder / "index.json").write_bytes(b"{}")
    made = rooms(tmp_path)
    checks = {check.name: check for check in upkeep_checks(lambda: made.follower, made.damaged)}
    assert checks["snapshots"].state == "degraded"
    assert "index.json is damaged" in checks["snapshots"].detail
    made.follower._projector.distrust("vectors", "the canary did not come back: row 1")
    checks = {check.name: check for check in upkeep_checks(lambda: made.follower, made.damaged)}
    assert checks["projections"].state == checks["canary"].state == "degraded"
    assert made.follower.told() == ["vectors: the canary did not come back: row 1"]
    made.close()
