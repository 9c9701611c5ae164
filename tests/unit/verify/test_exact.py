"""Claims that leave no room: to the minute, to the second, of all samples."""

from __future__ import annotations

import pytest

from app.verify.codes import unlike
from app.verify.exact import inexact
from retrieval.types import Support

REPORT = (
    "About 140 litres were lost. Smoke was noticed from about 10:33 local time. "
    "The alarm came at 10:32 and lasted 46 minutes, some 5 minutes too long."
)
WINDOW = (
    "P-1 2026-03-04 10:00–11:00 UTC: min 2, max 9, n=60; {some} samples above the high limit of 4 A, first at 10:22"
)


@pytest.mark.parametrize(
    "claim",
    [
        "Smoke was noticed from exactly 10:33.",
        "Smoke was noticed at precisely 10:33 local time.",
        "Smoke was noticed at 10:33 sharp.",
        "It was exactly 5 minutes too long.",
        "It lasted exactly 47 minutes.",
        "Exactly 140 litres were lost.",
    ],
)
def test_what_is_given_roughly_or_not_at_all_is_not_exact(claim: str) -> None:
    assert list(inexact(claim, REPORT))


@pytest.mark.parametrize(
    "claim",
    [
        "The alarm came at exactly 10:32.",
        "It lasted exactly 46 minutes.",
        "Smoke was noticed from about 10:33.",
        "It lasted 46 minutes.",
    ],
)
def test_what_stands_as_it_is_said_is(claim: str) -> None:
    assert not list(inexact(claim, REPORT))


@pytest.mark.parametrize(
    "all_", ["All samples", "Every single reading", "Each of the values", "All of its 60 readings"]
)
def test_all_samples_are_all_there_are(all_: str) -> None:
    assert list(inexact(f"{all_} of P-1 were above the 4 A limit.", WINDOW.format(some=38)))
    assert not list(inexact(f"{all_} of P-1 were above the 4 A limit.", WINDOW.format(some=60)))
    # that none was is another thing to say
    assert not list(inexact(f"{all_} of P-1 stayed between 2 and 9 A.", WINDOW.format(some=38)))


def test_a_count_is_exact_as_it_is() -> None:
    assert not list(inexact("Exactly 12 readings of P-101-VIB lay above 7.1 mm/s.", WINDOW.format(some=12)))


def test_a_code_that_only_begins_like_a_known_one_is_another() -> None:
    def find(text: str) -> list[tuple[int, int, str]]:
        return [(0, 6, "CAM-03")] if text.startswith("CAM-03") else [(0, 9, "P-101-VIB")] if text == "P-101-VIB" else []

    assert list(unlike("The CAM-03-1 frame shows a person.", "CAM-03 sees: person", find)) == ["CAM-03-1"]
    assert not list(unlike("CAM-03 shows a person; P-101-VIB was high.", "CAM-03 sees: person", find))
    assert not list(unlike("See report IR-2604-01.", "Findings of IR-2604-01", find))


def test_all_samples_means_those_of_every_window() -> None:
    both = WINDOW.format(some=60) + "\n" + WINDOW.format(some=38)
    assert list(inexact("All samples of P-1 were above the 4 A limit.", both))
    other = "P-1: min 2, max 9, n=60; 60 samples above the alarm limit of 1 A; 38 samples above the high limit of 4 A"
    assert list(inexact("All samples of P-1 were above the high limit.", other))
    assert not list(inexact("All samples of P-1 were above 1.5 A.", other))


@pytest.mark.parametrize(
    "claim",
    [
        "AL-17 lasted exactly 11 minutes.",
        "AL-18 was raised exactly 3 hours and 24 minutes after AL-17.",
        "AL-17 was raised at exactly 3:41 am local time.",
    ],
)
def test_what_is_exact_by_computing_is_kept(judge, claim: str) -> None:
    found = judge(claim, "alert", *(["other"] if "AL-18" in claim else []))
    assert found.support is Support.SUPPORTED, found.why


def test_a_peak_may_be_said_exactly(judge) -> None:
    assert judge("P-101's vibration peaked at exactly 10.08 mm/s.", "window").support is Support.SUPPORTED


@pytest.mark.parametrize("letter", ["İ", "ß", "ŉ", "ǰ"])
def test_letters_that_grow_when_made_small_do_no_harm(judge, letter: str) -> None:
    assert judge(f"{letter * 8} took a minute, a day later.", "alert").support is not Support.SUPPORTED


def test_a_claim_of_nothing_but_figures_is_refused_at_once(judge) -> None:
    found = judge("4 March " * 60, "alert", "order", "log", "window")
    assert found.support is Support.UNSUPPORTED and "figures" in found.why
