"""Live cameras for as long as one likes, cut, stalled and frozen every few minutes: what is recorded beside what really ran.

The cameras are GStreamer's RTSP server, each in a process of its own; what watches them is the command, as it ships. Every fault begins and
ends at a time that is known here; what the catalog tells afterwards, and when the command told of it, is held against that.
"""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from app.http.serve import free_port
from eval.bench import machine
from eval.bench.live_figures import Fault, Told, edges, memory, noticed
from eval.bench.rtsp import CameraServer, write_clip
from retrieval.catalog import Catalog
from retrieval.errors import InputError
from retrieval.intervals import union
from retrieval.types import Interval, Layer, Principal

Progress = Callable[[int, int, str], None]
KINDS = ("cut", "stall", "freeze", "stuck", "mute")
_CLIP_S = 60
_SAMPLE_S = 5.0
_GB = 1e9


class Sizes(NamedTuple):
    """How many cameras, for how many minutes, a fault on each about every `every_s` seconds, and the most the ring may hold, in GB."""

    cameras: int
    minutes: float
    every_s: float = 180.0
    most_gb: float = 0.012


class Sample(NamedTuple):
    """Seconds since the start; resident bytes of the command and of its recorders; bytes of the ring's files."""

    at_s: float
    watch: int
    recorders: int
    ring: int


class Camera:
    """A camera with its faults: a thread that breaks it now and then and mends it."""

    def __init__(self, name: str, server: CameraServer, seed: int) -> None:
        self.name, self.server, self.faults = name, server, list[Fault]()
        self._chance = random.Random(seed)

    def break_now_and_then(self, every_s: float, until: float) -> None:
        kinds = list(KINDS)
        while True:
            wait = every_s * self._chance.uniform(0.7, 1.3)
            lasts = self._chance.uniform(12.0, 20.0)
            if time.time() + wait + lasts + every_s / 4 > until:
                return
            time.sleep(wait)
            if not kinds:
                kinds = list(KINDS)
            self._break(kinds.pop(self._chance.randrange(len(kinds))), lasts)

    def _break(self, kind: str, lasts: float) -> None:
        begun = time.time()
        self._to(kind)
        time.sleep(lasts)
        # a camera that is started takes a while until it listens
        self._back(kind)
        self.faults.append(Fault(self.name, kind, begun, time.time()))

    def _to(self, kind: str) -> None:
        if kind == "cut":
            self.server.cut()
        elif kind == "stall":
            self.server.stall()
        else:
            self.server.order(kind)

    def _back(self, kind: str) -> None:
        if kind == "cut":
            self.server.start()
        elif kind == "stall":
            self.server.go_on()
        else:
            self.server.order("run")


def run_bench(sizes: Sizes, folder: Path, progress: Progress) -> dict[str, Any]:
    """Raises InputError where the server is not installed."""
    from eval.bench.rtsp import installed

    if not installed():
        raise InputError("GStreamer's RTSP server is not installed: run scripts/test-servers as root")
    folder.mkdir(parents=True, exist_ok=True)
    with _cameras(sizes, folder, progress) as cameras:
        config = _config(cameras, sizes, folder / "cameras.yaml")
        with _watching(folder / "store", config) as watch:
            return _measured(sizes, folder / "store", cameras, watch, progress)


def _measured(
    sizes: Sizes, store: Path, cameras: Sequence[Camera], watch: _Command, progress: Progress
) -> dict[str, Any]:
    begun = time.time()
    until = begun + 60 * sizes.minutes
    for camera in cameras:
        threading.Thread(target=camera.break_now_and_then, args=(sizes.every_s, until), daemon=True).start()
    samples = list(_sampled(watch, store / "live", begun, until, progress))
    ended = time.time()
    watch.end()
    return _figures(sizes, store, cameras, watch, samples, Interval(int(begun * 1e6), int(ended * 1e6)))


def _figures(
    sizes: Sizes, store: Path, cameras: Sequence[Camera], watch: _Command, samples: Sequence[Sample], ran: Interval
) -> dict[str, Any]:
    faults = sorted((fault for camera in cameras for fault in camera.faults), key=lambda each: each.begun)
    seconds = noticed(faults, watch.changes)
    recorded, examined = _covered(store, cameras)
    borders = [edges(camera.faults, camera.server.playing, recorded[camera.name], ran) for camera in cameras]
    last = watch.standings[-1] if watch.standings else {}
    ring = max(sample.ring for sample in samples)
    worst = max((found.worst_s for found in borders), default=0.0)
    unnoticed = max((each for each in seconds.values()), default=0.0)
    slope = memory([(sample.at_s, sample.watch + sample.recorders) for sample in samples])
    return {
        "bars": {
            "worst border of coverage beside what ran, s": _bar(2.0, worst),
            "longest unnoticed stall or freeze, s": _bar(10.0, unnoticed),
            "ring beside its cap": _bar(1.0, ring / (sizes.most_gb * _GB)),
            "memory, MiB an hour": _bar(20.0, slope.mib_per_hour),
        },
        "faults": len(faults),
        "noticed_s": seconds,
        "coverage": {camera.name: found._asdict() for camera, found in zip(cameras, borders, strict=True)},
        "examined_s": {name: round(sum(s.seconds for s in spans), 1) for name, spans in examined.items()},
        "memory": slope._asdict(),
        "recorders_mib": [round(sample.recorders / 2**20, 1) for sample in samples[:: max(1, len(samples) // 12)]],
        "watch_mib": [round(sample.watch / 2**20, 1) for sample in samples[:: max(1, len(samples) // 12)]],
        "ring_bytes": {"most": ring, "cap": int(sizes.most_gb * _GB)},
        "cameras": last.get("cameras", {}),
        "machine": machine.facts(),
    }


def _bar(limit: float, found: float) -> dict[str, Any]:
    return {"bar": limit, "found": round(found, 3), "met": found <= limit}


def _covered(store: Path, cameras: Sequence[Camera]) -> tuple[dict[str, list[Interval]], dict[str, list[Interval]]]:
    catalog = Catalog(store / "catalog.sqlite3")
    try:
        told = catalog.coverage(Principal("default"), [camera.name for camera in cameras])
    finally:
        catalog.close()

    def of(layer: Layer) -> dict[str, list[Interval]]:
        return {
            camera.name: union(c.valid for c in told if c.subject == camera.name and c.layer is layer and c.valid)
            for camera in cameras
        }

    return of(Layer.RECORDED), of(Layer.EXAMINED)


# --- what is measured ---------------------------------------------------------------------------------------------------------


class _Command:
    """The command, and what it tells."""

    def __init__(self, store: Path, config: Path) -> None:
        start = [sys.executable, "-c", "from app.cli.main import main; main()", "--data-dir", str(store)]
        self.process = subprocess.Popen(
            [*start, "cameras", str(config), "--json", "--every", "5"], stdout=subprocess.PIPE, text=True
        )
        self.changes: list[Told] = []
        self.standings: list[dict[str, Any]] = []
        self.up = threading.Event()
        threading.Thread(target=self._listen, daemon=True).start()

    def all_recording(self) -> bool:
        """Whether every camera was recorded when it was last told."""
        now: dict[str, Any] = self.standings[-1]["cameras"] if self.standings else {}
        return bool(now) and all(each["state"] == "recording" for each in now.values())

    def end(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            told = json.loads(line)
            if "changed" in told:
                change = told["changed"]
                self.changes.append(Told(change["camera"], change["state"], change["at"] / 1e6))
            elif "cameras" in told:
                self.standings.append(told)


@contextmanager
def _watching(store: Path, config: Path) -> Iterator[_Command]:
    from eval.bench.rtsp import wait_for

    command = _Command(store, config)
    try:
        if not wait_for(command.all_recording, 120):
            raise InputError("the cameras are not recorded after two minutes")
        yield command
    finally:
        command.process.kill()
        command.process.wait()


@contextmanager
def _cameras(sizes: Sizes, folder: Path, progress: Progress) -> Iterator[list[Camera]]:
    cameras: list[Camera] = []
    try:
        for number in range(sizes.cameras):
            progress(number, sizes.cameras, "cameras")
            clip = folder / f"camera{number}.units"
            if not clip.exists():
                write_clip(clip, number + 1, _CLIP_S)
            server = CameraServer(clip, free_port("127.0.0.1")).start()
            cameras.append(Camera(f"CAM-{number + 1:02}", server, number))
        yield cameras
    finally:
        for camera in cameras:
            camera.server.cut()


def _config(cameras: Sequence[Camera], sizes: Sizes, path: Path) -> Path:
    listed = {camera.name: {"url": camera.server.url, "segment_s": 10.0} for camera in cameras}
    path.write_text(yaml.safe_dump({"cameras": listed, "keep": {"max_gb": sizes.most_gb, "free_gb": 0.5}}))
    return path


def _sampled(watch: _Command, ring: Path, begun: float, until: float, progress: Progress) -> Iterator[Sample]:
    import psutil

    process = psutil.Process(watch.process.pid)
    while (now := time.time()) < until:
        progress(int(now - begun), int(until - begun), "watching")
        yield Sample(now - begun, *_resident(process), _held(ring))
        time.sleep(_SAMPLE_S)


def _held(ring: Path) -> int:
    """Bytes of the clips; one may go while it is looked at."""
    held = 0
    for path in ring.glob("*/*"):
        with suppress(FileNotFoundError):
            held += path.stat().st_size
    return held


def _resident(process: Any) -> tuple[int, int]:
    """Of the command, and of the children that record; what decodes clips comes and goes."""
    import psutil

    recorders = 0
    for child in process.children(recursive=True):
        try:
            if time.time() - child.create_time() > 30:
                recorders += child.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return process.memory_info().rss, recorders
