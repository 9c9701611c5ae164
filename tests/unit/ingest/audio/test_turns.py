"""Utterances joined into turns, and what a draft of them says."""

from __future__ import annotations

import io
import wave
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ingest.audio.messages import RATE
from ingest.audio.turns import NOT_TOLD_APART, UNCLEAR, Scene, drafts, turns, wav
from ingest.audio.voice import Stretch
from ingest.ports import Utterance
from retrieval.types import ClipSpan, Interval, Kind, Mention, Relation

SCENE = Scene(1_772_588_460_000_000, "RADIO-1", {"speech": "tones"}, ("start time from the file name",))


def _said(start: int, end: int, text: str, sure: bool = True) -> Utterance:
    return Utterance(start, end, text, sure, {"probability": 0.9 if sure else 0.2}, "en")


@st.composite
def _talk(draw: st.DrawFn) -> list[Utterance]:
    at, made = 0, []
    for _ in range(draw(st.integers(0, 12))):
        start = at + draw(st.integers(0, 2_000))
        at = start + draw(st.integers(1, 9_000))
        made.append(
            _said(
                start, at, draw(st.sampled_from(["Pump three has tripped.", "and then", "Stop!"])), draw(st.booleans())
            )
        )
    return made


@given(_talk(), st.integers(0, 10**7))
def test_turns_keep_every_word_in_order(talk: list[Utterance], at: int) -> None:
    made = turns(talk, at)
    assert [each for turn in made for each in turn.utterances] == talk
    assert all(a.end_ms <= b.ms for a, b in pairwise(made))
    for turn in made:
        assert (turn.ms - at, turn.end_ms - at) == (turn.utterances[0].start_ms, turn.utterances[-1].end_ms)
        assert len({each.sure for each in turn.utterances}) == 1
        assert all(b.start_ms - a.end_ms < 800 for a, b in pairwise(turn.utterances))
        assert turn.end_ms - turn.ms <= 12_000 or len(turn.utterances) == 1


def test_a_turn_ends_at_a_pause_and_when_long_at_a_sentence() -> None:
    assert len(turns([_said(0, 900, "Pump three"), _said(1_600, 2_000, "has tripped.")], 0)) == 1
    assert len(turns([_said(0, 900, "Pump three"), _said(1_700, 2_000, "has tripped.")], 0)) == 2
    assert len(turns([_said(0, 5_000, "It ran on."), _said(5_100, 9_000, "Then it stopped.")], 0)) == 2
    assert len(turns([_said(0, 5_000, "It ran on"), _said(5_100, 9_000, "until it stopped.")], 0)) == 1


def test_a_draft_is_found_in_its_recording_and_in_time() -> None:
    stretch = Stretch(4_000, np.linspace(-1, 1, 5 * RATE, dtype=np.float32))
    (draft,) = drafts(stretch, [_said(500, 2_500, "Pump three has tripped.")], SCENE)
    assert (draft.kind, draft.locator, draft.text) == (
        Kind.TRANSCRIPT,
        ClipSpan(4_500, 6_500),
        "Pump three has tripped.",
    )
    start = SCENE.start or 0
    assert draft.valid == Interval(start + 4_500_000, start + 6_500_000)
    assert draft.mentions == (Mention("RADIO-1", Relation.OBSERVED_AT),)
    assert draft.embed is None and draft.notes == (*SCENE.notes, NOT_TOLD_APART) and draft.models == {"speech": "tones"}
    (told,) = draft.data["utterances"]
    assert (told["ms"], told["end_ms"], told["text"]) == (4_500, 6_500, "Pump three has tripped.")
    with wave.open(io.BytesIO(draft.media or b"")) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (RATE, 1, 2)
        assert file.getnframes() == 2.3 * RATE  # 0.15 s of room on both sides
    assert draft.media_type == "audio/wav"


def test_unsure_words_are_nowhere_in_what_can_be_quoted_or_found() -> None:
    stretch = Stretch(0, np.zeros(4 * RATE, np.float32))
    scene = SCENE._replace(start=None)
    known, unknown = drafts(
        stretch, [_said(0, 900, "Stop!"), _said(1_000, 2_000, "the reactor melted", sure=False)], scene
    )
    assert known.text == "Stop!" and known.data["sure"] and known.valid is None
    assert (unknown.text, unknown.embed, unknown.data["sure"]) == (UNCLEAR, "", False)
    assert unknown.data["guess"] == "the reactor melted"
    assert "text" not in unknown.data["utterances"][0]


@given(st.lists(st.floats(-2, 2, width=32), max_size=50))
def test_sound_is_kept_within_half_a_step_and_clipped(values: list[float]) -> None:
    samples = np.array(values, np.float32)
    with wave.open(io.BytesIO(wav(samples))) as file:
        back = np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32768
    assert np.abs(back - np.clip(samples, -1, 32767 / 32768)).max(initial=0) <= 0.5 / 32768 + 1e-7
