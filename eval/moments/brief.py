"""Small and brief things put into clips of fixed cameras: is each on a kept frame?

A thing is 2 to 5 % of the picture's height, is there for 2 to 4 seconds and moves or stands. Clips differ in frame rate, in the distance of
keyframes, in light, noise and compression, and carry a burnt-in clock. Drawn from a seed; nothing in the product knows them.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import av
import cv2
import numpy as np

from eval.resampling import wilson
from eval.site.backdrop import Picture, as_picture, make_backdrop
from eval.site.render import burn_in, draw
from eval.site.scene import KINDS, Frame
from ingest.video.decode import thinned
from ingest.video.messages import Kept, Order, Sampling

WIDTH, HEIGHT, SECONDS = 1280, 720, 45
_BEGAN = datetime(2026, 3, 4, 2, 10, tzinfo=UTC)
_LEAST_CONTRAST = 40


class Clip(NamedTuple):
    """How a clip is made, and what is in it from `start` to `end` (s): a thing `size` pixels high at (x, y) that drifts by so many a
    second."""

    fps: int
    gop_s: float
    kind: str
    layout: int
    night: bool
    noise: float
    crf: int
    start: float
    end: float
    size: int
    x: int
    y: int
    drift: float
    colour: tuple[int, int, int]


def clips(seed: int, count: int) -> Iterator[Clip]:
    """The first `count` clips of a seed."""
    rng = np.random.default_rng([seed, 31])
    for number in range(count):
        start = float(rng.uniform(12, 36))
        yield Clip(
            fps=(5, 10, 25)[number % 3],
            gop_s=(1.0, 2.0, 10.0)[number // 3 % 3],
            kind=KINDS[int(rng.integers(len(KINDS)))],
            layout=int(rng.integers(1000)),
            night=bool(rng.random() < 0.3),
            noise=float(rng.uniform(0.5, 3.0)),
            crf=int(rng.integers(21, 29)),
            start=start,
            end=start + float(rng.uniform(2.0, 4.0)),
            size=round(HEIGHT * float(rng.uniform(0.02, 0.05))),
            x=int(rng.integers(80, WIDTH - 240)),
            y=int(rng.integers(80, HEIGHT - 120)),
            drift=float(rng.choice([0.0, rng.uniform(10, 60)])),
            colour=tuple(int(level) for level in rng.integers(0, 256, 3)),  # type: ignore[arg-type]
        )


def write(clip: Clip, path: Path) -> Path:
    """Render and encode it."""
    options = {"preset": "veryfast", "crf": str(clip.crf), "g": str(round(clip.gop_s * clip.fps)), "sc_threshold": "0"}
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=clip.fps, options=options)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for picture in _pictures(clip):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        container.mux(stream.encode())
    return path


def _pictures(clip: Clip) -> Iterator[Picture]:
    rng = np.random.default_rng(clip.layout)
    base = draw(Frame(clip.kind, night=clip.night), make_backdrop(clip.kind, clip.layout))
    noises = [rng.normal(0, clip.noise, (HEIGHT, WIDTH, 3)).astype(np.int8) for _ in range(6)]
    last, scene = -1, base
    for i in range(SECONDS * clip.fps):
        if int(i / clip.fps) != last:
            last = int(i / clip.fps)
            scene = base.copy()
            burn_in(scene, "CAM-01", _BEGAN + timedelta(seconds=last))
            scene = as_picture(cv2.resize(scene, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR))
        picture = scene.astype(np.int16) + noises[i % len(noises)]
        at = i / clip.fps
        if clip.start <= at < clip.end:
            _put(picture, clip, at - clip.start)
        yield as_picture(np.clip(picture, 0, 255))


def _put(picture: Any, clip: Clip, since: float) -> None:
    """An upright block, its colour pushed away from what is behind it where it would hardly show."""
    x = clip.x + round(clip.drift * since)
    spot = picture[clip.y : clip.y + clip.size, x : x + max(3, clip.size // 2)]
    behind, colour = spot.mean(axis=(0, 1)), np.array(clip.colour, np.int16)
    if float(np.abs(colour - behind).max()) < _LEAST_CONTRAST:
        colour = np.where(behind > 127, behind - 70, behind + 70).astype(np.int16)
    spot[:] = colour


def kept(path: Path) -> list[Kept]:
    """What the product keeps of it, as decoded for a camera known to stand still."""
    return [each for each in thinned(Order(str(path), True, Sampling())) if isinstance(each, Kept)]


def found(clip: Clip, frames: list[Kept]) -> tuple[bool, bool]:
    """Whether a kept frame shows the thing, and whether one was kept because something had changed."""
    inside = [each for each in frames if clip.start * 1000 <= each.ms < clip.end * 1000]
    return bool(inside), any(each.why in ("change", "onset") for each in inside)


def run(seed: int, count: int, folder: Path) -> dict[str, Any]:
    """{n, kept, kept_for_change, interval, by_gop, lost}; `lost` describes each clip whose thing is on no kept frame."""
    rows = []
    for clip in clips(seed, count):
        path = write(clip, folder / "brief.mp4")
        rows.append((clip, *found(clip, kept(path))))
    hits = sum(shown for _, shown, _ in rows)
    gops = sorted({clip.gop_s for clip, _, _ in rows})
    return {
        "n": len(rows),
        "kept": hits / len(rows),
        "kept_for_change": sum(changed for _, _, changed in rows) / len(rows),
        "interval": wilson(hits, len(rows)),
        "by_gop_s": {
            f"{gop:g}": sum(shown for clip, shown, _ in rows if clip.gop_s == gop)
            / sum(clip.gop_s == gop for clip, _, _ in rows)
            for gop in gops
        },
        "lost": [clip._asdict() for clip, shown, _ in rows if not shown],
    }
