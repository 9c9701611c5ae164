"""Every Transcriber and VoiceActivity: tones in memory, whisper and Silero on a real voice."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from ingest.audio.fakes import LoudVoice, ToneTranscriber
from ingest.audio.messages import RATE
from ingest.audio.voice import SileroVoice
from ingest.audio.whisper import FasterWhisper, packaged
from ingest.ports import Samples, Transcriber, Utterance, VoiceActivity

DATA = Path(os.environ.get("WATCHFLOOR_TEST_DATA", Path(__file__).parents[2] / "../shared/data"))
CLIP = DATA / "audio/asterisk/conf-invalidpin.wav"


class Bench(NamedTuple):
    """A transcriber and a voice detector, a recording of one sentence, and words of it in order."""

    transcriber: Transcriber
    voice: VoiceActivity
    speech: Samples
    words: tuple[str, ...]

    def sure(self, samples: Samples) -> list[Utterance]:
        return [each for each in self.transcriber.transcribe(samples) if each.sure]


def _tones() -> Bench:
    transcriber = ToneTranscriber(("pump", "three", "has", "tripped"))
    return Bench(transcriber, LoudVoice(), transcriber.say("pump three has tripped"), ("pump", "three", "tripped"))


def _whisper() -> Bench:
    from eval.speech import decoded

    if not (packaged() and CLIP.is_file()):
        pytest.skip("the extra [speech] or the real data (WATCHFLOOR_TEST_DATA) is not here")
    return Bench(FasterWhisper(), SileroVoice(), decoded(CLIP), ("invalid", "conference"))


@pytest.fixture(
    scope="module",
    params=[pytest.param(_tones, id="tones"), pytest.param(_whisper, id="whisper", marks=pytest.mark.data)],
)
def bench(request: pytest.FixtureRequest) -> Bench:
    make: Callable[[], Bench] = request.param
    return make()


def _silence(seconds: float) -> Samples:
    return np.zeros(int(seconds * RATE), np.float32)


def test_what_is_said_is_written_in_order(bench: Bench) -> None:
    written = " ".join(each.text for each in bench.sure(bench.speech)).lower()
    places = [written.find(word) for word in bench.words]
    assert -1 not in places and places == sorted(places), written


def test_times_lie_in_the_sound_and_in_order(bench: Bench) -> None:
    twice = np.concatenate([bench.speech, _silence(1.5), bench.speech])
    found = bench.transcriber.transcribe(twice)
    edges = [edge for each in found for edge in (each.start_ms, each.end_ms)]
    assert len(found) >= 2 and edges == sorted(edges)
    assert edges[0] >= 0 and edges[-1] <= twice.size * 1000 // RATE + 100
    assert all(each.start_ms < each.end_ms and each.text.strip() == each.text != "" for each in found)


def test_what_is_said_later_is_written_later(bench: Bench) -> None:
    (first, *_), (later, *_) = (bench.sure(s) for s in (bench.speech, np.concatenate([_silence(3), bench.speech])))
    assert abs(later.start_ms - first.start_ms - 3000) < 500


def test_nothing_is_said_in_silence(bench: Bench) -> None:
    for samples in (_silence(0), _silence(0.01), _silence(5)):
        assert bench.sure(samples) == [] and bench.voice.spans(samples) == []


def test_the_same_sound_gives_the_same_words(bench: Bench) -> None:
    assert bench.transcriber.transcribe(bench.speech) == bench.transcriber.transcribe(bench.speech)


def test_it_says_what_it_is_and_how_much_it_misses(bench: Bench) -> None:
    assert bench.transcriber.name and bench.voice.name
    assert 0 <= bench.transcriber.able["speech"] <= 1


def test_voices_are_found_where_they_are(bench: Bench) -> None:
    samples = np.concatenate([_silence(3), bench.speech, _silence(3), bench.speech, _silence(3)])
    spans = bench.voice.spans(samples)
    assert [a for span in spans for a in span] == sorted(a for span in spans for a in span), "in order, apart"
    second = 3 * RATE + bench.speech.size + 3 * RATE
    for at in (3 * RATE, second):
        inside = sum(
            min(s.end, at + bench.speech.size) - max(s.start, at)
            for s in spans
            if s.start < at + bench.speech.size and s.end > at
        )
        assert inside >= 0.7 * bench.speech.size
    quiet = [(0, 2 * RATE), (second - 2 * RATE, second - RATE), (samples.size - 2 * RATE, samples.size)]
    assert not any(s.start < b and s.end > a for s in spans for a, b in quiet)
