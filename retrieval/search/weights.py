"""The weights of search, from a versioned file. Loading is strict: an unknown or missing field is an error."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import msgspec

from retrieval.errors import BadSettings

VERSION = 1
CHANNELS = ("text", "words", "image", "graph", "time_place")
Share: TypeAlias = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]
Weight: TypeAlias = Annotated[float, msgspec.Meta(ge=0.0, le=100.0)]
Count: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=10_000)]


class Fusion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`k` is reciprocal rank fusion's constant, `depth` how many rows each channel is asked for."""

    k: Count
    depth: Count


class ChannelWeight(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How much a channel counts (0 = it does not run), and whether by its scores or by its ranks."""

    weight: Weight
    by: Literal["score", "rank"]


class Feedback(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Pseudo relevance feedback (feedback.py); `documents` = 0 turns it off."""

    documents: Annotated[int, msgspec.Meta(ge=0, le=100)]
    dense: Weight
    terms: Annotated[int, msgspec.Meta(ge=0, le=200)]
    lexical: Share


class Rerank(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`weight` is the reranker's share in the final score of the `top` rows; 0 turns it off."""

    weight: Share
    top: Count


class Weights(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything search can be tuned by."""

    version: Literal[1]
    fusion: Fusion
    channels: dict[Literal["text", "words", "image", "graph", "time_place"], ChannelWeight]
    feedback: Feedback
    rerank: Rerank

    def __post_init__(self) -> None:
        missing = set(CHANNELS) - set(self.channels)
        if missing:
            raise ValueError(f"channels without a weight: {', '.join(sorted(missing))}")


def load_weights(path: Path | None = None) -> Weights:
    """Read a weights file; by default the one that ships. Raises BadSettings naming the field that is wrong."""
    path = path or Path(__file__).with_name(f"weights.v{VERSION}.toml")
    try:
        return msgspec.toml.decode(path.read_bytes(), type=Weights)
    except (OSError, UnicodeDecodeError, msgspec.MsgspecError) as error:
        raise BadSettings(f"search weights {path.name}: {error}") from error
