"""A scene that comes back, through a real decoder: each return is evidence of its own second, and the work is done once."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from ingest.pipeline import Pipeline
from ingest.ports import Detection
from ingest.video.playback import Moments
from ingest.video.reader import VideoReader
from retrieval.adapters.folder_blobs import FolderBlobs
from retrieval.catalog.store import Catalog
from retrieval.types import Evidence, Filter, FrameAt, Kind, Principal

TENANT = "t"
ME = Principal(TENANT)
SECONDS, FPS = 120, 5
OPEN = (range(30, 45), range(60, 70), range(95, 110))
BEGAN = datetime(2026, 3, 4, 2, 10, tzinfo=UTC)
Draw = Callable[[int], Image.Image]


class RedDoors:
    """Reports a red area as an open door, and keeps what it was shown."""

    name = "red doors 1"
    able = {"open door": 0.0}
    weak: dict[str, float] = {}
    aliases: dict[str, str] = {}

    def __init__(self) -> None:
        self.shown = 0

    def detect(self, images: list[Image.Image]) -> list[list[Detection]]:
        self.shown += len(images)
        return [self._one(np.asarray(image, np.int16)) for image in images]

    def _one(self, picture: np.ndarray) -> list[Detection]:
        rows, columns = np.nonzero((picture[..., 0] - picture[..., 1] > 90) & (picture[..., 0] - picture[..., 2] > 90))
        if not rows.size:
            return []
        h, w = picture.shape[:2]
        box = (columns.min() / w, rows.min() / h, (columns.max() + 1) / w, (rows.max() + 1) / h)
        return [Detection("open door", 0.9, (float(box[0]), float(box[1]), float(box[2]), float(box[3])))]


def _wall() -> Image.Image:
    image = Image.new("RGB", (640, 360), (120, 124, 118))
    draw = ImageDraw.Draw(image)
    for x in range(0, 640, 64):
        draw.rectangle((x, 40 + x // 8, x + 30, 200), fill=(90 + x // 10, 110, 130))
    return image


def _door(second: int) -> Image.Image:
    image = _wall()
    if any(span.start <= second < span.stop for span in OPEN):
        ImageDraw.Draw(image).rectangle((300, 120, 380, 330), fill=(220, 40, 30))
    return image


def _clocked(second: int) -> Image.Image:
    image = _door(second)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 332, 380, 360), fill=(8, 8, 8))
    text = f"CAM-07 {BEGAN + timedelta(seconds=second):%Y-%m-%d %H:%M:%S} UTC"
    draw.text((6, 334), text, fill=(245, 245, 245), font=ImageFont.load_default(20))
    return image


def _swinging(second: int) -> Image.Image:
    """Ten seconds to the left, ten to the right, at rest in between."""
    wide = Image.new("RGB", (1280, 360))
    wide.paste(_wall(), (0, 0))
    wide.paste(_wall().transpose(Image.Transpose.FLIP_TOP_BOTTOM), (640, 0))
    side = 640 if second // 10 % 2 else 0
    return wide.crop((side, 0, side + 640, 360))


def _clip(path: Path, draw: Draw, gop: int = 10) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"g": str(gop)})
        stream.width, stream.height, stream.pix_fmt = 640, 360, "yuv420p"
        for second in range(SECONDS):
            picture = draw(second)
            for _ in range(FPS):
                container.mux(stream.encode(av.VideoFrame.from_image(picture)))
        container.mux(stream.encode())
    return path


class House:
    """A store, and what read into it."""

    def __init__(self, root: Path) -> None:
        self.catalog, self.blobs, self.eyes = Catalog(root / "c.sqlite3"), FolderBlobs(root / "blobs"), RedDoors()
        self._pipeline = Pipeline(self.catalog, self.blobs, [VideoReader([self.eyes])], None, None, lambda: 1)
        self.moments = Moments(self.catalog, self.blobs, root / "clips", self.catalog.state)

    def frames(self, clip: Path) -> list[Evidence]:
        assert not self._pipeline.run([clip], TENANT).rejected
        return sorted(self.catalog.scan(Filter(kinds=(Kind.FRAME,)), ME, 10_000), key=_ms)

    def picture(self, frame: Evidence) -> np.ndarray:
        assert frame.media
        return np.asarray(Image.open(io.BytesIO(self.blobs.get(TENANT, frame.media))).convert("RGB"), np.int16)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path / "store")
    yield made
    made.catalog.close()


def _ms(frame: Evidence) -> int:
    assert isinstance(frame.locator, FrameAt)
    return frame.locator.ms


def _end(frame: Evidence) -> int:
    assert isinstance(frame.locator, FrameAt)
    return frame.locator.end_ms


def _is_open(frame: Evidence) -> bool:
    return any(span.start * 1000 <= _ms(frame) < span.stop * 1000 for span in OPEN)


@pytest.mark.parametrize("gop", [10, 100])
def test_a_door_that_opens_again_is_seen_again_at_its_own_second(house: House, tmp_path: Path, gop: int) -> None:
    frames = house.frames(_clip(tmp_path / "door.mp4", _door, gop))
    assert all(_end(a) == _ms(b) for a, b in pairwise(frames)), "frames cover the clip once"
    for span in OPEN:
        assert any(span.start * 1000 <= _ms(each) < span.start * 1000 + 2_000 for each in frames if _is_open(each))
    assert [bool(each.data["counts"]) for each in frames] == [_is_open(each) for each in frames]
    assert len({each.data["moment"] for each in frames if _is_open(each)}) >= len(OPEN)


def test_the_picture_is_stored_once_and_looked_at_once(house: House, tmp_path: Path) -> None:
    frames = house.frames(_clip(tmp_path / "door.mp4", _door))
    own = [each for each in frames if "like_ms" not in each.data]
    assert len(frames) >= 20 and house.eyes.shown == len(own) == len({each.media for each in frames}) <= 4
    by_ms = {_ms(each): each for each in own}
    for each in frames:
        if each not in own:
            earlier = by_ms[each.data["like_ms"]]
            assert _ms(earlier) < _ms(each) and earlier.media == each.media
            assert any("nothing differs from the frame at" in note for note in each.provenance.notes)
    assert len({each.id for each in frames}) == len(frames)


def test_a_moment_of_returns_plays_at_its_own_time(house: House, tmp_path: Path) -> None:
    path = _clip(tmp_path / "door.mp4", _door)
    last = [each for each in house.frames(path) if _is_open(each)][-1]
    path.unlink()  # without the recording, the stored pictures are played
    moment = house.moments.of(last, None, ME)
    assert OPEN[-1].start * 1000 - 500 <= moment.span_ms[0] <= _ms(last) < moment.span_ms[1]
    with av.open(str(house.moments.clip(moment).path)) as container:
        shown = [frame.to_ndarray(format="rgb24").astype(np.int16) for frame in container.decode(video=0)]
    assert all((each[200, 340, 0] - each[200, 340, 1]) > 90 for each in shown)


def test_where_a_clock_runs_each_frame_shows_its_own_time(house: House, tmp_path: Path) -> None:
    frames = house.frames(_clip(tmp_path / "door.mp4", _clocked))
    own = [each for each in frames if "like_ms" not in each.data]
    assert house.eyes.shown == len(own) <= len(frames) // 2
    assert len({each.media for each in frames}) == len(frames)
    assert [bool(each.data["counts"]) for each in frames] == [_is_open(each) for each in frames]
    for each in frames:
        wanted = np.asarray(_clocked(_ms(each) // 1000), np.int16)
        assert np.abs(house.picture(each)[332:, :380] - wanted[332:, :380]).mean() < 12, _ms(each)


def test_a_camera_that_swings_back_shows_what_it_showed(house: House, tmp_path: Path) -> None:
    frames = house.frames(_clip(tmp_path / "swing.mp4", _swinging))
    assert len({each.media for each in frames}) <= 4 < 12 <= len({each.data["moment"] for each in frames})
    for each in frames:
        assert np.abs(house.picture(each) - np.asarray(_swinging(_ms(each) // 1000), np.int16)).mean() < 5, _ms(each)
