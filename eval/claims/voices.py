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
from eval.claims.truths import Draws, drawn
from eval.claims.types import ScriptedClaim
from eval.claims.world import World
from retrieval.types import Kind

wrong = tuning.wrong

_A, _R, _W, _P, _F = Kind.ALERT, Kind.ROW, Kind.WINDOW, Kind.PASSAGE, Kind.FRAME
# what is drawn, how often (what can be said in many ways is drawn more), and the evidence that it takes
DRAWS: Draws = (
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


def right(world: World, rng: random.Random) -> Iterator[ScriptedClaim]:
    """Right claims, no wording twice, until no new one is found. The same generator state gives the same claims."""
    return drawn(DRAWS, world, rng)
