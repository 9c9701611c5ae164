"""The part of the wiring that puts a puller together; only `watchfloor pull` needs it, and doctor what it left behind."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

import msgspec
from filelock import FileLock, Timeout

from app.ports import Check
from app.settings import Settings
from app.settings import Warehouse as Given
from app.wiring_quality import mappings_declared
from ingest.masking import BatchMask
from ingest.warehouse.mapping import Duckdb, Snowflake, WarehouseFile, read_warehouse
from ingest.warehouse.port import Warehouse
from ingest.warehouse.pull import PULLS, Progress, Pulled, Puller
from ingest.warehouse.pull import Parts as Pieces
from retrieval.catalog import system_clock
from retrieval.errors import BadSettings, StoreBusy, UpstreamError
from retrieval.times import iso

if TYPE_CHECKING:
    from app.wiring import Parts

_WAIT_S = 1.0


class Notes(Protocol):
    """Where small facts are kept."""

    def set_meta(self, tenant: str, key: str, value: str) -> None: ...

    def meta(self, tenant: str, key: str) -> str | None: ...


class Standing(NamedTuple):
    """How a mapping stood when it was last pulled. `trouble`: why that failed, "" where it did not."""

    at: int
    rows: int
    dead: int
    through: str
    trouble: str


class Turn(NamedTuple):
    """What became of one mapping: pulled, or the trouble it had; and how long that took in seconds. `unusable`: it never worked, and what
    the file says of it is wrong."""

    mapping: str
    pulled: Pulled | None
    trouble: str
    took_s: float
    unusable: bool = False


class Turning(NamedTuple):
    """How mappings are pulled: `told` gets each turn, `progress` what was stored so far; see Puller.pull for the rest."""

    told: Callable[[Turn], None]
    progress: Progress | None = None
    thorough: bool = False
    allow_loss: bool = False


class _Unreachable(BadSettings):
    """The warehouse itself cannot be used as the file and the settings say."""


class Pulling:
    """Pulls every mapping of a warehouse file, and remembers how each stands. Raises BadSettings, StoreError, EncoderUnavailable."""

    def __init__(self, parts: Parts, settings: Settings, file: Path) -> None:
        self.file, self._folder = read_warehouse(file), file.resolve().parent
        self._notes, self._settings, self._tenant = parts.book, settings, settings.tenant
        masker = parts._senses.masker
        # the encoder takes seconds to load: only those who ask for vectors need it
        encoder = parts._text if any(each.vectors for each in self.file.mappings.values()) else None
        pieces = Pieces(parts.book, parts.blobs, encoder, settings.tenant, BatchMask(masker) if masker else None)
        self._puller = Puller(pieces, self.file, self._folder)
        parts.watch.watch.declare(mappings_declared(self.file))
        self._worked: set[str] = set()
        self._lock = FileLock(settings.data_dir.resolve() / f"pull-{self.file.name}.lock")

    def turn(self, how: Turning) -> bool:
        """Every mapping once; whether all went well. A warehouse that fails stops its own mapping only, and is in its turn.

        Raises StoreBusy where another process pulls the same warehouse, and BadSettings where a mapping that never worked does not work.
        """
        try:
            with self._lock.acquire(timeout=_WAIT_S):
                turns = [self._one(name, how) for name in self.file.mappings]
        except Timeout as problem:
            raise StoreBusy(f"another process is pulling {self.file.name}; wait for it to end") from problem
        # the others were pulled all the same
        never = next((turn for turn in turns if turn.unusable), None)
        if never is not None:
            raise BadSettings(f"{self.file.name}/{never.mapping}: {never.trouble}")
        return not any(turn.trouble for turn in turns)

    def _one(self, name: str, how: Turning) -> Turn:
        began = time.monotonic()
        try:
            turn = Turn(name, self._pulled(name, how), "", time.monotonic() - began)
            self._worked.add(name)
        except (UpstreamError, BadSettings) as problem:
            if isinstance(problem, _Unreachable) and not self._worked:
                raise
            # a table that is being replaced, say, will be there again
            unusable = isinstance(problem, BadSettings) and name not in self._worked
            turn = Turn(name, None, str(problem), time.monotonic() - began, unusable)
        self._remember(turn)
        how.told(turn)
        return turn

    def _pulled(self, name: str, how: Turning) -> Pulled:
        try:
            reached = connected(self.file, self._folder, self._settings.warehouse)
        except BadSettings as problem:
            # no other mapping is tried: a login that is refused again and again is locked
            raise _Unreachable(f"{self.file.name}: {problem}") from problem
        with closing(reached) as warehouse:
            return self._puller.pull(name, warehouse, how.progress, how.thorough, how.allow_loss)

    def _remember(self, turn: Turn) -> None:
        own = {f"{self.file.name}/{mapping}" for mapping in self.file.mappings}
        # what the file names no more is not told of any more; its rows stay as they were
        known = {
            name: standing for name, standing in standings(self._notes, self._tenant).items()
            if name in own or not name.startswith(f"{self.file.name}/")
        }  # fmt: skip
        name = f"{self.file.name}/{turn.mapping}"
        before = known.get(name, Standing(0, 0, 0, "", ""))
        now = before._replace(trouble=turn.trouble)
        if turn.pulled is not None:
            now = Standing(system_clock(), turn.pulled.rows, turn.pulled.refused, turn.pulled.through, "")
        known[name] = now
        self._notes.set_meta(self._tenant, PULLS, msgspec.json.encode(known).decode())


def connected(file: WarehouseFile, folder: Path, given: Given) -> Warehouse:
    """A connection to the warehouse of a file. Raises BadSettings, UpstreamError."""
    if isinstance(file.connection, Duckdb):
        from ingest.warehouse.duckdb_warehouse import DuckdbWarehouse

        return DuckdbWarehouse(file.connection, folder)
    return _snowflake(file.connection, given)


def _snowflake(connection: Snowflake, given: Given) -> Warehouse:
    # the connector is an extra: only those who use Snowflake have it
    from ingest.warehouse.snowflake_warehouse import KeyPair, SnowflakeWarehouse

    secret = given.private_key_passphrase
    access = KeyPair(given.user or "", given.private_key_file, secret.get_secret_value() if secret else "")
    return SnowflakeWarehouse(connection, access)


def standings(notes: Notes, tenant: str) -> dict[str, Standing]:
    """By warehouse/mapping, how each was last pulled."""
    return msgspec.json.decode(notes.meta(tenant, PULLS) or "{}", type=dict[str, Standing])


def pulls_check(notes: Notes, tenant: str) -> list[Check]:
    """One line a mapping that was ever pulled; what failed or was refused is said."""
    return [_checked(name, standing) for name, standing in sorted(standings(notes, tenant).items())]


def _checked(name: str, standing: Standing) -> Check:
    last = f"{standing.rows:,} rows, pulled {iso(standing.at)}" if standing.at else "never pulled whole"
    refused = f"; {standing.dead:,} refused (see `watchfloor stats`)" if standing.dead else ""
    if standing.trouble:
        return Check(f"pull {name}", "degraded", f"{standing.trouble} ({last})")
    return Check(f"pull {name}", "degraded" if standing.dead else "ok", last + refused)
