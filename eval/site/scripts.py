"""What happens in front of a camera during one clip, second by second, and what a viewer would say was seen.

A `Script` holds acts; `frame_at` turns it into the frame of a second, and `sightings` reads the visual truth off those
frames, so that whatever overlaps or walks out of view is already accounted for.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from eval.site.scene import OUTDOOR, Actor, Frame, Person, Plume, attributes, moved
from eval.site.world import ZONE, Recording

SECONDS = 600


@dataclass(frozen=True, slots=True)
class Act:
    """One actor in view from second `begin` up to `end`, moving `travel` pixels to the right in that time."""

    actor: Actor
    begin: int
    end: int
    travel: float = 0.0


@dataclass(frozen=True, slots=True)
class Script:
    """Everything that happens in one clip. `door` lists the spans (seconds) in which the door stands open."""

    recording: Recording
    rain: bool
    acts: tuple[Act, ...]
    door: tuple[tuple[int, int], ...] = ()

    @property
    def night(self) -> bool:
        """Whether the clip is dark: before 07:00 or from 21:00 in the site's zone."""
        return not 7 <= self.recording.start.astimezone(ZONE).hour < 21


@dataclass(frozen=True, slots=True)
class Sighting:
    """One attribute in view of one camera without a break, within one clip; `end` is the first moment without it."""

    attribute: str
    recording: Recording
    start: datetime
    end: datetime


def frame_at(script: Script, second: int) -> Frame:
    """The frame of one second of the clip."""
    actors = tuple(_posed(act, second) for act in script.acts if act.begin <= second < act.end)
    kind = script.recording.camera.zone.kind
    door = any(begin <= second < end for begin, end in script.door)
    return Frame(kind, script.night, script.rain and kind in OUTDOOR, door, actors)


def _posed(act: Act, second: int) -> Actor:
    elapsed = second - act.begin
    dx = act.travel * elapsed / (act.end - act.begin)
    if isinstance(act.actor, Plume):
        return moved(act.actor, dx, act.actor.phase + 0.9 * elapsed)
    if isinstance(act.actor, Person) and act.travel:
        return moved(act.actor, dx, act.actor.stride + 1.7 * elapsed)
    return moved(act.actor, dx, getattr(act.actor, "stride", 0.0))


def sightings(scripts: Iterable[Script]) -> list[Sighting]:
    """Every attribute in view, as unbroken spans, in clip and time order."""
    found: list[Sighting] = []
    for script in scripts:
        begun: dict[str, int] = {}
        for second in range(SECONDS + 1):
            seen = attributes(frame_at(script, second)) if second < SECONDS else frozenset()
            for gone in sorted(begun.keys() - seen):
                found.append(_sighting(script, gone, begun.pop(gone), second))
            begun.update({name: second for name in seen if name not in begun})
    return sorted(found, key=lambda sight: (sight.start, sight.recording.path, sight.attribute))


def _sighting(script: Script, attribute: str, begin: int, end: int) -> Sighting:
    origin = script.recording.start
    return Sighting(attribute, script.recording, origin + timedelta(seconds=begin), origin + timedelta(seconds=end))
