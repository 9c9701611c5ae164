"""Times of real files: variable frame rates, missing time stamps, rotated pictures, and clocks in the picture that run ahead."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from eval.clocks import running
from eval.clocks.clips import choose, pictures, shown_at, write
from ingest.media_types import BY_ENDING
from ingest.ocr import RapidText
from ingest.ports import Draft, Item, SourcePolicy
from ingest.video.decode import frames
from ingest.video.messages import Closed, Kept
from ingest.video.reader import VideoReader
from ingest.video.skew import of_cameras
from retrieval.times import to_micros
from retrieval.types import FrameAt

START = datetime(2026, 3, 4, 2, 10, tzinfo=UTC)


def item(path: Path) -> Item:
    return Item(path, path.as_uri(), path.name, BY_ENDING[path.suffix], "0", SourcePolicy(fixed=True))


def read(path: Path, ocr: RapidText | None = None) -> list[Draft]:
    return [d for batch in VideoReader(ocr=ocr).read(item(path), "t") for d in batch.drafts if d.media is not None]


def times(drafts: Sequence[Draft]) -> Iterator[int]:
    for draft in drafts:
        assert isinstance(draft.locator, FrameAt)
        yield draft.locator.ms


def picture(number: int, clock: datetime | None = None) -> Image.Image:
    """A scene whose bright bar stands elsewhere in every picture, with a red mark in its top left corner."""
    image = Image.new("RGB", (640, 360), (90, 96, 92))
    draw = ImageDraw.Draw(image)
    draw.rectangle((60 + 40 * (number % 13), 120, 90 + 40 * (number % 13), 300), fill=(210, 200, 120))
    draw.rectangle((0, 0, 79, 79), fill=(230, 20, 20))
    if clock:
        text = f"{clock:%d-%m-%Y %a %I:%M:%S %p}"
        draw.text((250, 330), text, fill="white", font=ImageFont.load_default(20), stroke_width=2, stroke_fill="black")
    return image


def encode(path: Path, at_ms: Sequence[int], turned: int = 0, ahead: timedelta | None = None) -> Path:
    """A clip of one picture at each time."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"g": "8", "bf": "0"})
        stream.width, stream.height, stream.pix_fmt = 640, 360, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        if turned:
            stream.set_display_rotation(turned)
        for number, ms in enumerate(at_ms):
            clock = None if ahead is None else START + timedelta(milliseconds=ms) + ahead
            frame = av.VideoFrame.from_image(picture(number, clock))
            frame.pts, frame.time_base = ms, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def test_frames_of_a_variable_rate_keep_their_own_times(tmp_path: Path) -> None:
    slow, quick = list(range(0, 12_000, 1500)), list(range(12_000, 14_000, 100))
    pauses = [20_000, 27_500, 40_000]
    stamps = [*slow, *quick, *pauses]
    drafts = read(encode(tmp_path / f"CAM-1_{START:%Y%m%dT%H%M%SZ}.mkv", stamps))
    kept = list(times(drafts))
    assert set(kept) <= set(stamps) and {*slow, *pauses} <= set(kept)
    assert any(12_000 < ms < 14_000 for ms in kept)
    for draft, ms in zip(drafts, kept, strict=True):
        assert draft.valid and draft.valid.t0 == to_micros(START) + ms * 1000


def _stampless(path: Path, rate: int, count: int) -> Path:
    """H.264 as it comes out of the encoder: no container, so no packet has a time."""
    with av.open(str(path), "w", format="h264") as container:
        stream = container.add_stream("libx264", rate=rate, options={"bf": "0"})
        stream.width, stream.height, stream.pix_fmt = 640, 360, "yuv420p"
        for number in range(count):
            container.mux(stream.encode(av.VideoFrame.from_image(picture(number // rate))))
        container.mux(stream.encode())
    return path


def test_frames_without_time_stamps_follow_each_other_at_the_clips_rate(tmp_path: Path) -> None:
    """A bare H.264 stream: what a clip is whose container lost its stamps. By itself it is no clip that is taken in."""
    path = _stampless(tmp_path / "bare.h264", 25, 12 * 25)
    told = list(frames({"path": str(path), "fixed": True, "sampling": {}, "demuxer": "h264"}))
    kept = [each.ms for each in told if isinstance(each, Kept)]
    assert all(a < b for a, b in pairwise(kept))
    assert len(kept) >= 10 and all(abs(ms - round(ms / 1000) * 1000) <= 520 for ms in kept)
    assert isinstance(told[-1], Closed) and told[-1].length_ms == pytest.approx(12_000, abs=100)


@pytest.mark.parametrize("turned", [90, 180, 270])
def test_rotated_pictures_are_kept_upright(tmp_path: Path, turned: int) -> None:
    """The mark in the top left corner of the stored picture stands where the container turns it to, anticlockwise."""
    drafts = read(encode(tmp_path / "turned.mp4", range(0, 6000, 500), turned))
    assert drafts[0].media
    seen = np.asarray(Image.open(io.BytesIO(drafts[0].media)).convert("RGB"), np.int16)
    assert seen.shape[:2] == ((640, 360) if turned in (90, 270) else (360, 640))
    red = (seen[..., 0] - seen[..., 1] > 100) & (seen[..., 0] - seen[..., 2] > 100)
    y, x = (float(each.mean()) / size for each, size in zip(np.nonzero(red), red.shape, strict=True))
    right, low = {90: (False, True), 180: (True, True), 270: (True, False)}[turned]
    assert (x > 0.5, y > 0.5) == (right, low)


@pytest.fixture(scope="module")
def ocr() -> RapidText:
    return RapidText()


def test_the_clock_in_the_picture_and_how_far_it_is_ahead_are_kept(tmp_path: Path, ocr: RapidText) -> None:
    stamps = range(0, 12_000, 500)
    ahead = timedelta(hours=13, seconds=7)
    drafts = read(encode(tmp_path / f"CAM-1_{START:%Y%m%dT%H%M%SZ}.mp4", stamps, ahead=ahead), ocr)
    clocks = [(draft.locator.ms, draft.data["clock"]) for draft in drafts if "clock" in draft.data]  # type: ignore[union-attr]
    assert len(clocks) >= 4
    for ms, clock in clocks:
        shown = START + timedelta(milliseconds=ms) + ahead
        assert clock == {"at": f"{shown:%Y-%m-%dT%H:%M:%SZ}"}
    told = next(draft.data["skew"] for draft in drafts if "skew" in draft.data)
    assert (told["against"], told["readings"]) == ("name", len(clocks))
    assert told["seconds"] == pytest.approx(ahead.total_seconds(), abs=1)
    assert drafts[0].valid and drafts[0].valid.t0 == to_micros(START)
    assert all("differs from the name by +46807 s" in draft.notes[-1] for draft in drafts)


def test_the_clock_of_a_frame_stands_in_the_encoded_clip(tmp_path: Path) -> None:
    spec = next(spec for spec in choose(5, 60) if spec.codec == "libx264" and spec.size[1] == 360)
    path = write(spec, tmp_path)
    drawn = list(pictures(spec))
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    assert len(frames) == len(drawn)
    for frame, wanted in zip(frames[::10], drawn[::10], strict=True):
        assert np.abs(frame.to_ndarray(format="bgr24").astype(int) - wanted).mean() < 12
    assert shown_at(spec, float(frames[7].time) * 1000) == shown_at(spec, 7000 / 6)


def test_the_suite_reads_clocks_by_the_way_in_and_counts_them(ocr: RapidText) -> None:
    found = running.run(seed=5, count=2)
    assert found["metrics"]["frames"] == found["n"] >= 8 and found["metrics"]["clips"] == 2
    assert found["metrics"]["kept"] >= found["metrics"]["read"] >= 0.5
    assert sum(each["frames"] for each in found["by"]["format"].values()) == found["n"]


def test_a_cameras_skew_is_asked_of_the_catalog(place: Any) -> None:
    """The clock in the clip of the small site is right."""
    (found,) = of_cameras(place.frames())
    assert (found.subject, found.against, found.clips) == ("CAM-01", "name", 1)
    assert -1 <= found.seconds <= 0
    (told,) = place.first.lines[-1]["quality"]["skews"]
    assert (told["subject"], told["seconds"]) == ("CAM-01", found.seconds)
