"""What follows is kept in anybody's words, by principle; beside each, the nearest thing that does not follow."""

from __future__ import annotations

import pytest

from app.verify.amounts import amounts
from app.verify.times import moments
from retrieval.types import Support

# (what follows, what does not, evidence …)
PAIRS = {
    "dates": ("AL-17 came in on 04/03/2026 at 02:41 (UTC).", "AL-17 came in on 03/04/2026 at 02:41 (UTC).", "alert"),
    "weekday": (
        "AL-17 was triggered on Wednesday, 4 March 2026.", "AL-17 was triggered on Thursday, 4 March 2026.", "alert",
    ),
    "spoken time": ("AL-18 was raised at five past six UTC.", "AL-18 was raised at five past seven UTC.", "other"),
    "zone in words": (
        "AL-17 went off at 03:41 by the site clock.", "AL-17 went off at 02:41 by the site clock.", "alert",
    ),
    "upper bound": ("AL-17 on P-101 lasted less than an hour.", "AL-17 on P-101 lasted less than five minutes.", "alert"),
    "lower bound": ("WO-12 was open for more than an hour.", "WO-12 was open for more than two hours.", "order"),
    "rough": ("AL-17 was active for just over ten minutes.", "AL-17 was active for just over twenty minutes.", "alert"),
    "still": ("Alert AL-17 was still active at 02:47 UTC.", "Alert AL-17 was still active at 02:57 UTC.", "alert"),
    "not before": (
        "AL-17 was not cleared until 02:52 UTC.", "AL-17 was not cleared until 03:12 UTC.", "alert",
    ),
    "status": ("WO-13 has not been closed yet.", "WO-12 has not been closed yet.", "open", "order"),
    "no longer": ("WO-12 is no longer open.", "WO-13 is no longer open.", "order", "open"),
    "followed": (
        "AL-17 on P-101 was followed by ticket WO-12.", "Ticket WO-12 was followed by AL-17 on P-101.", "alert", "order",
    ),
    "already": (
        "When WO-12 was opened, AL-17 had already been cleared.", "When AL-17 was raised, WO-12 had already been opened.",
        "alert", "order",
    ),
    "apart": (
        "39 minutes lay between AL-17 and the opening of WO-12.", "59 minutes lay between AL-17 and the opening of WO-12.",
        "alert", "order",
    ),
    "units in brackets": (
        "P-101-VIB: max 10.08 (mm/s), min 2.00 (mm/s).", "P-101-VIB: max 10.08 (m/s), min 2.00 (m/s).", "window",
    ),
    "unit ahead": (
        "The vibration of P-101 (in mm/s) topped out at 10.08.", "The vibration of P-101 (in m/s) topped out at 10.08.",
        "window",
    ),
    "floor": (
        "The vibration of P-101 did not fall below 2.00 mm/s.", "The vibration of P-101 did not fall below 2.50 mm/s.",
        "window",
    ),
    "ceiling": (
        "The vibration of P-101 never went above 10.08 mm/s.", "The vibration of P-101 never went above 9.5 mm/s.",
        "window",
    ),
    "limit": (
        "The vibration of P-101 did not stay below its limit of 7.1 mm/s.",
        "The vibration of P-101 did not exceed its limit of 7.1 mm/s.", "window",
    ),
    "reporting": (
        "As the log documents, the coupling of P-101 was re-aligned.", "As the log documents, the coupling of P-101 was cut.",
        "log",
    ),
    "seen": ("Footage from CAM-07 shows a lift truck in view.", "Footage from CAM-07 shows a lorry in view.", "frame"),
    "listed": (
        "Of the two tickets WO-12 and WO-13, one is outstanding.", "Of the two tickets WO-12 and WO-13, both are outstanding.",
        "order", "open",
    ),
}  # fmt: skip


@pytest.mark.parametrize("principle", PAIRS)
def test_what_follows_is_kept(judge, principle: str) -> None:
    right, _, *cited = PAIRS[principle]
    found = judge(right, *cited)
    assert found.support is Support.SUPPORTED, found.why


@pytest.mark.parametrize("principle", PAIRS)
def test_the_nearest_thing_that_does_not_follow_is_refused(judge, principle: str) -> None:
    _, wrong, *cited = PAIRS[principle]
    assert judge(wrong, *cited).support is not Support.SUPPORTED


@pytest.mark.parametrize(
    ("claim", "cited"),
    [
        ("AL-17 lasted 105 minutes and WO-12 was open for 11 minutes.", ("alert", "order")),
        ("AL-18 on P-101 and AL-17 on T-9 were raised on 4 March.", ("alert", "other")),
        ("AL-17 is rated low and AL-18 is rated high.", ("alert", "other")),
        ("WO-13 is closed and WO-12 is open.", ("order", "open")),
        ("Both work orders have been completed.", ("order", "open")),
        ("P-101 peaked at 10.08 m/s.", ("window",)),
        ("Vehicles on the site may drive at 12 m/s.", ("manual",)),
        ("AL-17 was acknowledged at 03:52.", ("alert",)),
        ("Work order WO-12 is cancelled.", ("order",)),
    ],
)
def test_halves_of_two_statements_make_no_third(judge, claim: str, cited: tuple[str, ...]) -> None:
    assert judge(claim, *cited).support is not Support.SUPPORTED


@pytest.mark.parametrize(
    ("said", "clock", "either"),
    [
        ("half past two in the afternoon", (14, 30), False),
        ("a quarter to four", (3, 45), True),
        ("ten past six a.m.", (6, 10), False),
        ("noon", (12, 0), False),
        ("midnight", (0, 0), False),
        ("7 o'clock", (7, 0), True),
    ],
)
def test_spoken_times(said: str, clock: tuple[int, int], either: bool) -> None:
    (found,) = moments(f"It happened at {said}.")
    assert found.clock is not None
    assert found.clock[:2] == clock
    assert found.either_half is either


@pytest.mark.parametrize(
    ("said", "value", "unit"),
    [
        ("three quarters of an hour", 0.75, "h"),
        ("a quarter of an hour", 0.25, "h"),
        ("two and a half minutes", 2.5, "min"),
        ("a day and a half", 1.5, "d"),
        ("an hour and a half", 1.5, "h"),
    ],
)
def test_spoken_lengths_of_time(said: str, value: float, unit: str) -> None:
    (found,) = amounts(f"It lasted {said}.")
    assert (found.value, found.unit) == (value, unit)
