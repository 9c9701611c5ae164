"""Suite `clocks`: burnt-in clocks read by the product's own path, from the encoded clip to what lands in evidence.

A frame counts where the product read its text, and also where it should have by its own budget but knew of no line to read. `read` is the
share whose clock was read right as it stood; `kept` the share whose clock is right as evidence keeps it, after clocks that advance with
media time mended what was misread. A frame without a clock is wrong. `start` is the share of clips whose start is within 1.5 s, `timed` the
share of all frames whose time is. Intervals are Wilson's, and those of frames are too narrow: frames of a clip are alike.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from eval.clocks.clips import Spec, choose, shown_at, write
from eval.resampling import wilson
from ingest.media_types import media_type
from ingest.ocr import RapidText
from ingest.ports import Draft, Item, SourcePolicy
from ingest.video.burnt_in import Budget
from ingest.video.reader import VideoReader
from retrieval.times import to_micros
from retrieval.types import FrameAt, Micros

Progress = Callable[[int, int, str], None]
CLIPS = 60
_SECOND = 1_000_000
_WITHIN = 1.5
_MISREADS = 100


class Frame(NamedTuple):
    """A frame whose clock was to be read: what it shows, what was read and what was kept of it, in UTC µs of whole seconds."""

    ms: int
    shown: Micros
    read: Micros | None
    kept: Micros | None
    texts: tuple[str, ...]


class Clip(NamedTuple):
    """A clip as it was read. `off` are the distances of its frames' times from the truth in seconds, None where unknown."""

    spec: Spec
    frames: tuple[Frame, ...]
    off: tuple[float | None, ...]
    spent_s: float


def run(
    seed: int, data_dir: Path | None = None, progress: Progress | None = None, count: int = CLIPS
) -> dict[str, Any]:
    """With a folder of shared data its clips are backgrounds too.

    Gives {suite, seed, n, metrics, by_kind (by lines of the picture), by, misreads, latency_ms}.
    """
    footage = sorted([*data_dir.glob("video/*.mp4"), *data_dir.glob("video/*.avi")]) if data_dir else []
    clips = list(_read_all(choose(seed, count, footage), progress))
    frames = [(clip.spec, frame) for clip in clips for frame in clip.frames]
    spent = sorted(clip.spent_s * 1e3 for clip in clips)
    return {
        "suite": "clocks",
        "items": "frames",
        "seed": seed,
        "n": len(frames),
        "metrics": measured(frames) | _of_clips(clips),
        "by_kind": _by(frames, lambda spec: f"{spec.size[1]}p"),
        "by": {
            "format": _by(frames, lambda spec: spec.format.name),
            "font": _by(frames, lambda spec: spec.font.name),
            "digits": _by(frames, lambda spec: _band(spec.height)),
            "ink": _by(frames, lambda spec: spec.style),
            "layout": _by(frames, lambda spec: spec.layout),
            "codec": _by(frames, lambda spec: spec.codec),
            "scene": _by(frames, lambda spec: spec.scene),
        },
        "misreads": [_misread(spec, frame) for spec, frame in frames if frame.kept != frame.shown][:_MISREADS],
        "latency_ms": {"p50": spent[len(spent) // 2], "p95": spent[min(len(spent) - 1, int(0.95 * len(spent)))]},
    }


def measured(frames: Sequence[tuple[Spec, Frame]]) -> dict[str, Any]:
    """Shares with their intervals."""
    read, kept = (sum(getattr(frame, which) == frame.shown for _, frame in frames) for which in ("read", "kept"))
    low, high = wilson(kept, len(frames))
    return {
        "frames": len(frames),
        "read": read / len(frames),
        "kept": kept / len(frames),
        "kept_low": low,
        "kept_high": high,
    }


def _of_clips(clips: Sequence[Clip]) -> dict[str, Any]:
    started = sum(clip.off[0] is not None and abs(clip.off[0]) <= _WITHIN for clip in clips)
    low, high = wilson(started, len(clips))
    offs = [off for clip in clips for off in clip.off]
    return {
        "clips": len(clips),
        "start": started / len(clips),
        "start_low": low,
        "start_high": high,
        "timed": sum(off is not None and abs(off) <= _WITHIN for off in offs) / len(offs),
    }


def _by(frames: Sequence[tuple[Spec, Frame]], key: Callable[[Spec], str]) -> dict[str, dict[str, Any]]:
    kinds = sorted({key(spec) for spec, _ in frames})
    return {kind: measured([each for each in frames if key(each[0]) == kind]) for kind in kinds}


def _band(height: int) -> str:
    bounds = (10, 14, 20, 28)
    low = max(bound for bound in bounds if bound <= height)
    above = [bound for bound in bounds if bound > height]
    return f"{low}–{above[0] - 1} px" if above else f"{low} px and more"


def _misread(spec: Spec, frame: Frame) -> dict[str, Any]:
    return {
        "clip": spec.number,
        "ms": frame.ms,
        "shown": spec.format.write(shown_at(spec, frame.ms)).line,
        "texts": list(frame.texts),
        "kept": None if frame.kept is None else (frame.kept - frame.shown) / _SECOND,
        "made": f"{spec.font.name}, {spec.height} px of {spec.size[1]}, {spec.style}, {spec.layout}, {spec.scene}, "
        f"{spec.codec} {spec.crf}",
    }


def _read_all(specs: Sequence[Spec], progress: Progress | None) -> Iterable[Clip]:
    ocr = RapidText()
    with TemporaryDirectory(prefix="watchfloor-clocks-") as folder:
        for done, spec in enumerate(specs, 1):
            path = write(spec, Path(folder))
            yield _read(spec, path, VideoReader(ocr=ocr))
            path.unlink()
            if progress:
                progress(done, len(specs), f"{spec.format.name} {spec.font.name}")


def _read(spec: Spec, path: Path, reader: VideoReader) -> Clip:
    """The clip through the reader, as a site description would have it read that says how the camera writes dates."""
    item = Item(path, path.as_uri(), path.name, media_type(path), "", SourcePolicy(dates=spec.format.dates))
    started = time.perf_counter()
    drafts = [d for batch in reader.read(item, "eval") for d in batch.drafts if d.media is not None]
    spent = time.perf_counter() - started
    every = Budget.for_length(spec.seconds * 1000).lines_ms
    frames, last = [], -every
    for draft in drafts:
        ms = _ms(draft)
        if _was_read(draft) or ms - last >= every:
            last = ms
            frames.append(_frame(spec, draft))
    return Clip(spec, tuple(frames), tuple(_off(spec, draft) for draft in drafts), spent)


def _ms(draft: Draft) -> int:
    if not isinstance(draft.locator, FrameAt):
        raise TypeError(f"no frame: {draft.locator}")
    return draft.locator.ms


def _was_read(draft: Draft) -> bool:
    return "clock" in draft.data or any(not line["carried"] for line in draft.data["ocr"])


def _frame(spec: Spec, draft: Draft) -> Frame:
    clock = draft.data.get("clock", {})
    kept = _whole(clock.get("at"))
    read = _whole(clock["read"]) if "read" in clock else kept
    truth = to_micros(shown_at(spec, _ms(draft)).replace(microsecond=0))
    return Frame(_ms(draft), truth, read, kept, tuple(line["text"] for line in draft.data["ocr"]))


def _whole(text: str | None) -> Micros | None:
    return None if text is None else to_micros(datetime.fromisoformat(text).replace(microsecond=0))


def _off(spec: Spec, draft: Draft) -> float | None:
    if draft.valid is None:
        return None
    return (draft.valid.t0 - to_micros(shown_at(spec, _ms(draft)))) / _SECOND
