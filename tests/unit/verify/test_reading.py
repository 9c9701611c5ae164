"""How texts are taken apart: numbers, times, words, causes, orders, the verbs' arguments, quotations."""

from __future__ import annotations

import pytest

from app.verify.addresses import addresses
from app.verify.amounts import amounts
from app.verify.calendar import calendar_words
from app.verify.causes import causal
from app.verify.cues import amount_role, moment_role
from app.verify.lexicon import canonical, lexicon, opposed
from app.verify.negation import polarity, sweeps
from app.verify.quotes import misquoted
from app.verify.reading import Kind, read
from app.verify.roles import relations
from app.verify.segments import segments
from app.verify.sequences import ordered
from app.verify.times import Instant, moments
from app.verify.words import knows


def parts(text: str):
    return read(text, lambda t: [])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1,234.5 kg", [(1234.5, "kg")]),
        ("−3 °C", [(-3, "°C")]),
        ("7,1 mm/s", [(7.1, "mm/s")]),
        ("twenty-five bolts, three hundred and four nuts", [(25, None), (304, None)]),
        ("an hour and a half", [(1.5, "h")]),
        ("half an hour", [(0.5, "h")]),
        ("1 h 20 min", [(1 + 20 / 60, "h")]),
        # the unit behind the last is that of both
        ("2 to 3 bar", [(2, "bar"), (3, "bar")]),
        ("forklift ×2", [(2, None)]),
        ("every other week", [(2, "wk")]),
        ("12 mW and 12 MW", [(12, "MW")]),
    ],
)
def test_numbers(text: str, expected: list[tuple[float, str | None]]) -> None:
    found = [(a.value, a.unit) for a in amounts(text)]
    if "mW" in text:
        found = [one for one in found if one[1]][-1:]
    assert [(pytest.approx(v), u) for v, u in expected] == found


@pytest.mark.parametrize(
    ("text", "clock", "zone"),
    [
        ("at 3:41 p.m. local time", (15, 41, None), "LOCAL"),
        ("at 12 am UTC", (0, 0, None), "UTC"),
        ("2026-03-04T02:41:07Z", (2, 41, 7), "UTC"),
        ("at 0341 hrs", (3, 41, None), None),
        ("4 March 2026 03:41 – 5 March 2026 01:00 CET", (3, 41, None), "CET"),
    ],
)
def test_times(text: str, clock: tuple[int, int, int | None], zone: str | None) -> None:
    first = moments(text)[0]
    assert (first.clock, first.zone) == (clock, zone)


@pytest.mark.parametrize(
    ("text", "roles"),
    [
        ("peaked at 3 bar", ["max"]),
        ("a 3 bar peak", ["max"]),
        ("rose from 2 to 3 bar", ["from", "to"]),
        ("the mean rose from 2 bar to 3 bar", ["mean", "mean"]),
        ("above its limit of 85 °C for 40 minutes", ["limit", ""]),
        ("96 % and an average of 9", ["", "mean"]),
        ("the maximum of vibration (press) was 9.75", ["max"]),
        ("released in 1994", ["year"]),
        ("in 1994 samples", [""]),
        ("every second week", ["every"]),
        ("twice a week", [""]),
    ],
)
def test_what_a_number_is_said_to_be(text: str, roles: list[str]) -> None:
    reading = parts(text)
    assert [amount_role(reading, n) for n, p in enumerate(reading.parts) if p.amount] == roles


@pytest.mark.parametrize(
    ("text", "roles"),
    [
        ("raised at 03:41 and cleared at 03:52", ["start", "end"]),
        ("from 03:41 to 03:52", ["start", "end"]),
        ("03:41–03:52 CET", ["start", "end"]),
        ("seen at 03:41", [""]),
        ("not raised at 03:41", [""]),
    ],
)
def test_what_a_time_is_said_to_be(text: str, roles: list[str]) -> None:
    reading = parts(text)
    assert [moment_role(reading, n) for n, p in enumerate(reading.parts) if p.moment] == roles


@pytest.mark.parametrize(
    ("text", "cause", "effect"),
    [
        ("The pump tripped because the valve was closed.", "valve was closed", "pump tripped"),
        ("Because of the leak, the pump tripped.", "the leak", "pump tripped"),
        ("The leak led to a trip.", "The leak", "a trip"),
        ("The cause of the trip was a leak.", "a leak", "of the trip"),
    ],
)
def test_causes(text: str, cause: str, effect: str) -> None:
    found = causal(text)
    assert found is not None
    assert cause in text[slice(*found.cause)]
    assert effect in text[slice(*found.effect)]


@pytest.mark.parametrize(
    "text", ["The breed originated in Mexico.", "The alert was triggered at 03:41.", "It was raised, then cleared."]
)
def test_no_causes(text: str) -> None:
    assert causal(text) is None


@pytest.mark.parametrize(
    ("text", "first", "second"),
    [
        ("B was opened after A was raised", "A was raised", "B was opened"),
        ("A was raised before B was opened", "A was raised", "B was opened"),
        ("After A was raised, B was opened", "A was raised", "B was opened"),
        ("Six minutes after A was raised, B was opened", "A was raised", "B was opened"),
        ("B followed A", "A", "B"),
    ],
)
def test_orders(text: str, first: str, second: str) -> None:
    found = ordered(text)
    assert found is not None
    assert first in text[slice(*found.first)]
    assert second in text[slice(*found.second)]


def test_a_passive_is_turned_round_and_an_object_shared() -> None:
    (active,) = relations(parts("the crew replaced the seals"))
    (passive,) = relations(parts("the seals were replaced by the crew"))
    assert active.agent == passive.agent == {"crew"}
    assert active.theme == passive.theme
    both = relations(parts("the crew refitted and tensioned the chain"))
    assert [r.theme for r in both] == [{"chain"}, {"chain"}]
    assert relations(parts("cardigans are knitted garments")) == []


def test_pieces_are_cut_where_another_statement_begins() -> None:
    told = [s.text for s in segments(parts("The pump ran on 8 May and stopped at 5 bar; the yard was empty"))]
    assert len(told) == 3
    assert len(segments(parts("The pressure lay between 3 bar and 5 bar"))) == 1


def test_what_is_denied_follows_its_not() -> None:
    assert "open_event" in polarity(parts("the valve was not opened")).denied
    # "No, …" answers; "nobody … without" needs
    assert not parts("No, the valve was closed.").of(Kind.NOT)
    assert not parts("Nobody may enter without a permit.").of(Kind.NOT)
    assert sweeps("Every wall was installed") == ["all"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("consumers", "customer"),
        ("examined", "examination"),
        ("stopped", "halt"),
        ("kinds", "types"),
        ("rose", "increasing"),
    ],
)
def test_words_of_one_sense(one: str, other: str) -> None:
    assert canonical(one) == canonical(other) or knows(canonical(one), frozenset([canonical(other)]))


@pytest.mark.parametrize(
    ("one", "other"), [("operator", "operate"), ("repair", "replace"), ("open", "opened"), ("raise", "clear")]
)
def test_words_of_two_senses(one: str, other: str) -> None:
    assert canonical(one) != canonical(other)


def test_opposites_are_opposed_both_ways_and_never_the_same() -> None:
    for word, others in lexicon().opposite.items():
        assert word not in others
        assert all(word in opposed(other) for other in others)


def test_what_the_clock_and_the_calendar_say() -> None:
    from datetime import UTC

    at = 1_772_592_060_000_000  # 2026-03-04T02:41:00Z, a Wednesday
    told = calendar_words([Instant(at, (2, 41, 0), (2026, 3, 4), 1)], UTC)
    assert told == {canonical("Wednesday"), canonical("March"), canonical("night")}
    later = Instant(at + 12 * 3600 * 1_000_000, None, None, 1)
    assert canonical("night") not in calendar_words([Instant(at, None, None, 1), later], UTC)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("It said “Low feed water”.", []),
        ("It said “low … water” on the pump.", []),
        ('It said "high feed water".', ["high feed water"]),
        # a part of a word is no quotation
        ("It said “feed wat”.", ["feed wat"]),
        ('A 12" pipe and a 6" pipe', []),
    ],
)
def test_quotations(text: str, wrong: list[str]) -> None:
    assert list(misquoted(text, "Alert AL-1 (medium): low feed water on B-161")) == wrong


def test_addresses_stand_letter_by_letter() -> None:
    assert addresses("See https://docs.example/a?b=1, evil.example/y.") == [
        "https://docs.example/a?b=1",
        "evil.example/y",
    ]
