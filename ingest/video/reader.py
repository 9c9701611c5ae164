"""The Reader for clips: mp4, avi, mkv, mov, webm and animated gif.

Pictures are decoded and thinned out in a child process (decode.py); what survives is looked at by the detectors and read here, and
leaves as Batches of at most 64 frames, cut at moments where possible. What is said follows; the last Batch carries the coverage.
"""

from __future__ import annotations

import io
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
from PIL import Image

from ingest.audio.listener import Ears, Listener
from ingest.media_types import demuxer
from ingest.ports import Batch, Detector, Draft, Item, SourcePolicy, TextReader
from ingest.sandbox import Limits, run_as
from ingest.video import seen as eyes
from ingest.video.attention import AlertAttention, Spans
from ingest.video.burnt_in import Budget, BurntIn, Line
from ingest.video.clock import Reading
from ingest.video.coverage import ClipCoverage
from ingest.video.drafts import Picture, between, draft
from ingest.video.messages import Closed, Kept, Message, Opened, Order, Sampling
from ingest.video.returns import Known, Returns, look
from ingest.video.start import Start, find_start
from ingest.video.timing import ClipTiming
from ingest.video.tracks import Looked, summary
from ingest.video.veil import Shown, Veil
from ingest.vision.redact import Redactor
from ingest.vision.tracking import Following
from retrieval.errors import SourceRejected
from retrieval.types import Coverage

_MOST = 64
_ENOUGH = 40
_MESSAGE: Any = Message
_WORKER = "ingest.video.decode:frames"


class VideoReader:
    """Reads clips. Frame times become UTC from a sidecar, the file name or a burnt-in clock; else they stay unknown and notes say so."""

    name = "video"

    def __init__(
        self,
        detectors: Sequence[Detector] = (),
        ocr: TextReader | None = None,
        limits: Limits | None = None,
        sampling: Sampling | None = None,
        ears: Ears | None = None,
        redactor: Redactor | None = None,
        attention: AlertAttention | None = None,
    ) -> None:
        self._attention = attention
        self._detectors = tuple(detectors)
        self._redactor = redactor
        self._ocr = ocr
        self._limits = limits or Limits()
        self._sampling = sampling or Sampling()
        self._ears = ears
        self.version = versioned("3", self._detectors, ocr, self._sampling) + (f"; {ears.name}" if ears else "")
        self.version += "".join(f"; {part.name}" for part in (redactor, attention) if part)

    def accepts(self, item: Item) -> bool:
        return item.media_type.startswith("video/") or item.media_type == "image/gif"

    def read(self, item: Item, tenant: str) -> Iterator[Batch]:
        """A clip that is all sound is listened to. Raises SourceRejected: empty, truncated, unreadable, too_large, timeout, no_sound,
        and privacy where what its policy blurs cannot be found."""
        refuse_empty(item.path)
        try:
            yield from self._film(item, tenant)
        except SourceRejected as problem:
            if problem.kind != "no_video":
                raise
            yield from Listener(item, tenant, find_start(item), self._ears, self._limits).file()

    def _film(self, item: Item, tenant: str) -> Iterator[Batch]:
        clip = _Clip(item, self._detectors, self._ocr, self._redactor)
        focus = self._focus(clip.start, item, tenant)
        order = msgspec.to_builtins(
            Order(str(item.path), item.policy.fixed, self._sampling, focus, demuxer(item.media_type))
        )
        messages: Generator[Message, None, None] = run_as(_MESSAGE, _WORKER, order, self._limits)
        with closing(messages):
            held: list[Kept] = []
            for message in messages:
                if isinstance(message, Opened):
                    clip.opened(message)
                elif isinstance(message, Closed):
                    yield from clip.batches(held, rest=True)
                    if clip.sound:
                        yield from Listener(item, tenant, clip.start, self._ears, self._limits).track(message.length_ms)
                    yield Batch(clip.counted(message), clip.coverage(message, tenant))
                else:
                    held.append(message)
                    yield from clip.batches(held, rest=False)

    def _focus(self, start: Start, item: Item, tenant: str) -> Spans:
        if self._attention is None:
            return ()
        return self._attention.spans(tenant, start.camera, start.at, item.policy.labels)


class _Clip:
    """The clip in hand: its start, its text, and which frames were read."""

    def __init__(
        self, item: Item, detectors: Sequence[Detector], ocr: TextReader | None, redactor: Redactor | None
    ) -> None:
        self._item = item
        self._detectors = detectors
        self._ocr = ocr
        self._timing = ClipTiming(find_start(item), item.policy)
        self.sound = False
        self._burnt: BurntIn | None = None
        self._fixed = True
        self._redactor = redactor
        self._veil = Veil(None, SourcePolicy(), None)
        self._following = Following()
        self._returns = Returns()
        self._models = {"ocr": ocr.name} if ocr else {}
        if detectors:
            self._models["detectors"] = ", ".join(detector.name for detector in detectors)

    def opened(self, message: Opened) -> None:
        self._timing.opened(message.made)
        self._veil = Veil(self._redactor, self._item.policy, self.start.camera)
        self._models |= self._veil.models
        self.sound = message.sound
        self._fixed = message.fixed
        if self._ocr is not None:
            self._burnt = BurntIn(self._ocr, Budget.for_length(message.announced_ms))

    @property
    def start(self) -> Start:
        """As known so far: a burnt-in clock settles it with the first batch."""
        return self._timing.start

    def batches(self, held: list[Kept], *, rest: bool) -> Iterator[Batch]:
        """Take full batches off `held`; all of it at the end."""
        while held and (rest or len(held) > _ENOUGH):
            size = _cut(held, rest)
            if size == 0:
                return
            group, held[:] = held[:size], held[size:]
            yield self._batch(group)

    def coverage(self, closed: Closed, tenant: str) -> list[Coverage]:
        subject = self.start.camera or self._item.uri
        made = ClipCoverage(self._item, tenant, subject, self.start.at, closed.length_ms)
        how = "motion-sampling+" if self._fixed else "scene-sampling+"
        records = [made.recorded(), *made.examined(self._detectors, closed.longest_ms, how)]
        records += made.hidden(self._veil, closed.longest_ms, how)
        if self._ocr is not None and self._burnt is not None:
            records += made.text(self._ocr, self._burnt.looked)
        return records

    def counted(self, closed: Closed) -> list[Draft]:
        """What was followed through the clip, in words; nothing where the camera moves."""
        able = {each.name: each.able for each in self._detectors}
        looked = Looked(Path(self._item.name).stem, self.start.camera, self.start.at, closed.longest_ms, able)
        return [summary(each, looked, self._models, self.start.notes) for each in self._following.counted()]

    def _batch(self, group: Sequence[Kept]) -> Batch:
        known = [self._returns.of(kept) for kept in group]
        jpegs = [kept.jpeg or earlier.jpeg for kept, earlier in zip(group, known, strict=True)]
        images = open_jpegs(jpegs)
        lines = [self._lines(kept, image) for kept, image in zip(group, images, strict=True)]
        clocks = [self._timing.clock(found) for found in lines]
        self._timing.take([(kept.ms * 1000, clock) for kept, clock in zip(group, clocks, strict=True) if clock])
        look(self._detectors, known, images, [kept.like_ms is None for kept in group])
        seen = self._followed(group, images, [each.seen for each in known])
        shown = self._veil.over(jpegs, images, seen, lines)
        pictures = [self._picture(*found) for found in zip(group, seen, shown, clocks, strict=True)]
        return Batch([self._draft(*found) for found in zip(group, known, pictures, strict=True)])

    def _draft(self, kept: Kept, known: Known, picture: Picture) -> Draft:
        """A frame that looks like an earlier one is embedded as that one."""
        made = draft(picture, Path(self._item.name).stem, self.start.camera, self._models)
        if kept.like_ms is None:
            known.stored = made.media
            return made
        return made._replace(looks=known.stored)

    def _followed(
        self, group: Sequence[Kept], images: Sequence[Image.Image], seen: Sequence[eyes.Seen]
    ) -> list[eyes.Seen]:
        """What was seen, with its tracks; a moving camera moves everything, so nothing is followed then."""
        if not self._fixed:
            return list(seen)
        return [
            self._following.frame((kept.ms, kept.end_ms), found, image)
            for kept, image, found in zip(group, images, seen, strict=True)
        ]

    def _lines(self, kept: Kept, image: Image.Image) -> list[Line]:
        return self._burnt.read(kept.ms, image, kept.changed) if self._burnt else []

    def _picture(self, kept: Kept, seen: eyes.Seen, shown: Shown, clock: Reading | None) -> Picture:
        data: dict[str, Any] = {
            "moment": kept.moment,
            "why": kept.why,
            "changed": kept.changed,
            "brightness": kept.brightness,
            "sharpness": kept.sharpness,
            **self._timing.data(kept.ms, shown.lines, clock),
        }
        if self._veil.wanted:
            data["blurred"] = shown.blurred
        if kept.like_ms is not None:
            data["like_ms"] = kept.like_ms
        span, notes = (kept.ms, kept.end_ms), (*self.start.notes, *self._veil.notes, *_shared(kept))
        return Picture(shown.jpeg, span, between(self.start.at, span), seen, shown.lines, data, notes)


def versioned(version: str, detectors: Sequence[Detector], ocr: TextReader | None, sampling: Sampling) -> str:
    """Reader version with everything that shapes its output: the eyes, the text reader, the sampling."""
    parts = [version, *(detector.name for detector in detectors), ocr.name if ocr else "no ocr"]
    if sampling != Sampling():
        parts.append(msgspec.json.encode(sampling).decode())
    return "; ".join(parts)


def refuse_empty(path: Path) -> None:
    """Raises SourceRejected for a file of no bytes or one that cannot be opened."""
    try:
        if path.stat().st_size == 0:
            raise SourceRejected("the file is empty (0 bytes)", kind="empty")
        path.open("rb").close()
    except OSError as error:
        raise SourceRejected(f"cannot be read: {error.strerror or error}") from error


def open_jpeg(jpeg: bytes) -> Image.Image:
    """A decoded RGB picture of a JPEG we wrote ourselves."""
    image = Image.open(io.BytesIO(jpeg))
    image.load()
    return image.convert("RGB")


def open_jpegs(jpegs: Sequence[bytes]) -> list[Image.Image]:
    """One picture a JPEG; the same one for the same bytes."""
    opened = {jpeg: open_jpeg(jpeg) for jpeg in dict.fromkeys(jpegs)}
    return [opened[jpeg] for jpeg in jpegs]


def _shared(kept: Kept) -> tuple[str, ...]:
    """What of a frame is another's, for its provenance."""
    if kept.like_ms is None:
        return ()
    if kept.jpeg:
        return (
            f"but for a clock nothing differs from the frame at {kept.like_ms / 1000:.1f} s: what was seen in that is told here",
        )
    return (f"nothing differs from the frame at {kept.like_ms / 1000:.1f} s: its picture is shown",)


def _cut(held: Sequence[Kept], rest: bool) -> int:
    """How many to take: up to the last change of moment, at most 64; 0 = wait for more."""
    ready = held if rest else held[:-1]  # the newest may still begin a moment
    if rest and len(ready) <= _MOST:
        return len(ready)
    for size in range(min(len(ready), _MOST), _ENOUGH // 2, -1):
        if size < len(held) and held[size].moment != held[size - 1].moment:
            return size
    return _MOST if len(held) > _MOST else 0
