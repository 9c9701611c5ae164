"""Alert storms in answers: where many alerts were found that one storm holds, the storm is told in their place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from retrieval.types import Evidence, RowKey


def is_storm(evidence: Evidence) -> bool:
    """Whether it tells of many alerts rather than of one."""
    return "storm" in evidence.data


def single(found: Sequence[Evidence]) -> list[Evidence]:
    """Alerts without the storms, for counting."""
    return [one for one in found if not is_storm(one)]


def gathered(found: Sequence[Evidence], most: int) -> list[Evidence]:
    """Alerts in their order, a storm standing first and for its own where more than `most` of them were found; else behind all."""
    places = {_row(one): at for at, one in enumerate(found) if not is_storm(one)}
    hidden, leading, behind = set[int](), list[Evidence](), list[Evidence]()
    for storm in (one for one in found if is_storm(one)):
        own = [places[row] for row in _rows(storm) if row in places]
        if len(own) > most:
            leading.append(storm)
            hidden.update(own)
        else:
            behind.append(storm)
    kept = [one for at, one in enumerate(found) if at not in hidden and not is_storm(one)]
    return [*leading, *kept, *behind]


_Row = tuple[str, str, int]


def _row(alert: Evidence) -> _Row | str:
    """Where an alert stands; its id where that is no row."""
    place = alert.locator
    return (alert.source, place.table, place.line) if isinstance(place, RowKey) else alert.id


def _rows(storm: Evidence) -> Iterator[_Row]:
    table = storm.locator.table if isinstance(storm.locator, RowKey) else ""
    for first, last in storm.data["storm"]["lines"]:
        yield from ((storm.source, table, line) for line in range(first, last + 1))
