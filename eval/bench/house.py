"""The product's own wiring with nothing replaced but the encoders and what spots things in pictures."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from PIL.Image import Image

from app.settings import Model, Settings, load
from app.wiring import Parts
from eval.bench.encoders import QuickImages, QuickText
from eval.bench.plant import ABLE, ALIASES, TENANT, ZONE
from ingest.ports import Detection
from retrieval.errors import InputError

AT_ONCE = 16
_PATIENCE_S = 1800.0


class Spotter:
    """A detector that is never shown a picture: its words say what questions can ask for."""

    name = "bench"
    able, aliases = ABLE, ALIASES
    weak: dict[str, float] = {}

    def detect(self, images: Sequence[Image]) -> list[list[Detection]]:
        return [[] for _ in images]


class BenchParts(Parts):
    """Everything as it is served, with encoders that cost nothing."""

    @cached_property
    def _text(self) -> Any:
        return QuickText()

    @cached_property
    def _image(self) -> Any:
        return QuickImages()

    @cached_property
    def _detectors(self) -> Any:
        return (Spotter(),)

    def settle(self) -> None:
        """Bring every index up to the catalog, and wait for what is built behind searches: it would be measured with the first questions.
        Raises InputError where that does not come to an end."""
        self.follower.catch_up()
        if not self._rooms.vectors.settle(_PATIENCE_S):
            raise InputError(f"the vectors have not settled within {_PATIENCE_S:.0f} s: {self._rooms.vectors.trouble}")


def settings_for(store: Path, model_url: str | None = None) -> Settings:
    """Settings of the measured house: as they ship, but for 16 questions at once with the model and no second looks."""
    model = Model(base_url=model_url, concurrency=AT_ONCE, looks=0)
    return load(data_dir=store, tenant=TENANT, timezone=ZONE, model=model)
