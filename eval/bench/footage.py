"""Clips to time ingest on: H.264, 1280x720, 25 frames a second, a keyframe every 2 seconds. The same seed gives the same pictures."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import av
import cv2
import numpy as np

from eval.site.backdrop import Picture, as_picture, make_backdrop
from eval.site.render import burn_in, draw
from eval.site.scene import Actor, Frame, Person, Vehicle

WIDTH, HEIGHT, FPS, GOP = 1280, 720, 25, 50
EVERY_S, VISIT = 5, (1.0, 4.0)
BEGAN = datetime(2026, 3, 4, 2, 10, tzinfo=UTC)
CAMERA = "CAM-01"
_NOISES = 8


def rolling(seconds: int) -> Iterator[Picture]:
    """A coarse random texture that moves three pixels a frame: everything changes all the time."""
    base = np.random.default_rng(0).integers(0, 255, (90, 160, 3), np.uint8).repeat(8, 0).repeat(8, 1)
    for i in range(seconds * FPS):
        yield as_picture(np.roll(base, (i * 3) % WIDTH, axis=1))


def watched(seconds: int, seed: int) -> Iterator[Picture]:
    """A fixed camera with a burnt-in clock and sensor noise; every 5 s somebody or something else comes by for 3 s."""
    rng = np.random.default_rng(seed)
    backdrop = make_backdrop("yard", seed)
    noises = [rng.normal(0, 2.0, (HEIGHT, WIDTH, 3)).astype(np.int8) for _ in range(_NOISES)]
    visitors = [_visitor(rng) for _ in range(seconds // EVERY_S + 1)]
    for i in range(seconds * FPS):
        at = i / FPS
        picture = draw(Frame("yard", actors=_there(visitors, at)), backdrop)
        burn_in(picture, CAMERA, BEGAN + timedelta(seconds=int(at)))
        large = cv2.resize(picture, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR).astype(np.int16)
        yield as_picture(np.clip(large + noises[i % _NOISES], 0, 255))


def write(pictures: Iterator[Picture], path: Path) -> Path:
    """Encode BGR pictures; appears under its name when it is whole."""
    fresh = path.with_suffix(".part")
    options = {"preset": "veryfast", "g": str(GOP), "sc_threshold": "0", "crf": "26"}
    with av.open(str(fresh), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=FPS, options=options)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        container.mux(stream.encode())
    fresh.replace(path)
    return path


def _visitor(rng: np.random.Generator) -> Actor:
    y = float(rng.uniform(215, 330))
    if rng.random() < 0.5:
        return Person(0.0, y, "yellow" if rng.random() < 0.5 else None, None, int(rng.integers(0, 5)))
    return Vehicle("forklift" if rng.random() < 0.5 else "truck", "red", 0.0, y)


def _there(visitors: list[Actor], at: float) -> tuple[Actor, ...]:
    visit, since = divmod(at, EVERY_S)
    begin, end = VISIT
    if not begin <= since < end:
        return ()
    actor = visitors[int(visit)]
    x = 80 + 480 * (since - begin) / (end - begin)
    if isinstance(actor, Person):
        return (Person(x, actor.y, actor.hat, None, actor.clothes, stride=since * 6),)
    assert isinstance(actor, Vehicle)
    return (Vehicle(actor.kind, actor.colour, x, actor.y),)
