"""Right claims in other people's words than the tuning set's, and the same mutations of them.

Shift leads, reliability engineers and safety officers, and models that are terse, chatty or formal, say the same thing in
different grammar. A verifier that is tuned on one hand's wordings learns that hand; this set keeps it from doing so.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from eval.claims import (
    tuning,
    voices_alerts,
    voices_frames,
    voices_log,
    voices_orders,
    voices_pairs,
    voices_reports,
    voices_windows,
)
from eval.claims.truths import Draw
from eval.claims.types import ScriptedClaim
from eval.claims.world import World
from retrieval.types import Kind

wrong = tuning.wrong

_A, _R, _W, _P, _F = Kind.ALERT, Kind.ROW, Kind.WINDOW, Kind.PASSAGE, Kind.FRAME
# what is drawn, how often (what can be said in many ways is drawn more), and the evidence that it takes
DRAWS: tuple[tuple[Draw, int, tuple[Kind, ...]], ...] = (
    (voices_alerts.alert, 7, (_A,)),
    (voices_orders.order, 7, (_R,)),
    (voices_orders.two_orders, 2, (_R,)),
    (voices_orders.order_count, 1, (_R,)),
    (voices_windows.window, 8, (_W,)),
    (voices_windows.above, 2, (_W,)),
    (voices_windows.compared, 2, (_W,)),
    (voices_windows.together, 1, (_W,)),
    (voices_windows.hours, 1, (_W,)),
    (voices_log.entry, 6, (_P,)),
    (voices_log.routine, 3, (_P,)),
    (voices_reports.report, 6, (_P,)),
    (voices_reports.standing, 2, (_P,)),
    (voices_frames.frame, 6, (_F,)),
    (voices_frames.two_frames, 2, (_F,)),
    (voices_frames.frame_count, 1, (_F,)),
    (voices_pairs.two_alerts, 3, (_A,)),
    (voices_pairs.alert_window, 2, (_A, _W)),
    (voices_pairs.alert_order, 3, (_A, _R)),
    (voices_pairs.report_alert, 2, (_P, _A)),
    (voices_pairs.log_alert, 2, (_P, _A)),
    (voices_pairs.finding_order, 1, (_P, _R)),
    (voices_pairs.alert_frame, 2, (_A, _F)),
)
# two or more of a kind are compared, counted and exchanged
_FEWEST = 4
_TRIES = 200


def right(world: World, rng: random.Random) -> Iterator[ScriptedClaim]:
    """Right claims, no wording twice, until no new one is found. The same generator state gives the same claims."""
    plenty = {kind for kind in Kind if len(world.of_kind[kind]) >= _FEWEST}
    draws = [draw for draw, weight, kinds in DRAWS for _ in range(weight) if plenty.issuperset(kinds)]
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
