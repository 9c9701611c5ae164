"""Rows and alerts in words: what search finds, and what a reader sees quoted."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from ingest.cells import Cell
from ingest.tables.shape import Role, Shape
from retrieval.times import iso, to_datetime
from retrieval.types import Interval

_SHOWN = 400


def when(span: Interval) -> str:
    """A moment or a day in UTC, as people read it: "2026-03-04 02:41 UTC"."""
    start = to_datetime(span.t0)
    form = "%Y-%m-%d %H:%M:%S" if start.second or start.microsecond else "%Y-%m-%d %H:%M"
    return start.strftime(form) + " UTC"


def took(us: int) -> str:
    """A length of time in µs as people say it, two units at most: "4 min 10 s", "2 h"."""
    seconds = round(us / 1e6)
    sizes = (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1))
    first = next((n for n, (_, size) in enumerate(sizes) if seconds >= size), len(sizes) - 1)
    parts: list[str] = []
    for name, size in sizes[first : first + 2]:
        count, seconds = divmod(seconds, size)
        parts.append(f"{count} {name}" if count or not parts else "")
    return " ".join(filter(None, parts))


def stamp(span: Interval, text: Cell) -> str:
    """A moment as data: RFC 3339 in UTC. A bare date stays as the date that was written."""
    if span.t0 == span.t1:
        return iso(span.t0)
    return re.sub(r"[T ].*", "", text.strip()) if isinstance(text, str) and "-" in text else iso(span.t0)


def fields_text(fields: Mapping[str, Cell], times: Mapping[str, Interval], skip: Iterable[str] = ()) -> str:
    """ "column: value; column: value" of the filled fields."""
    left_out = set(skip)
    parts = [
        f"{name}: {when(times[name]) if name in times and times[name].t0 == times[name].t1 else _brief(value)}"
        for name, value in fields.items()
        if name not in left_out and value is not None
    ]
    return "; ".join(parts)


def row_text(stem: str, fields: Mapping[str, Cell], times: Mapping[str, Interval]) -> str:
    """A row of a table under the table's name."""
    return f"{_words(stem)} — {fields_text(fields, times)}"


def alert_text(
    columns: Sequence[str],
    shape: Shape,
    fields: Mapping[str, Cell],
    times: Mapping[str, Interval],
    span: Interval | None,
    skip: Iterable[str] = (),
) -> str:
    """ "Alert A-17 (high): bearing vibration high on P-101, raised … cleared …; other: fields"; without the columns `skip`."""
    by_role = {role: _first(columns, found, fields) for role, found in shape.roles.items()}
    used = {columns[i] for role, found in shape.roles.items() if role in _HEADLINE for i in found[:1]}
    subject = by_role.get(Role.ASSET_NAME) or by_role.get(Role.ASSET) or by_role.get(Role.SENSOR)
    if by_role.get(Role.ASSET_NAME) and by_role.get(Role.ASSET):
        subject = f"{by_role[Role.ASSET_NAME]} ({by_role[Role.ASSET]})"
    what = ": ".join(part for role in (Role.RULE, Role.MESSAGE) if (part := by_role.get(role)))
    named = subject and subject.casefold() in what.casefold()
    severity = by_role.get(Role.SEVERITY)
    head = " ".join(part for part in ("Alert", by_role.get(Role.KEY), f"({severity})" if severity else "") if part)
    line = head + (f": {what}" if what else "") + (f" on {subject}" if subject and not named else "") + _span_text(span)
    rest = fields_text(fields, times, skip={*used, *skip})
    return f"{line}; {rest}" if rest else line


_HEADLINE = frozenset(
    {
        Role.ACKNOWLEDGED,
        Role.KEY,
        Role.ASSET,
        Role.ASSET_NAME,
        Role.SENSOR,
        Role.RULE,
        Role.MESSAGE,
        Role.SEVERITY,
        Role.START,
        Role.END,
    }
)


def _first(columns: Sequence[str], found: Sequence[int], fields: Mapping[str, Cell]) -> str:
    value = fields.get(columns[found[0]]) if found else None
    return "" if value is None else str(value)


def _span_text(span: Interval | None) -> str:
    if span is None:
        return ""
    return f", {when(span)}" if span.t0 == span.t1 else f", from {when(span)} to {when(Interval(span.t1, span.t1))}"


def _words(stem: str) -> str:
    return re.sub(r"[_\s]+", " ", stem).strip()


def _brief(value: Cell) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
