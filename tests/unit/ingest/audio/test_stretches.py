"""Sound cut into stretches: nothing said is lost or told twice, times hold, and little is kept in memory."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.audio.fakes import LoudVoice
from ingest.audio.messages import RATE, Sound
from ingest.audio.voice import LONGEST_MS, Stretch, Stretches, joined
from ingest.ports import Samples, Voiced

PER_MS = RATE // 1000
SPANS = st.lists(st.tuples(st.integers(1, 40_000), st.integers(1, 70_000)), max_size=12)


def _spans(gaps: list[tuple[int, int]]) -> list[Voiced]:
    """(ms before, ms long)… → spans in samples."""
    at, made = 0, []
    for before, length in gaps:
        made.append(Voiced((at + before) * PER_MS, (at + before + length) * PER_MS))
        at += before + length
    return made


@given(SPANS)
def test_joined_spans_hold_all_voices_and_fit(gaps: list[tuple[int, int]]) -> None:
    spans = _spans(gaps)
    made = joined(spans)
    assert all(0 < s.end - s.start <= LONGEST_MS * PER_MS for s in made)
    assert all(a.end <= b.start for a, b in pairwise(made))
    voiced = {s.start for s in spans} | {s.end for s in spans}
    assert all(any(m.start <= at <= m.end for m in made) for at in voiced)
    quiet = [(a.end, b.start) for a, b in pairwise(spans) if b.start - a.end >= 2000 * PER_MS]
    assert not any(m.start < b and m.end > a for m in made for a, b in quiet)


def test_short_pauses_stay_in_and_long_ones_end_a_stretch() -> None:
    assert len(joined(_spans([(0, 3000), (1999, 3000)]))) == 1
    assert len(joined(_spans([(0, 3000), (2000, 3000)]))) == 2
    assert [s.end - s.start for s in joined(_spans([(0, 70_000)]))] == [373_333, 373_333, 373_334]


def _signal(bursts: list[tuple[int, int]]) -> Samples:
    """Noise where somebody speaks, silence elsewhere, and a few seconds of silence at the end."""
    spans = _spans(bursts)
    samples = np.zeros((spans[-1].end if spans else 0) + 3 * RATE, np.float32)
    rng = np.random.default_rng(1)
    for span in spans:
        samples[span.start : span.end] = rng.uniform(-0.5, 0.5, span.end - span.start)
    return samples


def _fed(samples: Samples, block_ms: int, at: int = 0) -> tuple[list[Stretch], int]:
    """The stretches of samples that come in blocks, and the most samples held at once."""
    cutter, made, most = Stretches(LoudVoice()), [], 0
    pcm = np.rint(samples * 32768).astype("<i2").tobytes()
    for start in range(0, len(pcm), block_ms * PER_MS * 2):
        made += cutter.feed(Sound(at + start // (2 * PER_MS), pcm[start : start + block_ms * PER_MS * 2]))
        most = max(most, cutter._size)
    return [*made, *cutter.rest()], most


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.tuples(st.integers(2, 60), st.integers(1, 25)), min_size=1, max_size=6),
    st.sampled_from([7_000, 10_000, 61_000]),
)
def test_every_burst_is_heard_once_at_its_time(bursts: list[tuple[int, int]], block_ms: int) -> None:
    samples = _signal([(before * 1000, length * 1000) for before, length in bursts])
    made, most = _fed(samples, block_ms, at=5_000)
    heard = np.zeros(samples.size, np.int8)
    for stretch in made:
        first = (stretch.ms - 5_000) * PER_MS
        there = samples[first : first + stretch.samples.size]
        assert np.allclose(stretch.samples, there, atol=2e-4)
        heard[first : first + stretch.samples.size] += 1
    assert heard.max() == 1 and (heard[np.abs(samples) > 0.1] == 1).all()
    assert all(a.ms + a.samples.size / PER_MS <= b.ms + 1 for a, b in pairwise(made))
    assert most <= (60_000 + LONGEST_MS + block_ms) * PER_MS


def test_a_gap_in_the_recording_ends_a_stretch() -> None:
    loud = _signal([(0, 4000)])[: 4 * RATE]
    pcm = np.rint(loud * 32768).astype("<i2").tobytes()
    cutter = Stretches(LoudVoice())
    made = [*cutter.feed(Sound(0, pcm)), *cutter.feed(Sound(9_000, pcm)), *cutter.rest()]
    assert [(s.ms, s.samples.size) for s in made] == [(0, 4 * RATE), (9_000, 4 * RATE)]


@pytest.mark.parametrize("seconds", [0, 1, 200])
def test_silence_gives_nothing(seconds: int) -> None:
    made, most = _fed(np.zeros(seconds * RATE, np.float32), 10_000)
    assert made == [] and most <= 70 * RATE
