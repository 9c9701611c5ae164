"""The SQL database behind the catalog: connections, transactions, and driver errors in our own words."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.pool import StaticPool

from retrieval.errors import BadQuery, StoreBusy, StoreError, WatchfloorError

_BUSY_MS = 30_000
# SQLite's own default for the number of bound values is 32766; rows have at most 14 columns
CHUNK = 1000


class Database:
    """One engine. `read()` gives a snapshot, `write()` the one writer; both translate driver errors to StoreError,
    and values no database takes to BadQuery.

    `where` is a path, an SQLAlchemy URL, or ":memory:" (one connection, calls take turns).
    """

    def __init__(self, where: str | Path, busy_ms: int = _BUSY_MS) -> None:
        self._url = _url(where)
        self.name = self._url.database or self._url.render_as_string(hide_password=True)
        self._sqlite = self._url.get_backend_name() == "sqlite"
        self._memory = memory = self._sqlite and self._url.database in (None, "", ":memory:")
        self._glance: Any = None
        self._glancing = threading.Lock()
        self._writing = threading.RLock()
        self._reading: AbstractContextManager[Any] = self._writing if memory else contextlib.nullcontext()
        if self._sqlite and not memory:
            self._make_file()
        self._engine = self._connect(memory, busy_ms)

    def _make_file(self) -> None:
        """The file holds the tenants' secret keys: only its owner may read it.

        One that is there is not opened: closing it would take away the locks that other connections of this process hold on it (POSIX),
        and another process could then remove the log they write to.
        """
        path = Path(self.name)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(FileExistsError):
                os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        except OSError as error:
            raise StoreError(f"cannot write the store {path}: {error.strerror}") from error

    def _connect(self, memory: bool, busy_ms: int) -> Engine:
        if not self._sqlite:
            return self._remote()
        # transactions are begun by us (see _begin), so the driver must not begin its own
        args = {"isolation_level": None, "check_same_thread": False, "timeout": busy_ms / 1000}
        pool: dict[str, Any] = {"poolclass": StaticPool} if memory else {"pool_size": 8, "max_overflow": 64}
        engine = create_engine(self._url, connect_args=args, **pool)
        event.listen(engine, "connect", _prepare)
        event.listen(engine, "begin", _begin)
        return engine

    def _remote(self) -> Engine:
        try:
            return create_engine(self._url, pool_pre_ping=True)
        except (ArgumentError, ImportError) as error:
            raise StoreError(f"no driver for {self._url.drivername} is installed") from error

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One consistent snapshot."""
        with self._reading, self._translated(), self._engine.connect() as connection, connection.begin():
            yield connection

    def glance(self, statement: str) -> int:
        """The one number that a statement gives now. For what is asked several times a question: a transaction costs ten times this."""
        if not self._sqlite or self._memory:
            with self.read() as connection:
                return int(connection.exec_driver_sql(statement).scalar_one())
        with self._translated(), self._glancing:
            if self._glance is None:
                self._glance = self._engine.raw_connection()
            # a statement of its own is a snapshot of its own: nothing stays open behind it
            cursor = self._glance.cursor()
            try:
                cursor.execute(statement)
                return int(cursor.fetchone()[0])
            finally:
                cursor.close()

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction that alone may write; committed at the end, rolled back on any error.

        Raises StoreBusy when another process holds the store for longer than the busy timeout.
        """
        with self._writing, self._translated(), self._engine.connect() as connection:
            writer = connection.execution_options(begin="BEGIN IMMEDIATE")
            with writer.begin():
                yield writer

    @contextmanager
    def step(self, connection: Connection) -> Iterator[None]:
        """A part of a write that leaves nothing behind where it fails, while the rest goes on; errors as `write` has them."""
        with self._translated(), connection.begin_nested():
            yield

    def sound(self) -> bool:
        """Whether the file's pages are whole (SQLite's quick_check; true elsewhere). Raises StoreError."""
        if not self._sqlite:
            return True
        with self.read() as connection:
            return connection.exec_driver_sql("PRAGMA quick_check(1)").scalar() == "ok"

    def close(self) -> None:
        with self._glancing:
            if self._glance is not None:
                self._glance.close()
                self._glance = None
        self._engine.dispose()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except WatchfloorError:
            raise
        except (UnicodeEncodeError, OverflowError) as error:
            raise BadQuery(f"a value is not Unicode or beyond 64 bits: {error}") from error
        except (SQLAlchemyError, sqlite3.Error) as error:
            raise self._in_words(error) from error

    def _in_words(self, error: Exception) -> StoreError:
        cause = str(error.orig if isinstance(error, DBAPIError) else error)
        if "locked" in cause or "busy" in cause:
            return StoreBusy()
        return StoreError(f"the store {self.name} cannot be used: {cause}")


def _url(where: str | Path) -> URL:
    text = str(where)
    if "://" not in text:
        return URL.create("sqlite", database=text)
    try:
        return make_url(text)
    except (ArgumentError, ValueError) as error:
        raise StoreError(f"not a database url: {text.split('://')[0]}://…") from error


def _prepare(connection: Any, _record: Any) -> None:
    """FULL: an acknowledged commit survives a power cut, not only a killed process."""
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN"))
