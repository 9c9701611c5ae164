"""Moments of real clips: found through a real store, played by a real decoder."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import av
import numpy as np
import pytest
from msgspec.structs import replace
from PIL import Image, ImageDraw

from eval.moments.brief import clips, found, kept, write
from ingest.engine import LocalEngine
from ingest.images import ImageReader
from ingest.pipeline import Pipeline
from ingest.ports import Detection
from ingest.video.playback import Moments, may_show, said_of
from ingest.video.reader import VideoReader
from retrieval.adapters.folder_blobs import FolderBlobs
from retrieval.catalog.store import Catalog
from retrieval.errors import EvidenceNotFound
from retrieval.types import Evidence, Filter, Kind, Principal

TENANT = "t"
ME = Principal(TENANT)
SECONDS, FPS = 60, 10
VISIT = range(20, 32)


def _picture(second: float) -> Image.Image:
    image = Image.new("RGB", (640, 360), (110, 120, 115))
    draw = ImageDraw.Draw(image)
    for x in range(0, 640, 64):
        draw.rectangle((x, 40 + x // 8, x + 30, 200), fill=(90 + x // 10, 110, 130))
    if VISIT.start <= second < VISIT.stop:
        x = int(60 + 40 * (second - VISIT.start))
        draw.rectangle((x, 180, x + 24, 260), fill=(220, 60, 40))
    return image


def _clip(path: Path, codec: str = "libx264", gop: int = 20) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=FPS, options={"g": str(gop)})
        stream.width, stream.height, stream.pix_fmt = 640, 360, "yuv420p"
        for i in range(SECONDS * FPS):
            container.mux(stream.encode(av.VideoFrame.from_image(_picture(i / FPS))))
        container.mux(stream.encode())
    return path


class House:
    """A store with what was read of one folder."""

    def __init__(self, root: Path) -> None:
        self.catalog = Catalog(root / "catalog.sqlite3")
        self.blobs = FolderBlobs(root / "blobs")
        self.moments = Moments(self.catalog, self.blobs, root / "clips", self.catalog.state)
        self._pipeline = Pipeline(self.catalog, self.blobs, [VideoReader()], None, None, lambda: 1)

    def take(self, *paths: Path) -> None:
        assert not self._pipeline.run(paths, TENANT).rejected

    def frames(self) -> list[Evidence]:
        found = self.catalog.scan(Filter(kinds=(Kind.FRAME,)), ME, 10_000)
        return sorted(found, key=lambda each: each.locator.ms)  # type: ignore[union-attr]

    def in_the_visit(self) -> Evidence:
        return next(each for each in self.frames() if each.locator.ms >= 24_000)  # type: ignore[union-attr]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path / "store")
    yield made
    made.catalog.close()


def _shown(path: Path) -> tuple[float, list[np.ndarray]]:
    """The length in seconds and the pictures of a clip, as a player sees it."""
    with av.open(io.BytesIO(path.read_bytes())) as container:
        stream = container.streams.video[0]
        frames = list(container.decode(stream))
        assert frames[0].time is not None and frames[-1].time is not None
        return frames[-1].time - frames[0].time, [frame.to_ndarray(format="rgb24") for frame in frames]


def _red(picture: np.ndarray) -> bool:
    wide = picture.astype(np.int16)
    return bool(((wide[..., 0] - wide[..., 1]) > 90).sum() > 400)


def test_a_moment_begins_when_something_begins(house: House, tmp_path: Path) -> None:
    house.take(_clip(tmp_path / "yard.mp4"))
    moment = house.moments.of(house.in_the_visit(), None, ME)
    start, end = moment.span_ms
    assert abs(start - VISIT.start * 1000) <= 300, (
        "keyframes are two seconds apart; the beginning is looked for in between"
    )
    assert abs(end - VISIT.stop * 1000) <= 2_000
    assert {each.data["moment"] for each in moment.frames} == {moment.frames[0].data["moment"]}


def test_the_recording_itself_is_played(house: House, tmp_path: Path) -> None:
    house.take(_clip(tmp_path / "yard.mp4"))
    moment = house.moments.of(house.in_the_visit(), None, ME)
    made = house.moments.clip(moment)
    assert made.media_type == "video/mp4"
    length, pictures = _shown(made.path)
    wanted = (moment.span_ms[1] - moment.span_ms[0]) / 1000
    assert wanted - 0.5 <= length <= wanted + 4.5
    assert sum(map(_red, pictures)) >= 0.6 * len(pictures) and len(pictures) > FPS * 8
    assert house.moments.clip(moment).path == made.path


@pytest.mark.parametrize("how", ["gone", "changed", "codec", "long"])
def test_without_the_recording_the_kept_frames_are_played(house: House, tmp_path: Path, how: str) -> None:
    path = _clip(
        tmp_path / ("yard.avi" if how == "codec" else "yard.mp4"), "mpeg4" if how == "codec" else "libx264", 400
    )
    house.take(path)
    if how == "gone":
        path.unlink()
    elif how == "changed":
        path.write_bytes(path.read_bytes() + b"\0")
    moment = house.moments.of(house.in_the_visit(), None, ME)
    made = house.moments.clip(moment)
    assert made.media_type == "video/webm"
    length, pictures = _shown(made.path)
    assert abs(length - (moment.span_ms[1] - moment.span_ms[0]) / 1000) <= 1.0
    assert len(pictures) == len(moment.frames) + 1


def test_labels_are_not_made_up(house: House, tmp_path: Path) -> None:
    house.take(_clip(tmp_path / "yard.mp4"))
    with pytest.raises(EvidenceNotFound, match="unicorn"):
        house.moments.of(house.in_the_visit(), "unicorn", ME)


class Hats:
    """Sees red people, and their hats in the middle of the picture only."""

    name = "hats 1"
    able = {"person": 0.0, "person with hard hat": 0.9}
    weak: dict[str, float] = {}
    aliases: dict[str, str] = {}

    def detect(self, images: Sequence[Image.Image]) -> list[list[Detection]]:
        return [self._one(np.asarray(image)) for image in images]

    def _one(self, picture: np.ndarray) -> list[Detection]:
        if not _red(picture):
            return []
        wide = picture.astype(np.int16)
        middle = float(np.nonzero((wide[..., 0] - wide[..., 1]) > 90)[1].mean()) / picture.shape[1]
        labels = ["person", "person with hard hat"] if 0.3 < middle < 0.5 else ["person"]
        return [Detection(label, 0.9) for label in labels]


def test_a_hat_lasts_as_long_as_who_wears_it(house: House, tmp_path: Path) -> None:
    path = _clip(tmp_path / "yard.mp4")
    reader = VideoReader([Hats()])
    Pipeline(house.catalog, house.blobs, [reader], None, None, lambda: 1).run([path], TENANT)
    hats = [each for each in house.frames() if each.data["counts"].get("person with hard hat")]
    people = [each for each in house.frames() if each.data["counts"].get("person")]
    assert 0 < len(hats) < len(people)
    moment = house.moments.of(hats[0], "person with hard hat", ME)
    assert moment.frames == tuple(people)
    with pytest.raises(EvidenceNotFound):
        house.moments.of(people[0], "person with hard hat", ME)


@pytest.mark.parametrize(
    ("counts", "shown"),
    [
        ({"forklift": 1, "red forklift": 1}, True),
        ({"forklift": 1}, True),  # its colour could not be told
        ({"forklift": 1, "blue forklift": 1}, False),
        ({"forklift": 2, "blue forklift": 1}, True),
        ({"truck": 1}, False),
        ({"forklifts": 1}, False),
        ({}, False),
    ],
)
def test_what_is_said_of_a_thing_may_be_true_of_it_where_nothing_else_is(counts: dict[str, int], shown: bool) -> None:
    thing = said_of("red forklift", {"red forklift": 1, "forklift": 1, "fork": 1})
    assert thing == "forklift" and may_show(counts, "red forklift", thing) is shown
    assert said_of("truck", {"truck": 1, "person": 1}) == "truck"


class Scored:
    """Likeness by the number of a frame: a ramp, of which only the top stands out."""

    def __init__(self, high: int) -> None:
        self._high = high

    def scores(self, words: str, filter_: Filter, principal: Principal) -> dict[str, float]:
        return {name: 0.9 if number >= self._high else 0.1 + number / 1000 for number, name in enumerate(self.names)}

    names: tuple[str, ...] = ()


def test_what_looks_like_the_words_is_a_moment_and_what_does_not_is_none(house: House, tmp_path: Path) -> None:
    house.take(_clip(tmp_path / "yard.mp4"))
    frames = house.frames()
    alike = Scored(len(frames) - 3)
    alike.names = tuple(each.id for each in frames)
    moments = Moments(house.catalog, house.blobs, tmp_path / "clips", house.catalog.state, alike)
    found = moments.of(frames[-2], "a hat", ME)
    assert [each.id for each in found.frames] == [each.id for each in frames[-3:]]
    with pytest.raises(EvidenceNotFound, match="no more like"):
        moments.of(frames[3], "a unicorn", ME)


def test_a_still_picture_has_no_moment(house: House, tmp_path: Path) -> None:
    path = tmp_path / "still.jpg"
    _picture(0).save(path)
    catalog = house.catalog
    pipeline = Pipeline(catalog, house.blobs, [ImageReader()], None, None, lambda: 1)
    assert not pipeline.run([path], TENANT).rejected
    (still,) = house.frames()
    with pytest.raises(EvidenceNotFound, match="no frame of a clip"):
        house.moments.of(still, None, ME)


def test_two_clips_at_once_give_what_one_by_one_gives(tmp_path: Path) -> None:
    clips = [_clip(tmp_path / f"{name}.mp4", gop=gop) for name, gop in (("a", 20), ("b", 200), ("c", 10))]
    found = []
    for at_once in (1, 2, 3):
        catalog = Catalog(tmp_path / f"{at_once}.sqlite3")
        pipeline = Pipeline(
            catalog,
            FolderBlobs(tmp_path / f"blobs{at_once}"),
            [VideoReader()],
            None,
            None,
            lambda: 1,
            LocalEngine(at_once),
        )
        pipeline.run(clips, TENANT)
        pieces = catalog.scan(Filter(), ME, 10_000)
        found.append(sorted((each.source, each.locator.ms, each.text, str(each.data)) for each in pieces))  # type: ignore[union-attr]
        catalog.close()
    assert found[0] == found[1] == found[2]


def test_what_was_hidden_in_the_frames_is_not_shown_by_the_recording(house: House, tmp_path: Path) -> None:
    house.take(_clip(tmp_path / "yard.mp4"))
    moment = house.moments.of(house.in_the_visit(), None, ME)
    hidden = replace(moment.frames[0].provenance, models={"blur": "blur 1 (person)"})
    veiled = replace(moment, frames=(replace(moment.frames[0], provenance=hidden), *moment.frames[1:]))
    assert house.moments.clip(veiled).media_type == "video/webm"


@pytest.mark.parametrize("number", [0, 3, 6])
def test_nothing_small_and_brief_is_lost(tmp_path: Path, number: int) -> None:
    """The first three keyframe distances of the suite, at 5 frames a second; the suite draws more (`eval run moments`)."""
    clip = list(clips(5, 9))[number]
    frames = kept(write(clip, tmp_path / "a.mp4"))
    assert found(clip, frames) == (True, True)
    outside = [each for each in frames if not clip.start * 1000 <= each.ms < clip.end * 1000]
    assert outside and found(clip, outside) == (False, False)
