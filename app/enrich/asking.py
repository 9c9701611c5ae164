"""One frame shown to the model; a model that is down is waited for as long as is sensible."""

from __future__ import annotations

import math
from typing import NamedTuple

import msgspec

from app.answer.reply import schema_of
from app.enrich.caption import Caption, caption_of
from app.gallery import Gallery
from app.model.endpoint import ModelRefused
from app.model.guard import Guarded
from app.model.port import Capabilities, Course, Part, Picture, Usage
from app.model.waiting import in_time
from prompts import Prompt
from retrieval.errors import BadSettings, EvidenceNotFound, ModelUnavailable, StoreError
from retrieval.types import Evidence

# the longer side of what is shown, in pixels, and what that costs at most: Qwen2-VL counts a token for 28 × 28 of them
SIDE = 1024
_PICTURE_TOKENS = math.ceil(SIDE / 28) ** 2
_CHARS_A_TOKEN = 4
# so often a model that is left alone is waited for before a run gives up; every fourth trial is a patient one (guard.py)
TRIALS = 12


class Told(NamedTuple):
    """What became of one frame: its caption, or why there is none; and the tokens that took."""

    said: Caption | None
    usage: Usage
    why: str = ""


class Describer:
    """Asks for captions. Threads may share it. `frame_s` is the longest wait for one, `again_s` between two trials of a model that is
    down, in seconds."""

    def __init__(self, model: Guarded | None, gallery: Gallery, prompt: Prompt, frame_s: float, again_s: float) -> None:
        self._model, self._gallery, self.prompt = model, gallery, prompt
        self._frame_s, self._again_s = frame_s, again_s
        self._text = prompt.render(schema=msgspec.json.encode(schema_of(Caption)).decode())

    def able(self, course: Course) -> Capabilities:
        """The model's own words on what it can do. Raises BadSettings where there is none, or one that sees nothing; ModelUnavailable."""
        if self._model is None:
            raise BadSettings(
                "no model is configured; captions need a vision-language model: set WATCHFLOOR_MODEL__BASE_URL to its address"
            )
        found = in_time(course, self._model.capabilities)
        if found.images < 1:
            raise BadSettings(
                f"{found.name} sees no pictures (tried out; WATCHFLOOR_MODEL__IMAGES states it instead); "
                "captions need a vision-language model: set WATCHFLOOR_MODEL__NAME and WATCHFLOOR_MODEL__BASE_URL to one"
            )
        return found

    def describe(self, frame: Evidence, course: Course) -> Told:
        """The frame's caption, or why it has none. Raises ModelUnavailable where the model is down and does not come back."""
        try:
            picture = Picture(self._gallery.small(frame, SIDE), "image/jpeg")
        except (EvidenceNotFound, StoreError, OSError) as error:
            return Told(None, Usage(0, 0), f"its picture cannot be read: {error}")
        for trial in range(TRIALS + 1):
            if trial:
                course.stop.wait(min(self._again_s, course.left()))
            try:
                return self._asked([self._text, picture], course.within(self._frame_s))
            except ModelUnavailable as error:
                if isinstance(error, ModelRefused) or not self._down() or course.left() <= 0:
                    return Told(None, Usage(0, 0), str(error))
                why = str(error)
        raise ModelUnavailable(why)

    def _asked(self, parts: list[Part], course: Course) -> Told:
        assert self._model is not None, "able() comes first"
        pieces = list(self._model.stream(parts, schema_of(Caption), course))
        text = "".join(piece.text for piece in pieces)
        usage = next((piece.usage for piece in pieces if piece.usage), None) or self._reckoned(text)
        try:
            return Told(caption_of(text), usage)
        except ModelUnavailable as error:
            return Told(None, usage, str(error))

    def _down(self) -> bool:
        return self._model is not None and self._model.state().level == "failed"

    def _reckoned(self, text: str) -> Usage:
        """The tokens of a server that counts none."""
        return Usage(len(self._text) // _CHARS_A_TOKEN + _PICTURE_TOKENS, len(text) // _CHARS_A_TOKEN)
