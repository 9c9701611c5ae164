"""The decoder of sound: runs in the sandbox's child (worker "ingest.audio.decode:sound") and imports av only.

Sound leaves as mono samples at 16 kHz, block by block, so that neither side ever holds more than a block. A gap in the recorder's time
stamps begins a new block instead of being filled with silence: nothing was recorded there.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import msgspec

from ingest.audio.messages import RATE, Sound, SoundClosed, SoundMessage, SoundOpened, SoundOrder
from ingest.packets import Packets, refuse_short_riff
from retrieval.errors import SourceRejected

_BYTES_A_MS = RATE * 2 // 1000
_GAP_MS = 500
# a jump beyond a day is a broken stamp, not a pause
_LONGEST_GAP_MS = 86_400_000
_MOST_CHANNELS = 64
# in Hz: no recorder works outside of these, and at one sample a second a few kilobytes would last for hours
_SLOWEST, _FASTEST = 2_000, 768_000
_MISSING = 0.9
_SLACK_MS = 1_500
# formats whose length stands in a header; of the others it is guessed from the bit rate or taken from the bytes that are there
_STATED = ("wav", "flac", "mov")


def sound(args: dict[str, Any]) -> Iterator[SoundMessage]:
    """Yield SoundOpened, Sound…, SoundClosed. Raises SourceRejected (no_sound, empty, truncated, too_large, unreadable)."""
    order = msgspec.convert(args, SoundOrder)
    _refuse_cut_off(order.path)
    with _open(order) as container:
        opened = _describe(container)
        _refuse_long(order, opened.announced_ms)
        yield opened
        track = _Track(order, container)
        yield from track.blocks()
    if not track.decoded_ms:
        raise SourceRejected("no sound could be decoded", kind="truncated" if track.damaged else "empty")
    if not order.beside_video:
        _refuse_shortened(order, opened, track.decoded_ms)
    yield SoundClosed(track.decoded_ms, track.damaged)


def _open(order: SoundOrder) -> Any:
    raw = {"sample_rate": str(order.raw_rate), "ch_layout": "mono"} if order.raw_rate else {}
    try:
        container = av.open(order.path, format=order.demuxer or None, options=raw)
    except av.error.InvalidDataError as error:
        raise SourceRejected(
            f"the header of the recording cannot be read ({error.strerror})", kind="truncated"
        ) from error
    except (av.error.FFmpegError, OSError) as error:
        # the library's own words carry the path
        raise SourceRejected(f"the recording cannot be opened ({error.strerror})") from error
    if not container.streams.audio:
        container.close()
        raise SourceRejected("the file has no sound in it", kind="no_sound")
    return container


def _describe(container: Any) -> SoundOpened:
    stream = container.streams.audio[0]
    context = stream.codec_context
    if not 0 < context.channels <= _MOST_CHANNELS or not _SLOWEST <= context.sample_rate <= _FASTEST:
        raise SourceRejected(f"the sound has {context.channels} channels at {context.sample_rate} Hz")
    announced = int(stream.duration * stream.time_base * 1000) if stream.duration else 0
    made = container.metadata.get("creation_time", "")
    return SoundOpened(context.name, context.sample_rate, context.channels, announced, made)


def _refuse_long(order: SoundOrder, ms: int) -> None:
    """A few bytes of silence can stand for days."""
    if ms > order.longest_ms:
        raise SourceRejected(f"the recording is longer than {order.longest_ms / 3_600_000:g} hours", kind="too_large")


def _refuse_cut_off(path: str) -> None:
    with Path(path).open("rb") as file:
        refuse_short_riff(file.read(8), file.seek(0, 2), "recording")


def _refuse_shortened(order: SoundOrder, opened: SoundOpened, decoded_ms: int) -> None:
    if order.demuxer in _STATED and decoded_ms < opened.announced_ms * _MISSING - _SLACK_MS:
        said, got = opened.announced_ms / 1000, decoded_ms / 1000
        raise SourceRejected(f"the recording is cut off: {got:.1f} s of {said:.1f} s are there", kind="truncated")


class _Track:
    """One pass over the first audio track: frames resampled, gathered into blocks, their times made sane."""

    def __init__(self, order: SoundOrder, container: Any) -> None:
        self._container = container
        self._order = order
        self._block = order.block_ms * _BYTES_A_MS
        self._origin = _first_picture(container) if order.beside_video else None
        self._resampler: Any = None
        self._shape: tuple[object, ...] = ()
        self._held = bytearray()
        self._at = 0
        self._samples = 0
        self._packets = Packets("recording")

    @property
    def damaged(self) -> int:
        return self._packets.damaged

    @property
    def decoded_ms(self) -> int:
        return self._samples * 1000 // RATE

    def blocks(self) -> Iterator[Sound]:
        for frame in self._packets.frames(self._container, self._container.streams.audio[0]):
            start = self._jump(frame)
            if start is not None:
                yield from self._flushed()
                self._at = start
            self._take(self._resampled(frame))
            _refuse_long(self._order, self.decoded_ms)
            while len(self._held) >= self._block:
                yield self._cut(self._block)
        yield from self._flushed()

    def _jump(self, frame: Any) -> int | None:
        """Where a new run begins: at the first frame, and after a gap in the stamps; None within a run."""
        first = not self._samples and not self._held
        if frame.time is None:
            return 0 if first else None
        self._origin = frame.time if self._origin is None else self._origin
        ms = max(0, round((frame.time - self._origin) * 1000))
        if first:
            return ms if ms <= _LONGEST_GAP_MS else 0
        return ms if _GAP_MS < ms - self._expected() <= _LONGEST_GAP_MS else None

    def _expected(self) -> int:
        return self._at + len(self._held) // _BYTES_A_MS

    def _resampled(self, frame: Any) -> list[Any]:
        """The frame as mono at 16 kHz; a track that changes its own rate or layout gets a new resampler."""
        shape = (frame.format.name, frame.layout.name, frame.sample_rate)
        out: list[Any] = []
        if shape != self._shape:
            out = self._resampler.resample(None) if self._resampler else []
            self._resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
            self._shape = shape
        # stamps are ours to judge: the resampler only counts samples
        frame.pts = None
        return [*out, *self._resampler.resample(frame)]

    def _take(self, frames: list[Any]) -> None:
        for frame in frames:
            self._held += bytes(frame.planes[0])[: frame.samples * 2]
            self._samples += frame.samples

    def _cut(self, size: int) -> Sound:
        block = Sound(self._at, bytes(self._held[:size]))
        del self._held[:size]
        self._at += size // _BYTES_A_MS
        return block

    def _flushed(self) -> Iterator[Sound]:
        """What the resampler and the buffer still hold, as one last block of the run."""
        if self._resampler is not None:
            self._take(self._resampler.resample(None))
            self._resampler, self._shape = None, ()
        if self._held:
            yield self._cut(len(self._held))


def _first_picture(container: Any) -> float | None:
    """When the first picture is shown, in the container's time; None where it does not say."""
    pictures = container.streams.video
    if not pictures or pictures[0].start_time is None:
        return None
    return float(pictures[0].start_time * pictures[0].time_base)
