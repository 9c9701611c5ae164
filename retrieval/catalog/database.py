"""The SQL database behind the catalog: connections, transactions, and driver errors in our own words."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, SQLAlchemyError
from sqlalchemy.pool import StaticPool

from retrieval.catalog.lean import Lean, Words
from retrieval.errors import BadQuery, StoreBusy, StoreError, StoreFull, WatchfloorError

_BUSY_MS = 30_000
# SQLite's own default for the number of bound values is 32766; rows have at most 14 columns
CHUNK = 1000
_IDLE = 8
# as SQLite and PostgreSQL say it
_FULL = ("database or disk is full", "No space left on device")


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
        self._idle: deque[Any] = deque()
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
            return self._remote(busy_ms)
        # transactions are begun by us (see _begin), so the driver must not begin its own
        args = {"isolation_level": None, "check_same_thread": False, "timeout": busy_ms / 1000}
        # whoever wrote last writes next where it can: what others write empties a connection's cache
        pool: dict[str, Any] = {"pool_size": 8, "max_overflow": 64, "pool_use_lifo": True}
        pool = {"poolclass": StaticPool} if memory else pool
        engine = create_engine(self._url, connect_args=args, **pool)
        event.listen(engine, "connect", _prepare)
        event.listen(engine, "begin", _begin)
        return engine

    def _remote(self, busy_ms: int) -> Engine:
        waits = {"options": f"-c lock_timeout={busy_ms}"} if self._url.get_backend_name() == "postgresql" else {}
        try:
            return create_engine(self._url, pool_pre_ping=True, pool_size=8, max_overflow=24, connect_args=waits)
        except (ArgumentError, ImportError) as error:
            raise StoreError(
                f"no driver for {self._url.drivername} is installed; PostgreSQL's comes with watchfloor[postgres]"
            ) from error

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One consistent snapshot."""
        with self._reading, self._translated(), self._engine.connect() as connection:
            # SQLite's every transaction is one; others would see what is committed between two statements
            reader = connection if self._sqlite else connection.execution_options(isolation_level="REPEATABLE READ")
            with reader.begin():
                yield reader

    def glance(self, statement: str) -> int:
        """The one number that a statement gives now. For what is asked several times a question: a transaction costs ten times this."""
        if self._memory:
            with self.read() as connection:
                return int(connection.exec_driver_sql(statement).scalar_one())
        if not self._sqlite:
            with self._translated(), self._engine.connect() as connection:
                alone = connection.execution_options(isolation_level="AUTOCOMMIT")
                return int(alone.exec_driver_sql(statement).scalar_one())
        return int(self._at_once(statement)[0][0])

    def quick(self, lean: Lean, statement: Words, params: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
        """The rows of a statement, each statement a snapshot of its own; `lean` is the same in SQLite's words."""
        if not self._sqlite:
            with self.read() as connection:
                return connection.execute(statement, dict(params)).all()
        if self._memory:
            with self.read() as connection:
                return connection.exec_driver_sql(lean.text, lean.bound(params)).all()
        with self._translated():
            values = lean.bound(params)
        return self._at_once(lean.text, values)

    def _at_once(self, text: str, values: Mapping[str, Any] | None = None) -> list[Any]:
        """Run one statement of SQLite outside any transaction, on a connection that nobody else has just now."""
        with self._translated():
            try:
                connection = self._idle.pop()
            except IndexError:
                connection = self._engine.raw_connection()
            try:
                # read to its end, it keeps no snapshot open
                found: list[Any] = connection.cursor().execute(text, values or {}).fetchall()
            except BaseException:
                connection.close()
                raise
            # what is kept for the next is not in the pool: a burst of readers must leave transactions theirs
            if len(self._idle) < _IDLE:
                self._idle.append(connection)
            else:
                connection.close()
            return found

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

    @property
    def path(self) -> Path | None:
        """The file it is kept in; None in memory and on another machine."""
        return None if self._memory or not self._sqlite else Path(self.name)

    def settle(self) -> bool:
        """Bring all that was written into the one file and empty the log beside it; whether that could be done: whoever reads an earlier
        state keeps it from being emptied. True elsewhere than on SQLite. Raises StoreError."""
        if not self._sqlite or self._memory:
            return True
        with self._writing:
            busy, _, _ = self._at_once("PRAGMA wal_checkpoint(TRUNCATE)")[0]
        return not busy

    def compact(self) -> None:
        """Write the whole store anew, without what pages keep of deleted rows; on PostgreSQL dead rows give their room back.

        Nobody else writes meanwhile. Raises StoreBusy, StoreError.
        """
        if self._memory:
            return
        if self._sqlite:
            with self._writing:
                self._at_once("VACUUM")
            return
        with self._translated(), self._engine.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql("VACUUM")

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()
        self._engine.dispose()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except WatchfloorError:
            raise
        except (UnicodeEncodeError, OverflowError, DataError, sqlite3.DataError) as error:
            raise BadQuery(f"a value is not Unicode or beyond 64 bits: {_cause(error)}") from error
        except (SQLAlchemyError, sqlite3.Error) as error:
            raise self._in_words(error) from error

    def _in_words(self, error: Exception) -> StoreError:
        cause = _cause(error)
        if "locked" in cause or "busy" in cause or "lock timeout" in cause:
            return StoreBusy()
        if any(told in cause for told in _FULL):
            return StoreFull(f"the store {self.name} has no room to write ({cause}); free some, then try again")
        return StoreError(f"the store {self.name} cannot be used: {cause}")


def _cause(error: Exception) -> str:
    """The driver's own words, without the statement and its values."""
    return str(error.orig if isinstance(error, DBAPIError) else error)


def _url(where: str | Path) -> URL:
    text = str(where)
    if "://" not in text:
        return URL.create("sqlite", database=text)
    try:
        return make_url(text)
    except (ArgumentError, ValueError) as error:
        raise StoreError(f"not a database url: {text.split('://')[0]}://…") from error


def _prepare(connection: Any, _record: Any) -> None:
    """FULL: an acknowledged commit survives a power cut, not only a killed process. What is deleted is overwritten (secure_delete)."""
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Connection) -> None:
    driver: Any = connection.connection.driver_connection
    driver.execute(connection.get_execution_options().get("begin", "BEGIN"))
