"""Asking again for more, where the catalog keeps from the asker what a channel found.

Indexes know the labels which a piece had then, the catalog those of today: as of an earlier time the best that a channel finds may all be
withheld, and what the asker may see lies behind them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from retrieval.search.channels import Ask, Rows
from retrieval.search.fusion import order
from retrieval.search.visible import Visible

DEEPEST = 6400  # rows: each is checked by the catalog
_WIDER = 4


class Seen(NamedTuple):
    """Evidence id → score of what the asker may see; `whole`: whether nothing was left unlooked-at that could stand in it."""

    ranking: dict[str, float]
    whole: bool = True


def seen(find: Callable[[Ask], Rows], rows: Rows, ask: Ask, visible: Visible) -> Seen:
    """What the catalog shows of `rows`, which `find` found for this ask. Where that is less than was asked for, because some are withheld,
    it is asked again for more, until there is enough or no more, or 6,400 were looked at. Raises as `find`."""
    ranking, depth = visible.ranking(rows), ask.depth
    while len(ranking) < min(ask.depth, len(rows)):
        if depth >= DEEPEST:
            return Seen(ranking, whole=len(rows) < depth)
        depth = min(_WIDER * depth, DEEPEST)
        more = find(ask._replace(depth=depth))
        if len(more) <= len(rows):
            break
        rows, ranking = more, _best(visible.ranking(more), ask.depth)
    return Seen(ranking)


def _best(ranking: Mapping[str, float], most: int) -> dict[str, float]:
    return {id_: ranking[id_] for id_ in order(ranking)[:most]}
