"""Claims that bound a series, and turns of phrase that change what is said though each word stands."""

from __future__ import annotations

import pytest

from app.verify.codes import misspelt
from retrieval.types import Support

KEPT = [
    ("The vibration of P-101 did not fall below 2 mm/s between 02:00 and 03:00 UTC.", "window"),
    ("Between 02:00 and 03:00 UTC the vibration of P-101 kept within 2.0 to 10.08 mm/s.", "window"),
    ("P-101-VIB was above its limit of 7.1 mm/s for about 12 minutes.", "window"),
    ("First AL-17 was raised on P-101 at 02:41 UTC, then AL-18 on T-9 at 06:05 UTC.", "alert", "other"),
    ("The vibration of P-101 stayed above 7.1 mm/s for about 12 minutes.", "window"),
    ("WO-13 has no closing time.", "open"),
    ("No closure of WO-13 is recorded.", "open"),
    ("AL-17 cleared exactly 11 minutes after it was raised, and WO-12 was opened at 03:20 UTC.", "alert", "order"),
    ("Two forklifts are in 1 of the 2 frames.", "frame", "later"),
]
REFUSED = [
    # held against the samples, whatever else of it is accounted for
    (
        "P-101-VIB stayed within its limit of 7.1 mm/s between 02:00 and 03:00 UTC, with a peak of around 10 mm/s.",
        "window",
    ),
    ("P-101-VIB remained below 7.1 mm/s between 02:00 and 03:00 UTC.", "window"),
    ("The vibration of P-101 did not fall below 3 mm/s between 02:00 and 03:00 UTC.", "window"),
    ("The vibration of P-101 did not fall below 2 m/s between 02:00 and 03:00 UTC.", "window"),
    ("P-101-VIB never reached its maximum of 10.08 mm/s at 02:45 UTC.", "window"),
    ("The vibration of P-101 never rose to a maximum of 10.08 mm/s at 02:45 UTC.", "window"),
    ("P-101-VIB was below its limit of 7.1 mm/s for about 12 minutes.", "window"),
    ("12 samples of P-101-VIB between 02:00 and 03:00 UTC were below the 7.1 mm/s limit.", "window"),
    ("P-101-VIB did not reach its highest vibration of 10.08 mm/s at 02:45 UTC.", "window"),
    ("Alarm at 02:52 UTC: high vibration on P-101.", "alert"),
    ("P-101-VIB just touched 7.1 mm/s between 02:00 and 03:00 UTC.", "window"),
    ("The mean vibration of P-101 fell from 2.0 to 10.08 mm/s.", "window"),
    ("The temperature of P-101 peaked at 10.08 mm/s.", "window"),
    # turns of phrase
    ("The alert for no high vibration on P-101 cleared at 02:52 UTC.", "alert"),
    ("AL-17 reported no high vibration on P-101.", "alert"),
    ("AL-17 was not about a high vibration on P-101.", "alert"),
    ("AL-17 failed to clear at 02:52 UTC.", "alert"),
    ("AL-17 cleared at 02:52 UTC and has come back since.", "alert"),
    ("AL-18 was about a high leak at the flange of T-9, on purpose.", "other"),
    ("AL-17 was about a low vibration on P-101.", "alert"),
    ("WO-12 records, with photographs, that the crew replaced the seals on P-101.", "order"),
    ("First AL-17 was raised on P-101 at 02:41 UTC, then AL-18 on T-9 at 06:47 UTC.", "alert", "other"),
    ("At about 02:52 UTC on 4 March an alert of high vibration was raised on P-101.", "alert"),
    ("P-101 had an alarm of high vibration at 08:11 IST.", "alert"),
    ("AL-017 was raised on P-101 at 02:41 UTC.", "alert"),
    # deeds and who or what they are of
    ("In response to AL-18 the mechanics loosened the flange of T-9.", "log"),
    ("The incident report puts the standstill of P-101 at 95 minutes.", "log"),
    ("WO-12 was opened exactly 105 minutes after AL-17 was raised.", "alert", "order"),
    ("WO-12 was opened exactly 11 minutes after it was raised.", "alert", "order"),
    ("WO-12 has no closing time.", "order"),
    ("The vibration of P-101 stayed above 7.1 mm/s for about 48 minutes.", "window"),
    ("Two persons and a forklift are in 1 of the 2 frames.", "frame", "later"),
]


@pytest.mark.parametrize(("claim", "keys"), [pytest.param(text, keys, id=text) for text, *keys in KEPT])
def test_what_follows_is_kept(judge, claim: str, keys: list[str]) -> None:
    found = judge(claim, *keys)
    assert found.support is Support.SUPPORTED, found.why


@pytest.mark.parametrize(("claim", "keys"), [pytest.param(text, keys, id=text) for text, *keys in REFUSED])
def test_what_nearly_follows_is_refused(judge, claim: str, keys: list[str]) -> None:
    assert judge(claim, *keys).support is not Support.SUPPORTED


@pytest.mark.parametrize(
    ("claim", "text", "stands"),
    [
        ("Visitors wear a helmet and a vest.", "Visitors wear a helmet and a vest at all times.", True),
        ("Visitors wear a helmet or a vest.", "Visitors wear a helmet and a vest at all times.", False),
        ("Visitors wear a helmet and a vest.", "Visitors wear a helmet or a vest at all times.", False),
        ("The gate had been welded shut at its relay.", "Cause: a relay of the gate had welded shut.", False),
        ("A relay of the gate had welded shut.", "Cause: a relay of the gate had welded shut.", True),
        ("A relay of the gate had welded open.", "Stuck open. A relay of the gate had welded shut.", False),
        ("In response the valve was closed.", "The valve had been closed. The crew reopened the valve.", False),
        ("In response the valve was reopened.", "The valve had been closed. The crew reopened the valve.", True),
        ("The log does not record a leak.", "The pump had a leak. There are no open points.", False),
        ("No leak and no smoke was seen.", "No leak or smoke was seen.", True),
        ("The motor draws a current of 34 A at 400 V.", "The motor draws a current of 34 A at 400 V.", True),
        ("The pressure sensor is 3 m above the floor.", "The pressure sensor is 3 m above the floor.", True),
        ("The valve opens at a pressure of 80 °C.", "The valve opens at a pressure of 5 bar and 80 °C.", False),
        ("The vibration reached 0.5 g.", "The vibration reached 0.5 g.", True),
    ],
)
def test_what_one_text_says(verifier, plant, claim: str, text: str, stands: bool) -> None:
    found = verifier.judge(claim, [plant.passage(text)])
    assert (found.support is Support.SUPPORTED) is stands, found.why


def test_things_of_one_time_are_in_one_frame(judge) -> None:
    apart = judge("CAM-07 showed a forklift and smoke at 02:43:10 UTC.", "frame", "later")
    assert apart.support is not Support.SUPPORTED
    together = judge("CAM-07 showed a forklift and a person at 02:43:10 UTC.", "frame", "later")
    assert together.support is Support.SUPPORTED, together.why
    assert judge("CAM-07 showed a forklift with its lights on.", "frame").support is not Support.SUPPORTED


def test_counting_frames_counts_no_things_and_moves_no_times(judge) -> None:
    assert (
        judge("Three persons are in 1 of the two frames of CAM-07.", "frame", "later").support is not Support.SUPPORTED
    )
    assert (
        judge("Both frames, 02:43:10 UTC and 04:49 UTC, are of CAM-07.", "frame", "later").support
        is not Support.SUPPORTED
    )


def test_a_length_below_a_limit_is_no_contradiction_with_or_without_the_last_sample(judge) -> None:
    for minutes in (44, 48):
        found = judge(f"P-101-VIB was below its limit of 7.1 mm/s for about {minutes} minutes.", "window")
        assert found.support is not Support.CONTRADICTED, found.why


def test_a_tag_that_is_another_name_of_a_thing_is_not_misspelt() -> None:
    named = misspelt("P-55 stood still.", "The feed pump stood still.", lambda text: [(0, 4, "feed-pump")])
    assert not list(named)
    assert list(misspelt("CAM-7 saw smoke.", "CAM-07 saw smoke.", lambda text: [(0, 5, "CAM-07")])) == ["CAM-7"]
