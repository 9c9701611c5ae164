"""What a camera could see in one second: the actors of a frame, where they stand, and the attributes that hold.

Coordinates are pixels of a 640x360 frame, origin top left. `y` is where a thing touches the floor, so a larger `y` is
nearer. The visual truth of a frame is `attributes(frame)`: it is derived from the same actors the renderer draws, so the
truth and the picture cannot drift apart.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

WIDTH = 640
HEIGHT = 360
FLOOR_TOP = 175  # the floor starts here in every backdrop; nothing stands above it
MARGIN = 14  # a thing whose centre is nearer to the edge than this is not called visible

KINDS = ("hall", "yard", "warehouse", "tanks")
OUTDOOR = frozenset({"yard", "tanks"})
HAT_COLOURS = ("yellow", "white", "orange")
VEST_COLOURS = ("lime", "orange")
FORKLIFT_COLOURS = ("red", "blue", "yellow")
TRUCK_COLOURS = ("white", "green", "red", "blue")


@dataclass(frozen=True, slots=True)
class Person:
    """One person on foot. `hat` and `vest` are colours or None; `stride` (radians) poses the legs."""

    x: float
    y: float
    hat: str | None
    vest: str | None
    clothes: int = 0
    stride: float = 0.0
    facing: int = 1

    @property
    def height(self) -> float:
        """Height in pixels from foot to crown: about 75 far away and 190 near."""
        return height_at(self.y)


@dataclass(frozen=True, slots=True)
class Vehicle:
    """A forklift or a truck, seen from the side. `load` puts a pallet on a forklift's forks."""

    kind: str
    colour: str
    x: float
    y: float
    facing: int = 1
    load: bool = False


@dataclass(frozen=True, slots=True)
class Pallet:
    """A wooden pallet with boxes on the floor."""

    x: float
    y: float
    boxes: int = 3


@dataclass(frozen=True, slots=True)
class Plume:
    """Smoke or fire rising from (x, y). `size` is about its height in pixels; `phase` moves it."""

    kind: str
    x: float
    y: float
    size: float
    phase: float = 0.0


@dataclass(frozen=True, slots=True)
class Spill:
    """A puddle on the floor, `size` pixels wide. `kind` is oil or water."""

    kind: str
    x: float
    y: float
    size: float


Actor = Person | Vehicle | Pallet | Plume | Spill


@dataclass(frozen=True, slots=True)
class Frame:
    """Everything that decides the picture of one second, apart from the backdrop and the clock."""

    kind: str
    night: bool = False
    rain: bool = False
    door_open: bool = False
    actors: tuple[Actor, ...] = ()


def height_at(y: float) -> float:
    """Height in pixels of an adult whose feet are at row `y`."""
    return 75.0 + (y - 205.0) * (115.0 / 145.0)


def scale_at(y: float) -> float:
    """Size of things at row `y` relative to the nearest row (1.0 at the bottom)."""
    return height_at(y) / 190.0


def visible(actor: Actor) -> bool:
    """Whether enough of the actor is inside the frame for a person to name it."""
    margin = MARGIN if isinstance(actor, Person) else 3 * MARGIN
    return margin <= actor.x <= WIDTH - margin


def _of_actor(actor: Actor) -> tuple[str, ...]:
    if isinstance(actor, Person):
        head = "person with hard hat" if actor.hat else "person without hard hat"
        return ("person", head, "hi-vis vest") if actor.vest else ("person", head)
    if isinstance(actor, Vehicle):
        if actor.kind == "truck":
            return ("truck",)
        names = ("forklift", f"{actor.colour} forklift")
        return (*names, "pallet") if actor.load else names
    if isinstance(actor, Pallet):
        return ("pallet",)
    if isinstance(actor, Spill):
        return ("spill",)
    return (actor.kind,)


def attributes(frame: Frame) -> frozenset[str]:
    """The visual attributes that hold in the frame, by the labels of `captions.ATTRIBUTES`."""
    found = {name for actor in frame.actors if visible(actor) for name in _of_actor(actor)}
    if frame.night:
        found.add("night")
    if frame.rain and frame.kind in OUTDOOR:
        found.add("rain")
    if frame.door_open:
        found.add("open door")
    return frozenset(found)


def moved(actor: Actor, dx: float, phase: float) -> Actor:
    """The actor `dx` pixels further right and, where it has one, at pose or plume phase `phase`."""
    if isinstance(actor, Person):
        return replace(actor, x=actor.x + dx, stride=phase)
    if isinstance(actor, Plume):
        return replace(actor, x=actor.x + dx, phase=phase)
    return replace(actor, x=actor.x + dx)
