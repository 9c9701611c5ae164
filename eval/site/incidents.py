"""The incidents of a seed: what broke, when, what the cameras saw, what was measured, raised, written and ordered.

One `Incident` is the single source for the video, the series, the alarm, the documents and the questions about it.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from eval.site.world import Asset, Recording, Sensor, World, rng_for

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Plot:
    """What an incident of one kind can be. `causes` and `fixes` belong together by index."""

    kind: str
    place: str
    asset_type: str
    quantity: str | None
    attribute: str | None
    message: str
    title: str
    causes: tuple[str, ...]
    fixes: tuple[str, ...]
    order: str


@dataclass(frozen=True, slots=True)
class Incident:
    """One incident. `seen` is the span a camera shows it (None where nothing was recorded), `amount` litres or minutes."""

    plot: Plot
    number: int
    asset: Asset
    sensor: Sensor | None
    recording: Recording
    seen: tuple[datetime, datetime] | None
    raised: datetime
    cleared: datetime
    peak: float | None
    cause: str
    fix: str
    amount: int
    alert_id: str
    order_id: str
    report_id: str

    @property
    def begins(self) -> datetime:
        """When the measured quantity starts to leave its normal range."""
        return self.raised - 25 * MINUTE


PLOTS: tuple[Plot, ...] = (
    Plot(
        "bearing",
        "hall",
        "pump",
        "vibration",
        "smoke",
        "vibration above the trip limit, pump tripped",
        "bearing failure",
        (
            "the grease line to the drive-end bearing was blocked",
            "the outer race of the drive-end bearing had spalled",
            "the coupling had been left misaligned after the last overhaul",
        ),
        (
            "cleared the grease line and fitted a new bearing",
            "replaced the drive-end bearing",
            "realigned the coupling and replaced the bearing",
        ),
        "Replace drive-end bearing",
    ),
    Plot(
        "leak",
        "tanks",
        "tank",
        "level",
        "spill",
        "level falling without a transfer",
        "product leak",
        (
            "a flange gasket on the outlet line had perished",
            "the sample valve had been left half open",
            "the drain plug had worked loose",
        ),
        (
            "replaced the gasket and tightened the flange",
            "closed the valve and fitted a lock",
            "refitted the plug with thread seal",
        ),
        "Repair leak and clean bund",
    ),
    Plot(
        "motor fire",
        "warehouse",
        "conveyor",
        "current",
        "fire",
        "motor current above limit, drive stopped",
        "motor fire",
        (
            "a jammed carton stalled the belt and overheated the motor",
            "dust had built up inside the motor housing",
            "the motor overload relay had been set too high",
        ),
        (
            "removed the carton and changed the motor",
            "cleaned the housing and rewound the motor",
            "reset the relay and changed the motor",
        ),
        "Change drive motor",
    ),
    Plot(
        "stuck gate",
        "yard",
        "gate",
        None,
        "open door",
        "gate not closed within the allowed time",
        "gate stuck open",
        (
            "the limit switch was covered in mud",
            "the gate chain had jumped off its sprocket",
            "a relay in the gate drive had welded shut",
        ),
        ("cleaned and reset the limit switch", "refitted and tensioned the chain", "replaced the relay"),
        "Repair gate drive",
    ),
)
# What goes wrong where the camera was not recording, by place.
UNSEEN_PLOTS: dict[str, Plot] = {
    "hall": Plot(
        "hot pump",
        "hall",
        "pump",
        "temperature",
        None,
        "bearing temperature above limit",
        "high bearing temperature",
        ("the cooling water valve had been closed by mistake",),
        ("reopened the cooling water valve",),
        "Inspect cooling water",
    ),
    "tanks": Plot(
        "low tank",
        "tanks",
        "tank",
        "level",
        None,
        "level signal implausible",
        "level signal fault",
        ("water had entered the transmitter junction box",),
        ("dried and resealed the junction box",),
        "Reseal junction box",
    ),
    "warehouse": Plot(
        "belt slip",
        "warehouse",
        "conveyor",
        "current",
        None,
        "motor current above limit",
        "belt slip",
        ("the belt tension had been lost",),
        ("tensioned the belt",),
        "Tension conveyor belt",
    ),
    "yard": Plot(
        "gate fault",
        "yard",
        "gate",
        None,
        None,
        "gate drive fault",
        "gate drive fault",
        ("a lorry had clipped the gate post sensor",),
        ("realigned the post sensor",),
        "Realign post sensor",
    ),
}


def build_incidents(world: World) -> tuple[Incident, ...]:
    """The four seen incidents, each in a different clip, and one during the outage, in order of time."""
    rng = rng_for(world.seed, "incidents")
    found = [_seen(world, rng, plot) for plot in PLOTS]
    lost = next(recording for recording in world.recordings if not recording.made)
    found.append(_unseen(world, rng, lost))
    found.sort(key=lambda incident: incident.raised)
    first = rng.randrange(200, 700)
    return tuple(_numbered(incident, world, index, first) for index, incident in enumerate(found))


def _seen(world: World, rng: random.Random, plot: Plot) -> Incident:
    camera = world.camera_of(plot.place)
    lost = {recording.start for recording in world.clips(camera, made=False)}
    choices = [clip for clip in world.clips(camera) if all(abs(start - clip.start) > 40 * MINUTE for start in lost)]
    clip = rng.choice(choices or world.clips(camera))
    begin = clip.start + timedelta(seconds=rng.randrange(150, 260))
    end = begin + timedelta(seconds=rng.randrange(130, 300))
    raised = begin - timedelta(seconds=rng.randrange(20, 110))
    return _incident(world, rng, plot, clip, (begin, end), raised)


def _unseen(world: World, rng: random.Random, lost: Recording) -> Incident:
    plot = UNSEEN_PLOTS[lost.camera.zone.kind]
    raised = lost.start + timedelta(seconds=rng.randrange(200, 380))
    return _incident(world, rng, plot, lost, None, raised)


def _incident(
    world: World,
    rng: random.Random,
    plot: Plot,
    clip: Recording,
    seen: tuple[datetime, datetime] | None,
    raised: datetime,
) -> Incident:
    index = rng.randrange(len(plot.causes))
    asset = world.asset_of(plot.asset_type, 1 if plot.kind == "hot pump" else 0)
    sensor = world.sensor_of(asset, plot.quantity) if plot.quantity else None
    cleared = raised + timedelta(minutes=rng.randrange(35, 80), seconds=rng.randrange(60))
    return Incident(
        plot,
        0,
        asset,
        sensor,
        clip,
        seen,
        raised,
        cleared,
        _peak(rng, sensor),
        plot.causes[index],
        plot.fixes[index],
        rng.randrange(6, 40) * 10,
        "",
        "",
        "",
    )


def _peak(rng: random.Random, sensor: Sensor | None) -> float | None:
    """How far the series goes: above its limit, or below its usual level where it has none."""
    if sensor is None:
        return None
    return round(sensor.limit * rng.uniform(1.12, 1.45) if sensor.limit else sensor.base - rng.uniform(14, 22), 2)


def _numbered(incident: Incident, world: World, index: int, first: int) -> Incident:
    return replace(
        incident,
        number=index,
        alert_id=f"AL-{first + 11 * index + 3}",
        order_id=f"WO-{4 * first + 7 * index + 1000}",
        report_id=f"IR-{world.first:%y%m}-{index + 1:02d}",
    )
