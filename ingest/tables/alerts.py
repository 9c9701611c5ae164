"""Alerts → one draft each with its course, and one for every storm among them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ingest.entities import EntityLinker
from ingest.ports import Draft
from ingest.tables.lifecycle import Course, course_data, course_of, course_text, lives_of
from ingest.tables.reading import Read
from ingest.tables.shape import Role, Shape, text_cell
from ingest.tables.storms import FLOOD, Raised, peak, storms
from ingest.tables.table import Table
from ingest.tables.wording import alert_text, took, when
from retrieval.times import iso
from retrieval.types import Entity, Interval, Kind, Link, LinkType, Mention, Micros, Relation, RowKey

_MENTIONED, _NAMED, _REPEATED = 50, 5, 3
_QUOTED = 160
_WITH_DIGITS = re.compile(r"\S*\d\S*")
# how grave the usual words are; a bare number says nothing, as in some systems the greatest is the worst and in others the least
_GRAVE = (
    ("critical", "emergency", "urgent", "fatal", "very high"),
    ("high", "major", "error", "severe"),
    ("medium", "moderate", "warning", "minor"),
    ("low", "info", "information", "notice", "journal"),
)


class Told(NamedTuple):
    """One alert: the row it is told by, the span it lasted as far as known, its course, and every row that tells of it."""

    head: int
    valid: Interval | None
    course: Course | None
    rows: tuple[int, ...]


class Relations(NamedTuple):
    """What of the site relates alerts: names to ids, where things stand, what watches and what feeds what."""

    ids: EntityLinker
    zones: Mapping[str, str]
    watched: Mapping[str, str]
    feeds: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(cls, entities: Sequence[Entity], links: Sequence[Link]) -> Relations:
        feeds: dict[str, list[str]] = {}
        for link in links:
            if link.type is LinkType.FEEDS:
                for end in (link.source, link.target):
                    feeds.setdefault(end, []).append(f"{link.source} feeds {link.target}")
        return cls(
            EntityLinker(entities),
            {link.source: link.target for link in links if link.type is LinkType.LOCATED_IN},
            {link.target: link.source for link in links if link.type is LinkType.MONITORED_BY},
            {end: tuple(marks) for end, marks in feeds.items()},
        )

    def marks(self, name: str) -> Iterator[str]:
        """What relates an asset or a sensor to others."""
        ids = self.ids.exact(name)
        own = ids[0] if len(ids) == 1 else name
        asset = self.watched.get(own, own)
        zone = self.zones.get(asset) or self.zones.get(own)
        yield f"asset {asset}"
        if zone:
            yield f"zone {zone}"
        yield from self.feeds.get(asset, ())


def told_alerts(table: Table, shape: Shape, reads: Sequence[Read]) -> list[Told]:
    """Every alert of the table, in the order of its first row in the file. Rows of steps become one alert from raised to cleared."""
    lives = lives_of(table, shape, reads)
    if lives is None:
        return [Told(at, read.valid, course_of(table, shape, read), (at,)) for at, read in enumerate(reads)]
    found = [Told(life.head, _span(life.course, reads[life.head]), life.course, life.rows) for life in lives.lives]
    found += [Told(at, reads[at].valid, None, (at,)) for at in lives.others]
    return sorted(found, key=lambda told: told.head)


def alert_draft(table: Table, shape: Shape, told: Told, read: Read, common: Mapping[str, Any]) -> Draft:
    """`common` holds what the drafts of all rows have: locator, mentions, data, notes."""
    steps = shape.roles.get(Role.STATE, ()) if len(told.rows) > 1 else ()
    skip = [table.columns[i] for i in steps]
    text = alert_text(table.columns, shape, read.fields, read.times, told.valid, skip)
    if told.course is None:
        return Draft(Kind.ALERT, text=text, valid=told.valid, **common)
    course = course_data(told.course)
    if len(told.rows) > 1:
        course["lines"] = [table.rows[at].line for at in told.rows]
    data = {**common["data"], "course": course}
    return Draft(Kind.ALERT, text=text + course_text(told.course), valid=told.valid, **{**common, "data": data})


def storm_drafts(
    table: Table, shape: Shape, alerts: Sequence[Told], reads: Sequence[Read], site: Relations
) -> list[Draft]:
    """One draft a storm. Alerts without a moment of raising, such as those with a bare date, are in none."""
    raised = [
        Raised(told.valid.t0, number, frozenset(_marks(table, shape, told.head, site)))
        for number, told in enumerate(alerts)
        if (told.course is None or told.course.raised is not None) and told.valid is not None and _moment(shape, table, reads[told.head])
    ]  # fmt: skip
    return [_storm(table, shape, [alerts[one.number] for one in storm], storm, reads) for storm in storms(raised)]


def _moment(shape: Shape, table: Table, read: Read) -> bool:
    return any(
        (span := read.times.get(table.columns[i])) and span.t0 == span.t1 for i in shape.roles.get(Role.START, ())
    )


def _span(course: Course, read: Read) -> Interval | None:
    """From raised to cleared; where one of them is not known, the moment of the other."""
    first, last = course.raised or course.cleared, course.cleared or course.raised
    if first is None or last is None:
        return read.valid
    return Interval(first.t0, last.t1) if last.t1 >= first.t0 else first


def _marks(table: Table, shape: Shape, at: int, site: Relations) -> Iterator[str]:
    for role in (Role.ASSET, Role.ASSET_NAME, Role.SENSOR):
        name = _cell(table, shape, role, at)
        if name:
            yield from site.marks(name)
    for role in (Role.RULE, Role.MESSAGE):
        # the same trouble on one thing after the other is one message
        words = " ".join(_WITH_DIGITS.sub(" ", _cell(table, shape, role, at)).casefold().split())
        if words:
            yield f"message {words}"
    rule = _cell(table, shape, Role.RULE, at)
    if rule:
        yield f"rule {rule}"


def _cell(table: Table, shape: Shape, role: Role, at: int) -> str:
    column = shape.first(role)
    return "" if column is None else text_cell(table.rows[at].cells[column])


def _storm(table: Table, shape: Shape, alerts: Sequence[Told], storm: Sequence[Raised], reads: Sequence[Read]) -> Draft:
    heads = [told.head for told in alerts]
    span = Interval(storm[0].at, storm[-1].at)
    counts = {role: _counts(table, shape, role, heads) for role in (Role.ASSET, Role.MESSAGE, Role.SEVERITY)}
    first = reads[heads[0]]
    opening = alert_text(table.columns, shape, first.fields, {}, None, skip=list(first.fields))
    facts = _facts(span, counts, peak(storm), opening)
    facts["lines"] = _runs(table.rows[at].line for told in alerts for at in told.rows)
    facts["first"]["line"] = table.rows[heads[0]].line
    mentions = tuple(Mention(name, Relation.MENTIONS) for name, _ in counts[Role.ASSET].most_common(_MENTIONED))
    fields = {"severity": facts["worst"]} if facts["worst"] else {}
    data = {"table": table.stem, "fields": fields, "storm": {"count": len(alerts), **facts}}
    locator = RowKey(table.stem, f"storm {iso(span.t0)}", table.rows[heads[0]].line)
    text = _storm_text(len(alerts), span, counts, facts)
    return Draft(Kind.ALERT, locator, text, span, mentions=mentions, data=data, notes=(*table.notes, _RULE_NOTE))


_RULE_NOTE = (
    f"a storm begins with more than {FLOOD.begins} related alerts in {took(FLOOD.window_us)} and ends with fewer than {FLOOD.ends} "
    "(ISA-18.2)"
)


def _counts(table: Table, shape: Shape, role: Role, heads: Iterable[int]) -> Counter[str]:
    """How often each asset, message or severity comes; the rule stands in for a message, the name or sensor for an asset."""
    stand_ins = {Role.ASSET: (Role.ASSET, Role.ASSET_NAME, Role.SENSOR), Role.MESSAGE: (Role.MESSAGE, Role.RULE)}
    found = (next(filter(None, (_cell(table, shape, r, at) for r in stand_ins.get(role, (role,)))), "") for at in heads)
    return Counter(value[:_QUOTED] for value in found if value)


def _facts(span: Interval, counts: Mapping[Role, Counter[str]], most: int, opening: str) -> dict[str, Any]:
    return {
        "first": {"text": opening[:_QUOTED]}, "raised_from": iso(span.t0), "raised_to": iso(span.t1), "most_in_window": most,
        "worst": _worst(counts[Role.SEVERITY]), "severities": dict(counts[Role.SEVERITY].most_common(_MENTIONED)),
        "assets": dict(counts[Role.ASSET].most_common(_MENTIONED)), "messages": dict(counts[Role.MESSAGE].most_common(_MENTIONED)),
    }  # fmt: skip


def _worst(severities: Iterable[str]) -> str:
    """The gravest of the severities that are words; "" where none is known."""
    ranked = {word: rank for rank, words in enumerate(_GRAVE) for word in words}
    known = [word for word in severities if word.casefold() in ranked]
    return min(known, key=lambda word: ranked[word.casefold()], default="")


def _storm_text(count: int, span: Interval, counts: Mapping[Role, Counter[str]], facts: Mapping[str, Any]) -> str:
    last: Micros = span.t1
    parts = [
        f"Alert storm: {count} alerts within {took(span.t1 - span.t0)}, from {when(span)} to {when(Interval(last, last))}, "
        f"at most {facts['most_in_window']} in {took(FLOOD.window_us)}",
        f"first: {facts['first']['text']}",
    ]
    if facts["worst"]:
        parts.append(f"worst severity: {facts['worst']} ({counts[Role.SEVERITY][facts['worst']]})")
    if counts[Role.ASSET]:
        parts.append(f"on {_listed(counts[Role.ASSET], _NAMED)}")
    often = Counter({text: n for text, n in counts[Role.MESSAGE].items() if n > 1})
    if often:
        parts.append(f"most often: {_listed(often, _REPEATED)}")
    return "; ".join(parts)


def _listed(counts: Counter[str], most: int) -> str:
    told = ", ".join(f"{name} ({n})" for name, n in counts.most_common(most))
    return told + (f" and {len(counts) - most} more" if len(counts) > most else "")


def _runs(lines: Iterable[int]) -> list[list[int]]:
    """Line numbers as [first, last] of each unbroken run."""
    runs: list[list[int]] = []
    for line in sorted(set(lines)):
        if runs and line == runs[-1][1] + 1:
            runs[-1][1] = line
        else:
            runs.append([line, line])
    return runs
