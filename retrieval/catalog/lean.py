"""Statements that every question or every commit runs many times, put into words once: what is left is what the database itself takes.

Running ten rows through SQLAlchemy costs some five times what SQLite takes to find them, mostly for the transaction around the statement
and for writing it anew for each number of bound values; and a statement of a commit three times. Here lists are bound as one JSON value,
and what is read outside a transaction is a snapshot of its own.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, TypeAlias

import msgspec
from sqlalchemy import (
    BindParameter,
    Column,
    ColumnElement,
    Connection,
    Delete,
    Insert,
    Select,
    Table,
    Text,
    Update,
    bindparam,
    func,
    insert,
    select,
)
from sqlalchemy.dialects import sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.elements import ClauseElement
from sqlalchemy.sql.functions import FunctionElement

from retrieval.errors import BadQuery

Words: TypeAlias = Select[Any] | Insert | Update | Delete
_encode = msgspec.json.Encoder().encode
_NONE: Mapping[str, Any] = MappingProxyType({})


class Listed(FunctionElement[str]):
    """All values of a group as a JSON list of lists, or with one column of values; "[]" where there are none; in any order."""

    inherit_cache = True
    type = Text()


@compiles(Listed, "sqlite")
def _in_sqlite(element: Listed, compiler: Any, **kw: Any) -> str:
    return f"json_group_array({_row('json_array', element, compiler, **kw)})"


@compiles(Listed, "postgresql")
def _in_postgresql(element: Listed, compiler: Any, **kw: Any) -> str:
    return f"coalesce(json_agg({_row('json_build_array', element, compiler, **kw)}), '[]')::text"


def _row(array: str, element: Listed, compiler: Any, **kw: Any) -> str:
    values = [compiler.process(clause, **kw) for clause in element.clauses]
    return values[0] if len(values) == 1 else f"{array}({', '.join(values)})"


def each_of(name: str) -> ColumnElement[Any]:
    """The values of a list that is bound under this name as one JSON value; SQLite's alone."""
    values: BindParameter[Any] = bindparam(name, type_=Text())
    return select(func.json_each(values).table_valued("value").c.value).scalar_subquery()


class Lean:
    """A statement in SQLite's words; `columns` are those that an insert gives values for."""

    def __init__(self, statement: ClauseElement, columns: Sequence[str] | None = None) -> None:
        compiled = statement.compile(dialect=sqlite.dialect(paramstyle="named"), column_keys=columns)
        self.text = str(compiled)
        # what has no value yet must be given one
        self._fixed = {name: value for name, value in compiled.params.items() if value is not None}

    def bound(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Values by the names that the text has for them; lists as JSON. Raises BadQuery."""
        told = {name: _as_json(value) if isinstance(value, list) else value for name, value in given.items()}
        return {**self._fixed, **told}


class Ready:
    """A statement to be run in transactions: on SQLite the driver is given its words, and values as they are. `lean` says the same where
    SQLite takes other words; one list at most is bound, as `wanted`.

    On SQLite one text serves lists of every length. A connection keeps the programs of the texts it has met, with a place for each bound
    value: a text for each length kept 5 MB of a store of 200,000 that was followed from its beginning.
    """

    def __init__(self, statement: Words, lean: Words | None = None, columns: Sequence[str] | None = None) -> None:
        self.anywhere, self.lean = statement, Lean(statement if lean is None else lean, columns)
        self._listed = lean is not None

    @classmethod
    def over(cls, made: Callable[[Any], Words]) -> Ready:
        """Over the list `wanted`; `made` makes it out of what a column of it is to be in."""
        wanted: BindParameter[Any] = bindparam("wanted", expanding=True)
        return cls(made(wanted), made(each_of("wanted")))

    @classmethod
    def into(cls, table: Table, *returned: Column[Any]) -> Ready:
        """Rows for a table, with all columns but the number that the database gives them."""
        columns = [column.name for column in table.columns if column.autoincrement is not True]
        return cls(insert(table).returning(*returned) if returned else insert(table), columns=columns)

    def read(self, connection: Connection, params: Mapping[str, Any] = _NONE) -> Sequence[Any]:
        """All that it gives."""
        driver = self._driver(connection, params)
        if driver is None:
            return connection.execute(self.anywhere, params).fetchall()
        return driver.execute(self.lean.text, self.lean.bound(params)).fetchall()

    def run(self, connection: Connection, params: Mapping[str, Any]) -> int:
        """How many rows it met."""
        driver = self._driver(connection, params)
        if driver is None:
            return connection.execute(self.anywhere, params).rowcount
        return driver.execute(self.lean.text, self.lean.bound(params)).rowcount

    def put(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Once for each of these, where there are any."""
        driver = _driver(connection) if rows else None
        if driver is not None:
            driver.executemany(self.lean.text, rows)
        elif rows:
            connection.execute(self.anywhere, rows)

    def told(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> list[Any]:
        """The same, and what it returns of them, in any order."""
        driver = _driver(connection)
        if driver is None:
            return list(connection.execute(self.anywhere, rows)) if rows else []
        return [told for row in rows for told in driver.execute(self.lean.text, row).fetchall()]

    def _driver(self, connection: Connection, params: Mapping[str, Any]) -> sqlite3.Connection | None:
        return _driver(connection) if not self._listed or fits(params) else None


def fits(params: Mapping[str, Any]) -> bool:
    """Whether SQLite can be given `wanted`: its json ends a text at a NUL, which ids had that were stored before they were refused."""
    return not any("\0" in each for each in params.get("wanted", ()) if isinstance(each, str))


def _driver(connection: Connection) -> sqlite3.Connection | None:
    """SQLite's own connection behind this one; None where another database is."""
    if connection.dialect.name != "sqlite":
        return None
    driver: sqlite3.Connection | None = connection.connection.driver_connection
    return driver


def _as_json(values: list[Any]) -> str:
    """Raises BadQuery for a NUL: SQLite's json ends a text there, and a label would be taken for a shorter one."""
    if any(isinstance(value, str) and "\0" in value for value in values):
        raise BadQuery("a value holds a NUL character")
    return _encode(values).decode()
