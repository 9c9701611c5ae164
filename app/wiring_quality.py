"""The part of the wiring that watches who delivers what: for every surface, and for whatever takes things in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from app.ports import Check
from app.settings import Settings
from ingest.live.cameras import Camera
from ingest.live.watching import read_standing
from ingest.stream.feeds import FEED, Feed
from ingest.warehouse.mapping import WarehouseFile
from ingest.watchfulness.groups import WAREHOUSE, Places
from ingest.watchfulness.ledger import Declared, Ledger
from ingest.watchfulness.record import Record, Way
from ingest.watchfulness.rhythm import parse_every, unattended
from ingest.watchfulness.standing import Asked, overview
from ingest.watchfulness.watch import Watchfulness
from retrieval.catalog import Catalog, system_clock
from retrieval.errors import WatchfloorError
from retrieval.times import iso
from retrieval.types import Interval, Principal

# of many silent ones so many are named in one line
_NAMED = 3
_TIMES = {"at", "since", "looked_at", "first", "heard", "stored_at", "start", "end", "hour"}


class WatchRoom:
    """Looks, and says how each that delivers stands. Safe to share between threads."""

    def __init__(self, book: Catalog, settings: Settings) -> None:
        folder = settings.data_dir.resolve()
        self._live = folder / "live"
        self._places = Places(f"{(folder / 'uploads').as_uri()}/", f"{self._live.as_uri()}/")
        self.watch = Watchfulness(book, settings.tenant, self._places, system_clock)
        self._book = book

    def look(self) -> None:
        """Bring the records up to date, raise alarms and end them. Raises StoreError."""
        self.watch.look()

    def quality(self, principal: Principal, since_s: float) -> dict[str, Any]:
        """ingest.watchfulness.standing.Overview as plain JSON, times in ISO 8601, UTC. Raises StoreError."""
        ledger, now = self.watch.look(), system_clock()
        asked = Asked(principal, Interval(now - round(since_s * 1e6), now), self._ahead())
        told: dict[str, Any] = dated(msgspec.to_builtins(overview(self._book, ledger, self._places, asked)))
        return told

    def _ahead(self) -> dict[str, float]:
        """Of live cameras' clocks, as the watch over them wrote it last."""
        cameras = standing.cameras if (standing := read_standing(self._live)) else {}
        return {name: now.ahead_s for name, now in cameras.items() if now.ahead_s is not None}

    def forget(self, name: str) -> None:
        """Raises InputError for one that is not known, StoreError."""
        self.watch.forget(name)

    def check(self) -> Check:
        """One line for doctor and health."""
        try:
            ledger = self.watch.look()
        except WatchfloorError as problem:
            return Check("sources", "failed", str(problem))
        return _checked(ledger)


def feeds_declared(feeds: Mapping[str, Feed]) -> dict[str, Declared]:
    """What a feeds file says of how often its feeds of records bring something."""
    return {
        f"{FEED}{name}": Declared(parse_every(feed.expect_every), Way.FEED, feed.about, feed.labels)
        for name, feed in feeds.items()
    }


def cameras_declared(cameras: Mapping[str, Camera]) -> dict[str, Declared]:
    """The same of a cameras file."""
    return {
        name: Declared(parse_every(camera.expect_every), Way.CAMERA, name, camera.labels)
        for name, camera in cameras.items()
    }


def mappings_declared(file: WarehouseFile) -> dict[str, Declared]:
    """The same of a warehouse file."""
    return {
        f"{WAREHOUSE}{file.name}/{name}": Declared(parse_every(mapping.expect_every), Way.MAPPING, "", mapping.labels)
        for name, mapping in file.mappings.items()
    }


def _checked(ledger: Ledger) -> Check:
    now, records = system_clock(), ledger.records
    silent = {name: each for name, each in records.items() if each.alarm is not None}
    unheard = [name for name, each in records.items() if unattended(each, now)]
    told = [f"{len(records)} deliver" if records else "nothing has delivered yet"]
    if silent:
        told.insert(0, f"{len(silent)} silent: {_named(silent)}; see `watchfloor quality`")
    if unheard:
        told.append(
            f"nobody listens to {', '.join(sorted(unheard)[:_NAMED])}: the listener does not run, or its bus is away"
        )
    return Check("sources", "degraded" if silent else "ok", "; ".join(told))


def _named(silent: Mapping[str, Record]) -> str:
    since = sorted((each.alarm.start, name) for name, each in silent.items() if each.alarm)
    more = f" and {len(since) - _NAMED} more" if len(since) > _NAMED else ""
    return ", ".join(f"{name} since {iso(start)}" for start, name in since[:_NAMED]) + more


def dated(value: Any) -> Any:
    """Microseconds under a time's name → ISO 8601."""
    if isinstance(value, dict):
        return {k: iso(v) if k in _TIMES and isinstance(v, int) else dated(v) for k, v in value.items()}
    return [dated(each) for each in value] if isinstance(value, list | tuple) else value
