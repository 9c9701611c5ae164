"""The rooms of a data directory are closed together, whatever one of them says to it."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.settings import load
from app.wiring_store import StoreRooms
from retrieval.errors import ProjectionError
from retrieval.ports import Unit
from retrieval.types import Evidence, Kind, Provenance, RowKey


def test_one_that_cannot_be_closed_keeps_no_other_open(tmp_path: Path) -> None:
    rooms = StoreRooms(load(data_dir=tmp_path, encoders={"gpu": False}))
    item = Evidence(
        id="ev_1",
        tenant="acme",
        source="file:///a",
        kind=Kind.PASSAGE,
        locator=RowKey("t", "1"),
        text="pump",
        provenance=Provenance("test"),
    )
    rooms.book.commit(Unit("acme", "file:///a", "1", "test", [item]))
    rooms.follower.catch_up()
    (folder,) = (path for path in tmp_path.glob("projections/*/words/*") if path.is_dir())
    folder.rename(tmp_path / "aside")
    with pytest.raises(ProjectionError, match="merging failed"):
        rooms.close()
    (tmp_path / "aside").rename(folder)
    # each is free to be opened again, and knows what it knew
    again = StoreRooms(load(data_dir=tmp_path, encoders={"gpu": False}))
    assert (len(again.words.rows()), again.damaged, again.graph.applied()) == (1, {}, 1)
    again.close()
