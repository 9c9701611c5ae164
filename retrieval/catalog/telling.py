"""By whose labels coverage is shown that its source tells no more: by what the source tells of the same subject today, all of it.

Where that is nothing, by what it told of it last, and by anything of what it tells today, or told last. So a label put on one of two
records of a camera keeps from the same people what was told of the camera before it, whichever of the two that was.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple, TypeAlias

import msgspec
from sqlalchemy import ColumnElement, Connection, func, select

from retrieval.catalog import tables as t
from retrieval.catalog.codec import chunks

_cov = t.coverage.c
_sets = msgspec.json.Decoder(list[frozenset[str]])
_TOLD = select(_cov.row, _cov.source, _cov.subject, _cov.superseded_at, _cov.body)
Labels: TypeAlias = frozenset[str]
# a source, and a subject that it tells of
About: TypeAlias = tuple[str, str]
OPEN = Labels()


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
            sets.append(any_of(self.anything[source]))
        return list(dict.fromkeys(sets))

    def lost(self, source: str, subject: str, gone: Collection[int]) -> set[Labels]:
        """Those of the sets that go with these records."""
        sets = {each.labels for each in self.about[source, subject] if each.row in gone}
        if (source, subject) not in self.standing and all(each.row in gone for each in self.anything[source]):
            sets.add(any_of(self.anything[source]))
        return sets - {OPEN}


def any_of(told: Collection[Told]) -> Labels:
    """The labels of which one is enough to see any of these; none where one is open, or there are none."""
    return OPEN.union(*(each.labels for each in told)) if all(each.labels for each in told) else OPEN


def under(column: str | None) -> list[Labels]:
    """The sets of labels that are written down for a record (withholding)."""
    return [] if column is None else _sets.decode(column)


def records(connection: Connection, *mine: ColumnElement[bool]) -> list[Told]:
    return [Told(row.row, _labelled.decode(row.body).labels) for row in connection.execute(_TOLD.where(*mine))]


def judges(connection: Connection, tenant: str, pairs: Collection[About]) -> Judges:
    """Of each pair's source at least one record is there about its subject."""
    about = _grouped(_standing(connection, tenant, pairs), pairs)
    standing = set(about)
    rest = [pair for pair in pairs if pair not in standing]
    about |= _grouped(_last_ended(connection, tenant, rest), rest)
    return Judges(about, standing, _anything(connection, tenant, {source for source, _ in rest}))


def _grouped(found: Iterable[tuple[About, Told]], pairs: Collection[About]) -> dict[About, list[Told]]:
    grouped, wanted = defaultdict[About, list[Told]](list), set(pairs)
    for pair, told in found:
        if pair in wanted:
            grouped[pair].append(told)
    return dict(grouped)


def _among(tenant: str, pairs: Collection[About]) -> Iterator[tuple[ColumnElement[bool], ...]]:
    """Conditions that every pair meets; others may too."""
    of = defaultdict[str, set[str]](set)
    for source, subject in pairs:
        of[source].add(subject)
    for sources in chunks(of):
        for subjects in chunks(set().union(*(of[source] for source in sources))):
            yield _cov.tenant == tenant, _cov.source.in_(sources), _cov.subject.in_(subjects)


def _standing(connection: Connection, tenant: str, pairs: Collection[About]) -> Iterator[tuple[About, Told]]:
    for among in _among(tenant, pairs):
        for row in connection.execute(_TOLD.where(*among, _cov.superseded_at.is_(None))):
            yield (row.source, row.subject), Told(row.row, _labelled.decode(row.body).labels)


def _last_ended(connection: Connection, tenant: str, pairs: Collection[About]) -> Iterator[tuple[About, Told]]:
    for among in _among(tenant, pairs):
        ends = select(_cov.source, _cov.subject, func.max(_cov.superseded_at)).where(*among)
        last = {(row[0], row[1]): row[2] for row in connection.execute(ends.group_by(_cov.source, _cov.subject))}
        for some in chunks(set(last.values())):
            for row in connection.execute(_TOLD.where(*among, _cov.superseded_at.in_(some))):
                pair = row.source, row.subject
                if last[pair] == row.superseded_at:
                    yield pair, Told(row.row, _labelled.decode(row.body).labels)


def _anything(connection: Connection, tenant: str, sources: Collection[str]) -> dict[str, list[Told]]:
    """Source → all that it tells today; where that is nothing, told last."""
    found = defaultdict[str, list[Told]](list)
    for source in sources:
        mine = _cov.tenant == tenant, _cov.source == source
        last = select(func.max(_cov.superseded_at)).where(*mine).scalar_subquery()
        for when in (_cov.superseded_at.is_(None), _cov.superseded_at == last):
            if not found[source]:
                found[source] = records(connection, *mine, when)
    return found
