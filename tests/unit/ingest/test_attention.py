"""Where to look closely: around the alerts about what a camera watches, and nowhere else."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ingest.video.attention import AFTER_US, BEFORE_US, AlertAttention, joined, watched_by
from retrieval.types import Entity, Evidence, Filter, Interval, Kind, Link, LinkType, Principal, Provenance, RowKey

LINKS = [
    Link("P-101", LinkType.MONITORED_BY, "CAM-01", "t"),
    Link("ZONE-A", LinkType.MONITORED_BY, "CAM-01", "t"),
    Link("M-7", LinkType.LOCATED_IN, "ZONE-A", "t"),
    Link("P-101", LinkType.FEEDS, "T-9", "t"),
    Link("T-9", LinkType.MONITORED_BY, "CAM-02", "t"),
    Link("M-8", LinkType.LOCATED_IN, "ZONE-B", "t"),
]
START = 1_772_590_200_000_000


def test_a_camera_watches_what_it_monitors_and_what_stands_there() -> None:
    assert watched_by("CAM-01", LINKS) == {"P-101", "ZONE-A", "M-7"}
    assert watched_by("CAM-02", LINKS) == {"T-9"}
    assert watched_by("CAM-03", LINKS) == set()


@given(st.lists(st.integers(-60_000_000, 7_200_000_000), max_size=30))
def test_spans_are_apart_in_order_and_hold_every_alert(raised: list[int]) -> None:
    spans = joined(raised)
    assert all(a[1] < b[0] for a, b in pairwise(spans))
    assert all(0 <= start < end for start, end in spans)
    for at in raised:
        if at >= 0:
            assert any(start * 1000 <= at < end * 1000 for start, end in spans)
    covered = sum(end - start for start, end in spans)
    assert covered <= len(raised) * (BEFORE_US + AFTER_US) // 1000


def test_only_alerts_about_what_is_watched_and_that_readers_may_see_count() -> None:
    asked: list[tuple[Filter, Principal]] = []

    def scan(wanted: Filter, principal: Principal, limit: int) -> list[Evidence]:
        asked.append((wanted, principal))
        span = Interval(START + 60_000_000, START + 90_000_000)
        return [
            Evidence(
                id="a", tenant="t", source="alerts.jsonl", kind=Kind.ALERT, locator=RowKey("alerts", "1"), text="high",
                provenance=Provenance("table"), valid=span,
            )
        ]  # fmt: skip

    def site(tenant: str) -> tuple[list[Entity], list[Link]]:
        return [], LINKS

    attention = AlertAttention(scan, site)
    assert attention.spans("t", "CAM-01", START, ("night",)) == ((50_000, 70_000),)
    ((wanted, principal),) = asked
    assert wanted.entities == ("M-7", "P-101", "ZONE-A") and wanted.kinds == (Kind.ALERT,)
    assert principal == Principal("t", "ingest", ("night",))
    assert attention.spans("t", None, START, ()) == attention.spans("t", "CAM-01", None, ()) == ()
    assert attention.spans("t", "CAM-03", START, ()) == ()
    assert len(asked) == 1
