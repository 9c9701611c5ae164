"""Moving backgrounds for burnt-in clocks: a plant by day and night, drawn surfaces, and the view out of a moving vehicle.

A scene is a function from seconds to a BGR picture of shape (h, w, 3), uint8. None that is drawn holds text; footage is taken as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path

import av
import cv2
import numpy as np

from eval.site.backdrop import Picture, make_backdrop
from eval.site.render import draw
from eval.site.scene import KINDS, WIDTH, Frame, Person, Vehicle

Scene = Callable[[float], Picture]
Size = tuple[int, int]  # width, height in pixels

DARK = ("plant by night", "dark wall", "road by night")
LIGHT = ("snow", "bright hall")
_FOOTAGE_RATE, _FOOTAGE_S = 6, 12
OTHER = ("plant by day", "brick wall", "road by day")


def make(kind: str, size: Size, rng: np.random.Generator) -> Scene:
    """The scene of a kind (one of DARK, LIGHT, OTHER); the same generator gives the same scene."""
    if kind.startswith("plant"):
        return _plant(kind.endswith("night"), size, rng)
    if kind.startswith("road"):
        return _road(kind.endswith("night"), size, rng)
    tones = {"dark wall": (18, 62), "brick wall": (80, 170), "snow": (190, 240), "bright hall": (165, 235)}
    return _still(_surface(size, tones[kind], kind == "brick wall", rng), size, rng)


def footage(path: Path, size: Size) -> Scene:
    """The first seconds of real footage, over and over. Raises OSError where it cannot be opened."""
    pictures = _opening(path)

    def at(seconds: float) -> Picture:
        picture = pictures[int(seconds * _FOOTAGE_RATE) % len(pictures)]
        return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_CUBIC), np.uint8)

    return at


@lru_cache(maxsize=8)
def _opening(path: Path) -> list[Picture]:
    return list(_sampled(path))


def _sampled(path: Path) -> Iterator[Picture]:
    """Some pictures a second of the first seconds."""
    taken = 0
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            if frame.time is not None and frame.time * _FOOTAGE_RATE >= taken:
                taken += 1
                yield np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)
            if taken > _FOOTAGE_S * _FOOTAGE_RATE:
                return


def _plant(night: bool, size: Size, rng: np.random.Generator) -> Scene:
    backdrop = make_backdrop(str(rng.choice(KINDS)), int(rng.integers(1000)))
    y, pace, origin = float(rng.uniform(215, 330)), float(rng.uniform(15, 60)), float(rng.uniform(0, WIDTH))
    person = Person(0, y, "yellow", "lime")
    truck = Vehicle("forklift", "red", 0, float(rng.uniform(230, 330)), 1, True)

    def at(seconds: float) -> Picture:
        x = (origin + pace * seconds) % WIDTH
        walker = Person(x, person.y, person.hat, person.vest, stride=4 * seconds)
        driver = Vehicle(truck.kind, truck.colour, WIDTH - x, truck.y, truck.facing, truck.load)
        picture = draw(Frame(backdrop.kind, night, actors=(walker, driver)), backdrop)
        return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_CUBIC), np.uint8)

    return at


def _road(night: bool, size: Size, rng: np.random.Generator) -> Scene:
    """A surface wider than the picture that is driven past at a third of the picture a second."""
    width, height = size
    wide = _surface((3 * width, height), (12, 70) if night else (60, 190), True, rng)
    for _ in range(24):
        x, top = int(rng.integers(3 * width)), int(rng.integers(height // 2))
        tone = tuple(int(v) for v in rng.integers(0, 90 if night else 255, 3))
        cv2.rectangle(wide, (x, top), (x + width // 8, top + height // 3), tone, -1)

    def at(seconds: float) -> Picture:
        moved = round(seconds * width / 3) % (2 * width)
        return np.ascontiguousarray(wide[:, moved : moved + width])

    return at


def _still(surface: Picture, size: Size, rng: np.random.Generator) -> Scene:
    """A surface in front of which four blobs drift; two of them cross the edges where clocks stand."""
    width, height = size
    spots = rng.uniform(0, 1, (4, 2))
    speeds = rng.uniform(-0.1, 0.1, (4, 2))
    spots[:2, 1] = (0.05, 0.95)
    speeds[:2, 1] = 0.0
    base = surface.mean()
    tones = np.clip(base + rng.uniform(-60, 60, (4, 3)), 5, 240 if base < 150 else 250)
    if base < 80:
        tones = np.minimum(tones, 90)
    if base > 150:
        tones = np.maximum(tones, 160)

    def at(seconds: float) -> Picture:
        picture = surface.copy()
        for (x, y), (dx, dy), tone in zip(spots, speeds, tones, strict=True):
            place = (round((x + dx * seconds) % 1 * width), round((y + dy * seconds) % 1 * height))
            cv2.circle(picture, place, height // 12, tuple(map(float, tone)), -1, cv2.LINE_AA)
        return picture

    return at


def _surface(size: Size, tones: tuple[int, int], courses: bool, rng: np.random.Generator) -> Picture:
    """A smooth slope of light between the two tones with a coarse texture, and with courses of bricks where asked for."""
    width, height = size
    low, high = tones
    slope = np.linspace(low, high, width, dtype=np.float32)[None, :, None] * np.ones((height, 1, 3), np.float32)
    grain = rng.normal(0, (high - low) / 12, (height // 6, width // 6, 3)).astype(np.float32)
    made = slope + np.asarray(cv2.resize(grain, size, interpolation=cv2.INTER_LINEAR), np.float32)
    if courses:
        step = max(8, height // 22)
        made[::step] *= 0.8
        for row, top in enumerate(range(0, height, step)):
            made[top : top + step, row % 2 * step :: 2 * step] *= 0.8
    return np.asarray(np.clip(made, low * 0.7, min(255, high * 1.05)), np.uint8)
