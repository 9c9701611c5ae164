"""What a pull needs of a warehouse, as a Protocol. One contract suite holds for every one of them (tests/contract/test_warehouses.py)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Any, NamedTuple, Protocol

PAGE = 1000


class Sort(StrEnum):
    """What a column holds, as far as reading it differs."""

    TIME = "time"
    DATE = "date"
    NUMBER = "number"
    INTERVAL = "interval"
    OTHER = "other"
    UNREAD = "unread"


class Column(NamedTuple):
    name: str
    sort: Sort


class Warehouse(Protocol):
    """A connection that reads. `dialect` names its file of statements.

    Its errors are ours: BadSettings for what the warehouse file or the rights of its user can mend, UpstreamError for the rest.
    """

    dialect: str

    def identifier(self, name: str, exact: bool) -> str:
        """A name as a statement holds it, quoted; one that is not exact is folded as the warehouse folds bare names."""

    def files(self, pattern: str) -> str:
        """Parquet files as a relation."""

    def columns(self, statement: str) -> list[Column]:
        """The columns that a statement gives."""

    def pages(self, statement: str) -> Iterator[Sequence[Sequence[Any]]]:
        """Its rows, some thousand at a time at most: memory does not grow with the table. Times are text, since we ask for them so."""

    def close(self) -> None: ...
