"""Where in a clip to look closely: around the alerts raised about what its camera watches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from retrieval.intervals import union
from retrieval.types import Entity, Evidence, Filter, Interval, Kind, Link, LinkType, Micros, Principal

BEFORE_US, AFTER_US = 10_000_000, 10_000_000
_LONGEST_US = 24 * 3_600_000_000
_MOST = 500

Spans = tuple[tuple[int, int], ...]
Scan = Callable[[Filter, Principal, int], list[Evidence]]
SiteOf = Callable[[str], tuple[list[Entity], list[Link]]]


class AlertAttention:
    """`scan` and `site` are the catalog's: what was committed before the clip is read counts, what comes later does not."""

    name = "alerts 1"

    def __init__(self, scan: Scan, site: SiteOf) -> None:
        self._scan, self._site = scan, site

    def spans(self, tenant: str, camera: str | None, start: Micros | None, labels: Sequence[str]) -> Spans:
        """Spans of media time in ms, apart from each other and in order; none for a camera or start that is not known.

        10 s before an alert is raised to 10 s after. `labels` are those of the clip: alerts its readers may not see say nothing.
        """
        if camera is None or start is None:
            return ()
        watched = watched_by(camera, self._site(tenant)[1])
        if not watched:
            return ()
        wanted = Filter(
            kinds=(Kind.ALERT,), entities=tuple(sorted(watched)), window=Interval(start - AFTER_US, start + _LONGEST_US)
        )
        alerts = self._scan(wanted, Principal(tenant, "ingest", tuple(labels)), _MOST)
        return joined(alert.valid.t0 - start for alert in alerts if alert.valid)


def watched_by(camera: str, links: Iterable[Link]) -> set[str]:
    """What a camera monitors, and what stands in the zones it monitors."""
    pairs = [(link.source, link.type, link.target) for link in links]
    watched = {source for source, kind, target in pairs if kind is LinkType.MONITORED_BY and target == camera}
    inside = {source for source, kind, target in pairs if kind is LinkType.LOCATED_IN and target in watched}
    return watched | inside


def joined(raised: Iterable[Micros]) -> Spans:
    """Times (µs of media time) with what is around them, in ms; those that touch are one."""
    around = [Interval(max(0, at - BEFORE_US), at + AFTER_US) for at in raised if at + AFTER_US > 0]
    return tuple((span.t0 // 1000, span.t1 // 1000) for span in union(around, join_within=1_000))
