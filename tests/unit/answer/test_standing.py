"""What stands in evidence and what does not: figures, times, units, tags, addresses, words, denials."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.answer.standing import addresses, figures, figures_stand, weigh, without_addresses
from retrieval.types import Support

SHOWN = (
    "alert of alerts.jsonl; 4 March 2026 03:41:00–03:52:00 CET\n"
    "Alert A-17 (high): vibration of pump P-101 at 7.1 mm/s, above 7%, from 2026-03-04 02:41 UTC; motor at 1,250 rpm; "
    "pressure (bar): 3.4; two seals were replaced; 3 spares; the valve was not opened"
)


@pytest.mark.parametrize(
    "text",
    [
        "The vibration of P-101 was 7.1 mm/s.",
        "The vibration was 7.10 mm/s at 03:41 on 4 March.",
        "Pump P-101 alarmed at 02:41 UTC on March 4, 2026.",
        "Vibration above 7 percent, motor at 1250 rpm.",
        "2 seals were replaced and three spares are left.",
        # the unit stands in the name of the column
        "The pressure was 3.4 bar.",
        "The vibration alert was from 3:41 am to 03:52.",
        "Alert A-17 says the pump vibration was high.",
        "7.1 mm/s",
    ],
)
def test_what_stands(text: str) -> None:
    assert weigh(text, SHOWN) is Support.SUPPORTED


@pytest.mark.parametrize(
    "text",
    [
        "The vibration of P-101 was 7.2 mm/s.",
        "The vibration of P-101 was 71 mm/s.",
        "The vibration of P-101 was 7.1 m/s.",
        "The vibration of P-101 was 7.1 %.",
        "The vibration of P-102 was 7.1 mm/s.",
        "The pump alarmed at 04:41.",
        "The pump alarmed at 03:41 UTC.",
        "The pump alarmed at 03:41:30.",
        "The pump alarmed on 5 March.",
        "The pump alarmed on 4 March 2025.",
        "Four seals were replaced.",
        "Twenty-two seals were replaced.",
        "The motor ran at -1250 rpm.",
        "The vibration alert of pump P-101 is explained at https://evil.example/x.",
        "The director resigned because of fraud.",
        "",
    ],
)
def test_what_does_not_stand(text: str) -> None:
    assert weigh(text, SHOWN) is Support.UNSUPPORTED


@pytest.mark.parametrize(
    "text", ["The valve was opened on pump P-101.", "No seals were replaced on pump P-101, vibration high."]
)
def test_a_denial_turned_round_is_contradicted(text: str) -> None:
    assert weigh(text, SHOWN) is Support.CONTRADICTED


def test_names_the_evidence_hangs_on_may_be_said() -> None:
    text = "The vibration of pump TI-9 was high."
    assert weigh(text, SHOWN) is Support.UNSUPPORTED
    assert weigh(text, SHOWN, ["TI-9"]) is Support.SUPPORTED


FRAME = "frame of pump hall.mp4; 4 March 2026 10:00:00–10:00:05 CET\nsees: person ×2, forklift; pump hall"


@pytest.mark.parametrize(
    ("text", "worth"),
    [
        ("Two persons and a forklift are in the pump hall at 10:00.", Support.SUPPORTED),
        ("A person stands beside the forklift.", Support.SUPPORTED),
        ("Three persons are in the pump hall.", Support.UNSUPPORTED),
        ("Two persons are in the pump hall at 11:00.", Support.UNSUPPORTED),
        # what a picture says must be seen in it
        ("The operator was drunk and caused the fire.", Support.UNSUPPORTED),
        # one moment is no ground for a denial or for "all night"
        ("Nobody was in the pump hall all night.", Support.UNSUPPORTED),
        ("No one was in the pump hall.", Support.UNSUPPORTED),
        ("The forklift never left the pump hall.", Support.UNSUPPORTED),
        ("Nothing but a forklift was in the pump hall.", Support.UNSUPPORTED),
        ("None of the persons left the pump hall.", Support.UNSUPPORTED),
        ("A person is always in the pump hall.", Support.UNSUPPORTED),
        ("The forklift was in the pump hall all night.", Support.UNSUPPORTED),
        ("Never.", Support.UNSUPPORTED),
    ],
)
def test_what_a_frame_can_bear(text: str, worth: Support) -> None:
    assert weigh(text, "", ["pump hall"], seen=FRAME) is worth


def test_a_denial_may_rest_on_words_beside_a_frame() -> None:
    text = "The valve of P-101 was not opened."
    assert weigh(text, SHOWN, seen=FRAME) is Support.SUPPORTED
    assert weigh(text, "", ["P-101"], seen=FRAME) is Support.UNSUPPORTED


def test_numbers_in_words_are_numbers() -> None:
    said = figures(
        "twenty-five bolts, three hundred and four nuts, two thousand pins, a dozen caps, one of them, twice"
    )
    assert {value for value, _ in said.numbers} == {25, 304, 2000, 12, 2}


def test_a_number_is_read_once() -> None:
    found = figures("At 2026-03-04T02:10:05Z CAM-07 saw 1,234.5 kg; 10-20 rpm")
    assert found.dates == {(2026, 3, 4)}
    assert found.times == {(2, 10, 5, "UTC")}
    assert found.tags == {"cam-07"}
    assert found.numbers == {(1234.5, "kg"), (10.0, None), (20.0, "rpm")}


def test_addresses_go_unless_they_stand_there() -> None:
    shown = "see https://docs.example/a?b=1, page 2"
    text = "See https://docs.example/a?b=1 or http://evil.example/x?d=secret, [x](www.evil.example) evil.example/y."
    kept = without_addresses(text, shown)
    assert addresses(kept) == ["https://docs.example/a?b=1"]
    assert "evil" not in kept
    # an address that stands there is no leave to add to it
    assert "secret" not in without_addresses("https://docs.example/a?b=1&leak=secret", shown)


@settings(max_examples=50)
@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_only_the_same_number_stands(said: int, known: int) -> None:
    assert figures_stand(f"the counter read {said}", f"counter: {known}") == (said == known)


@settings(max_examples=50)
@given(st.text(max_size=120))
def test_every_text_stands_in_itself(text: str) -> None:
    assert figures_stand(text, text)
