"""Random frames for training and measuring: every attribute drawn independently, on layouts no site seed shares.

Independence matters: if fire always came with smoke the model could learn one for the other, and the measured figures
would not hold for a site in which they come apart.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from eval.site.backdrop import Backdrop, make_backdrop
from eval.site.scene import (
    FORKLIFT_COLOURS,
    HAT_COLOURS,
    KINDS,
    OUTDOOR,
    TRUCK_COLOURS,
    VEST_COLOURS,
    Actor,
    Frame,
    Pallet,
    Person,
    Plume,
    Spill,
    Vehicle,
)

FRAMES_PER_LAYOUT = 8
PEOPLE_ODDS = (0.36, 0.34, 0.20, 0.10)


def sample_frames(seed: int, count: int) -> Iterator[tuple[Frame, Backdrop]]:
    """Yield `count` random frames with their backdrops; the same seed gives the same frames."""
    rng = np.random.default_rng([seed, 11])
    backdrop: Backdrop | None = None
    for index in range(count):
        if backdrop is None or index % FRAMES_PER_LAYOUT == 0:
            kind = KINDS[int(rng.integers(len(KINDS)))]
            backdrop = make_backdrop(kind, 1_000_000 + int(rng.integers(1 << 40)))
        yield sample_frame(rng, backdrop.kind), backdrop


def sample_frame(rng: np.random.Generator, kind: str) -> Frame:
    """One random frame of a camera of this kind."""
    actors: list[Actor] = [_person(rng) for _ in range(int(rng.choice(4, p=PEOPLE_ODDS)))]
    if rng.random() < 0.28:
        actors.append(_vehicle(rng, "forklift", FORKLIFT_COLOURS))
    if rng.random() < 0.18:
        actors.append(_vehicle(rng, "truck", TRUCK_COLOURS))
    if rng.random() < 0.26:
        actors.append(Pallet(_x(rng), _y(rng), int(rng.integers(2, 5))))
    if rng.random() < 0.24:
        actors.append(Spill("oil" if rng.random() < 0.6 else "water", _x(rng), _y(rng), rng.uniform(80, 210)))
    if rng.random() < 0.22:
        actors.append(Plume("smoke", _x(rng), rng.uniform(180, 290), rng.uniform(90, 210), rng.uniform(0, 9)))
    if rng.random() < 0.16:
        actors.append(Plume("fire", _x(rng), rng.uniform(190, 310), rng.uniform(45, 110), rng.uniform(0, 9)))
    rain = kind in OUTDOOR and rng.random() < 0.35
    return Frame(kind, bool(rng.random() < 0.42), bool(rain), bool(rng.random() < 0.4), tuple(actors))


def _x(rng: np.random.Generator) -> float:
    return float(rng.uniform(50, 590))


def _y(rng: np.random.Generator) -> float:
    return float(rng.uniform(208, 345))


def _pick(rng: np.random.Generator, names: tuple[str, ...]) -> str:
    return names[int(rng.integers(len(names)))]


def _person(rng: np.random.Generator) -> Person:
    hat = _pick(rng, HAT_COLOURS) if rng.random() < 0.55 else None
    vest = _pick(rng, VEST_COLOURS) if rng.random() < 0.5 else None
    x = float(rng.uniform(2, 638))
    return Person(
        x, _y(rng), hat, vest, int(rng.integers(15)), rng.uniform(0, 2 * math.pi), 1 if rng.random() < 0.5 else -1
    )


def _vehicle(rng: np.random.Generator, kind: str, colours: tuple[str, ...]) -> Vehicle:
    row = float(rng.uniform(225, 340))
    side = 1 if rng.random() < 0.5 else -1
    return Vehicle(
        kind,
        _pick(rng, colours),
        float(rng.uniform(60, 580)),
        row,
        side,
        kind == "forklift" and bool(rng.random() < 0.2),
    )
