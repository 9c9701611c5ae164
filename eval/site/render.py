"""Draw one second of one camera: backdrop, actors, light, rain, noise and the burnt-in name and clock.

Pictures are 360x640x3 uint8 BGR. Everything here is cheap enough for a few milliseconds a frame on one core: noise and
rain are drawn once and reused, and the clock is pasted from pre-rendered glyphs.
"""

from __future__ import annotations

import math
from datetime import datetime
from functools import lru_cache

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from eval.site.backdrop import Backdrop, Colour, Picture, as_picture, shade
from eval.site.scene import (
    HEIGHT,
    OUTDOOR,
    WIDTH,
    Actor,
    Frame,
    Pallet,
    Person,
    Plume,
    Spill,
    Vehicle,
    scale_at,
)

HATS: dict[str, Colour] = {"yellow": (20, 220, 250), "white": (250, 250, 250), "orange": (20, 120, 250)}
VESTS: dict[str, Colour] = {"lime": (60, 250, 205), "orange": (30, 110, 255)}
CLOTHES: tuple[Colour, ...] = ((86, 62, 48), (70, 70, 74), (92, 80, 66), (62, 76, 92), (110, 92, 80))
HAIR: tuple[Colour, ...] = ((28, 30, 34), (34, 48, 70), (70, 76, 82))
PAINT: dict[str, Colour] = {
    "red": (38, 38, 205),
    "blue": (205, 92, 24),
    "yellow": (24, 190, 240),
    "white": (225, 226, 226),
    "green": (70, 130, 40),
}
NOISE_FIELDS = 4
RAIN_FIELDS = 6


def draw(frame: Frame, backdrop: Backdrop) -> Picture:
    """The picture of a frame without clock, rain streaks or sensor noise; a fresh array."""
    picture = (backdrop.opened if frame.door_open else backdrop.closed).copy()
    for actor in sorted(frame.actors, key=_paint_order):
        if not (isinstance(actor, Plume) and actor.kind == "fire"):
            _draw_actor(picture, actor)
    if frame.night:
        picture = as_picture(cv2.LUT(picture, _night_table(frame.kind in OUTDOOR)))
    elif frame.rain and frame.kind in OUTDOOR:
        picture = as_picture(cv2.convertScaleAbs(picture, alpha=0.74, beta=14))
    for actor in frame.actors:
        if isinstance(actor, Plume) and actor.kind == "fire":  # fire lights itself, also at night
            _draw_actor(picture, actor)
    return picture


def finish(picture: Picture, frame: Frame, second: int) -> Picture:
    """Add rain streaks (changing every other second) and sensor noise (changing every 20 seconds, to keep clips small)."""
    if frame.rain and frame.kind in OUTDOOR:
        picture = as_picture(cv2.add(picture, _rain_fields()[second // 2 % RAIN_FIELDS]))
    bright, dark = _noise_fields()[(second // 20) % NOISE_FIELDS]
    return as_picture(cv2.subtract(cv2.add(picture, bright), dark))


def burn_in(picture: Picture, camera: str, when: datetime) -> None:
    """Write the camera name and the UTC time into the bottom left corner, in place."""
    text = f"{camera} {when:%Y-%m-%d %H:%M:%S} UTC"
    glyphs = _glyphs()
    width = sum(glyphs[letter].shape[1] for letter in text) + 12
    height = glyphs["0"].shape[0]
    top, left = HEIGHT - height - 2, 0
    picture[top:, left : left + width] = 12
    x = left + 6
    for letter in text:
        glyph = glyphs[letter]
        picture[top : top + height, x : x + glyph.shape[1]] = glyph
        x += glyph.shape[1]


def _paint_order(actor: Actor) -> tuple[int, float]:
    """Spills lie under everything; the rest is painted from far to near."""
    return (0 if isinstance(actor, Spill) else 1, actor.y)


def _draw_actor(picture: Picture, actor: Actor) -> None:
    if isinstance(actor, Person):
        _person(picture, actor)
    elif isinstance(actor, Vehicle):
        _truck(picture, actor) if actor.kind == "truck" else _forklift(picture, actor)
    elif isinstance(actor, Pallet):
        _pallet(picture, actor.x, actor.y, scale_at(actor.y), actor.boxes)
    elif isinstance(actor, Spill):
        _spill(picture, actor)
    elif actor.kind == "smoke":
        _smoke(picture, actor)
    else:
        _fire(picture, actor)


def _polygon(picture: Picture, points: list[tuple[float, float]], colour: Colour) -> None:
    cv2.fillPoly(picture, [np.array(points).round().astype(np.int32)], colour, cv2.LINE_AA)


def _dot(value: float, other: float) -> tuple[int, int]:
    return round(value), round(other)


def _person(picture: Picture, person: Person) -> None:
    h, x, y = person.height, person.x, person.y
    cloth = CLOTHES[person.clothes % len(CLOTHES)]
    hip, neck = y - 0.46 * h, y - 0.80 * h
    thick = max(3, round(0.085 * h))
    swing = 0.12 * h * math.sin(person.stride)
    cv2.ellipse(picture, _dot(x, y), _dot(0.2 * h, 0.03 * h), 0, 0, 360, (70, 70, 70), -1)
    for step in (swing, -swing):
        cv2.line(picture, _dot(x, hip), _dot(x + step, y), shade(cloth, -18), thick, cv2.LINE_AA)
    torso = VESTS[person.vest] if person.vest else cloth
    half = 0.135 * h
    for step in (swing, -swing):
        cv2.line(
            picture,
            _dot(x + half * (1 if step > 0 else -1), neck + 0.05 * h),
            _dot(x + step * 1.5, hip + 0.02 * h),
            cloth,
            max(2, thick - 2),
            cv2.LINE_AA,
        )
    _polygon(picture, [(x - half, neck), (x + half, neck), (x + half * 0.86, hip), (x - half * 0.86, hip)], torso)
    if person.vest:
        for part in (0.4, 0.7):
            row = neck + part * (hip - neck)
            cv2.line(picture, _dot(x - half, row), _dot(x + half, row), (228, 232, 232), max(2, round(0.025 * h)))
    _head(picture, person, neck)


def _head(picture: Picture, person: Person, neck: float) -> None:
    h, x = person.height, person.x
    radius = 0.078 * h
    centre = (x, neck - 0.9 * radius)
    skin: Colour = ((120, 152, 196), (88, 116, 160), (60, 82, 118))[person.clothes % 3]
    cv2.circle(picture, _dot(*centre), max(2, round(radius)), skin, -1, cv2.LINE_AA)
    crown = _dot(x, centre[1] - 0.15 * radius)
    if person.hat is None:
        hair = HAIR[person.clothes % len(HAIR)]
        cv2.ellipse(picture, crown, _dot(radius * 1.05, radius * 1.05), 0, 180, 360, hair, -1, cv2.LINE_AA)
        return
    colour = HATS[person.hat]
    cv2.ellipse(picture, crown, _dot(radius * 1.6, radius * 1.9), 0, 180, 360, colour, -1, cv2.LINE_AA)
    brim = max(2, round(0.3 * radius))
    left, right = (1.7, 2.3) if person.facing > 0 else (2.3, 1.7)
    cv2.line(picture, _dot(x - left * radius, crown[1]), _dot(x + right * radius, crown[1]), shade(colour, -20), brim)


def _wheel(picture: Picture, x: float, y: float, radius: float) -> None:
    cv2.circle(picture, _dot(x, y - radius), max(3, round(radius)), (26, 26, 28), -1, cv2.LINE_AA)
    cv2.circle(picture, _dot(x, y - radius), max(1, round(radius * 0.4)), (120, 120, 122), -1, cv2.LINE_AA)


def _forklift(picture: Picture, lift: Vehicle) -> None:
    s, x, y, f = 1.25 * scale_at(lift.y), lift.x, lift.y, lift.facing
    paint = PAINT[lift.colour]
    if lift.load:
        _pallet(picture, x + f * 112 * s, y - 16 * s, 0.8 * s, 2)
    _polygon(
        picture,
        [
            (x - f * 62 * s, y - 14 * s),
            (x - f * 62 * s, y - 62 * s),
            (x - f * 20 * s, y - 66 * s),
            (x + f * 6 * s, y - 40 * s),
            (x + f * 52 * s, y - 40 * s),
            (x + f * 52 * s, y - 14 * s),
        ],
        paint,
    )
    _polygon(
        picture,
        [
            (x - f * 62 * s, y - 14 * s),
            (x - f * 62 * s, y - 30 * s),
            (x - f * 34 * s, y - 30 * s),
            (x - f * 34 * s, y - 14 * s),
        ],
        shade(paint, -50),
    )
    frame_width = max(2, round(6 * s))
    roof = y - 128 * s
    for foot, head in ((-46, -34), (34, 22)):
        cv2.line(picture, _dot(x + f * foot * s, y - 50 * s), _dot(x + f * head * s, roof), (40, 40, 42), frame_width)
    cv2.line(picture, _dot(x - f * 40 * s, roof), _dot(x + f * 30 * s, roof), shade(paint, -20), frame_width + 2)
    for mast in (58, 68):
        cv2.line(
            picture, _dot(x + f * mast * s, y - 4 * s), _dot(x + f * mast * s, y - 150 * s), (48, 48, 50), frame_width
        )
    cv2.line(picture, _dot(x + f * 66 * s, y - 12 * s), _dot(x + f * 142 * s, y - 12 * s), (60, 60, 62), frame_width)
    _wheel(picture, x - f * 42 * s, y, 17 * s)
    _wheel(picture, x + f * 36 * s, y, 20 * s)


def _truck(picture: Picture, truck: Vehicle) -> None:
    s, x, y, f = 1.15 * scale_at(truck.y), truck.x, truck.y, truck.facing
    paint = PAINT[truck.colour]
    box = [
        (x - f * 180 * s, y - 30 * s),
        (x - f * 180 * s, y - 182 * s),
        (x + f * 62 * s, y - 182 * s),
        (x + f * 62 * s, y - 30 * s),
    ]
    _polygon(picture, box, shade((214, 216, 216), -10))
    cv2.line(
        picture, _dot(x - f * 180 * s, y - 108 * s), _dot(x + f * 62 * s, y - 108 * s), paint, max(3, round(26 * s))
    )
    cab = [
        (x + f * 70 * s, y - 22 * s),
        (x + f * 70 * s, y - 150 * s),
        (x + f * 112 * s, y - 150 * s),
        (x + f * 140 * s, y - 88 * s),
        (x + f * 144 * s, y - 22 * s),
    ]
    _polygon(picture, cab, paint)
    _polygon(
        picture,
        [
            (x + f * 92 * s, y - 92 * s),
            (x + f * 92 * s, y - 140 * s),
            (x + f * 110 * s, y - 140 * s),
            (x + f * 130 * s, y - 92 * s),
        ],
        (70, 54, 44),
    )
    _polygon(
        picture,
        [
            (x - f * 180 * s, y - 16 * s),
            (x - f * 180 * s, y - 32 * s),
            (x + f * 144 * s, y - 32 * s),
            (x + f * 144 * s, y - 16 * s),
        ],
        (44, 44, 46),
    )
    for spot in (-146, -100, 92):
        _wheel(picture, x + f * spot * s, y, 23 * s)


def _pallet(picture: Picture, x: float, y: float, s: float, boxes: int) -> None:
    width = 92 * s
    cv2.rectangle(picture, _dot(x - width / 2, y - 14 * s), _dot(x + width / 2, y), (60, 104, 146), -1)
    for part in (0.12, 0.56):
        cv2.rectangle(
            picture,
            _dot(x - width / 2 + part * width, y - 9 * s),
            _dot(x - width / 2 + (part + 0.32) * width, y),
            (28, 40, 54),
            -1,
        )
    side = 42 * s
    for index in range(boxes):
        left, top = x - side + (index % 2) * side, y - 14 * s - (index // 2 + 1) * side
        cv2.rectangle(picture, _dot(left, top), _dot(left + side, top + side), (92, 146, 190), -1)
        cv2.rectangle(picture, _dot(left, top), _dot(left + side, top + side), (48, 86, 120), max(1, round(2 * s)))
        cv2.line(
            picture,
            _dot(left, top + side / 2),
            _dot(left + side, top + side / 2),
            (150, 196, 220),
            max(1, round(5 * s)),
        )


def _spill(picture: Picture, spill: Spill) -> None:
    rng = np.random.default_rng(round(spill.x * 7 + spill.y))
    tone: Colour = (16, 18, 22) if spill.kind == "oil" else (196, 150, 92)
    gloss: Colour = (120, 96, 84) if spill.kind == "oil" else (240, 226, 200)
    half = spill.size / 2
    for _ in range(6):
        dx, dy = rng.uniform(-0.55, 0.55) * half, rng.uniform(-0.3, 0.3) * half * 0.3
        axes = _dot(half * rng.uniform(0.4, 0.62), half * rng.uniform(0.13, 0.22))
        cv2.ellipse(picture, _dot(spill.x + dx, spill.y + dy), axes, 0, 0, 360, tone, -1, cv2.LINE_AA)
    cv2.ellipse(picture, _dot(spill.x, spill.y), _dot(half * 0.5, half * 0.08), 0, 190, 330, gloss, 2, cv2.LINE_AA)


def _smoke(picture: Picture, plume: Plume) -> None:
    """Blend billowing puffs, wider with height and dark underneath, over the picture. Drawn at a quarter of the size."""
    mask: Picture = np.zeros((HEIGHT // 4, WIDTH // 4), np.uint8)
    tone: Picture = np.full_like(mask, 120)
    for puff in sorted(range(9), key=lambda puff: -((puff + plume.phase) % 9)):
        rise = ((puff + plume.phase) % 9) / 9
        x = plume.x + 0.22 * plume.size * math.sin(puff * 2.1 + plume.phase) * rise
        radius = max(2, round(plume.size * (0.13 + 0.2 * rise) / 4))
        centre = _dot(x / 4, (plume.y - rise * plume.size) / 4)
        cv2.circle(mask, centre, radius, round(255 * (1 - 0.4 * rise)), -1)
        cv2.circle(tone, centre, radius, 88, -1)
        cv2.circle(tone, (centre[0] - radius // 4, centre[1] - radius // 3), round(radius * 0.68), 205, -1)
    mask, tone = as_picture(cv2.GaussianBlur(mask, (0, 0), 1.6)), as_picture(cv2.GaussianBlur(tone, (0, 0), 0.9))
    rows, columns = np.nonzero(mask > 4)
    if not rows.size:
        return
    part = np.s_[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    alpha, grey = (cv2.resize(layer[part], None, fx=4, fy=4)[..., None].astype(np.float32) for layer in (mask, tone))
    top, left = int(rows.min()) * 4, int(columns.min()) * 4
    region = picture[top : top + alpha.shape[0], left : left + alpha.shape[1]]
    region[:] = (region + (grey - region) * alpha * (0.93 / 255)).astype(np.uint8)


def _fire(picture: Picture, plume: Plume) -> None:
    size, x, y = plume.size, plume.x, plume.y
    glow = ((20, 60, 200), (20, 130, 255), (70, 220, 255), (215, 250, 255))
    for layer, colour in enumerate(glow):
        reach = 1.0 - 0.24 * layer
        for tongue in range(-2, 3):
            lean = math.sin(plume.phase * 2.3 + tongue * 1.9) * 0.10 * size
            height = size * reach * (1.0 - 0.22 * abs(tongue) + 0.12 * math.sin(plume.phase * 3.1 + tongue))
            foot = x + tongue * 0.16 * size * reach
            half = 0.17 * size * reach
            _polygon(
                picture,
                [
                    (foot - half, y),
                    (foot - half * 0.5, y - height * 0.5),
                    (foot + lean, y - height),
                    (foot + half * 0.6, y - height * 0.45),
                    (foot + half, y),
                ],
                colour,
            )


@lru_cache(maxsize=2)
def _night_table(outdoor: bool) -> Picture:
    """A per-channel lookup that darkens a daylight picture; outdoors darker and bluer. Shape 1x256x3."""
    level = np.arange(256, dtype=np.float32)
    gains = (0.52, 0.42, 0.36) if outdoor else (0.44, 0.46, 0.48)
    table = np.stack([np.clip(level * gain + 4, 0, 255) for gain in gains], axis=-1)
    return table[None].astype(np.uint8)


@lru_cache(maxsize=1)
def _noise_fields() -> list[tuple[Picture, Picture]]:
    fields = []
    for index in range(NOISE_FIELDS):
        noise = np.random.default_rng([index, 3]).normal(0, 3.0, (HEIGHT, WIDTH, 3))
        fields.append((np.clip(noise, 0, 30).astype(np.uint8), np.clip(-noise, 0, 30).astype(np.uint8)))
    return fields


@lru_cache(maxsize=1)
def _rain_fields() -> list[Picture]:
    fields = []
    for index in range(RAIN_FIELDS):
        rng = np.random.default_rng([index, 5])
        layer = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        for x, y, length in zip(
            rng.integers(0, WIDTH, 170), rng.integers(-20, HEIGHT, 170), rng.integers(16, 34, 170), strict=True
        ):
            cv2.line(layer, (int(x), int(y)), (int(x - length // 4), int(y + length)), (74, 70, 66), 1, cv2.LINE_AA)
        fields.append(layer)
    return fields


@lru_cache(maxsize=1)
def _glyphs() -> dict[str, Picture]:
    """Glyphs of the clock font as equally high BGR pictures, white on near-black."""
    font = ImageFont.load_default(20)
    glyphs = {}
    for letter in "0123456789:- ABCDEFGHIJKLMNOPQRSTUVWXYZ":
        advance = 7 if letter == " " else math.ceil(font.getlength(letter)) + 1
        tile = Image.new("L", (advance, 24), 12)
        ImageDraw.Draw(tile).text((0, 0), letter, fill=245, font=font)
        glyphs[letter] = np.repeat(np.asarray(tile)[..., None], 3, axis=2)
    return glyphs
