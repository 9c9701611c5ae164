"""Suite `speech`: what is written down of clips whose words are known, through the whole way in: decoded in a child, voices found, written.

The figure is the word error rate, (substituted + missed + inserted words) / words of the transcript, over all clips of a set, as jiwer
counts them, after both sides went through the English normaliser of Whisper's authors as transformers carries it (numbers as digits, no
case, no punctuation). The intervals are by drawing clips anew. Further sets: the telephone clips with pink noise 5 dB below the voice; the
telephone clips joined into recordings that are mostly quiet; and sound without speech, where every word is wrong. `onset_ms` is how far
the first turn's time lies from where a clip becomes loud.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from eval.resampling import interval
from ingest.audio.decode import sound
from ingest.audio.listener import Ears
from ingest.audio.messages import RATE, Sound, SoundOrder
from ingest.audio.reader import AudioReader
from ingest.audio.turns import wav
from ingest.audio.voice import SileroVoice
from ingest.audio.whisper import FasterWhisper
from ingest.media_types import media_type
from ingest.ports import Draft, Item, Samples, SourcePolicy
from retrieval.errors import InputError
from retrieval.types import ClipSpan

Progress = Callable[[int, int, str], None]
SETS = {"ljspeech": "ljspeech", "telephone": "asterisk"}
_NOISE_DB = 5.0
_SEED = 20261126
_NOISY, _JOINED = "telephone, noisy", "telephone, joined"
_TOGETHER = 6
_QUIET_S = (5, 20)
_FLOOR = 1e-3
# a clip begins where it first comes within 30 dB of its loudest 20 ms
_ONSET = 10 ** (-30 / 20)


class Clip(NamedTuple):
    """A recording and what is said in it; `set` is the set it belongs to."""

    set: str
    path: Path
    words: str


class Heard(NamedTuple):
    """What was made of a clip: edits against its transcript (substituted, missed, inserted) of `words` words; `unsure` of the words written
    down are not stated. Seconds of sound and of work; `onset_ms` is how late its first turn is, None where nothing was heard."""

    clip: Clip
    edits: tuple[int, int, int]
    words: int
    written: int
    unsure: int
    sound_s: float
    spent_s: float
    onset_ms: float | None


def run(data_dir: Path, progress: Progress | None = None) -> dict[str, Any]:
    """{suite, n, model, metrics, by_kind, no_speech}. Raises InputError where the clips are missing, EncoderUnavailable without weights."""
    reader = AudioReader(ears := product())
    clips = [clip for name, folder in SETS.items() for clip in read(name, data_dir / "audio" / folder)]
    with TemporaryDirectory(prefix="watchfloor-speech-") as folder:
        called = [clip for clip in clips if clip.set == "telephone"]
        made = [_with_noise(clip, n, Path(folder)) for n, clip in enumerate(called)]
        made += _joined(called, Path(folder))
        # the first clip of all pays for loading the model
        _turns(reader, clips[0].path)
        heard = [_hear(reader, clip, n, len(clips + made), progress) for n, clip in enumerate(clips + made, 1)]
        quiet = no_speech(reader, Path(folder))
    sets = {name: [one for one in heard if one.clip.set == name] for name in (*SETS, _NOISY, _JOINED)}
    return {
        "suite": "speech",
        "n": len(heard),
        "model": ears.name,
        "metrics": measured([one for name in SETS for one in sets[name]]),
        "by_kind": {name: measured(some) for name, some in sets.items()},
        "no_speech": quiet,
    }


def product() -> Ears:
    """The product's ears with the model of the settings. Raises EncoderUnavailable."""
    from app.settings import load

    asked = load().encoders.speech
    return Ears(SileroVoice(), FasterWhisper(None if asked in ("auto", "off") else asked))


def read(name: str, folder: Path) -> list[Clip]:
    """The clips of a folder with a transcripts.tsv (name, words). Raises InputError."""
    try:
        lines = (folder / "transcripts.tsv").read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise InputError(f"{folder} holds no transcripts: {error}") from error
    rows = (line.split("\t") for line in lines if line.strip())
    return [Clip(name, folder / f"{row[0]}.wav", row[1]) for row in rows]


def word_edits(said: str, written: str) -> tuple[tuple[int, int, int], int]:
    """((substituted, missed, inserted), words said), after normalising both."""
    import jiwer

    truth, guess = normalised(said), normalised(written)
    if not truth:
        return (0, 0, len(guess.split())), 0
    found = jiwer.process_words(truth, guess)
    return (found.substitutions, found.deletions, found.insertions), len(truth.split())


def normalised(text: str) -> str:
    """Lower case, numbers as digits, contractions spelt out, no punctuation."""
    # an ellipsis at the end leaves a lone stop behind
    return " ".join(word for word in str(_normaliser()(text)).split() if any(map(str.isalnum, word)))


@cache
def _normaliser() -> Any:
    from transformers.models.whisper import english_normalizer

    # its list of British spellings comes with a checkpoint; without it they stay as they are
    make: Any = english_normalizer.EnglishTextNormalizer
    return make({})


def measured(heard: Sequence[Heard]) -> dict[str, Any]:
    """The figures of a set."""
    edits = np.array([one.edits for one in heard], np.float64)  # (n, 3)
    words = np.array([one.words for one in heard], np.float64)

    def rate(chosen: NDArray[np.intp]) -> float:
        return float(edits[chosen].sum() / words[chosen].sum())

    spread = interval(rate, [0] * len(heard))
    onsets = [abs(one.onset_ms) for one in heard if one.onset_ms is not None]
    seconds = sum(one.sound_s for one in heard)
    return {
        "clips": len(heard),
        "words": int(words.sum()),
        "wer": rate(np.arange(len(heard))),
        "wer_low": spread.low,
        "wer_high": spread.high,
        **dict(zip(("substituted", "missed", "inserted"), map(int, edits.sum(axis=0)), strict=True)),
        "unsure": sum(one.unsure for one in heard) / max(1, sum(one.written for one in heard)),
        "onset_ms_p50": float(np.median(onsets)) if onsets else None,
        "onset_ms_p95": float(np.percentile(onsets, 95)) if onsets else None,
        "seconds": seconds,
        "real_time_factor": sum(one.spent_s for one in heard) / seconds,
    }


def no_speech(reader: AudioReader, folder: Path, seconds: int = 60) -> dict[str, Any]:
    """Words written down where nobody speaks, of a minute each of silence, noises and machines: {minutes, stated, unsure}."""
    stated = unsure = 0
    made = dict(_noises(seconds))
    for name, samples in made.items():
        path = folder / f"{name}.wav"
        path.write_bytes(wav(samples))
        for turn in _turns(reader, path):
            stated += len(turn.text.split()) if turn.data["sure"] else 0
            unsure += len(str(turn.data.get("guess", "")).split())
    return {"minutes": len(made) * seconds / 60, "sounds": sorted(made), "stated": stated, "unsure": unsure}


def _hear(reader: AudioReader, clip: Clip, done: int, total: int, progress: Progress | None) -> Heard:
    samples = decoded(clip.path)
    started = time.perf_counter()
    turns = _turns(reader, clip.path)
    spent = time.perf_counter() - started
    if progress:
        progress(done, total, clip.path.name)
    said = [turn.text if turn.data["sure"] else str(turn.data["guess"]) for turn in turns]
    edits, words = word_edits(clip.words, " ".join(said))
    unsure = [len(text.split()) for text, turn in zip(said, turns, strict=True) if not turn.data["sure"]]
    first = next((turn.locator.ms for turn in turns if isinstance(turn.locator, ClipSpan)), None)
    onset = None if first is None else first - onset_ms(samples)
    written = len(" ".join(said).split())
    return Heard(clip, edits, words, written, sum(unsure), samples.size / RATE, spent, onset)


def _turns(reader: AudioReader, path: Path) -> list[Draft]:
    item = Item(path, path.as_uri(), path.name, media_type(path), "", SourcePolicy())
    return [draft for batch in reader.read(item, "eval") for draft in batch.drafts]


def decoded(path: Path) -> Samples:
    """A clip of ours as mono samples at 16 kHz."""
    order = SoundOrder(str(path), "wav")
    blocks = [m.pcm for m in sound({"path": order.path, "demuxer": order.demuxer}) if isinstance(m, Sound)]
    return np.frombuffer(b"".join(blocks), "<i2").astype(np.float32) / np.float32(32768)


def onset_ms(samples: Samples) -> float:
    """Where sound first comes within 30 dB of its loudest 20 ms."""
    step = RATE // 50
    loud = np.sqrt(np.mean(samples[: samples.size // step * step].reshape(-1, step) ** 2, axis=1))
    return float(np.argmax(loud >= _ONSET * loud.max()) * 20)


def _with_noise(clip: Clip, number: int, folder: Path) -> Clip:
    """The clip with pink noise at 5 dB below its own power; the same every time."""
    samples = decoded(clip.path)
    noise = _pink(samples.size, np.random.default_rng(_SEED + number))
    noise *= np.sqrt(np.mean(samples**2) / np.mean(noise**2) / 10 ** (_NOISE_DB / 10))
    both = samples + noise.astype(np.float32)
    path = folder / clip.path.name
    path.write_bytes(wav(both / max(1.0, float(np.abs(both).max()))))
    return Clip(_NOISY, path, clip.words)


def _joined(clips: Sequence[Clip], folder: Path) -> Iterator[Clip]:
    """Recordings of six clips each, 5 to 20 s of quiet (60 dB below full scale) before each of them; the same every time."""
    rng = np.random.default_rng(_SEED)
    for first in range(0, len(clips), _TOGETHER):
        some, parts = clips[first : first + _TOGETHER], []
        for clip in some:
            quiet = rng.standard_normal(int(rng.uniform(*_QUIET_S) * RATE)) * _FLOOR
            parts += [quiet.astype(np.float32), decoded(clip.path)]
        path = folder / f"joined {first}.wav"
        path.write_bytes(wav(np.concatenate(parts)))
        yield Clip(_JOINED, path, " ".join(clip.words for clip in some))


def _noises(seconds: int) -> Iterator[tuple[str, Samples]]:
    """Silence, noises, mains hum, an engine, beeps, a siren, and noise that swells like syllables; peaks at one half."""
    rng = np.random.default_rng(_SEED)
    t = np.arange(seconds * RATE) / RATE
    white = rng.standard_normal(t.size)
    swell = np.convolve(white, np.ones(20) / 20, "same") * (1 + np.sin(2 * np.pi * 4 * t))
    made = {
        "silence": np.zeros(t.size),
        "white": white,
        "pink": _pink(t.size, rng),
        "hum": np.sin(2 * np.pi * 50 * t) + np.sin(2 * np.pi * 150 * t) / 3,
        "engine": np.sign(np.sin(2 * np.pi * 37 * t)) * (1 + 0.3 * np.sin(2 * np.pi * 3 * t)) + white / 10,
        "beeps": np.sin(2 * np.pi * 1000 * t) * (t % 1 < 0.2),
        "siren": np.sin(2 * np.pi * (800 * t + 100 * np.sin(np.pi * t))),
        "swells": swell,
    }
    for name, samples in made.items():
        yield name, (samples / (2 * max(float(np.abs(samples).max()), 1e-9))).astype(np.float32)


def _pink(size: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Noise whose power falls with frequency, shape (size,)."""
    spectrum = np.fft.rfft(rng.standard_normal(size))
    return np.asarray(np.fft.irfft(spectrum / np.sqrt(np.arange(1, spectrum.size + 1)), size), np.float64)
