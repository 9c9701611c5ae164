"""Statements that every question runs many times, put into words once: what is left is what the database itself takes.

Running ten rows through SQLAlchemy costs some five times what SQLite takes to find them, mostly for the transaction around the statement
and for writing it anew for each number of bound values. Here lists are bound as one JSON value, and a statement is a snapshot of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import BindParameter, ColumnElement, Connection, CursorResult, Select, Text, bindparam, func, select
from sqlalchemy.dialects import sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from retrieval.errors import BadQuery

_encode = msgspec.json.Encoder().encode


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
    """A SELECT in SQLite's words."""

    def __init__(self, statement: Select[Any]) -> None:
        compiled = statement.compile(dialect=sqlite.dialect())
        self.text = str(compiled)
        self._names: Sequence[str] = compiled.positiontup or ()
        self._fixed: Mapping[str, Any] = compiled.params

    def bound(self, given: Mapping[str, Any]) -> list[Any]:
        """Values in the order the text takes them; lists as JSON. Raises BadQuery."""
        values = (given[name] if name in given else self._fixed[name] for name in self._names)
        return [_as_json(value) if isinstance(value, list) else value for value in values]


class OfList:
    """A SELECT over the list `wanted`, to be read in a transaction. `made` makes it out of what a column of it is to be in.

    On SQLite one text serves lists of every length. A connection keeps the programs of the texts it has met, with a place for each bound
    value: a text for each length kept 5 MB of a store of 200,000 that was followed from its beginning.
    """

    def __init__(self, made: Callable[[Any], Select[Any]]) -> None:
        wanted: BindParameter[Any] = bindparam("wanted", expanding=True)
        self._anywhere, self._lean = made(wanted), Lean(made(each_of("wanted")))

    def read(self, connection: Connection, wanted: Sequence[Any]) -> CursorResult[Any]:
        # SQLite's json ends a text at a NUL, which ids had that were stored before they were refused
        if connection.dialect.name == "sqlite" and not any("\0" in each for each in wanted if isinstance(each, str)):
            return connection.exec_driver_sql(self._lean.text, tuple(self._lean.bound({"wanted": list(wanted)})))
        return connection.execute(self._anywhere, {"wanted": list(wanted)})


def _as_json(values: list[Any]) -> str:
    """Raises BadQuery for a NUL: SQLite's json ends a text there, and a label would be taken for a shorter one."""
    if any(isinstance(value, str) and "\0" in value for value in values):
        raise BadQuery("a value holds a NUL character")
    return _encode(values).decode()
