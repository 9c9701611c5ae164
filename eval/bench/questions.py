"""What is asked: ten questions of each kind a round, with entities and times, and no question twice, so that no answer is remembered."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from eval.bench.plant import ABLE, CAMERAS, DAYS, FAULTS, PARTS, TASKS, ZONES, Plant

A_KIND = 10
_SEED = 7


class Asked(NamedTuple):
    """A question of the benchmark and its kind."""

    kind: str
    text: str


def questions(plant: Plant, round_: int, of_a_kind: int = A_KIND) -> list[Asked]:
    """The questions of a round, kinds taking turns. The same round asks the same; another asks of other things and times."""
    slots = _Slots(plant, np.random.default_rng((_SEED, round_)))
    return [
        Asked(kind, made[(n + round_) % len(made)](slots))
        for n in range(of_a_kind)
        for kind, made in _TEMPLATES.items()
    ]


class _Slots:
    """Draws what questions are about."""

    def __init__(self, plant: Plant, rng: np.random.Generator) -> None:
        self._plant, self._rng = plant, rng

    @property
    def asset(self) -> str:
        return self._plant.machines[self._n(len(self._plant.machines))].id

    @property
    def sensed(self) -> str:
        """An asset and the quantity that is measured of it."""
        sensor = self._plant.sensors[self._n(len(self._plant.sensors))]
        return f"{sensor.quantity} of {sensor.asset}"

    @property
    def camera(self) -> str:
        return f"Camera {1 + self._n(CAMERAS)}"

    @property
    def zone(self) -> str:
        return f"Zone {self._n(ZONES)}"

    @property
    def day(self) -> str:
        return f"{1 + self._n(DAYS)} June 2026"

    @property
    def hours(self) -> str:
        """An hour in which cameras record."""
        begin = 7 + self._n(15)
        return f"between {begin:02}:00 and {begin + 1:02}:00"

    @property
    def clock(self) -> str:
        return f"{self._n(24):02}:{self._n(60):02}"

    @property
    def thing(self) -> str:
        return str(self._rng.choice([label for label in ABLE if label not in ("fire", "smoke", "spill")]))

    @property
    def part(self) -> str:
        return str(self._rng.choice(PARTS))

    @property
    def fault(self) -> str:
        return str(self._rng.choice(FAULTS))

    @property
    def task(self) -> str:
        return str(self._rng.choice(TASKS))

    @property
    def number(self) -> int:
        return self._n(1000)

    def _n(self, below: int) -> int:
        return int(self._rng.integers(below))


_Template = Callable[[_Slots], str]
_TEMPLATES: dict[str, tuple[_Template, ...]] = {
    "alert": (
        lambda s: f"Which alerts did {s.asset} raise on {s.day}?",
        lambda s: f"How many alarms were raised by {s.asset} on {s.day}?",
        lambda s: f"Which critical alerts of {s.asset} were about the {s.part}?",
        lambda s: f"How many alerts did {s.asset} raise {s.hours} on {s.day}?",
        lambda s: f"What does alert AL-1{s.number:05} say?",
    ),
    "work order": (
        lambda s: f"Which work orders were opened for {s.asset} on {s.day}?",
        lambda s: f"How many work orders of {s.asset} are about the {s.part}?",
        lambda s: f"Is work order WO-000{s.number:04} closed?",
        lambda s: f"Which urgent work orders of {s.asset} are still open?",
        lambda s: f"Which work orders were opened for {s.asset} between {s.day} and 10 June 2026?",
    ),
    "figure": (
        lambda s: f"What was the highest {s.sensed} on {s.day}?",
        lambda s: f"What was the {s.sensed} at {s.clock} on {s.day}?",
        lambda s: f"What was the average {s.sensed} {s.hours} on {s.day}?",
        lambda s: f"Did the {s.sensed} exceed its limit on {s.day}?",
        lambda s: f"What was the lowest {s.sensed} yesterday?",
    ),
    "frame": (
        lambda s: f"Was a {s.thing} seen on {s.camera} {s.hours} on {s.day}?",
        lambda s: f"When was the first {s.thing} seen on {s.camera} on {s.day}?",
        lambda s: f"What did {s.camera} see {s.hours} on {s.day}?",
        lambda s: f"How many people were on {s.camera} at once {s.hours} on {s.day}?",
        lambda s: f"Did any camera in {s.zone} see a {s.thing} {s.hours} on {s.day}?",
    ),
    "passage": (
        lambda s: f"After how many hours must the {s.part} of {s.asset} be {s.task}?",
        lambda s: f"What caused {s.fault} of the {s.part} of {s.asset}?",
        lambda s: f"Which part of {s.asset} showed {s.fault} because of a worn {s.part}?",
        lambda s: f"To which torque is a {s.part} with {s.fault} tightened?",
        lambda s: f"What do reports say about {s.fault} of the {s.part}?",
    ),
    "event": (
        lambda s: f"What happened to {s.asset} on {s.day}, and what did the cameras see?",
        lambda s: f"Why did {s.asset} trip on {s.day}?",
        lambda s: f"What happened in {s.zone} {s.hours} on {s.day}?",
        lambda s: f"Tell me about the {s.part} {s.fault} of {s.asset} on {s.day}.",
        lambda s: f"What happened {s.hours} on {s.day}?",
    ),
    "not there": (
        lambda s: f"Was a fire seen on {s.camera} {s.hours} on {s.day}?",
        lambda s: f"Was a {s.thing} seen on {s.camera} between 01:00 and 02:00 on {s.day}?",
        lambda s: f"What was the pressure of P-9{s.number:03} on {s.day}?",
        lambda s: f"What is the phone number of the {s.part} supplier?",
        lambda s: f"Who was the captain of vessel {s.number} on {s.day}?",
    ),
}
