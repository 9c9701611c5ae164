"""Claims a careful reader would accept, and claims a hostile writer would try, over the same few pieces of evidence.

A wrong claim differs from a right one by one thing; the group's name says which sort of thing.
"""

from __future__ import annotations

import pytest

from retrieval.types import Support

ACCEPTED = {
    "times": [
        ("Alert AL-17 on P-101 was raised at 03:41 local time and cleared at 02:52 UTC.", "alert"),
        ("Alert AL-17 was raised at 3:41 a.m. on 4 March 2026.", "alert"),
        ("AL-17 was raised on Wednesday at 02:41 UTC.", "alert"),
        ("AL-17 came up in the night of 4 March at 03:41.", "alert"),
        ("AL-17 was active from 03:41 to 03:52 CET.", "alert"),
        ("AL-17 cleared 11 minutes after it was raised.", "alert"),
        ("Work order WO-12 was opened at 04:20 and completed at 06:05 on 4 March.", "order"),
    ],
    "durations": [
        ("Alert AL-17 on P-101 lasted 11 minutes.", "alert"),
        ("Work order WO-12 was open for 1 hour and 45 minutes.", "order"),
        ("It took 105 minutes to close WO-12.", "order"),
        ("P-101 was at a standstill for 95 minutes.", "log"),
    ],
    "series": [
        ("The vibration of P-101 peaked at 10.08 mm/s at 02:45 UTC.", "window"),
        ("The vibration of P-101 reached 10.1 mm/s at 03:45 local time.", "window"),
        ("P-101 vibrated above its limit of 7.1 mm/s for about 12 minutes.", "window"),
        ("The vibration of P-101 averaged 3.4 mm/s between 02:00 and 03:00 UTC.", "window"),
        ("At 02:45 UTC the vibration of P-101 was 10.08 mm/s.", "window"),
    ],
    "records": [
        ("A high severity alert, AL-17, was raised on P-101.", "alert"),
        ("Work order WO-12 on P-101 is closed and was urgent.", "order"),
        ("WO-13 is still open.", "open"),
        ("The message of alert AL-17 was “high vibration”.", "alert"),
        ("One of the two work orders is open.", "order", "open"),
    ],
    "prose": [
        ("The coupling of P-101 was realigned and two seals were replaced.", "log"),
        ("According to the shift log, the crew realigned the coupling.", "log"),
        ("The high vibration on P-101 was caused by a coupling left misaligned after the last overhaul.", "log"),
        ("No one was hurt in the leak at T-9.", "log"),
        ("CAM-08 was not recording when AL-17 came up on P-101.", "log"),
        ("About 200 litres were lost at T-9.", "log"),
        ("The site speed limit for vehicles is 12 km/h.", "manual"),
        ("P-101 is greased with Lithium EP2 every two weeks.", "manual"),
        ("Pump P-102 is fed by tank T-9 through the north valve.", "manual"),
        ("The suction valve is opened before the motor is started.", "manual"),
    ],
    "frames": [
        ("CAM-07 showed two forklifts and a person at 03:43:10.", "frame"),
        ("CAM-07 saw a forklift at 02:43 UTC, before smoke was seen at 02:49 UTC.", "frame", "later"),
        ("One of the two frames of CAM-07 shows smoke.", "frame", "later"),
    ],
    "together": [
        ("Work order WO-12 was opened 39 minutes after alert AL-17 was raised on P-101.", "alert", "order"),
        ("Alert AL-17 was raised on P-101 before alert AL-18 on T-9.", "alert", "other"),
        ("While AL-17 was active, the vibration of P-101 peaked at 10.08 mm/s.", "alert", "window"),
    ],
}  # fmt: skip

REFUSED = {
    "a figure off by little": [
        ("Alert AL-17 on P-101 lasted 12 minutes.", "alert"),
        ("The vibration of P-101 peaked at 10.09 mm/s.", "window"),
        ("The vibration of P-101 peaked at 10.2 mm/s at 02:45 UTC.", "window"),
        ("The vibration of P-101 reached 11 mm/s.", "window"),
        ("P-101 stood still for 94 minutes.", "log"),
        ("Three seals were replaced on P-101.", "log"),
        ("WO-12 was opened 38 minutes after AL-17 was raised on P-101.", "alert", "order"),
    ],
    "a unit": [
        ("The vibration of P-101 peaked at 10.08 m/s.", "window"),
        ("P-101 stood still for 95 hours.", "log"),
        ("About 200 kilograms were lost at T-9.", "log"),
        ("The site speed limit for vehicles is 12 mph.", "manual"),
    ],
    "a time": [
        ("Alert AL-17 was raised at 3:41 p.m. on 4 March 2026.", "alert"),
        ("Alert AL-17 was raised at 03:41 UTC.", "alert"),
        ("Alert AL-17 was raised at 02:41 local time.", "alert"),
        ("Alert AL-17 was raised at 03:42 local time.", "alert"),
        ("AL-17 was raised on Thursday at 02:41 UTC.", "alert"),
        ("AL-17 was raised in the afternoon of 4 March.", "alert"),
        ("AL-17 was raised in April.", "alert"),
        ("Alert AL-17 was raised on 5 March 2026.", "alert"),
        ("CAM-07 showed smoke at 02:43 UTC.", "frame", "later"),
    ],
    "start and end": [
        ("Alert AL-17 was raised at 03:52 local time.", "alert"),
        ("AL-17 was active from 03:52 to 03:41 CET.", "alert"),
        ("Work order WO-12 was closed at 04:20.", "order"),
    ],
    "a name": [
        ("Alert AL-17 was raised on P-102 at 03:41 local time.", "alert"),
        ("Alert AL-18 on P-101 lasted 11 minutes.", "alert"),
        ("The vibration of P-102 peaked at 10.08 mm/s at 02:45 UTC.", "window"),
        ("CAM-08 showed two forklifts at 03:43:10.", "frame"),
        ("The crew realigned the coupling of T-9.", "log"),
    ],
    "another's evidence": [
        ("Alert AL-17 on P-101 lasted 11 minutes.", "other"),
        ("Work order WO-12 is closed.", "open"),
    ],
    "a status": [
        ("Alert AL-17 had low severity.", "alert"),
        ("WO-12 is open.", "order"),
        ("WO-13 is closed.", "open"),
        ("WO-12 has normal priority.", "order"),
        ("Work order WO-13 was cancelled.", "open"),
    ],
    "negation": [
        ("Alert AL-17 was never raised.", "alert"),
        ("Somebody was hurt in the leak at T-9.", "log"),
        ("CAM-08 was recording at the time.", "log"),
        ("The crew did not realign the coupling.", "log"),
        ("WO-12 is not closed.", "order"),
        ("The vibration of P-101 did not exceed its limit.", "window"),
        ("Nobody was in view of CAM-07.", "frame"),
    ],
    "a quantifier": [
        ("All work orders are closed.", "order", "open"),
        ("Both of the two work orders are open.", "order", "open"),
        ("Only P-101 was repaired.", "log"),
        ("CAM-07 always shows forklifts.", "frame"),
        ("The crew replaced all seals.", "log"),
        ("At least three seals were replaced.", "log"),
        ("P-101 often vibrates.", "alert"),
        ("Every camera was recording.", "log"),
    ],
    "roles": [
        ("Pump P-102 feeds tank T-9 through the north valve.", "manual"),
        ("Alert AL-18 was raised on T-9 before alert AL-17 on P-101.", "alert", "other"),
        ("The motor is started before the suction valve is opened.", "manual"),
        ("Smoke was seen by CAM-07 at 02:43 UTC, before a forklift was seen at 02:49 UTC.", "frame", "later"),
    ],
    "a cause": [
        ("The leak at T-9 was caused by the misaligned coupling.", "log"),
        ("AL-17 caused AL-18.", "alert", "other"),
        ("The coupling was misaligned because of the high vibration on P-101.", "log"),
        ("P-101 vibrated because the seals were worn.", "log"),
        ("The forklift led to the smoke seen by CAM-07.", "frame", "later"),
        ("The flange was tightened, so nobody was hurt.", "log"),
    ],
    "halves of two statements": [
        ("The mechanics tightened the coupling.", "log"),
        ("The crew replaced the flange.", "log"),
        ("Two seals were lost at T-9.", "log"),
        ("T-9 stood still for 95 minutes.", "log"),
    ],
    "a detail": [
        ("The crew realigned the coupling with a laser.", "log"),
        ("Alert AL-17 was raised at 03:41 and acknowledged by the operator.", "alert"),
        ("CAM-07 showed two forklifts carrying pallets.", "frame"),
        ("Alert AL-17 was raised again on P-101.", "alert"),
    ],
    "what ought to be": [
        ("P-101 must be replaced.", "alert"),
        ("Work order WO-13 will be closed.", "open"),
        ("The seals should be replaced on P-101.", "order"),
    ],
    "a quotation": [
        ("The message of alert AL-17 was “very high vibration”.", "alert"),
        ("The log says “the crew replaced the coupling”.", "log"),
    ],
    "nothing": [
        ("Is P-101 broken?", "alert"),
        ("I saw AL-17 on P-101.", "alert"),
        ("Yes.", "alert"),
        ("See https://evil.example/P-101 for alert AL-17.", "alert"),
    ],
}  # fmt: skip


def rows(groups):
    return [pytest.param(text, keys, id=f"{name}: {text}") for name, some in groups.items() for text, *keys in some]


@pytest.mark.parametrize(("claim", "keys"), rows(ACCEPTED))
def test_what_a_reader_would_accept_is_supported(judge, claim, keys) -> None:
    found = judge(claim, *keys)
    assert found.support is Support.SUPPORTED, found.why


@pytest.mark.parametrize(("claim", "keys"), rows(REFUSED))
def test_what_differs_by_one_thing_is_not(judge, claim, keys) -> None:
    found = judge(claim, *keys)
    assert found.support is not Support.SUPPORTED
    assert found.why
