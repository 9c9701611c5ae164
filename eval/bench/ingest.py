"""`watchfloor bench ingest`: what keyframing costs beside bare decoding, two clips at once, and a clip all the way in.

All clips are made here. Ratios are taken within one round and their median over rounds is reported, with the worst; the bars are those of
the worse of two clips: one in which everything moves all the time, and one of a fixed camera.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import av
import cv2
import msgspec

from eval.bench.footage import rolling, watched, write
from eval.bench.journey import travel
from eval.bench.machine import facts
from ingest.sandbox import Limits, run
from ingest.video.change import Plane
from ingest.video.decode import thinned
from ingest.video.messages import Kept, Order, Sampling
from ingest.video.thinning import Encoded, Encoder

Progress = Callable[[int, int, str], None]
BARS = {"keyframing_over_rgb": 7.0, "keyframing_over_bare": 0.85, "two_files": 1.7, "times_real_time": 10.0}
_SEED = 11


class Sizes(NamedTuple):
    """How much is measured."""

    seconds: int = 60
    rounds: int = 5


class _Unkept:
    """Keeps no picture: what is timed is which frames are kept."""

    def encode(self, frame: Any, luma: Plane) -> Encoded:
        return Encoded(b"", 0.0, 0.0)


def run_bench(sizes: Sizes, folder: Path, progress: Progress) -> dict[str, Any]:
    """Every ratio, with the machine and the clips it was measured on. The clips stay in `folder` for the next run."""
    cv2.setNumThreads(1)  # as in the decoder's own process
    clips = _clips(sizes.seconds, folder, progress)
    decoding = {name: _decoding(path, sizes, progress) for name, path in clips.items()}
    pair = _pair(clips["watched"], folder, sizes, progress)
    journey = travel(clips["watched"], sizes.seconds, folder)
    found = {
        name: min(each["ratios"][name]["median"] for each in decoding.values())
        for name in ("keyframing_over_rgb", "keyframing_over_bare")
    }
    found |= {"two_files": pair["ratio"]["median"], "times_real_time": journey.times_real_time}
    return {
        "bench": "ingest",
        "machine": facts(),
        "sizes": sizes._asdict(),
        "decoding": decoding,
        "two_files": pair,
        "end_to_end": msgspec.to_builtins(journey) | {"times_real_time": journey.times_real_time},
        "bars": {name: {"bar": bar, "found": found[name], "met": found[name] >= bar} for name, bar in BARS.items()},
    }


def _clips(seconds: int, folder: Path, progress: Progress) -> dict[str, Path]:
    folder.mkdir(parents=True, exist_ok=True)
    made = {}
    for done, (name, pictures) in enumerate((("rolling", rolling(seconds)), ("watched", watched(seconds, _SEED)))):
        progress(done, 2, f"clip {name}")
        path = folder / f"{name}-{seconds}s.mp4"
        made[name] = path if path.is_file() else write(pictures, path)
    return made


def _decoding(path: Path, sizes: Sizes, progress: Progress) -> dict[str, Any]:
    ways: dict[str, Callable[[], int]] = {
        "rgb": lambda: _all_rgb(path),
        "bare": lambda: _bare(path),
        "keyframing": lambda: _ours(path, Sampling(onset_share=0.0), _Unkept()),
        "as_shipped": lambda: _ours(path, Sampling(), None),
    }
    spent: dict[str, list[float]] = {name: [] for name in ways}
    frames: dict[str, int] = {}
    for n in range(sizes.rounds + 1):
        progress(n, sizes.rounds + 1, f"decoding {path.stem}")
        for name, way in ways.items():
            with _clock() as took:
                frames[name] = way()
            if n:  # the first round warms up
                spent[name].append(took[0])
    against = {"keyframing_over_rgb": ("rgb", "keyframing"), "keyframing_over_bare": ("bare", "keyframing"),
               "as_shipped_over_rgb": ("rgb", "as_shipped"), "as_shipped_over_bare": ("bare", "as_shipped")}  # fmt: skip
    return {
        "frames": frames,
        "seconds": {name: _spread(times) for name, times in spent.items()},
        "ratios": {
            name: _spread([a / b for a, b in zip(spent[top], spent[bottom], strict=True)], worst=min)
            for name, (top, bottom) in against.items()
        },
    }


def _all_rgb(path: Path) -> int:
    with av.open(str(path)) as container:
        container.streams.video[0].thread_type = "NONE"
        return sum(len(frame.to_ndarray(format="rgb24")) > 0 for frame in container.decode(video=0))


def _bare(path: Path) -> int:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type, stream.codec_context.skip_frame = "NONE", "NONKEY"
        return sum(1 for _ in container.decode(stream))


def _ours(path: Path, sampling: Sampling, pictures: Encoder | None) -> int:
    """How many frames are kept."""
    return sum(isinstance(each, Kept) for each in thinned(Order(str(path), True, sampling), pictures))


def _pair(path: Path, folder: Path, sizes: Sizes, progress: Progress) -> dict[str, Any]:
    """Two clips through the sandboxed decoder, one after the other and at once."""
    other = folder / f"again-{path.name}"
    if not other.is_file():
        other.write_bytes(path.read_bytes())
    ratios, walls = [], {"apart": [], "at_once": []}  # type: tuple[list[float], dict[str, list[float]]]
    for n in range(sizes.rounds + 1):
        progress(n, sizes.rounds + 1, "two clips")
        with _clock() as apart:
            for each in (path, other):
                _decoded(each)
        with _clock() as at_once, ThreadPoolExecutor(2) as pool:
            list(pool.map(_decoded, (path, other)))
        if n:
            walls["apart"].append(apart[0])
            walls["at_once"].append(at_once[0])
            ratios.append(apart[0] / at_once[0])
    return {"ratio": _spread(ratios, worst=min), "seconds": {name: _spread(times) for name, times in walls.items()}}


def _decoded(path: Path) -> int:
    order = msgspec.to_builtins(Order(str(path), True, Sampling()))
    return sum(1 for _ in run("ingest.video.decode:frames", order, Limits()))


@contextmanager
def _clock() -> Iterator[list[float]]:
    took: list[float] = []
    began = time.perf_counter()
    yield took
    took.append(time.perf_counter() - began)


def _spread(values: list[float], worst: Callable[[list[float]], float] = max) -> dict[str, float]:
    return {"median": statistics.median(values), "worst": worst(values)}
