"""A DuckDB file or parquet files as a Warehouse. Opened for reading, kept from the rest of the disk and from the network."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ingest.warehouse.mapping import Duckdb
from ingest.warehouse.port import PAGE, Column, Sort
from retrieval.errors import BadSettings, UpstreamError

_MEMORY, _THREADS = "1GB", 2
_NUMBERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT")
_UNREAD = ("BLOB", "BIT", "GEOMETRY")


class DuckdbWarehouse:
    """`folder` is that of the warehouse file: paths in it are relative to that. What one connection reads is one snapshot.

    Raises BadSettings where there is no such file, UpstreamError where it cannot be opened.
    """

    dialect = "duckdb"

    def __init__(self, given: Duckdb, folder: Path) -> None:
        try:
            import duckdb
        except ImportError as problem:
            raise BadSettings("DuckDB is not installed: install watchfloor[warehouse]") from problem
        self._duckdb, self._folder = duckdb, (folder / given.folder).resolve()
        database = str((folder / given.database).resolve()) if given.database else ":memory:"
        if given.database and not Path(database).is_file():
            raise BadSettings(f"no DuckDB file at {database}")
        self._spill = tempfile.TemporaryDirectory(prefix="watchfloor-")
        with self._translated():
            self._connection = duckdb.connect(database, read_only=bool(given.database), config=self._config())
            self._lock_in()

    def _config(self) -> dict[str, Any]:
        return {
            "memory_limit": _MEMORY, "threads": _THREADS, "temp_directory": self._spill.name,
            "autoinstall_known_extensions": False, "autoload_known_extensions": False,
        }  # fmt: skip

    def _lock_in(self) -> None:
        self._connection.execute("SET TimeZone = 'UTC'")
        self._connection.execute("SET enable_progress_bar = false")
        self._connection.execute(f"SET allowed_directories = [{_literal(str(self._folder))}]")
        self._connection.execute("SET enable_external_access = false")
        self._connection.execute("SET lock_configuration = true")
        self._connection.execute("BEGIN TRANSACTION READ ONLY")

    def identifier(self, name: str, exact: bool) -> str:
        """DuckDB takes no notice of the case of letters, quoted or not."""
        return '"' + name.replace('"', '""') + '"'

    def files(self, pattern: str) -> str:
        return f"read_parquet({_literal(str(self._folder / pattern))}, union_by_name = true)"

    def columns(self, statement: str) -> list[Column]:
        with self._translated():
            described = self._connection.execute(statement).description or ()
        return [Column(str(each[0]), _sort(str(each[1]))) for each in described]

    def pages(self, statement: str) -> Iterator[Sequence[Sequence[Any]]]:
        with self._translated():
            result = self._connection.execute(statement)
            while page := result.fetchmany(PAGE):
                yield page

    def close(self) -> None:
        self._connection.close()
        self._spill.cleanup()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        duckdb = self._duckdb
        try:
            yield
        except (
            duckdb.CatalogException,
            duckdb.BinderException,
            duckdb.ParserException,
            duckdb.PermissionException,
        ) as problem:
            raise BadSettings(f"DuckDB: {_line(problem)}") from problem
        except (duckdb.Error, OverflowError) as problem:
            # also what Python has no number for
            raise UpstreamError(f"DuckDB: {_line(problem)}") from problem


def _sort(type_name: str) -> Sort:
    if type_name.startswith("TIMESTAMP"):
        return Sort.TIME
    if type_name == "DATE":
        return Sort.DATE
    if type_name in _NUMBERS or type_name.startswith(("DECIMAL", "DOUBLE", "FLOAT")):
        return Sort.NUMBER
    if type_name == "INTERVAL":
        return Sort.INTERVAL
    return Sort.UNREAD if type_name.startswith(_UNREAD) else Sort.OTHER


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _line(problem: Exception) -> str:
    return " ".join(str(problem).split())[:400]
