"""From a file with sound in it to Batches of transcript: decoded in a child, voices found and written down here."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from typing import Any, NamedTuple

import msgspec

from ingest.audio.messages import RATE, Sound, SoundMessage, SoundOpened, SoundOrder
from ingest.audio.turns import Scene, drafts
from ingest.audio.voice import Stretch, Stretches
from ingest.media_types import RAW_RATES, demuxer
from ingest.ports import Batch, Draft, Item, Transcriber, VoiceActivity
from ingest.sandbox import Limits, run_as
from ingest.video.drafts import between
from ingest.video.start import Start
from retrieval.errors import SourceRejected
from retrieval.types import Coverage, Layer

_MESSAGE: Any = SoundMessage
_WORKER = "ingest.audio.decode:sound"
_ENOUGH = 16
_PER_MS = RATE * 2 // 1000


class Ears(NamedTuple):
    """What listens: both are there, or nothing listens."""

    voice: VoiceActivity
    transcriber: Transcriber

    @property
    def name(self) -> str:
        return f"{self.transcriber.name}+{self.voice.name}"


class Listener:
    """Reads the sound of one item. Without ears it only learns which spans were recorded."""

    def __init__(self, item: Item, tenant: str, start: Start, ears: Ears | None, limits: Limits) -> None:
        self._item = item
        self._tenant = tenant
        self._start = start
        self._ears = ears
        self._limits = limits
        self._spans: list[tuple[int, int]] = []

    def file(self) -> Iterator[Batch]:
        """An audio file. Raises SourceRejected: no_sound, empty, truncated, unreadable, too_large, timeout."""
        yield from self._batches(beside_video=False)
        yield Batch(coverage=self._coverage())

    def track(self, length_ms: int) -> Iterator[Batch]:
        """The sound of a video of this length. A track that breaks does not take the pictures with it: what was heard until then
        stays, and the coverage says that the rest was recorded and not examined."""
        if self._ears is None:
            return
        try:
            yield from self._batches(beside_video=True)
        except SourceRejected:
            yield Batch(coverage=self._coverage([(0, length_ms)]))
            return
        yield Batch(coverage=self._coverage())

    def _batches(self, *, beside_video: bool) -> Iterator[Batch]:
        held: list[Draft] = []
        for stretch in self._stretches(beside_video):
            held += self._written(stretch)
            if len(held) >= _ENOUGH:
                yield Batch(held)
                held = []
        if held:
            yield Batch(held)

    def _stretches(self, beside_video: bool) -> Iterator[Stretch]:
        messages: Generator[SoundMessage, None, None] = run_as(
            _MESSAGE, _WORKER, msgspec.to_builtins(self._order(beside_video)), self._limits
        )
        cutter = Stretches(self._ears.voice) if self._ears else None
        with closing(messages):
            for message in messages:
                if isinstance(message, SoundOpened):
                    self._opened(message)
                elif isinstance(message, Sound):
                    self._recorded(message)
                    yield from cutter.feed(message) if cutter else ()
        yield from cutter.rest() if cutter else ()

    def _opened(self, message: SoundOpened) -> None:
        if self._start.at is None and message.made:
            note = f"the container says it was made {message.made}: often the time of an export, so not used"
            # a film has said so of itself
            self._start = self._start._replace(notes=tuple(dict.fromkeys((*self._start.notes, note))))

    def _order(self, beside_video: bool) -> SoundOrder:
        kind = self._item.media_type
        return SoundOrder(str(self._item.path), demuxer(kind), beside_video, RAW_RATES.get(kind, 0))

    def _written(self, stretch: Stretch) -> list[Draft]:
        assert self._ears is not None, "stretches are only cut where somebody listens"
        models = {"speech": self._ears.transcriber.name, "voice": self._ears.voice.name}
        scene = Scene(self._start.at, self._start.camera, models, self._start.notes)
        return list(drafts(stretch, self._ears.transcriber.transcribe(stretch.samples), scene))

    def _recorded(self, block: Sound) -> None:
        """Blocks that follow on each other are one span."""
        end = block.ms + len(block.pcm) // _PER_MS
        if self._spans and abs(block.ms - self._spans[-1][1]) <= 1:
            self._spans[-1] = (self._spans[-1][0], end)
        else:
            self._spans.append((block.ms, end))

    def _coverage(self, recorded: Sequence[tuple[int, int]] | None = None) -> list[Coverage]:
        """What was recorded (by default what could be decoded), and what of it was listened to."""
        records = [self._record(span, None) for span in recorded or self._spans]
        return records + ([self._record(span, self._ears) for span in self._spans] if self._ears else [])

    def _record(self, span: tuple[int, int], ears: Ears | None) -> Coverage:
        """Recorded, or with `ears` examined by them."""
        valid = between(self._start.at, span)
        return Coverage(
            source=self._item.uri,
            subject=sound_of(self._start.camera or self._item.uri),
            layer=Layer.EXAMINED if ears else Layer.RECORDED,
            tenant=self._tenant,
            valid=valid,
            span_ms=None if valid else span,
            by=ears.name if ears else "",
            able=dict(ears.transcriber.able) if ears else {},
            labels=self._item.policy.labels,
        )


def sound_of(subject: str) -> str:
    """The subject of a recorder's sound. It is told apart from its pictures: having listened is not having looked."""
    return f"{subject}#sound"
