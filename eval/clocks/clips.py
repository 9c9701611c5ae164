"""Clips with a burnt-in clock, chosen by a seed and compressed with real encoders. What is drawn is the truth.

Digits are 2.4 to 4.5 % of the picture's height and never below 10 pixels (Axis: small 10, medium 16, large 21 pixels). White ink with an
outline and boxed ink stand on any background, plain white and yellow ink on dark ones, black ink on light ones, as cameras that
choose their ink by the background do.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import av
import cv2
import numpy as np

from eval.clocks import scenes
from eval.clocks.fonts import FONTS, Font, Mask
from eval.clocks.formats import FORMATS, Format
from eval.site.backdrop import Picture

SIZES: tuple[scenes.Size, ...] = ((640, 360), (854, 480), (704, 576), (1280, 720), (1920, 1080))
STYLES = ("outlined", "outlined", "boxed", "plain white", "plain yellow", "plain black")
LAYOUTS = ("line", "line", "line", "two lines", "two corners")
CORNERS = ("top left", "top right", "bottom left", "bottom right")
_RATE = 6
_SECONDS = (8, 12)
_WHITE, _YELLOW, _BLACK = (255, 255, 255), (40, 220, 255), (0, 0, 0)


class Spec(NamedTuple):
    """One clip. `start` is the clock at media time 0, with its fraction of a second; `height` that of the digits in pixels. `footage` is a
    real clip, the background in place of the scene."""

    number: int
    seed: int
    format: Format
    font: Font
    size: scenes.Size
    style: str
    layout: str
    corner: str
    scene: str
    height: int
    codec: str
    crf: int
    start: datetime
    seconds: int
    footage: Path | None = None


def choose(seed: int, count: int, footage: Sequence[Path] = ()) -> list[Spec]:
    """`count` clips in which formats, fonts and sizes come up equally often, in shuffled pairs. Outlined and boxed ink stands on real
    `footage` where there is some."""
    rng = np.random.default_rng([seed, 20261126])
    decks = [_deck(len(many), count, rng) for many in (FORMATS, FONTS, SIZES, STYLES, LAYOUTS, CORNERS)]
    specs = [_spec(number, seed, [deck[number] for deck in decks], rng) for number in range(count)]
    return [_on(spec, footage) for spec in specs] if footage else specs


def _on(spec: Spec, footage: Sequence[Path]) -> Spec:
    if spec.style not in ("outlined", "boxed"):
        return spec
    chosen = footage[spec.number % len(footage)]
    return spec._replace(scene=chosen.name, footage=chosen)


def _deck(kinds: int, count: int, rng: np.random.Generator) -> list[int]:
    """Numbers below `kinds`, each equally often, in random order."""
    dealt = np.concatenate([rng.permutation(kinds) for _ in range(-(-count // kinds))])
    return [int(card) for card in dealt[:count]]


def _spec(number: int, seed: int, drawn: Sequence[int], rng: np.random.Generator) -> Spec:
    style, size, form = STYLES[drawn[3]], SIZES[drawn[2]], FORMATS[drawn[0]]
    grounds = {"plain white": scenes.DARK, "plain yellow": scenes.DARK, "plain black": scenes.LIGHT}
    ground = grounds.get(style, scenes.DARK + scenes.LIGHT + scenes.OTHER)
    start = datetime(2026, 1, 1, tzinfo=UTC) - timedelta(microseconds=int(rng.integers(6 * 365 * 86_400 * 10**6)))
    return Spec(
        number=number,
        seed=seed,
        format=form,
        font=FONTS[drawn[1]],
        size=size,
        style=style,
        layout=LAYOUTS[drawn[4]] if form.apart else "line",
        corner=CORNERS[drawn[5]],
        scene=str(rng.choice(ground)),
        height=max(10, round(float(rng.uniform(0.024, 0.045)) * size[1])),
        codec=str(rng.choice(["libx264"] * 8 + ["mpeg4", "mjpeg"])),
        crf=int(rng.integers(23, 33)),
        start=start,
        seconds=int(rng.integers(_SECONDS[0], _SECONDS[1] + 1)),
    )


def write(spec: Spec, folder: Path) -> Path:
    """Render and encode the clip. A name that states no time, so that only the clock can tell it."""
    path = folder / f"clip{spec.number}{'.avi' if spec.codec == 'mjpeg' else '.mp4'}"
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(spec.codec, rate=_RATE, options=_options(spec))
        stream.width, stream.height = spec.size
        stream.pix_fmt = "yuvj420p" if spec.codec == "mjpeg" else "yuv420p"
        stream.time_base = Fraction(1, _RATE)
        for number, picture in enumerate(pictures(spec)):
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def shown_at(spec: Spec, ms: float) -> datetime:
    """What the clock shows in the frame at `ms` of media time."""
    return spec.start + timedelta(seconds=round(ms * _RATE / 1000) / _RATE)


def pictures(spec: Spec) -> Iterator[Picture]:
    """The frames as drawn, shape (h, w, 3) BGR."""
    rng = np.random.default_rng([spec.seed, spec.number, 1])
    scene = scenes.footage(spec.footage, spec.size) if spec.footage else scenes.make(spec.scene, spec.size, rng)
    for number in range(spec.seconds * _RATE):
        picture = scene(number / _RATE)
        _burn_in(picture, spec, shown_at(spec, number * 1000 / _RATE))
        yield picture


def _options(spec: Spec) -> dict[str, str]:
    if spec.codec == "libx264":
        return {"preset": "veryfast", "crf": str(spec.crf), "g": str(4 * _RATE), "threads": "1"}
    # a quantiser of 3 to 7 is about what crf 23 to 32 looks like
    return {"qmin": str(round((spec.crf - 11) / 3)), "qmax": str(round((spec.crf - 11) / 3)), "g": str(4 * _RATE)}


def _burn_in(picture: Picture, spec: Spec, at: datetime) -> None:
    shown = spec.format.write(at)
    if spec.layout == "line":
        _put(picture, spec, [shown.line], spec.corner)
    elif spec.layout == "two lines":
        _put(picture, spec, [shown.date, shown.time], spec.corner)
    else:
        row, side = spec.corner.split()
        _put(picture, spec, [shown.date], f"{row} {side}")
        _put(picture, spec, [shown.time], f"{row} {'right' if side == 'left' else 'left'}")
    across = f"{'bottom' if spec.corner.startswith('top') else 'top'} {spec.corner.split()[1]}"
    _put(picture, spec, [f"CAM-{spec.number % 90 + 10}"], across)


def _put(picture: Picture, spec: Spec, lines: Sequence[str], corner: str) -> None:
    """Lines below each other into a corner, in place."""
    height, width = picture.shape[:2]
    masks = [spec.font.draw(line, spec.height) for line in lines]
    gap, pad = spec.height // 2, max(4, round(height * 0.015))
    tall = sum(mask.shape[0] for mask in masks) + gap * (len(masks) - 1)
    wide = max(mask.shape[1] for mask in masks)
    top = pad if corner.startswith("top") else height - pad - tall
    left = pad if corner.endswith("left") else max(pad, width - pad - wide)
    if spec.style == "boxed":
        box = picture[max(0, top - pad // 2) : top + tall + pad // 2, max(0, left - pad) : left + wide + pad]
        box[:] = box // 3
    for mask in masks:
        _ink(picture, mask, (left, top), spec.style)
        top += mask.shape[0] + gap


def _ink(picture: Picture, mask: Mask, place: tuple[int, int], style: str) -> None:
    left, top = place
    area = picture[top : top + mask.shape[0], left : left + mask.shape[1]]
    mask = mask[: area.shape[0], : area.shape[1]]
    if style == "outlined":
        reach = 2 * max(1, round(mask.shape[0] / 20)) + 1
        around = np.asarray(cv2.dilate(mask, np.ones((reach, reach), np.uint8)), np.uint8)
        _blend(area, around, _BLACK)
    _blend(area, mask, _YELLOW if style == "plain yellow" else _BLACK if style == "plain black" else _WHITE)


def _blend(area: Picture, mask: Mask, colour: tuple[int, int, int]) -> None:
    share = mask[..., None].astype(np.float32) / 255
    area[:] = (area * (1 - share) + np.array(colour, np.float32) * share).astype(np.uint8)
