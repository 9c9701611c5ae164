"""By whose labels coverage is shown that its source tells no more: by what the source tells of the same subject today, all of it.

Where that is nothing, by what it told of it last, and by anything of what it tells today, or told last. So a label put on one of two
records of a camera keeps from the same people what was told of the camera before it, whichever of the two that was.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple, TypeAlias, TypeVar

import msgspec
from sqlalchemy import Column, ColumnElement, Connection, Row, func, select

from retrieval.catalog import tables as t
from retrieval.catalog.codec import chunks
from retrieval.catalog.seeing import OPEN, Labels, any_of

_cov = t.coverage.c
_sets = msgspec.json.Decoder(list[frozenset[str]])
_ABOUT, _SOURCE = (_cov.source, _cov.subject), (_cov.source,)
# a source, and a subject that it tells of
About: TypeAlias = tuple[str, str]
Key: TypeAlias = tuple[Column[str], ...]
Conditions: TypeAlias = tuple[ColumnElement[bool], ...]
_K = TypeVar("_K", bound=tuple[str, ...])


class _Labelled(msgspec.Struct):
    labels: frozenset[str] = OPEN


_labelled = msgspec.json.Decoder(_Labelled)


class Told(NamedTuple):
    """A record of coverage that was told last."""

    row: int
    labels: Labels


class Judges(NamedTuple):
    """What was told last about each subject, which of these stand, and what sources told last of those others that they tell no more."""

    about: Mapping[About, list[Told]]
    standing: Collection[About]
    anything: Mapping[str, list[Told]]

    def of(self, source: str, subject: str) -> list[Labels]:
        """Sets of labels, of each of which one must be held to be told of what has ended."""
        sets = [each.labels for each in self.about[source, subject]]
        if (source, subject) not in self.standing:
            sets.append(labels_of_any(self.anything[source]))
        return list(dict.fromkeys(sets))

    def lost(self, source: str, subject: str, gone: Collection[int]) -> set[Labels]:
        """Those of the sets that go with these records."""
        sets = {each.labels for each in self.about[source, subject] if each.row in gone}
        if (source, subject) not in self.standing and all(each.row in gone for each in self.anything[source]):
            sets.add(labels_of_any(self.anything[source]))
        return sets - {OPEN}


def labels_of_any(told: Collection[Told]) -> Labels:
    return any_of([each.labels for each in told])


def under(column: str | None) -> list[Labels]:
    """The sets of labels that are written down for a record (withholding)."""
    return [] if column is None else _sets.decode(column)


def _told(row: Row[Any]) -> Told:
    return Told(row.row, _labelled.decode(row.body).labels)


def records(connection: Connection, *mine: ColumnElement[bool]) -> list[Told]:
    return [
        Told(row.row, _labelled.decode(row.body).labels)
        for row in connection.execute(select(_cov.row, _cov.body).where(*mine))
    ]


def judges(connection: Connection, tenant: str, pairs: Collection[About]) -> Judges:
    """Of each pair's source at least one record is there about its subject."""
    about = _standing(connection, _ABOUT, _among(tenant, pairs), pairs)
    standing = set(about)
    rest = [pair for pair in pairs if pair not in standing]
    about |= _last_ended(connection, _ABOUT, _among(tenant, rest), rest)
    sources = {(source,) for source, _ in rest}
    anything = _standing(connection, _SOURCE, _of(tenant, sources), sources)
    silent = sources - anything.keys()
    anything |= _last_ended(connection, _SOURCE, _of(tenant, silent), silent)
    return Judges(about, standing, {source: told for (source,), told in anything.items()})


def _among(tenant: str, pairs: Collection[About]) -> Iterator[Conditions]:
    """Conditions that every pair meets; others may too."""
    of = defaultdict[str, set[str]](set)
    for source, subject in pairs:
        of[source].add(subject)
    for sources in chunks(of):
        for subjects in chunks(set().union(*(of[source] for source in sources))):
            yield _cov.tenant == tenant, _cov.source.in_(sources), _cov.subject.in_(subjects)


def _of(tenant: str, sources: Collection[tuple[str]]) -> Iterator[Conditions]:
    for some in chunks(source for (source,) in sources):
        yield _cov.tenant == tenant, _cov.source.in_(some)


def _standing(
    connection: Connection, by: Key, among: Iterable[Conditions], wanted: Collection[_K]
) -> dict[_K, list[Told]]:
    """What of each is told today; `by`: the columns that make up what is wanted."""
    found, asked = defaultdict[Any, list[Told]](list), set(wanted)
    for mine in among:
        for row in connection.execute(select(_cov.row, _cov.body, *by).where(*mine, _cov.superseded_at.is_(None))):
            if (key := tuple(row[2:])) in asked:
                found[key].append(_told(row))
    return dict(found)


def _last_ended(
    connection: Connection, by: Key, among: Iterable[Conditions], wanted: Collection[_K]
) -> dict[_K, list[Told]]:
    """What of each was told last, of those that nothing is told of today."""
    found, asked = defaultdict[Any, list[Told]](list), set(wanted)
    for mine in among:
        ends = select(func.max(_cov.superseded_at), *by).where(*mine).group_by(*by)
        last = {tuple(row[1:]): row[0] for row in connection.execute(ends)}
        told = select(_cov.row, _cov.body, _cov.superseded_at, *by)
        for some in chunks({last[key] for key in asked & last.keys()}):
            for row in connection.execute(told.where(*mine, _cov.superseded_at.in_(some))):
                if (key := tuple(row[3:])) in asked and last[key] == row.superseded_at:
                    found[key].append(_told(row))
    return dict(found)
