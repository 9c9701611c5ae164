"""The whole story of a seed: the plant, its incidents, everything in front of the cameras, and the facts in the reports.

`tell(seed, days)` is pure and quick (no picture is drawn); the writer renders it and the questions are derived from it.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from datetime import datetime

from eval.site.backdrop import machine_point
from eval.site.incidents import Incident, build_incidents
from eval.site.scene import (
    FORKLIFT_COLOURS,
    HAT_COLOURS,
    TRUCK_COLOURS,
    VEST_COLOURS,
    Actor,
    Pallet,
    Person,
    Plume,
    Spill,
    Vehicle,
)
from eval.site.scripts import SECONDS, Act, Script, Sighting, sightings
from eval.site.world import Recording, World, build_world, rng_for

# How often something ordinary happens in a clip, by day; at night half as often.
ODDS = {"person": 0.7, "forklift": 0.5, "truck": 0.32, "pallet": 0.3, "door": 0.3}
UNREPORTED = ("spill", "smoke")  # happen once each away from the incidents, seen by a camera and written nowhere


@dataclass(frozen=True, slots=True)
class Story:
    """A seed's world with all that happens in it."""

    world: World
    incidents: tuple[Incident, ...]
    scripts: tuple[Script, ...]
    sights: tuple[Sighting, ...]

    def incident(self, kind: str) -> Incident:
        """The incident of a plot kind."""
        return next(incident for incident in self.incidents if incident.plot.kind == kind)

    @property
    def outage(self) -> Incident:
        """The incident that happened while its camera was not recording."""
        return next(incident for incident in self.incidents if incident.seen is None)


def tell(seed: int, days: int) -> Story:
    """Build the story of a seed over a number of recorded days."""
    world = build_world(seed, days)
    incidents = build_incidents(world)
    rng = rng_for(seed, "clips")
    rainy = _rainy_watches(world, rng)
    made = [recording for recording in world.recordings if recording.made]
    busy = {incident.recording.path: incident for incident in incidents if incident.seen}
    extra = dict(
        zip(rng.sample([r.path for r in made if r.path not in busy], len(UNREPORTED)), UNREPORTED, strict=True)
    )
    scripts = tuple(
        _script(
            clip,
            (clip.camera.id, clip.start.date(), clip.start.hour > 6) in rainy,
            busy.get(clip.path),
            extra.get(clip.path),
            rng,
        )
        for clip in made
    )
    return Story(world, incidents, scripts, tuple(sightings(scripts)))


def _rainy_watches(world: World, rng: random.Random) -> set[tuple[str, object, bool]]:
    """The watches with rain: one in three of each outdoor camera."""
    watches = sorted(
        {
            (r.camera.id, r.start.date(), r.start.hour > 6)
            for r in world.recordings
            if r.camera.zone.kind in ("yard", "tanks")
        }
    )
    return set(rng.sample(watches, max(1, len(watches) // 3)))


def _script(clip: Recording, rain: bool, incident: Incident | None, extra: str | None, rng: random.Random) -> Script:
    night = clip.start.hour < 6
    factor = 0.5 if night else 1.0
    acts: list[Act] = []
    for name in ("person", "person", "forklift", "truck", "pallet"):
        if rng.random() < ODDS[name] * factor and not (name == "truck" and clip.camera.zone.kind == "hall"):
            acts += _ordinary(name, clip, rng)
    door: tuple[tuple[int, int], ...] = ()
    if rng.random() < ODDS["door"] * factor:
        begin = rng.randrange(30, 420)
        door = ((begin, begin + rng.randrange(60, 160)),)
    if extra:
        acts.append(_extra(extra, clip, rng))
    if incident and incident.seen:
        begin, end = (_second(clip, moment) for moment in incident.seen)
        acts = _without_clash(acts, incident)
        acts += _incident_acts(incident, clip, begin, end, rng)
        door = ((begin, end),) if incident.plot.attribute == "open door" else ()
    return Script(clip, rain, tuple(acts), door)


def _without_clash(acts: list[Act], incident: Incident) -> list[Act]:
    """Ordinary acts that would make the incident's clip ambiguous, such as a truck in front of the leak, are dropped."""
    return [act for act in acts if not isinstance(act.actor, Vehicle | Spill | Plume)]


def _second(clip: Recording, moment: datetime) -> int:
    return int((moment - clip.start).total_seconds())


def _person(rng: random.Random, x: float, hat: bool | None = None, vest: bool | None = None) -> Person:
    wears_hat = rng.random() < 0.55 if hat is None else hat
    wears_vest = rng.random() < 0.6 if vest is None else vest
    return Person(
        x,
        rng.uniform(235, 335),
        rng.choice(HAT_COLOURS) if wears_hat else None,
        rng.choice(VEST_COLOURS) if wears_vest else None,
        rng.randrange(15),
        rng.uniform(0, 2 * math.pi),
    )


def _ordinary(name: str, clip: Recording, rng: random.Random) -> list[Act]:
    begin = rng.randrange(20, SECONDS - 190)
    end = begin + rng.randrange(45, 130)
    side = rng.choice((1, -1))
    enter = -20.0 if side > 0 else 660.0
    if name == "person":
        return [Act(_person(rng, enter), begin, end, side * 680.0)]
    if name == "pallet":
        return [
            Act(
                Pallet(rng.uniform(80, 560), rng.uniform(240, 335), rng.choice((2, 3, 4))),
                rng.choice((0, begin)),
                SECONDS,
            )
        ]
    if name == "forklift":
        lift: Actor = Vehicle("forklift", rng.choice(FORKLIFT_COLOURS), enter, rng.uniform(250, 330), side)
        return [Act(lift, begin, end, side * 680.0)]
    x, row = rng.uniform(200, 440), rng.uniform(238, 290)
    truck = Vehicle("truck", rng.choice(TRUCK_COLOURS), x, row, side)
    return [Act(truck, begin, min(SECONDS, end + 90))]


def _extra(name: str, clip: Recording, rng: random.Random) -> Act:
    begin = rng.randrange(60, 300)
    end = begin + rng.randrange(100, 240)
    x = rng.uniform(120, 520)
    if name == "spill":
        return Act(Spill("water", x, rng.uniform(270, 330), rng.uniform(130, 200)), begin, end)
    return Act(Plume("smoke", x, rng.uniform(220, 270), rng.uniform(140, 190)), begin, end)


def _incident_acts(incident: Incident, clip: Recording, begin: int, end: int, rng: random.Random) -> list[Act]:
    """What the camera shows of the incident, and the people who come to it."""
    x, row = machine_point(clip.camera.zone.kind, clip.camera.layout)
    helper = _person(rng, x + 110, hat=True, vest=True)
    come = min(begin + rng.randrange(50, 90), end - 20)
    acts = [Act(helper, come, min(SECONDS, end + 40))]
    if incident.plot.attribute == "smoke":
        acts.append(Act(Plume("smoke", x, row - 20, rng.uniform(150, 200)), begin, end))
    elif incident.plot.attribute == "spill":
        acts.append(Act(Spill("oil", x - 60, rng.uniform(255, 300), rng.uniform(150, 210)), begin, end))
    elif incident.plot.attribute == "fire":
        acts.append(Act(Plume("fire", x, row + 8, rng.uniform(70, 105)), begin, end))
    return acts
