"""Which frames are captioned: one for each moment of a clip, those with something in them first."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from app.words import source_name
from retrieval.types import Entity, EntityType, Evidence, FrameAt, Micros

# of the sharpest frame of a moment; what is blurrier shows less, however much it differs
_CLEAR = 0.5
# kept because time had passed, not because something changed (ingest.video.messages.Kept)
_AT_REST = ("first", "floor", "key", "")
_BLUR = "blur"


class Chosen(NamedTuple):
    """A frame that stands for its moment. `quiet`: nothing was detected in the moment and nothing moved. `at` is when, None = unknown."""

    frame: str
    source: str
    quiet: bool
    at: Micros | None

    @property
    def turn(self) -> tuple[bool, bool, Micros, str, str]:
        """Moments in which something is seen or moves come first, then the latest; without a time last. The id settles ties."""
        return self.quiet, self.at is None, -(self.at or 0), self.source, self.frame


def wanted(source: str, pattern: str | None) -> bool:
    """Whether a source is meant by a shell pattern: of its name, or of its whole uri."""
    return pattern is None or any(fnmatch.fnmatchcase(name, pattern) for name in (source_name(source), source))


def choose(frames: Iterable[Evidence]) -> list[Chosen]:
    """One frame for each moment of one source. A still picture is a moment of its own."""
    numbered = sorted(
        (frame for frame in frames if frame.media), key=lambda frame: (_moment(frame), _ms(frame), frame.id)
    )
    return [_chosen(list(moment)) for _, moment in groupby(numbered, key=_moment)]


def stands_for(moment: Sequence[Evidence]) -> Evidence:
    """Of the clear frames of a moment the one with the most in it, then the most changed, the sharpest, the first."""
    least = _CLEAR * max(_number(frame, "sharpness") for frame in moment)
    clear = [frame for frame in moment if _number(frame, "sharpness") >= least]
    return min(clear, key=lambda f: (-_seen(f), -_number(f, "changed"), -_number(f, "sharpness"), _ms(f), f.id))


class Hidden:
    """What a policy blurs: the frames that were blurred, and those of cameras for which it is asked now (the site's, or their own)."""

    def __init__(self, entities: Sequence[Entity]) -> None:
        asking = [entity for entity in entities if entity.facts.get(_BLUR)]
        self._all = any(entity.type is EntityType.SITE for entity in asking)
        self._asking = {entity.id for entity in asking if entity.type is EntityType.CAMERA}
        self._cameras = {entity.id for entity in entities if entity.type is EntityType.CAMERA}

    def covers(self, frame: Evidence) -> bool:
        if self._all or _BLUR in frame.provenance.models or "blurred" in frame.data:
            return True
        cameras = self._cameras & {mention.entity for mention in frame.entities}
        # for a picture whose camera is none of the site's, what any of them asks for holds
        return bool(self._asking & cameras if cameras else self._asking)


def _chosen(moment: Sequence[Evidence]) -> Chosen:
    frame = stands_for(moment)
    quiet = not any(_seen(each) or each.data.get("why", "") not in _AT_REST for each in moment)
    return Chosen(frame.id, frame.source, quiet, frame.valid.t0 if frame.valid else None)


def _moment(frame: Evidence) -> tuple[int, int, str]:
    number: Any = frame.data.get("moment")
    return (number, 0, "") if isinstance(number, int) else (-1, _ms(frame), frame.id)


def _ms(frame: Evidence) -> int:
    return frame.locator.ms if isinstance(frame.locator, FrameAt) else 0


def _seen(frame: Evidence) -> int:
    return len(frame.data.get("detections", ()))


def _number(frame: Evidence, name: str) -> float:
    value: Any = frame.data.get(name, 0.0)
    return float(value) if isinstance(value, int | float) else 0.0
