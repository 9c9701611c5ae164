"""The static background of a fixed camera: one of four kinds of place, laid out differently for every layout seed.

A backdrop is a pair of 640x360x3 uint8 BGR pictures, door closed and door open, in daylight. Night, rain, actors and the
clock are put on top by `render`.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from eval.site.scene import FLOOR_TOP, HEIGHT, OUTDOOR, WIDTH

Picture = npt.NDArray[np.uint8]
Box = tuple[int, int, int, int]  # x, y, width, height in pixels
Colour = tuple[int, int, int]  # BGR

DOOR_COLOURS: tuple[Colour, ...] = ((150, 95, 50), (70, 115, 80), (120, 120, 125), (60, 70, 140))


@dataclass(frozen=True, slots=True)
class Backdrop:
    """Door closed and door open pictures of one camera, with where its machine stands (`machine`, floor point)."""

    kind: str
    closed: Picture
    opened: Picture
    machine: tuple[int, int]


def shade(colour: Colour, delta: int) -> Colour:
    """The colour made lighter (positive) or darker by `delta` levels."""
    blue, green, red = (int(np.clip(channel + delta, 0, 255)) for channel in colour)
    return blue, green, red


def as_picture(array: npt.ArrayLike) -> Picture:
    """The array as bytes, without a copy where it is bytes already; OpenCV's stubs lose the type."""
    return np.asarray(array, np.uint8)


def fill(picture: Picture, box: Box, colour: Colour) -> None:
    """Fill the box with the colour, in place."""
    x, y, width, height = box
    cv2.rectangle(picture, (x, y), (x + width, y + height), colour, -1)


def make_backdrop(kind: str, layout: int) -> Backdrop:
    """Draw the backdrop of one camera. The same kind and layout give the same bytes."""
    rng = np.random.default_rng([layout, 7])
    picture = _ground(kind, rng)
    machine = {"hall": _hall, "yard": _yard, "warehouse": _warehouse, "tanks": _tanks}[kind](picture, rng)
    door = _door_box(kind, rng)
    colour = DOOR_COLOURS[int(rng.integers(len(DOOR_COLOURS)))]
    closed, opened = picture.copy(), picture
    _draw_door(closed, door, colour, False, kind)
    _draw_door(opened, door, colour, True, kind)
    soft, ajar = (as_picture(cv2.GaussianBlur(picture, (3, 3), 0)) for picture in (closed, opened))
    return Backdrop(kind, soft, ajar, machine)


def _jitter(rng: np.random.Generator, colour: Colour, spread: int) -> Colour:
    common = int(rng.integers(-spread, spread + 1))
    blue, green, red = (int(np.clip(channel + common + rng.integers(-6, 7), 20, 235)) for channel in colour)
    return blue, green, red


def _ground(kind: str, rng: np.random.Generator) -> Picture:
    """Wall or sky above FLOOR_TOP, textured floor below, in one picture."""
    floors: dict[str, Colour] = {
        "hall": (128, 132, 130),
        "yard": (112, 114, 118),
        "warehouse": (140, 140, 136),
        "tanks": (120, 128, 134),
    }
    walls: dict[str, Colour] = {
        "hall": (158, 164, 160),
        "yard": (205, 190, 172),
        "warehouse": (170, 172, 176),
        "tanks": (210, 194, 170),
    }
    picture = np.empty((HEIGHT, WIDTH, 3), np.uint8)
    picture[:FLOOR_TOP] = _jitter(rng, walls[kind], 18)
    picture[FLOOR_TOP:] = _jitter(rng, floors[kind], 18)
    slope = np.linspace(-14, 14, HEIGHT - FLOOR_TOP, dtype=np.float32)[:, None, None]
    grain = rng.normal(0, 5, (45, 160, 1)).astype(np.float32)
    texture = cv2.resize(grain, (WIDTH, HEIGHT - FLOOR_TOP))[..., None] + slope
    picture[FLOOR_TOP:] = np.clip(picture[FLOOR_TOP:].astype(np.float32) + texture, 0, 255).astype(np.uint8)
    if rng.random() < 0.7:
        _floor_marks(picture, rng)
    return picture


def _floor_marks(picture: Picture, rng: np.random.Generator) -> None:
    colour: Colour = (70, 190, 215) if rng.random() < 0.6 else (205, 205, 205)
    near = int(rng.integers(-40, WIDTH + 40))
    far = WIDTH // 2 + (near - WIDTH // 2) // 3
    cv2.line(picture, (near, HEIGHT), (far, FLOOR_TOP), colour, 3, cv2.LINE_AA)
    row = int(rng.integers(FLOOR_TOP + 25, HEIGHT - 30))
    if rng.random() < 0.5:
        cv2.line(picture, (0, row), (WIDTH, row), colour, 2, cv2.LINE_AA)


def _door_box(kind: str, rng: np.random.Generator) -> Box:
    width, height = (int(rng.integers(104, 136)), int(rng.integers(108, 128)))
    if kind == "yard":
        width += 26
    left = int(rng.integers(10, 80)) if rng.random() < 0.5 else int(rng.integers(WIDTH - 230, WIDTH - 175))
    return left, FLOOR_TOP + 6 - height, width, height


def _draw_door(picture: Picture, box: Box, colour: Colour, is_open: bool, kind: str) -> None:
    """A roller door: slatted when closed; rolled up, with what lies behind it, when open."""
    x, y, width, height = box
    fill(picture, (x - 6, y - 6, width + 12, height + 6), (72, 72, 76))
    fill(picture, (x, y, width, height), colour)
    slats = height if not is_open else height // 6
    for row in range(y + 6, y + slats, 9):
        cv2.line(picture, (x, row), (x + width, row), shade(colour, -34), 2)
    if not is_open:
        fill(picture, (x + width // 2 - 8, y + height - 20, 16, 5), (40, 40, 40))
        return
    behind: Colour = (30, 30, 32) if kind in OUTDOOR else (238, 240, 236)
    fill(picture, (x, y + slats, width, height - slats), behind)
    floor: Colour = (52, 54, 58) if kind in OUTDOOR else (196, 204, 206)
    fill(picture, (x, y + height - 22, width, 22), floor)


def _pipes(picture: Picture, rng: np.random.Generator, count: int) -> None:
    for _ in range(count):
        row = int(rng.integers(14, 80))
        tone: Colour = _jitter(rng, (150, 140, 120), 30)
        cv2.line(picture, (0, row), (WIDTH, row), shade(tone, -40), 9)
        cv2.line(picture, (0, row - 2), (WIDTH, row - 2), shade(tone, 20), 3)
        drop = int(rng.integers(40, WIDTH - 40))
        cv2.line(picture, (drop, row), (drop, FLOOR_TOP), shade(tone, -20), 7)


def _hall(picture: Picture, rng: np.random.Generator) -> tuple[int, int]:
    """Pipes on the wall and a pump with its motor."""
    _pipes(picture, rng, 3)
    x, y = int(rng.integers(250, 400)), int(rng.integers(208, 226))
    tone = _jitter(rng, (150, 118, 62), 24)
    fill(picture, (x - 62, y - 12, 124, 14), (70, 72, 74))
    fill(picture, (x - 54, y - 52, 62, 40), tone)
    for column in range(x - 48, x + 6, 8):
        cv2.line(picture, (column, y - 50), (column, y - 14), shade(tone, -30), 2)
    cv2.circle(picture, (x + 34, y - 34), 25, shade(tone, 12), -1, cv2.LINE_AA)
    cv2.circle(picture, (x + 34, y - 34), 10, shade(tone, -45), -1, cv2.LINE_AA)
    fill(picture, (x + 27, y - 90, 14, 34), shade(tone, -14))
    return x, y


def _yard(picture: Picture, rng: np.random.Generator) -> tuple[int, int]:
    """A building front under the sky, a fence and a dock barrier."""
    top = int(rng.integers(22, 52))
    tone = _jitter(rng, (150, 158, 166), 26)
    fill(picture, (0, top, WIDTH, FLOOR_TOP - top), tone)
    for column in range(0, WIDTH, 22):
        cv2.line(picture, (column, top), (column, FLOOR_TOP), shade(tone, -12), 1)
    for left in range(int(rng.integers(250, 300)), 420, 52):
        fill(picture, (left, top + 24, 34, 24), (120, 100, 84))
    x, y = int(rng.integers(270, 380)), int(rng.integers(204, 216))
    fill(picture, (x - 10, y - 50, 20, 50), (90, 90, 96))
    cv2.line(picture, (x, y - 44), (x + 96, y - 44), (225, 225, 225), 5)
    return x, y


def _warehouse(picture: Picture, rng: np.random.Generator) -> tuple[int, int]:
    """Racks with plain bins along the wall and a conveyor drive."""
    left = int(rng.integers(215, 250))
    for row in range(24, FLOOR_TOP - 12, 46):
        fill(picture, (left, row + 34, 190, 6), (130, 92, 40))
        for column in range(left + 6, left + 176, 30):
            if rng.random() < 0.7:
                fill(picture, (column, row + 8, 24, 25), _jitter(rng, (132, 136, 138), 34))
    for column in (left, left + 94, left + 188):
        fill(picture, (column, 18, 5, FLOOR_TOP - 14), (130, 92, 40))
    x, y = left + int(rng.integers(30, 150)), int(rng.integers(206, 220))
    fill(picture, (x - 56, y - 28, 112, 12), (62, 62, 64))
    fill(picture, (x - 22, y - 20, 38, 22), _jitter(rng, (120, 130, 88), 20))
    return x, y


def _tanks(picture: Picture, rng: np.random.Generator) -> tuple[int, int]:
    """Storage tanks behind a low bund wall under the sky."""
    fill(picture, (0, 118, WIDTH, FLOOR_TOP - 118), _jitter(rng, (128, 142, 128), 14))
    centre = WIDTH // 2 + int(rng.integers(-50, 50))
    for offset in (-78, 66):
        tone = _jitter(rng, (196, 198, 196), 22)
        left, width = centre + offset - 58, 116
        top = int(rng.integers(28, 56))
        fill(picture, (left, top, width, FLOOR_TOP - top), tone)
        fill(picture, (left, top, 20, FLOOR_TOP - top), shade(tone, -30))
        cv2.ellipse(picture, (left + width // 2, top), (width // 2, 9), 0, 0, 360, shade(tone, 14), -1, cv2.LINE_AA)
        cv2.line(picture, (left + width - 18, top), (left + width - 18, FLOOR_TOP), (92, 92, 92), 2)
    fill(picture, (0, FLOOR_TOP - 16, WIDTH, 16), _jitter(rng, (148, 152, 154), 10))
    return centre, int(rng.integers(206, 220))


def machine_point(kind: str, layout: int) -> tuple[int, int]:
    """Where the machine of this backdrop stands on the floor, in pixels."""
    return make_backdrop(kind, layout).machine
