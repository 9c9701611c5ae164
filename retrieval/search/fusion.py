"""Joining rankings. A ranking is a dict from evidence id to score, higher is better; joined ones are in [0, sum of weights].

Two normalisations: by rank, (k + 1) / (k + rank), which is reciprocal rank fusion (Cormack et al. 2009) scaled so that
rank 1 is 1; and by score, min-max over what the channel returned. Scores keep how far apart neighbours are, which helps for
inner products and BM25 (eval/ablations/search.v1.md); ranks are all that a graph or a time order has.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple, TypeAlias

Ranking: TypeAlias = Mapping[str, float]


class Part(NamedTuple):
    """One ranking with its weight; scores already normalised to [0, 1]."""

    weight: float
    scores: Ranking


def order(scores: Ranking) -> list[str]:
    """Ids, best first; equal scores in the order of their ids, so that the same search gives the same list."""
    return sorted(scores, key=lambda id_: (-scores[id_], id_))


def by_score(scores: Ranking) -> dict[str, float]:
    """Min-max to [0, 1]; all ones where every score is the same."""
    if not scores:
        return {}
    low, high = min(scores.values()), max(scores.values())
    if high <= low:
        return dict.fromkeys(scores, 1.0)
    return {id_: (score - low) / (high - low) for id_, score in scores.items()}


def by_rank(scores: Ranking, k: int) -> dict[str, float]:
    """(k + 1) / (k + rank), rank from 1; rankings whose order matters more than their scores."""
    return {id_: (k + 1) / (k + rank) for rank, id_ in enumerate(order(scores), 1)}


def fuse(parts: Iterable[Part]) -> dict[str, float]:
    """Weighted sum; an id that a ranking lacks gets nothing from it."""
    fused: dict[str, float] = {}
    for part in parts:
        for id_, score in part.scores.items():
            fused[id_] = fused.get(id_, 0.0) + part.weight * score
    return fused


def blend(one: Ranking, other: Ranking, share: float) -> dict[str, float]:
    """(1 - share) × one + share × other, both min-max normalised; an id only one has gets only its part."""
    return fuse([Part(1 - share, by_score(one)), Part(share, by_score(other))])
