"""Utterances → turns → Drafts that can be cited and played.

A turn ends at a pause, and at the end of a sentence once it is long. Who speaks is not told: clustering voices was tried and left
out (README, Limits). Words the transcriber is unsure of never stand in a draft's text, where they could be quoted as what was said: the
text says that there is unclear speech, the sound can be played, and the guess is kept in `data`.
"""

from __future__ import annotations

import io
import wave
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np

from ingest.audio.messages import RATE
from ingest.audio.voice import Stretch
from ingest.ports import Draft, Samples, Utterance
from ingest.video.drafts import between
from retrieval.types import ClipSpan, Kind, Mention, Micros, Relation

UNCLEAR = "unclear speech"
NOT_TOLD_APART = "speakers are not told apart"
_PAUSE_MS = 800
_LONG_MS = 8_000
_LONGEST_MS = 12_000
_ROOM_MS = 150
_PER_MS = RATE // 1000


class Turn(NamedTuple):
    """What is said without a pause, in media time; all its utterances are sure, or none is."""

    ms: int
    end_ms: int
    utterances: tuple[Utterance, ...]

    @property
    def text(self) -> str:
        return " ".join(each.text for each in self.utterances)

    @property
    def sure(self) -> bool:
        return self.utterances[0].sure


class Scene(NamedTuple):
    """What all drafts of a recording share: its start (UTC µs or None), whose recorder it is, and what worked on it."""

    start: Micros | None
    camera: str | None
    models: dict[str, str]
    notes: tuple[str, ...]


def turns(utterances: Sequence[Utterance], at_ms: int) -> list[Turn]:
    """Utterances of one stretch, which begins at `at_ms` of media time, joined into turns."""
    made: list[list[Utterance]] = []
    for each in utterances:
        if made and _goes_on(made[-1], each):
            made[-1].append(each)
        else:
            made.append([each])
    return [Turn(at_ms + run[0].start_ms, at_ms + run[-1].end_ms, tuple(run)) for run in made]


def _goes_on(run: Sequence[Utterance], then: Utterance) -> bool:
    last, length = run[-1], then.end_ms - run[0].start_ms
    if last.sure != then.sure or then.start_ms - last.end_ms >= _PAUSE_MS or length > _LONGEST_MS:
        return False
    return length <= _LONG_MS or not last.text.endswith((".", "?", "!"))


def drafts(stretch: Stretch, utterances: Sequence[Utterance], scene: Scene) -> Iterator[Draft]:
    """One draft a turn, its sound beside it."""
    for turn in turns(utterances, stretch.ms):
        yield _draft(turn, wav(_cut(stretch, turn)), scene)


def _draft(turn: Turn, sound: bytes, scene: Scene) -> Draft:
    span = (turn.ms, turn.end_ms)
    data: dict[str, Any] = {"sure": turn.sure, "utterances": [_told(each, turn) for each in turn.utterances]}
    if not turn.sure:
        data["guess"] = turn.text
    languages = [language for language, _ in groupby(each.language for each in turn.utterances) if language]
    if languages:
        data["language"] = languages[0]
    return Draft(
        kind=Kind.TRANSCRIPT,
        locator=ClipSpan(*span),
        text=turn.text if turn.sure else UNCLEAR,
        valid=between(scene.start, span),
        media=sound,
        media_type="audio/wav",
        mentions=(Mention(scene.camera, Relation.OBSERVED_AT),) if scene.camera else (),
        data=data,
        models=scene.models,
        notes=(*scene.notes, NOT_TOLD_APART),
        embed=None if turn.sure else "",
    )


def _told(each: Utterance, turn: Turn) -> dict[str, Any]:
    """An utterance as plain JSON, in media time."""
    offset = turn.ms - turn.utterances[0].start_ms
    own = {"text": each.text} if each.sure else {}
    return {"ms": each.start_ms + offset, "end_ms": each.end_ms + offset, **own, **each.measured}


def _cut(stretch: Stretch, turn: Turn) -> Samples:
    """The turn's sound with a little room on both sides, as far as the stretch goes."""
    first = max(0, turn.ms - stretch.ms - _ROOM_MS) * _PER_MS
    return stretch.samples[first : (turn.end_ms - stretch.ms + _ROOM_MS) * _PER_MS]


def wav(samples: Samples) -> bytes:
    """A WAV file: mono, 16 kHz, 16 bit; the same samples give the same bytes."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(np.clip(np.rint(samples * 32768), -32768, 32767).astype("<i2").tobytes())
    return out.getvalue()
