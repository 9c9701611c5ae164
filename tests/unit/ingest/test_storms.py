"""Alert storms: what is one, whose each alert is, and how it is told."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.fakes import InProcess
from ingest.tables.reader import TableReader
from ingest.tables.storms import FLOOD, FloodWatch, Raised, peak, related, storms
from retrieval.times import iso
from retrieval.types import Entity, EntityType, Kind, Link, LinkType

MINUTE = 60 * 10**6
P = frozenset({"asset P-101"})


def alerts(*minutes, marks=P, first=0):
    return [Raised(int(minute * MINUTE), first + n, marks) for n, minute in enumerate(minutes)]


def numbers(found):
    return [[alert.number for alert in storm] for storm in found]


def test_ten_in_ten_minutes_are_none_and_eleven_are_one():
    assert storms(alerts(*[i * 0.9 for i in range(10)])) == []
    assert numbers(storms(alerts(*[i * 0.9 for i in range(11)]))) == [list(range(11))]
    assert storms(alerts(*range(11))) == []  # the eleventh comes when the first is ten minutes old


def test_it_goes_on_until_fewer_than_five_came_in_ten_minutes():
    dense, thin = [i * 0.5 for i in range(12)], [7, 9, 11, 13, 15]
    late = [28, 29, 30]
    assert numbers(storms(alerts(*dense, *thin, *late))) == [list(range(17))]


def test_two_bursts_are_two_storms():
    burst = [i * 0.1 for i in range(11)]
    assert numbers(storms(alerts(*burst, *[60 + t for t in burst]))) == [list(range(11)), list(range(11, 22))]


def test_a_flood_of_unrelated_alerts_is_no_storm_and_two_troubles_at_once_are_two():
    lonely = [Raised(n * MINUTE // 10, n, frozenset({f"asset {n}"})) for n in range(30)]
    assert storms(lonely) == []
    one = alerts(*[i * 0.1 for i in range(12)])
    other = alerts(*[i * 0.1 for i in range(15)], marks=frozenset({"zone b"}), first=100)
    few = alerts(*[i * 0.1 for i in range(10)], marks=frozenset({"zone c"}), first=200)
    assert sorted(len(storm) for storm in storms([*one, *other, *few])) == [12, 15]


def test_relations_reach_over_a_third():
    a, b, c, d = (Raised(n, n, frozenset(marks)) for n, marks in enumerate((["x"], ["x", "y"], ["y"], ["z"])))
    assert related([a, b, c, d]) == [[a, b, c], [d]]
    assert related([a, c]) == [[a], [c]]


RAISED = st.lists(
    st.builds(
        lambda at, marks: (at, frozenset(marks)),
        st.integers(0, 40 * MINUTE),
        st.sets(st.sampled_from(["a", "b", "c", "d"]), max_size=2),
    ),
    max_size=90,
)


@settings(max_examples=150)
@given(RAISED, st.randoms(use_true_random=False))
def test_every_alert_is_in_one_storm_at_most_and_order_does_not_matter(drawn, rng):
    given_ = [Raised(at, number, marks) for number, (at, marks) in enumerate(drawn)]
    found = storms(given_)
    inside = [alert.number for storm in found for alert in storm]
    assert len(inside) == len(set(inside)) and set(inside) <= set(range(len(given_)))
    assert all(peak(storm) > FLOOD.begins for storm in found)
    assert all(len(related(storm)) == 1 for storm in found)
    shuffled = list(given_)
    rng.shuffle(shuffled)
    assert storms(shuffled) == found


@settings(max_examples=150)
@given(RAISED, st.integers(0, 90))
def test_what_comes_later_changes_nothing_that_was_over(drawn, cut):
    stream = sorted(Raised(at, number, marks) for number, (at, marks) in enumerate(drawn))
    whole, part = FloodWatch(), FloodWatch()
    all_ended = [flood for alert in stream if (flood := whole.update(alert))]
    early = [flood for alert in stream[:cut] if (flood := part.update(alert))]
    assert all_ended[: len(early)] == early
    going_on = part.close()
    if going_on:
        # the storm that had begun goes on from the same alerts, or ended with them
        rest = [*all_ended[len(early) :], whole.close()]
        assert rest[0][: len(going_on)] == going_on


def test_time_does_not_run_backwards():
    watch = FloodWatch()
    watch.update(Raised(5, 0, P))
    with pytest.raises(ValueError, match="order"):
        watch.update(Raised(4, 1, P))


# --- from a file ----------------------------------------------------------------------------------------------------

SITE = (
    [Entity(id=f"P-10{n}", type=EntityType.ASSET, name=f"Pump P-10{n}", tenant="t") for n in range(3)]
    + [Entity(id="hall", type=EntityType.ZONE, name="Hall", tenant="t")],
    [Link(f"P-10{n}", LinkType.LOCATED_IN, "hall", "t") for n in range(3)],
)
HEAD = "id,asset,severity,message,raised,cleared\n"


def row(n, asset, at, severity="high", message="trip"):
    return f"A-{n},{asset},{severity},{message},2026-03-04T02:{at // 60:02d}:{at % 60:02d}Z,2026-03-04T03:00:00Z\n"


def drafts(item, site=SITE):
    return [draft for batch in TableReader(lambda tenant: site, InProcess()).read(item, "t") for draft in batch.drafts]


def test_alerts_of_a_zone_become_one_storm_and_stay_what_they_are(item_of):
    rows = [
        row(n, f"P-10{n % 3}", 600 + n * 20, "critical" if n == 7 else "low", f"text {n % 2} {'ab'[n % 2]}")
        for n in range(24)
    ]
    rows.insert(5, row(99, "C-9", 660, message="unlike any other"))
    told = drafts(item_of("alarms.csv", HEAD + "".join(rows)))
    assert len(told) == 26 and all("storm" not in draft.data for draft in told[:-1])
    storm = told[-1]
    assert storm.kind is Kind.ALERT and storm.locator.key == "storm 2026-03-04T02:10:00Z" and storm.locator.line == 2
    assert (iso(storm.valid.t0), iso(storm.valid.t1)) == ("2026-03-04T02:10:00Z", "2026-03-04T02:17:40Z")
    facts = storm.data["storm"]
    assert facts["count"] == 24 and facts["lines"] == [[2, 6], [8, 26]] and facts["first"]["line"] == 2
    assert facts["worst"] == "critical" and facts["severities"] == {"low": 23, "critical": 1}
    assert facts["assets"] == {"P-100": 8, "P-101": 8, "P-102": 8} and facts["most_in_window"] == 24
    assert [mention.entity for mention in storm.mentions] == ["P-100", "P-101", "P-102"]
    assert storm.text == (
        "Alert storm: 24 alerts within 7 min 40 s, from 2026-03-04 02:10 UTC to 2026-03-04 02:17:40 UTC, at most 24 in 10 min; "
        "first: Alert A-0 (low): text 0 a on P-100; worst severity: critical (1); on P-100 (8), P-101 (8), P-102 (8); "
        "most often: text 0 a (12), text 1 b (12)"
    )
    assert "ISA-18.2" in storm.notes[-1]


def test_without_the_site_one_message_on_many_things_is_one_storm(item_of):
    rows = [row(n, f"PLC-{n}", 600 + n, message=f"PLC-{n} communication failed") for n in range(12)]
    (storm,) = [
        draft for draft in drafts(item_of("alarms.csv", HEAD + "".join(rows)), ([], [])) if "storm" in draft.data
    ]
    assert storm.data["storm"]["count"] == 12
    different = [row(n, f"PLC-{n}", 600 + n, message="abcdefghijkl"[n] * 5) for n in range(12)]
    assert not [d for d in drafts(item_of("alarms.csv", HEAD + "".join(different)), ([], [])) if "storm" in d.data]


def test_what_feeds_what_is_related(item_of):
    links = [Link(f"P-10{n}", LinkType.FEEDS, f"P-10{n + 1}", "t") for n in range(2)]
    rows = [row(n, f"P-10{n % 3}", 600 + n, message="abcdefghijkl"[n] * 5) for n in range(12)]
    item = item_of("alarms.csv", HEAD + "".join(rows))
    assert sum("storm" in draft.data for draft in drafts(item, (SITE[0], links))) == 1
    assert sum("storm" in draft.data for draft in drafts(item, (SITE[0], []))) == 0


def test_alerts_of_a_bare_day_are_no_storm(item_of):
    rows = "".join(f"A-{n},P-101,high,trip,2026-03-04,\n" for n in range(30))
    assert not [draft for draft in drafts(item_of("alarms.csv", HEAD + rows)) if "storm" in draft.data]
