"""Clips and pictures through the real decoders: burnt-in clocks, damage, bombs, and the shared real footage."""

from __future__ import annotations

import io
import os
import struct
import time
import zlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from ingest.images import ImageReader
from ingest.media_types import BY_ENDING
from ingest.ocr import RapidText
from ingest.ports import Batch, Detection, Draft, Item, SourcePolicy
from ingest.video.messages import Sampling
from ingest.video.reader import VideoReader
from ingest.vision.cascades import haar_plates
from ingest.vision.redact import Redactor, padded
from retrieval.errors import SourceRejected
from retrieval.times import to_micros
from retrieval.types import Box, FrameAt, Interval, Kind, Layer, Mention, Relation

DATA = Path(os.environ.get("WATCHFLOOR_TEST_DATA", Path(__file__).parents[2] / "../shared/data"))
START = datetime(2026, 3, 4, 2, 10, tzinfo=UTC)
PERSON = range(33, 36)


class RedSpots:
    """A detector that reports saturated red areas as persons: real pixels in, boxes out."""

    name = "red-spots 1"
    able = {"person": 0.0}
    aliases: dict[str, str] = {}

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def detect(self, images: Sequence[Image.Image]) -> list[list[Detection]]:
        self.sizes.append(len(images))
        return [self._one(np.asarray(image, np.int16)) for image in images]

    def _one(self, picture: np.ndarray) -> list[Detection]:
        rows, columns = np.nonzero((picture[..., 0] - picture[..., 1] > 90) & (picture[..., 0] - picture[..., 2] > 90))
        if not rows.size:
            return []
        h, w = picture.shape[:2]
        return [
            Detection("person", 0.9, (columns.min() / w, rows.min() / h, (columns.max() + 1) / w, (rows.max() + 1) / h))
        ]


def _frame(second: int, clock: str | None) -> Image.Image:
    image = Image.new("RGB", (640, 360), (120, 124, 118))
    draw = ImageDraw.Draw(image)
    for x in range(0, 640, 64):
        draw.rectangle((x, 40 + x // 8, x + 30, 200), fill=(90 + x // 10, 110, 130))
    if second in PERSON:
        draw.rectangle((500, 220, 505, 233), fill=(230, 20, 20))
    if clock:
        draw.rectangle((0, 332, 380, 360), fill=(8, 8, 8))
        draw.text((6, 334), clock, fill=(245, 245, 245), font=ImageFont.load_default(20))
    return image


def _clip(path: Path, seconds: int = 60, clock: datetime | None = None, camera: str = "CAM-07") -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264" if path.suffix == ".mp4" else "mpeg4", rate=1)
        stream.width, stream.height, stream.pix_fmt = 640, 360, "yuv420p"
        for second in range(seconds):
            text = f"{camera} {clock + timedelta(seconds=second):%Y-%m-%d %H:%M:%S} UTC" if clock else None
            container.mux(stream.encode(av.VideoFrame.from_image(_frame(second, text))))
        container.mux(stream.encode())
    return path


def _item(path: Path, media_type: str = "", policy: SourcePolicy | None = None) -> Item:
    return Item(path, path.as_uri(), path.name, media_type or BY_ENDING[path.suffix], "0", policy or SourcePolicy())


def _read(reader: VideoReader | ImageReader, item: Item, kind: Kind = Kind.FRAME) -> tuple[list[Draft], list[Batch]]:
    """The drafts of one kind, and all batches."""
    batches = list(reader.read(item, "t"))
    return [draft for batch in batches for draft in batch.drafts if draft.kind is kind], batches


@pytest.fixture(scope="module")
def ocr() -> RapidText:
    return RapidText()


def test_a_clip_named_by_its_recorder(tmp_path: Path) -> None:
    eyes = RedSpots()
    drafts, batches = _read(VideoReader([eyes]), _item(_clip(tmp_path / "CAM-07_20260304T021000Z.mp4")))
    assert max(eyes.sizes) <= 16
    spans = [draft.valid for draft in drafts]
    assert spans[0] and spans[0].t0 == to_micros(START)
    assert all(a and b and a.t1 == b.t0 for a, b in pairwise(spans)), "kept frames cover the clip once"
    assert spans[-1] and spans[-1].t1 == to_micros(START + timedelta(seconds=60))
    shown = [draft for draft in drafts if draft.data["counts"]]
    assert [draft.locator.ms for draft in shown] == [33_000]
    assert shown[0].locator.end_ms == 36_000
    assert shown[0].text == "CAM-07 sees: person"
    assert shown[0].mentions == (Mention("CAM-07", Relation.OBSERVED_AT),)
    recorded, examined = batches[-1].coverage
    whole = Interval(to_micros(START), to_micros(START + timedelta(seconds=60)))
    assert (recorded.layer, recorded.subject, recorded.valid) == (Layer.RECORDED, "CAM-07", whole)
    assert (examined.by, examined.interval_s, examined.able) == ("motion-sampling+red-spots 1", 1.0, {"person": 0.0})


def test_who_was_seen_is_followed_and_told(tmp_path: Path) -> None:
    item = _item(_clip(tmp_path / "CAM-07_20260304T021000Z.mp4"))
    drafts, batches = _read(VideoReader([RedSpots()]), item, Kind.PASSAGE)
    (told,) = drafts
    assert told in batches[-1].drafts and told.locator == FrameAt(33_000, 36_000)
    assert told.text == (
        "CAM-07 counts person: at most 1 at once and 1 in all, followed from look to look. Most at once at 2026-03-04 02:10:33 UTC. "
        "Seen from 2026-03-04 02:10:33 UTC to 2026-03-04 02:10:36 UTC. Looked at every 1 s at the least; a look misses 0% of them."
    )
    assert told.models == {"detectors": "red-spots 1"} and told.mentions == (Mention("CAM-07", Relation.OBSERVED_AT),)
    frames, _ = _read(VideoReader([RedSpots()]), item)
    assert [found["track"] for frame in frames for found in frame.data["detections"]] == [1]


def test_a_moving_camera_is_not_followed_through(tmp_path: Path) -> None:
    item = _item(_clip(tmp_path / "a.mp4"), policy=SourcePolicy(fixed=False))
    assert _read(VideoReader([RedSpots()]), item, Kind.PASSAGE)[0] == []


class RedPeople:
    """A finder of people that knows red by its value."""

    name, missed, within = "red people 1", 0.1, ""

    def find(self, images: Sequence[Image.Image]) -> list[list[Box]]:
        return [[each.box for each in found if each.box] for found in RedSpots().detect(images)]


def _red(jpeg: bytes | None) -> int:
    """How many pixels of a kept picture are of a person's red."""
    assert jpeg is not None
    picture = np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB"), np.int16)
    return int(((picture[..., 0] - picture[..., 1] > 60) & (picture[..., 0] - picture[..., 2] > 60)).sum())


def test_people_are_blurred_before_a_frame_is_kept(tmp_path: Path, ocr: RapidText) -> None:
    path = _clip(tmp_path / "CAM-07_20260304T021000Z.mp4", clock=START)
    policy = SourcePolicy(blur_by_camera={"cam07": ("person",)})
    # wider than the box, and brighter below: the mean of all that is no red
    redactor = Redactor({"person": [Wide(RedPeople())]}, {})
    drafts, batches = _read(VideoReader([RedSpots()], ocr, redactor=redactor), _item(path, policy=policy))
    shown = next(draft for draft in drafts if draft.data["counts"])
    bare, _ = _read(VideoReader([RedSpots()], ocr, redactor=redactor), _item(path))
    assert _red(next(draft for draft in bare if draft.data["counts"]).media) > 20
    assert _red(shown.media) == 0 and shown.data["blurred"] == {"person": 1} and shown.data["counts"] == {"person": 1}
    assert shown.models["blur"] == "person: wide"
    assert any("blurred before it was kept: person" in note and "missed: person 10%" in note for note in shown.notes)
    assert drafts[0].valid and drafts[0].valid.t0 == to_micros(START), "the clock is read all the same"
    hidden = [each for each in batches[-1].coverage if "blur of" in each.by]
    assert [(each.able, each.interval_s) for each in hidden] == [({"blurred person": 0.1}, 1.0)]
    assert all("blur" not in draft.models and "blurred" not in draft.data for draft in bare)


class Wide:
    """The boxes of another finder, ten times as wide and high."""

    name, missed, within = "wide", 0.1, ""

    def __init__(self, finder: RedPeople) -> None:
        self._finder = finder

    def find(self, images: Sequence[Image.Image]) -> list[list[Box]]:
        return [[padded(box, 4.5) for box in found] for found in self._finder.find(images)]


@pytest.mark.parametrize("redactor", [None, Redactor({}, {"face": "no cascades"})])
def test_what_cannot_be_blurred_is_not_taken_in(tmp_path: Path, redactor: Redactor | None) -> None:
    policy = SourcePolicy(blur=("face",))
    clip = _item(_clip(tmp_path / "a.mp4", 5), policy=policy)
    still = tmp_path / "a.jpg"
    _frame(34, None).save(still)
    for reader, item in (
        (VideoReader(redactor=redactor), clip),
        (ImageReader(redactor=redactor), _item(still, "image/jpeg", policy)),
    ):
        with pytest.raises(SourceRejected, match="its policy blurs every face, and that is off") as caught:
            _read(reader, item)
        assert caught.value.kind == "privacy"


def test_a_plate_that_can_be_read_is_neither_kept_nor_told(tmp_path: Path, ocr: RapidText) -> None:
    image = _frame(0, None)
    ImageDraw.Draw(image).text((200, 250), "7348 KLM", fill="white", font=ImageFont.load_default(28))
    ImageDraw.Draw(image).text((420, 300), "LOADING BAY", fill="white", font=ImageFont.load_default(28))
    path = tmp_path / "yard.png"
    image.save(path)
    redactor = Redactor({"plate": [haar_plates()]}, {})
    (bare,), _ = _read(ImageReader(ocr=ocr), _item(path, "image/png"))
    assert "7348" in bare.text and "LOADING" in bare.text
    policy = SourcePolicy(blur=("plate",))
    (kept,), _ = _read(ImageReader(ocr=ocr, redactor=redactor), _item(path, "image/png", policy))
    assert "7348" not in repr(kept._replace(media=None)) and "LOADING" in kept.text
    assert kept.media is not None
    again = ocr.lines(Image.open(io.BytesIO(kept.media)).convert("RGB"))
    assert again and not any("7348" in text or "KLM" in text for text, _ in again)


def test_the_same_clip_twice_gives_the_same_drafts(tmp_path: Path) -> None:
    item = _item(_clip(tmp_path / "a.mp4", 20))
    assert _read(VideoReader(), item)[0] == _read(VideoReader(), item)[0]


def test_the_burnt_in_clock_tells_the_time(tmp_path: Path, ocr: RapidText) -> None:
    drafts, batches = _read(VideoReader(ocr=ocr), _item(_clip(tmp_path / "export.mp4", clock=START)))
    assert drafts[0].valid and drafts[0].valid.t0 == to_micros(START)
    assert "burnt-in clock" in drafts[0].notes[0]
    assert "CAM-07" in drafts[0].text
    assert all("02:10" not in (draft.embed or "") for draft in drafts)
    read = next(each for each in batches[-1].coverage if each.by.startswith("rapidocr"))
    assert 10 <= read.interval_s <= 30 and read.able == ocr.able


def test_a_wrong_clock_is_noted_and_the_file_name_kept(tmp_path: Path, ocr: RapidText) -> None:
    path = _clip(tmp_path / "CAM-07_20260304T021000Z.mp4", 12, clock=START + timedelta(seconds=95))
    drafts, _ = _read(VideoReader(ocr=ocr), _item(path))
    assert drafts[0].valid and drafts[0].valid.t0 == to_micros(START)
    assert any("differs from the name by +95 s" in note for note in drafts[0].notes)
    assert drafts[0].data["clock_skew_s"] == 95.0


def test_an_unknown_time_stays_unknown(tmp_path: Path) -> None:
    drafts, batches = _read(VideoReader(), _item(_clip(tmp_path / "export.mp4", 12)))
    assert all(draft.valid is None for draft in drafts)
    assert "no start time known" in drafts[0].notes
    assert (batches[-1].coverage[0].valid, batches[-1].coverage[0].span_ms) == (None, (0, 12_000))


@pytest.mark.parametrize("suffix", [".mp4", ".avi", ".mkv"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.8])
def test_a_cut_off_clip_is_refused(tmp_path: Path, suffix: str, share: float) -> None:
    path = _clip(tmp_path / f"clip{suffix}", 60, clock=START)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(SourceRejected) as caught:
        _read(VideoReader(), _item(path))
    assert caught.value.kind == "truncated", caught.value.reason


def test_a_moving_gif_and_a_cut_off_one(tmp_path: Path) -> None:
    path = tmp_path / "a.gif"
    frames = [_frame(second, None) for second in (0, 33, 1)]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=[400, 700, 300])
    drafts, _ = _read(VideoReader([RedSpots()]), _item(path, "image/gif"))
    assert any(draft.data["counts"] for draft in drafts)
    path.write_bytes(path.read_bytes()[:-900])
    with pytest.raises(SourceRejected) as caught:
        _read(VideoReader(), _item(path, "image/gif"))
    assert caught.value.kind == "truncated"


@pytest.mark.parametrize(("content", "kind"), [(b"", "empty"), (b"\0" * 4096, "truncated")])
def test_no_clip_at_all(tmp_path: Path, content: bytes, kind: str) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(content)
    with pytest.raises(SourceRejected) as caught:
        _read(VideoReader(), _item(path))
    assert caught.value.kind == kind


def test_a_still_with_its_time(tmp_path: Path) -> None:
    path = tmp_path / "CAM-02_20260304T021000Z.jpg"
    _frame(34, None).save(path)
    (draft,), batches = _read(ImageReader([RedSpots()]), _item(path, "image/jpeg"))
    assert draft.valid == Interval(to_micros(START), to_micros(START))
    assert draft.text == "CAM-02 sees: person"
    assert [each.layer for each in batches[0].coverage] == [Layer.RECORDED, Layer.EXAMINED]


def test_exif_times_are_read_in_the_policys_zone(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9003] = "2026:03:04 03:10:00"
    path = tmp_path / "a.jpg"
    _frame(0, None).save(path, exif=exif)
    (draft,), _ = _read(ImageReader(), _item(path, "image/jpeg", SourcePolicy(timezone="Europe/Berlin")))
    assert draft.valid and draft.valid.t0 == to_micros(START)
    assert "time from EXIF, read in Europe/Berlin" in draft.notes


def test_what_is_transparent_shows_white_paper(tmp_path: Path) -> None:
    """Black ink on a transparent ground whose hidden colour is black too."""
    drawing = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
    ImageDraw.Draw(drawing).line((8, 32, 56, 32), (0, 0, 0, 255), 4)
    path = tmp_path / "sketch.png"
    drawing.save(path)
    (draft,), _ = _read(ImageReader(), _item(path, "image/png"))
    shown = np.asarray(Image.open(io.BytesIO(draft.media or b"")).convert("L"))
    assert shown[4:20].min() > 240 and shown[31:33, 20:40].max() < 40


def _png_bomb() -> bytes:
    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0" * 100_000)) + chunk(b"IEND", b"")


def _cut_jpeg() -> bytes:
    out = io.BytesIO()
    _frame(0, None).save(out, "JPEG")
    return out.getvalue()[:3000]


@pytest.mark.parametrize(
    ("content", "kind"),
    [(b"", "empty"), (_png_bomb(), "too_large"), (_cut_jpeg(), "truncated"), (b"no picture", "unreadable")],
)
def test_bad_pictures_are_refused_at_once(tmp_path: Path, content: bytes, kind: str) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(content)
    began = time.monotonic()
    with pytest.raises(SourceRejected) as caught:
        _read(ImageReader(), _item(path, "image/png"))
    assert caught.value.kind == kind
    assert time.monotonic() - began < 10


def test_a_huge_clip_is_refused_by_its_header(tmp_path: Path) -> None:
    path = _clip(tmp_path / "a.mp4", 3)
    with pytest.raises(SourceRejected) as caught:
        _read(VideoReader(sampling=Sampling(max_pixels=640 * 359)), _item(path))
    assert caught.value.kind == "too_large"


@pytest.mark.data
def test_every_real_clip_is_read() -> None:
    clips = sorted((DATA / "video").glob("*.*")) if (DATA / "video").is_dir() else []
    if not clips:
        pytest.skip(f"no real footage at {DATA}: set WATCHFLOOR_TEST_DATA")
    assert len(clips) == 8
    for path in clips:
        item = _item(path)
        drafts, batches = _read(VideoReader(), item)
        assert len(drafts) >= 10, path.name
        spans = [(draft.locator.ms, draft.locator.end_ms) for draft in drafts]
        assert all(a[1] == b[0] for a, b in pairwise(spans)), path.name
        assert batches[-1].coverage[0].span_ms == (0, spans[-1][1])
