"""The plant of a seed: zones, assets, cameras, sensors, people, and the days that are recorded.

Everything here is a plain value; `build_world` is the only place that draws from the seed. Times are aware datetimes.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Europe/Madrid")
CLIP = timedelta(minutes=10)
SITES = (
    ("northgate", "Northgate Plant"),
    ("eastmoor", "Eastmoor Works"),
    ("southquay", "Southquay Terminal"),
    ("westfold", "Westfold Plant"),
)
PLACES = {
    "hall": ("pump hall", "pump house"),
    "yard": ("loading yard", "dock yard"),
    "warehouse": ("warehouse", "packing store"),
    "tanks": ("tank farm", "tank area"),
}
UNSEEN = (("substation", "switch room"), ("boiler house", "boiler room"))


@dataclass(frozen=True, slots=True)
class Zone:
    """A part of the site. `kind` is a backdrop kind, or "unseen" where no camera looks."""

    id: str
    name: str
    aliases: tuple[str, ...]
    kind: str


@dataclass(frozen=True, slots=True)
class Asset:
    """A machine. `short` is its everyday name, the first of the aliases."""

    id: str
    name: str
    type: str
    aliases: tuple[str, ...]
    zone: Zone
    feeds: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Camera:
    """A fixed camera. `clock` tells where a clip's start time stands: in the name, in a sidecar, or burnt in only."""

    id: str
    name: str
    zone: Zone
    monitors: tuple[str, ...]
    clock: str
    layout: int


@dataclass(frozen=True, slots=True)
class Sensor:
    """A one-minute series of an asset. `base`, `swing` and `noise` shape its normal day, in `unit`."""

    id: str
    name: str
    unit: str
    quantity: str
    asset: Asset
    limit: float | None
    base: float
    swing: float
    noise: float

    @property
    def file(self) -> str:
        """Path of the series, relative to the site folder."""
        return f"sensors/{self.id}.csv"


@dataclass(frozen=True, slots=True)
class Recording:
    """One ten-minute clip that was planned. `made` is false for the outage."""

    camera: Camera
    start: datetime
    path: str
    made: bool = True

    @property
    def end(self) -> datetime:
        """First moment after the clip."""
        return self.start + CLIP


@dataclass(frozen=True, slots=True)
class World:
    """The whole plant of a seed."""

    seed: int
    id: str
    name: str
    first: date
    days: int
    zones: tuple[Zone, ...]
    assets: tuple[Asset, ...]
    cameras: tuple[Camera, ...]
    sensors: tuple[Sensor, ...]
    recordings: tuple[Recording, ...]

    def camera_of(self, kind: str) -> Camera:
        """The camera that looks at the place of this kind."""
        return next(camera for camera in self.cameras if camera.zone.kind == kind)

    def asset_of(self, type_: str, index: int = 0) -> Asset:
        """The index-th asset of a type."""
        return [asset for asset in self.assets if asset.type == type_][index]

    def sensor_of(self, asset: Asset, quantity: str) -> Sensor:
        """The sensor that measures the quantity at the asset."""
        return next(s for s in self.sensors if s.asset.id == asset.id and s.quantity == quantity)

    def day(self, index: int) -> date:
        """The index-th recorded day, in the site's zone."""
        return self.first + timedelta(days=index)

    @property
    def asked_at(self) -> datetime:
        """When the questions are asked: the morning after the last day."""
        return local(self.day(self.days), time(7, 30))

    def clips(self, camera: Camera, made: bool = True) -> list[Recording]:
        """The clips of a camera in time order, those that exist or those that are missing."""
        return [r for r in self.recordings if r.camera.id == camera.id and r.made is made]


def rng_for(seed: int, purpose: str) -> random.Random:
    """A random stream of its own for each purpose, so that a change to one part leaves the others alone."""
    return random.Random(f"{seed}:{purpose}")


def local(day: date, at: time) -> datetime:
    """An aware time in the site's zone."""
    return datetime.combine(day, at, ZONE)


def utc(day: date, hour: int, minute: int) -> datetime:
    """An aware UTC time of a day."""
    return datetime.combine(day, time(hour, minute), UTC)


def build_world(seed: int, days: int) -> World:
    """Draw the plant of a seed. The days keep away from changes of daylight-saving time."""
    rng = rng_for(seed, "world")
    site_id, site_name = rng.choice(SITES)
    first = date(2026, *rng.choice(((2, 2), (3, 2), (4, 6), (5, 4), (6, 8), (9, 7), (11, 3)))) + timedelta(
        days=rng.randrange(12)
    )
    zones = _zones(rng)
    assets = _assets(rng, {zone.kind: zone for zone in zones}, zones)
    cameras = _cameras(rng, seed, zones, assets)
    sensors = _sensors(rng, assets)
    recordings = _recordings(rng, first, days, cameras)
    return World(seed, site_id, site_name, first, days, zones, assets, cameras, sensors, recordings)


def _zones(rng: random.Random) -> tuple[Zone, ...]:
    kinds = list(PLACES)
    rng.shuffle(kinds)
    letters = "abcdef"
    named = [(kind, rng.sample(PLACES[kind], len(PLACES[kind]))) for kind in kinds]
    named += [("unseen", list(aliases)) for aliases in UNSEEN]
    return tuple(
        Zone(f"zone-{letter}", f"Zone {letter.upper()}", tuple(aliases), kind)
        for letter, (kind, aliases) in zip(letters, named, strict=True)
    )


def _assets(rng: random.Random, places: dict[str, Zone], zones: tuple[Zone, ...]) -> tuple[Asset, ...]:
    hundred = rng.choice((1, 2, 3, 4)) * 100
    unseen = [zone for zone in zones if zone.kind == "unseen"]
    tank = f"T-{hundred + 101}"
    return (
        Asset(
            f"P-{hundred + 1}",
            f"Pump P-{hundred + 1}",
            "pump",
            ("pump 1", "the transfer pump"),
            places["hall"],
            (tank,),
        ),
        Asset(
            f"P-{hundred + 2}", f"Pump P-{hundred + 2}", "pump", ("pump 2", "the standby pump"), places["hall"], (tank,)
        ),
        Asset(tank, f"Tank {tank}", "tank", ("the day tank", "tank 1"), places["tanks"]),
        Asset(
            f"K-{hundred + 51}",
            f"Conveyor K-{hundred + 51}",
            "conveyor",
            ("the packing conveyor", "conveyor 1"),
            places["warehouse"],
        ),
        Asset(
            f"G-{hundred + 11}", f"Gate G-{hundred + 11}", "gate", ("the dock gate", "the loading gate"), places["yard"]
        ),
        Asset(
            f"TR-{hundred + 71}", f"Transformer TR-{hundred + 71}", "transformer", ("the main transformer",), unseen[0]
        ),
        Asset(f"B-{hundred + 61}", f"Boiler B-{hundred + 61}", "boiler", ("the steam boiler",), unseen[1]),
    )


def _cameras(rng: random.Random, seed: int, zones: tuple[Zone, ...], assets: tuple[Asset, ...]) -> tuple[Camera, ...]:
    """Four cameras: two with the time in the file name, one with sidecars, one with the burnt-in clock alone."""
    seen = [zone for zone in zones if zone.kind != "unseen"]
    rng.shuffle(seen)
    return tuple(
        Camera(
            f"CAM-{i + 1:02d}",
            f"Camera {i + 1}",
            zone,
            tuple(asset.id for asset in assets if asset.zone.id == zone.id),
            clock,
            seed * 16 + i,
        )
        for i, (zone, clock) in enumerate(zip(seen, ("name", "name", "sidecar", "burnt-in"), strict=True))
    )


def _sensors(rng: random.Random, assets: tuple[Asset, ...]) -> tuple[Sensor, ...]:
    rows: list[Sensor] = []
    shapes = {
        "pump": (
            ("VIB", "vibration", "mm/s", 7.1, 2.4, 0.3, 0.12),
            ("TMP", "temperature", "degC", 85.0, 52.0, 3.0, 0.4),
        ),
        "tank": (("LVL", "level", "%", None, 64.0, 5.0, 0.15),),
        "conveyor": (("CUR", "current", "A", 34.0, 18.5, 2.5, 0.5),),
        "transformer": (("TMP", "temperature", "degC", 95.0, 61.0, 6.0, 0.3),),
        "boiler": (("PRS", "pressure", "bar", 10.5, 8.2, 0.4, 0.05),),
    }
    for asset in assets:
        for suffix, quantity, unit, limit, base, swing, noise in shapes.get(asset.type, ()):
            name = f"{asset.id} {quantity}"
            level = round(base * rng.uniform(0.92, 1.08), 2)
            rows.append(Sensor(f"{asset.id}-{suffix}", name, unit, quantity, asset, limit, level, swing, noise))
    return tuple(rows)


def _recordings(rng: random.Random, first: date, days: int, cameras: tuple[Camera, ...]) -> tuple[Recording, ...]:
    """Two watch windows a day and camera, a night and a day one; one planned clip of one camera is missing."""
    planned: list[Recording] = []
    for camera, clips in zip(cameras, ((2, 2), (2, 1), (2, 1), (1, 1)), strict=True):
        hours = (rng.choice((1, 2, 3)), rng.choice((9, 10, 13, 14)))  # UTC; night and day in the site's zone alike
        minutes = (rng.choice((0, 10, 20)), rng.choice((0, 20, 30)))
        for index in range(days):
            for night, (hour, minute, count) in enumerate(zip(hours, minutes, clips, strict=True)):
                day = first + timedelta(days=index + 1 - night)  # the night watch is the one after the day
                begin = utc(day, hour, minute)
                planned += [_recording(camera, begin + CLIP * part, index, part) for part in range(count)]
    planned.sort(key=lambda recording: (recording.camera.id, recording.start))
    lost = rng.choice(_second_clips(planned, first, days))
    planned[lost] = replace(planned[lost], made=False)
    return tuple(planned)


def _second_clips(planned: list[Recording], first: date, days: int) -> list[int]:
    """Where in the list a clip follows another back to back, after the first day where there is more than one."""
    return [
        index
        for index in range(1, len(planned))
        if planned[index].start == planned[index - 1].end and (days == 1 or planned[index].start.date() > first)
    ]


def _recording(camera: Camera, start: datetime, day: int, part: int) -> Recording:
    if camera.clock == "name":
        name = f"{camera.id}_{start:%Y%m%dT%H%M%SZ}"
    else:
        watch = "n" if start.hour < 6 else "d"
        name = f"{camera.id}_clip_{day + 1:02d}{watch}{part + 1}"
    return Recording(camera, start, f"cameras/{camera.id}/{name}.mp4")
