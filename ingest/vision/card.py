"""How well a detector sees, as its user measured it: a card beside the weights.

    {"sha256": "…of the weights", "score": 0.3,
     "attributes": [{"label": "person", "miss_rate": 0.12, "aliases": ["worker"]}]}

`score` is the least score at which the miss rates were counted. Without a card, or for labels that are not on it, nothing was
measured: then the detector is never grounds for saying that something was not there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, NamedTuple

import msgspec

from retrieval.errors import EncoderUnavailable

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
NOT_MEASURED = 1.0


class Measured(msgspec.Struct, frozen=True):
    """One label: the share of those there that is not found in a look at a picture. Further fields are allowed and not used."""

    label: str
    miss_rate: Share
    aliases: tuple[str, ...] = ()


class Card(msgspec.Struct, frozen=True):
    """What was measured, of which weights, from which score on."""

    sha256: str
    score: Share
    attributes: tuple[Measured, ...] = ()


class Rates(NamedTuple):
    """What a detector says of itself: the least score it reports, its miss rates and other words for its labels."""

    score: float
    able: dict[str, float]
    aliases: dict[str, str]

    @property
    def told(self) -> str:
        """For its name; "" where at least one rate was measured."""
        return "" if any(rate < NOT_MEASURED for rate in self.able.values()) else " (miss rates not measured)"


def read_card(path: Path, sha256: str) -> Card | None:
    """The card at this path, None where there is none. Raises EncoderUnavailable for one that is wrong or of other weights."""
    if not path.is_file():
        return None
    try:
        card = msgspec.json.decode(path.read_bytes(), type=Card)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise EncoderUnavailable(f"the card {path.name} cannot be read: {error}") from error
    if card.sha256 != sha256:
        raise EncoderUnavailable(f"the card {path.name} is of weights with SHA-256 {card.sha256}, these have {sha256}")
    return card


def rates(labels: Iterable[str], card: Card | None, asked: float | None, default: float) -> Rates:
    """The score asked for, else the card's, else the default; a higher one than the card's misses more than was measured."""
    score = asked if asked is not None else card.score if card else default
    known = tuple(labels)
    holds = card.attributes if card and score <= card.score else ()
    measured = {each.label: each.miss_rate for each in holds}
    words = {word: each.label for each in (card.attributes if card else ()) for word in each.aliases}
    return Rates(
        score,
        {label: measured.get(label, NOT_MEASURED) for label in known},
        {word: label for word, label in words.items() if word not in known and label in known},
    )


def sha256_of(path: Path) -> str:
    """Raises EncoderUnavailable when the file cannot be read."""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise EncoderUnavailable(f"{path} cannot be read: {error.strerror or error}") from error
