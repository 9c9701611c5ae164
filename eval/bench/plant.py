"""The operations site that is measured on: zones, assets, cameras, sensors, and words that its papers are made of."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np

from retrieval.times import to_micros
from retrieval.types import Entity, EntityType, Link, LinkType, Micros

TENANT = "default"
ZONE = "Europe/Madrid"
HOUR: Micros = 3600 * 1_000_000
DAYS, HOURS = 10, 240
CAMERAS, ASSETS, ZONES = 40, 200, 20
_FIRST = datetime(2026, 6, 1, tzinfo=ZoneInfo(ZONE))
BEGIN: Micros = to_micros(_FIRST)
ASKED_AT: Micros = to_micros(_FIRST + timedelta(days=DAYS, hours=8))
# what eyes can see here, with the miss rate that coverage claims for them
ABLE = {"person": 0.05, "forklift": 0.05, "truck": 0.08, "spill": 0.1, "smoke": 0.12, "fire": 0.1}
ALIASES = {"people": "person", "someone": "person", "anyone": "person", "worker": "person", "lorry": "truck"}
QUANTITIES = (("vibration", "mm/s", 3.0), ("temperature", "°C", 60.0), ("pressure", "bar", 8.0), ("flow", "m3/h", 40.0))
MACHINES = (("P", "pump"), ("C", "compressor"), ("K", "crane"), ("T", "tank"), ("V", "valve"), ("B", "conveyor"))
PARTS = (
    "bearing seal coupling impeller gearbox motor flange gasket belt brake hoist rotor shaft filter hose nozzle relay "
    "fuse breaker sensor bracket chain pulley piston diaphragm strainer actuator bushing rail winch"
).split()
FAULTS = (
    "misalignment corrosion leakage overheating cavitation fatigue wear blockage imbalance looseness contamination "
    "erosion fouling cracking slippage vibration arcing drift scoring pitting"
).split()
TASKS = (
    "replaced inspected greased aligned cleaned tightened calibrated repainted isolated tested flushed rewired".split()
)
# what most of a paper consists of; drawn by Zipf's law, as words are (Zipf, 1949)
FILLER = (
    "shift crew supervisor permit work area plant operation handover procedure record check level normal report line "
    "during hours section unit equipment start stop team site control room manual step note inspection lubrication "
    "schedule condition reading pressure safety guard access gate barrier alarm panel switch cable floor deck berth "
    "vessel cargo pallet rack dock yard loading storage warehouse inventory order delivery driver visitor contractor "
    "helmet gloves vest goggles ladder scaffold weather wind rain heat night morning afternoon weekly monthly annual "
    "maintenance planned urgent routine spare stock supplier invoice drawing diagram revision approved signed responsible "
    "engineer technician operator electrician fitter rigger welder planner auditor training exercise drill evacuation "
    "extinguisher hydrant foam water steam oil diesel hydraulic pneumatic nitrogen oxygen air compressor header manifold "
    "vent drain bypass isolation lockout tagout torque clearance tolerance thickness diameter length weight capacity load "
    "limit threshold setpoint trend history baseline deviation cause finding action measure prevention follow deadline"
).split()


class Machine(NamedTuple):
    """An asset and where it stands."""

    id: str
    kind: str
    zone: str


class Sensor(NamedTuple):
    """A sensor, what it measures and of which asset."""

    id: str
    asset: str
    quantity: str
    unit: str
    base: float


class Plant(NamedTuple):
    """Everything there is. The same size gives the same plant."""

    machines: Sequence[Machine]
    cameras: Sequence[tuple[str, str]]
    sensors: Sequence[Sensor]

    def entities(self) -> list[Entity]:
        made = [_entity("northport", EntityType.SITE, "Northport Terminal")]
        made += [_entity(zone_id(n), EntityType.ZONE, f"Zone {n}") for n in range(ZONES)]
        made += [_entity(m.id, EntityType.ASSET, f"{m.kind.capitalize()} {m.id}", type=m.kind) for m in self.machines]
        made += [_entity(id_, EntityType.CAMERA, f"Camera {int(id_[4:])}") for id_, _ in self.cameras]
        made += [
            _entity(
                s.id, EntityType.SENSOR, f"{s.asset} {s.quantity}", unit=s.unit, quantity=s.quantity, asset=s.asset,
                limits={"high": s.base * 1.5},
            )
            for s in self.sensors
        ]  # fmt: skip
        return made

    def links(self) -> list[Link]:
        placed = [(m.id, m.zone) for m in self.machines] + list(self.cameras)
        made = [Link(thing, LinkType.LOCATED_IN, zone, TENANT) for thing, zone in placed]
        made += [Link(zone_id(n), LinkType.PART_OF, "northport", TENANT) for n in range(ZONES)]
        return made + [Link(s.asset, LinkType.MONITORED_BY, s.id, TENANT) for s in self.sensors]


def plant(sensors: int) -> Plant:
    """A plant with so many sensors, spread over its assets."""
    machines = [
        Machine(f"{MACHINES[n % 6][0]}-{101 + n}", MACHINES[n % 6][1], zone_id(n % ZONES)) for n in range(ASSETS)
    ]
    cameras = [(f"CAM-{n + 1:02}", zone_id(n % ZONES)) for n in range(CAMERAS)]
    measured = []
    for n in range(sensors):
        asset, (quantity, unit, base) = machines[n * 7 % ASSETS].id, QUANTITIES[n // ASSETS % 4]
        measured.append(Sensor(f"{asset}-{quantity[:3].upper()}", asset, quantity, unit, base))
    return Plant(machines, cameras, measured)


def zone_id(n: int) -> str:
    return f"zone-{n}"


def hour(n: int) -> Micros:
    """The beginning of an hour of the record, counted from 0."""
    return BEGIN + n * HOUR


def sentence(rng: np.random.Generator, words: int = 14) -> str:
    """So many filler words, by Zipf's law."""
    ranks = rng.zipf(1.3, words) % len(FILLER)
    return " ".join(FILLER[int(rank)] for rank in ranks).capitalize() + "."


def _entity(id_: str, type_: EntityType, name: str, **facts: object) -> Entity:
    return Entity(id=id_, type=type_, name=name, tenant=TENANT, facts=facts)
