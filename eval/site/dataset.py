"""Training and test pictures: sampled frames put through the clips' own H.264, then the checkpoint's own resize.

Arrays are uint8 RGB of shape (count, 128, 224, 3), kept on disk as .npy so that a second run need not render again.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
from PIL import Image

from eval.site.backdrop import Picture
from eval.site.captions import facts
from eval.site.render import burn_in, draw, finish
from eval.site.sampling import sample_frames
from eval.site.video import decode_rgb, encode

MODEL_SIZE = (128, 224)  # rows, columns the image tower takes; a 640x360 frame keeps its shape
CHUNK = 500


def sampled_pictures(seed: int, count: int) -> Iterator[tuple[Picture, frozenset[str]]]:
    """Finished 640x360 BGR pictures with a random clock, before compression, with the facts that hold."""
    rng = np.random.default_rng([seed, 13])
    for index, (frame, backdrop) in enumerate(sample_frames(seed, count)):
        picture = finish(draw(frame, backdrop), frame, int(rng.integers(10_000)))
        when = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=int(rng.integers(31_000_000)))
        burn_in(picture, f"CAM-{1 + index % 12:02d}", when)
        yield picture, facts(frame)


def shrink(rgb: Picture) -> Picture:
    """The checkpoint's own resize: bicubic with antialiasing, whole frame."""
    return np.asarray(Image.fromarray(rgb).resize(MODEL_SIZE[::-1], Image.Resampling.BICUBIC))


def _chunk(job: tuple[int, int]) -> tuple[Picture, list[frozenset[str]]]:
    seed, count = job
    held: list[frozenset[str]] = []

    def pictures() -> Iterator[Picture]:
        for picture, found in sampled_pictures(seed, count):
            held.append(found)
            yield picture

    buffer = io.BytesIO()
    encode(pictures(), buffer)
    buffer.seek(0)
    return np.stack([shrink(rgb) for rgb in decode_rgb(buffer)]), held


def build(
    folder: Path, first_seed: int, count: int, workers: int
) -> tuple[npt.NDArray[np.uint8], list[frozenset[str]]]:
    """Render `count` pictures of the seeds from `first_seed` on (500 a seed), or load them where they were kept."""
    folder.mkdir(parents=True, exist_ok=True)
    pixels, words = folder / f"{first_seed}-{count}.npy", folder / f"{first_seed}-{count}.json"
    if not words.exists():
        jobs = [(first_seed + index, CHUNK) for index in range(count // CHUNK)]
        with ProcessPoolExecutor(workers) as pool:
            parts = list(pool.map(_chunk, jobs))
        np.save(pixels, np.concatenate([part for part, _ in parts]))
        words.write_bytes(msgspec.json.encode([sorted(held) for _, many in parts for held in many]))
    found: Iterable[list[str]] = msgspec.json.decode(words.read_bytes(), type=list[list[str]])
    return np.load(pixels, mmap_mode="r"), [frozenset(held) for held in found]
