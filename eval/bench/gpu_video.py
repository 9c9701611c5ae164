"""Video on a GPU: many clips decoded at once, and an hour of it all the way in."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import msgspec

from eval.bench.children import tell
from eval.bench.footage import watched, write
from eval.bench.gpu_work import Bar, Goal, Skipped, Work, timed, torch_device

_SEED = 11
_LOOP_S = 60
_DEVICE = "cuda"


def nvdec(work: Work) -> Goal:
    """Fifty clips at once: every frame decoded by the processor's cores, and by the GPU's decoder through the same library (PyAV)."""
    path = _clip(work, work.clip_s)
    if not work.dry:
        _opens(path)
    frames, cpu_s = timed(lambda: _decoded(path, work.clips, gpu=False), min(2, work.rounds))
    tell(1, 2, f"{work.clips} clips on the GPU")
    again, gpu_s = timed(lambda: _decoded(path, work.clips, gpu=not work.dry), min(2, work.rounds))
    figures = {"clips": work.clips, "frames": frames, "cpu_fps": frames / cpu_s, "gpu_fps": again / gpu_s}
    bars = {"NVDEC over CPU decoding, times": Bar(3, cpu_s / gpu_s)}
    return Goal(figures, bars | {"frames decoded alike": Bar(1, float(frames == again))})


def journey(work: Work) -> Goal:
    """An hour of video until it can be searched, by the product's own wiring, without captions."""
    from eval.bench.journey import travel

    torch_device(work)
    path = repeated(_clip(work, min(_LOOP_S, work.video_s)), max(1, work.video_s // _LOOP_S), work.place / "hour.mp4")
    tell(0, 1, f"{work.video_s} s of video")
    found = travel(path, work.video_s, work.place)
    figures = msgspec.to_builtins(found) | {"captions": "not measured: they need a vision-language model"}
    return Goal(figures, {"an hour of video over real time, times": Bar(100, found.times_real_time)})


def repeated(clip: Path, times: int, path: Path) -> Path:
    """The clip so many times over, its packets copied; appears under its name when it is whole."""
    fresh = path.with_suffix(".part")
    with av.open(str(fresh), "w", format="mp4") as out:
        stream, shift = None, 0
        for _ in range(times):
            with av.open(str(clip)) as container:
                source = container.streams.video[0]
                stream = stream or out.add_stream_from_template(source)
                shift += _copied(container, source, stream, out, shift)
    fresh.replace(path)
    return path


def _copied(container: Any, source: Any, stream: Any, out: Any, shift: int) -> int:
    """Copy the packets, `shift` ticks later; how many ticks the clip takes."""
    end = 0
    for packet in container.demux(source):
        if packet.dts is None:
            continue
        end = max(end, packet.pts + (packet.duration or 0))
        packet.pts, packet.dts, packet.stream = packet.pts + shift, packet.dts + shift, stream
        packet.time_base = Fraction(source.time_base)
        out.mux(packet)
    return end


def _clip(work: Work, seconds: int) -> Path:
    path = work.place / f"watched-{seconds}s.mp4"
    tell(0, 1, f"a clip of {seconds} s")
    return path if path.is_file() else write(watched(seconds, _SEED), path)


def _opens(path: Path) -> None:
    """Raises Skipped where no GPU decodes the clip."""
    try:
        _frames(path, True)
    except (av.FFmpegError, RuntimeError, NotImplementedError, ValueError) as error:
        raise Skipped(f"PyAV cannot decode on the GPU here: {error}") from error


def _decoded(path: Path, clips: int, gpu: bool) -> int:
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return sum(pool.map(lambda _: _frames(path, gpu), range(clips)))


def _frames(path: Path, gpu: bool) -> int:
    from av.codec.hwaccel import HWAccel

    # every clip in the one context that the process has: making one takes longer than decoding a short clip
    shared: dict[str, object] = {"primary_ctx": "1"}
    accel = HWAccel(_DEVICE, None, False, shared, is_hw_owned=True) if gpu else None
    with av.open(str(path), hwaccel=accel) as container:
        container.streams.video[0].thread_type = "NONE"
        return sum(1 for _ in container.decode(video=0))
