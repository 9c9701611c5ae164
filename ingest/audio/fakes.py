"""A voice detector and a transcriber that need no weights: words are tones, and what is no clean tone is unsure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from ingest.audio.messages import RATE
from ingest.ports import Samples, Utterance, Voiced

_STEP = RATE // 50  # 20 ms
_LOUD = 0.01
_WORD_S, _GAP_S, _BREATH_S = 0.3, 0.1, 0.5
_LOWEST_HZ, _APART_HZ = 400, 100
_PURE = 0.5


class LoudVoice:
    """VoiceActivity: whatever is loud is a voice. Pauses up to 0.3 s belong to it."""

    name = "loud voice"

    def spans(self, samples: Samples) -> list[Voiced]:
        return _joined(_loud(samples), int(0.3 * RATE))


class ToneTranscriber:
    """Transcriber of tones: the n-th word of `words` is a tone of 400 + 100 n Hz and 0.3 s. `say` makes them."""

    name = "tones"
    able = {"speech": 0.0}

    def __init__(self, words: Sequence[str]) -> None:
        self._words = tuple(words)

    def say(self, text: str) -> Samples:
        """The tones of a text, 0.1 s between them. Raises ValueError for a word that has no tone."""
        time = np.arange(int(_WORD_S * RATE)) / RATE
        gap = np.zeros(int(_GAP_S * RATE))
        parts = [gap]
        for word in text.split():
            parts += [0.5 * np.sin(2 * np.pi * self._hertz(word) * time), gap]
        return np.concatenate(parts).astype(np.float32)

    def transcribe(self, samples: Samples) -> list[Utterance]:
        return [self._utterance(samples, run) for run in _runs(_joined(_loud(samples), _STEP))]

    def _utterance(self, samples: Samples, run: Sequence[Voiced]) -> Utterance:
        heard = [self._word(samples[span.start : span.end]) for span in run]
        purity = min(pure for _, pure in heard)
        start, end = run[0].start * 1000 // RATE, run[-1].end * 1000 // RATE
        return Utterance(start, end, " ".join(word for word, _ in heard), purity >= _PURE, {"purity": purity}, "en")

    def _word(self, tone: Samples) -> tuple[str, float]:
        """The word whose tone is nearest, and the share of the power that lies there."""
        power = np.abs(np.fft.rfft(tone * np.hanning(tone.size))) ** 2
        peak = int(np.argmax(power))
        near = power[max(0, peak - 3) : peak + 4].sum() / max(float(power.sum()), 1e-12)
        index = round((peak * RATE / tone.size - _LOWEST_HZ) / _APART_HZ)
        return self._words[min(max(index, 0), len(self._words) - 1)], round(float(near), 3)

    def _hertz(self, word: str) -> int:
        return _LOWEST_HZ + _APART_HZ * self._words.index(word)


def _loud(samples: Samples) -> list[Voiced]:
    steps = samples[: samples.size // _STEP * _STEP].reshape(-1, _STEP)
    loud = np.sqrt(np.mean(steps**2, axis=1)) > _LOUD
    edges = np.flatnonzero(np.diff(np.concatenate([[False], loud, [False]]).astype(np.int8)))
    return [Voiced(int(a) * _STEP, int(b) * _STEP) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def _joined(spans: Sequence[Voiced], within: int) -> list[Voiced]:
    made: list[Voiced] = []
    for span in spans:
        if made and span.start - made[-1].end <= within:
            made[-1] = Voiced(made[-1].start, span.end)
        else:
            made.append(span)
    return made


def _runs(words: Sequence[Voiced]) -> Iterator[list[Voiced]]:
    run: list[Voiced] = []
    for word in words:
        if run and word.start - run[-1].end >= _BREATH_S * RATE:
            yield run
            run = []
        run.append(word)
    if run:
        yield run
