"""Right claims about a site's evidence, as a good model would word them: each follows from the pieces it cites."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

from eval.claims import right_frames, right_pairs, right_passages, right_tables, right_windows
from eval.claims.types import ScriptedClaim
from eval.claims.world import World
from retrieval.types import Kind

Draw = Callable[[World, random.Random], ScriptedClaim | None]
Draws = tuple[tuple[Draw, int, tuple[Kind, ...]], ...]

_A, _R, _W, _P, _F = Kind.ALERT, Kind.ROW, Kind.WINDOW, Kind.PASSAGE, Kind.FRAME
# what is drawn, how often (what can be said in many ways is drawn more), and the evidence that it takes
DRAWS: Draws = (
    (right_tables.alert, 5, (_A,)),
    (right_tables.alert_order, 2, (_A,)),
    (right_tables.alert_count, 1, (_A,)),
    (right_tables.order, 5, (_R,)),
    (right_tables.order_count, 2, (_R,)),
    (right_tables.order_order, 2, (_R,)),
    (right_windows.window, 9, (_W,)),
    (right_windows.above, 2, (_W,)),
    (right_windows.compared, 2, (_W,)),
    (right_windows.hours, 2, (_W,)),
    (right_passages.passage, 12, (_P,)),
    (right_frames.frame, 5, (_F,)),
    (right_frames.two_frames, 2, (_F,)),
    (right_frames.frame_count, 1, (_F,)),
    (right_pairs.alert_window, 3, (_A, _W)),
    (right_pairs.alert_order, 2, (_A, _R)),
    (right_pairs.finding_order, 1, (_P, _R)),
    (right_pairs.alert_frame, 2, (_A, _F)),
)
# two or more of a kind are compared, counted and exchanged
_FEWEST = 4
_TRIES = 200


def right(world: World, rng: random.Random) -> Iterator[ScriptedClaim]:
    """Right claims, no wording twice, until no new one is found. The same generator state gives the same claims."""
    return drawn(DRAWS, world, rng)


def drawn(table: Draws, world: World, rng: random.Random) -> Iterator[ScriptedClaim]:
    """Claims by the draws of a table that the world has evidence for, no wording twice, until no new one is found."""
    plenty = {kind for kind in Kind if len(world.of_kind[kind]) >= _FEWEST}
    draws = [draw for draw, weight, kinds in table for _ in range(weight) if plenty.issuperset(kinds)]
    told: set[str] = set()
    tries = 0
    while draws and tries < _TRIES:
        claim = rng.choice(draws)(world, rng)
        if claim is None or claim.text in told:
            tries += 1
            continue
        tries = 0
        told.add(claim.text)
        yield claim
