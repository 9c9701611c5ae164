"""Where in a recording somebody speaks, cut into stretches that a transcriber takes whole."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import version
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from ingest.audio.messages import RATE, Sound
from ingest.ports import Samples, VoiceActivity, Voiced

LONGEST_MS = 28_000
"""Of a stretch: whisper looks at 30 s at a time."""
PAUSE_MS = 2_000
"""A pause that ends a stretch. Shorter ones stay in: speech without its pauses is read worse, and each stretch costs a whole look."""
_LEAST_PROBABILITY = 0.25
_WINDOW_MS = 60_000
_EDGE_MS = 1_000
_PER_MS = RATE // 1000


class SileroVoice:
    """VoiceActivity by the Silero model that comes with faster-whisper: some 0.3 s a minute of sound on one core."""

    def __init__(self) -> None:
        self.name = f"silero-vad v6 (faster-whisper {version('faster-whisper')})"

    def spans(self, samples: Samples) -> list[Voiced]:
        """Voices of at least 0.25 s with 0.4 s around them, cut at a breath where longer than 28 s.

        After a long silence the model takes up to 0.9 s to be sure of a voice, and the first words would be lost. At a probability of 0.25
        none of 32 clips behind 20 s of silence began late, and 8 kinds of noise still passed for no voice.
        """
        from faster_whisper.vad import VadOptions, get_speech_timestamps

        if not samples.size:
            return []
        options = VadOptions(
            threshold=_LEAST_PROBABILITY,
            min_speech_duration_ms=250,
            max_speech_duration_s=LONGEST_MS / 1000,
            min_silence_duration_ms=500,
            speech_pad_ms=400,
        )
        return [Voiced(int(found["start"]), int(found["end"])) for found in get_speech_timestamps(samples, options)]


class Stretch(NamedTuple):
    """Sound in which somebody speaks, from `ms` of media time on; shape (n,), at most 28 s."""

    ms: int
    samples: Samples


class Stretches:
    """Takes sound block by block and gives stretches as soon as their end is heard. Holds little more than a minute."""

    def __init__(self, voice: VoiceActivity) -> None:
        self._voice = voice
        self._held: list[Samples] = []
        self._at = 0
        self._size = 0

    def feed(self, block: Sound) -> Iterator[Stretch]:
        """Take the next block; a gap before it ends what came before."""
        if self._held and abs(block.ms - self._at - self._size // _PER_MS) > 1:
            yield from self.rest()
        if not self._held:
            self._at = block.ms
        samples = np.frombuffer(block.pcm, "<i2").astype(np.float32) / np.float32(32768)
        self._held.append(samples)
        self._size += samples.size
        if self._size >= _WINDOW_MS * _PER_MS:
            yield from self._taken(last=False)

    def rest(self) -> Iterator[Stretch]:
        """What is left at the end of the sound."""
        yield from self._taken(last=True)
        self._held, self._size = [], 0

    def _taken(self, *, last: bool) -> Iterator[Stretch]:
        samples = np.concatenate(self._held) if self._held else np.zeros(0, np.float32)
        found = joined(self._voice.spans(samples))
        # the newest one may go on in the next block
        ended = found if last else [span for span in found if span.end <= samples.size - _EDGE_MS * _PER_MS]
        for span in ended:
            yield Stretch(self._at + span.start // _PER_MS, samples[span.start : span.end])
        self._keep(samples, found[len(ended)].start if len(ended) < len(found) else None)

    def _keep(self, samples: Samples, start: int | None) -> None:
        """Hold on to what a later look may need: from the unfinished voice on, else the last second."""
        at = max(0, samples.size - _EDGE_MS * _PER_MS) if start is None else start
        at -= at % _PER_MS
        self._held, self._size = [samples[at:].copy()], samples.size - at
        self._at += at // _PER_MS


def joined(spans: list[Voiced], longest_ms: int = LONGEST_MS, pause_ms: int = PAUSE_MS) -> list[Voiced]:
    """Neighbours with less than a pause between them as one, as long as they fit; what is longer by itself is cut evenly."""
    longest, pause = longest_ms * _PER_MS, pause_ms * _PER_MS
    made: list[Voiced] = []
    for span in (part for whole in spans for part in _pieces(whole, longest)):
        if made and span.start - made[-1].end < pause and span.end - made[-1].start <= longest:
            made[-1] = Voiced(made[-1].start, span.end)
        else:
            made.append(span)
    return made


def _pieces(span: Voiced, longest: int) -> list[Voiced]:
    count = -(-(span.end - span.start) // longest)
    if count <= 1:
        return [span]
    edges = [span.start + (span.end - span.start) * n // count for n in range(count + 1)]
    return [Voiced(a, b) for a, b in pairwise(edges)]
