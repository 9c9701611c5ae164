"""Parquet → a table as if it had been saved as csv, read in a child process by the reader that the embedded graph store carries.

Times become ISO 8601: with "Z" where the file says that they are UTC, without a zone where it does not, so that the source's policy
says which one they are in. Nested values become their json text. `Row.line` is the number of the row, from 1.

Each file has a child of its own: the store takes a pool and an address space that a kept child would hold on to, and a native
reader that a broken page has upset may answer wrongly for the next file.
"""

from __future__ import annotations

import datetime
import math
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

from ingest.cells import MAX_COLUMNS, Cell, Head, Row, Rows, together
from ingest.ports import Item
from ingest.sandbox import Limits, run_as
from ingest.tables.parquet_footer import Column, Footer, Holds, read_footer
from ingest.tables.table import Table, unique
from retrieval.errors import SourceRejected

MAX_CELLS = 5_000_000
MAX_UNPACKED = 256 << 20
# the address space holds the reader's pool (what is resident of it is what the rows take) beside the interpreter's 0.3 GB
_POOL, _STORE = 192 << 20, 1 << 28
_LIMITS = Limits(wall_s=120, cpu_s=120, memory_bytes=1 << 30, output_bytes=256 << 20)
_LINK = "table.parquet"
_DAY_LENGTH = 10


_MESSAGE: Any = Head | Rows
_Made: TypeAlias = Callable[[Any], Cell]


def load_parquet(item: Item) -> Table:
    """The whole table. Raises SourceRejected: empty, encrypted, unsupported, too_large, timeout, unreadable."""
    head, found = Head([]), list[Row]()
    with tempfile.TemporaryDirectory(prefix="watchfloor-") as folder:
        # the reader takes a pattern, in which a file's own name may mean anything
        link = Path(folder) / _LINK
        link.symlink_to(item.path.absolute())
        messages: Iterator[Head | Rows] = run_as(_MESSAGE, f"{__name__}:rows", {"path": str(link)}, _LIMITS)
        for message in messages:
            if isinstance(message, Head):
                head = message
            else:
                found += message.rows
    if not found:
        raise SourceRejected("the table has no rows", kind="empty")
    return Table(Path(item.name).stem, unique([name.strip() for name in head.columns]), found, head.notes)


# --- in the child ---------------------------------------------------------------------------------------------------


def rows(args: dict[str, Any]) -> Iterator[Head | Rows]:
    """The columns, then every row. Raises SourceRejected."""
    path = Path(args["path"])
    footer = read_footer(path)
    _check(footer)
    kept = [column for column in footer.columns if column.holds is not Holds.UNREAD]
    left_out = [column.name for column in footer.columns if column.holds is Holds.UNREAD]
    told = f"columns of raw bytes, half floats or times of day, not read: {', '.join(left_out)}"
    yield Head([column.name for column in kept], (told,) if left_out else ())
    if footer.rows and kept:
        yield from together(_rows(path, kept))


def _check(footer: Footer) -> None:
    """What would unpack to too much, or be read wrongly, is refused before a page is touched."""
    if len(footer.columns) > MAX_COLUMNS:
        raise SourceRejected(f"{len(footer.columns):,} columns; at most {MAX_COLUMNS:,} are read", kind="too_large")
    if footer.rows * len(footer.columns) > MAX_CELLS or footer.unpacked > MAX_UNPACKED:
        told = f"parquet files of more than {MAX_CELLS:,} cells or {MAX_UNPACKED >> 20} MiB unpacked are not read"
        raise SourceRejected(told, kind="too_large")
    decimals = [column.name for column in footer.columns if column.holds is Holds.DECIMAL]
    if decimals:
        told = f"decimal columns are not read ({', '.join(decimals)[:200]}): save them as double"
        raise SourceRejected(told, kind="unsupported")
    if footer.encodings:
        told = f"pages encoded as {', '.join(footer.encodings)} are not read: save them plain or with a dictionary"
        raise SourceRejected(told, kind="unsupported")


def _rows(path: Path, columns: Sequence[Column]) -> Iterator[Row]:
    import ladybug

    makers = [_MAKERS[column.holds] for column in columns]
    # a name in back quotes may hold anything but a back quote, which is doubled
    names = ", ".join(f"`{column.name.replace('`', '``')}`" for column in columns)
    try:
        store = ladybug.Database(":memory:", buffer_pool_size=_POOL, max_num_threads=1, max_db_size=_STORE)
        result: Any = ladybug.Connection(store).execute(f"LOAD FROM '{path}' RETURN {names}")
        line = 0
        while result.has_next():
            line += 1
            yield Row([make(value) for make, value in zip(makers, result.get_next(), strict=True)], line)
    except RuntimeError as problem:
        raise _translated(str(problem)) from problem


def _translated(told: str) -> SourceRejected:
    """The reader's own words carry a path of this machine; only what they are about is passed on."""
    if "memory" in told.lower() or "buffer" in told.lower() or "bad_alloc" in told:
        return SourceRejected(f"unpacking needs more than {_POOL >> 20} MB of memory", kind="too_large")
    return SourceRejected(
        "not a readable parquet file: damaged, or written in a way that is not read", kind="unreadable"
    )


def _plain(value: Any) -> Cell:
    if isinstance(value, float):
        return None if math.isnan(value) else value
    if value is None or isinstance(value, bool | int):
        return value
    return str(value).strip() or None


def _utc(value: Any) -> Cell:
    return None if value is None else _aware(value).isoformat().replace("+00:00", "Z")


def _aware(value: datetime.datetime) -> datetime.datetime:
    return value.astimezone(datetime.UTC) if value.tzinfo else value.replace(tzinfo=datetime.UTC)


def _local(value: Any) -> Cell:
    return None if value is None else str(value.replace(tzinfo=None).isoformat())


def _utc_nanos(value: Any) -> Cell:
    return None if value is None else _utc(_EPOCH + datetime.timedelta(microseconds=value // 1000))


def _local_nanos(value: Any) -> Cell:
    return None if value is None else _local(_EPOCH + datetime.timedelta(microseconds=value // 1000))


def _date(value: Any) -> Cell:
    return None if value is None else str(value.isoformat())[:_DAY_LENGTH]


def _nested(value: Any) -> Cell:
    return None if value is None else msgspec.json.encode(value, enc_hook=str).decode()


_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_MAKERS: dict[Holds, _Made] = {
    Holds.PLAIN: _plain, Holds.UTC: _utc, Holds.LOCAL: _local, Holds.UTC_NANOS: _utc_nanos,
    Holds.LOCAL_NANOS: _local_nanos, Holds.DATE: _date, Holds.NESTED: _nested,
}  # fmt: skip
