"""A house with clips whose moments can be captioned, and a captioner over a model that says what it is told to."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec
import pytest
from PIL import Image

from app.enrich.asking import Describer
from app.enrich.captioner import Captioner, Step, Summary, Wish
from app.gallery import Gallery
from app.model.fakes import ABLE, ScriptedModel
from app.model.guard import Guarded
from app.model.port import Part
from prompts import Prompt, load
from retrieval.types import Evidence, Filter, FrameAt, Interval, Kind, Principal

T0 = 1_772_588_460_000_000
SECOND = 1_000_000
Script = Callable[[Sequence[Part], dict[str, Any]], Iterable[str]]


def reply(caption: str = "A man carries a ladder.", **more: Any) -> str:
    return json.dumps({"caption": caption, "objects": ["man", "ladder"], "readable_text": "", "sure": True} | more)


def always(text: str) -> Script:
    return lambda parts, schema: [text]


class Studio:
    """Frames in a house, and runs over them."""

    def __init__(self, house: Any) -> None:
        self.house = house
        self.model = ScriptedModel(always(reply()))
        self.prompt = load("caption", 1)
        self.steps: list[Step] = []
        self.guard: dict[str, Any] = {}

    def frame(self, clip: str, n: int, moment: int | None = None, **data: Any) -> Evidence:
        """A frame at its n-th second, each of another shade; `labels` and `models` as given, the camera is CAM-07."""
        picture = io.BytesIO()
        Image.new("RGB", (64, 48), (n % 256, 90, 120)).save(picture, "JPEG")
        more = {name: data.pop(name) for name in ("labels", "provenance", "on") if name in data}
        told = {"sharpness": 10.0, "changed": 0.1, "why": "change"} | ({} if moment is None else {"moment": moment})
        made: Evidence = self.house.piece(
            clip, Kind.FRAME, FrameAt(1000 * n, 1000 * n + 1000), data.pop("text", f"CAM-07 frame {n} of {clip}"),
            media=self.house.blobs.put("t", picture.getvalue(), "image/jpeg"),
            valid=Interval(T0 + n * SECOND, T0 + (n + 1) * SECOND), data=told | data, **({"on": ("CAM-07",)} | more),
        )  # fmt: skip
        return made

    def clip(self, name: str, moments: int) -> list[Evidence]:
        """A clip of so many moments of one frame each."""
        frames = [self.frame(name, n, n + 1) for n in range(moments)]
        self.house.put(*frames)
        return frames

    def captioner(self, model: ScriptedModel | None = None, frame_s: float = 20.0, again_s: float = 0.01) -> Captioner:
        """Over the house, by this model."""
        guarded = Guarded(model, **self.guard) if model else None
        gallery = Gallery(self.house.blobs, self.house.folder / "charts")
        describer = Describer(guarded, gallery, self.prompt, frame_s, again_s)
        return Captioner(self.house.catalog, self.house.encoder, describer)

    def run(self, again_s: float = 0.01, **wish: Any) -> Summary:
        """One run to its end; `steps` holds its progress."""
        self.steps = []
        made = self.captioner(self.model, again_s=again_s).run(self.house.me, Wish(**wish), self.steps.append)
        self.house.projector.catch_up()
        return made

    def captions(self, who: Principal | None = None) -> list[Evidence]:
        found = self.house.catalog.scan(Filter(kinds=(Kind.PASSAGE,)), who or self.house.me)
        return [e for e in found if "caption" in e.provenance.models]

    @property
    def shown(self) -> int:
        """How many frames the model was shown."""
        return len(self.model.asked)

    def named(self, name: str, **able: Any) -> None:
        """Another model from now on."""
        self.model = ScriptedModel(
            always(reply(f"{name} sees a man.")), msgspec.structs.replace(ABLE, name=name, **able)
        )

    def prompted(self, version: int) -> None:
        self.prompt = Prompt(f"caption@v{version}", self.prompt.text)


@pytest.fixture
def studio(house: Any) -> Studio:
    return Studio(house)
