"""What is held below a place, as a follower compares it with what is there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from retrieval.catalog import Catalog
from retrieval.ids import derived_source
from retrieval.ports import Held, Unit


@pytest.fixture(params=["sqlite", "postgres"])
def catalog(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Catalog]:
    on_postgres = request.param == "postgres"
    opened = Catalog(request.getfixturevalue("postgres_store")() if on_postgres else tmp_path / "catalog.db")
    yield opened
    opened.close()


def test_the_newest_revision_of_each_source_below_a_place_is_told(catalog: Catalog) -> None:
    for source in ("s3://plant/a_b/1.md", "s3://plant/a_b/2.md", "s3://plant/aXb/1.md", "s3://plant/a_"):
        catalog.commit(Unit("t", source, "one", "pages@1"))
    catalog.commit(Unit("t", "s3://plant/a_b/2.md", "two", "pages@1"))
    catalog.commit(Unit("t", "s3://plant/a_b/1.md", "two", "pages@1", closes=False))
    catalog.commit(Unit("other", "s3://plant/a_b/3.md", "one", "pages@1"))
    assert catalog.held_below("t", "s3://plant/a_b/") == {
        "s3://plant/a_b/1.md": Held("two", "pages@1", False),
        "s3://plant/a_b/2.md": Held("two", "pages@1", True),
    }


def test_what_was_made_out_of_others_is_left_out(catalog: Catalog) -> None:
    catalog.commit(Unit("t", derived_source("s3://plant/a.mp4", "ev_1", "captions"), "one", "captions@1"))
    assert catalog.held_below("t", "s3://plant/") == {}
