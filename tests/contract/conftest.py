"""What contract suites share: stores, also on a real PostgreSQL."""

from __future__ import annotations

import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url

from retrieval.catalog import Catalog

# what several suites share lies beside them
sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def postgres_store(postgres: Callable[[], str]) -> Callable[[], str]:
    """Each call gives the URL of a new, empty store at the newest revision: a copy of one that was migrated once."""
    import psycopg

    first = make_url(postgres())
    Catalog(first.render_as_string()).close()
    numbers = count(1)

    def build() -> str:
        name = f"{first.database}_{next(numbers)}"
        given: dict[str, Any] = {"host": first.host, "port": first.port, "user": first.username}
        with psycopg.connect(**given, dbname="postgres", autocommit=True) as connection:
            connection.execute(f'create database "{name}" template "{first.database}" strategy file_copy')
        return first.set(database=name).render_as_string()

    return build


@pytest.fixture(params=["sqlite", "postgres"])
def either_store(request: pytest.FixtureRequest, tmp_path: Path, store_at: Callable[[Path], Path]) -> Path | str:
    """Where a new, empty store is: in a file, and on PostgreSQL."""
    if request.param == "sqlite":
        return store_at(tmp_path / "catalog.db")
    url: str = request.getfixturevalue("postgres_store")()
    return url
