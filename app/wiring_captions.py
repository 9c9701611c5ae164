"""The part of the wiring that puts captions together; only `watchfloor enrich` needs it."""

from __future__ import annotations

from app.enrich.asking import Describer
from app.enrich.captioner import Captioner
from app.settings import Settings
from app.wiring import Parts
from prompts import load


def captioner(parts: Parts, settings: Settings) -> Captioner:
    """Captions over the parts of a store. Only the catalog is written, and indexes follow it when they are next used: a server may run."""
    given = settings.model
    describer = Describer(parts._model, parts.gallery, load("caption", 1), given.timeout_s, given.cool_down_s)
    return Captioner(parts.book, parts._text, describer)
