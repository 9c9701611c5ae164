"""What stays the same from one question to the next: the site, its series and what was recorded, until the log moves."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TypeAlias

from app.answer.places import Site
from app.answer.series import Series, directory
from retrieval.ports import CatalogReader
from retrieval.types import Coverage, Micros, Principal

_KEPT = 16
_Key: TypeAlias = tuple[str, tuple[str, ...], Micros | None]


class Known:
    """The site and its coverage as one asker may see them, at one place of the log. What is derived is made when first used."""

    def __init__(self, catalog: CatalogReader, principal: Principal, as_of: Micros | None) -> None:
        self.site = Site({e.id: e for e in catalog.entities(principal, as_of)}, catalog.links(principal, as_of))
        self._coverage = catalog.coverage(principal, [], as_of=as_of)

    def coverage(self, subjects: Sequence[str] = ()) -> Sequence[Coverage]:
        """Coverage of these subjects (entity ids or source uris), by time, unknown times last; no subjects means all."""
        if not subjects:
            return self._coverage
        if len(subjects) == 1:
            return self._about.get(subjects[0], ())
        wanted = set(subjects)
        return [record for record in self._coverage if record.subject in wanted or record.source in wanted]

    @cached_property
    def series(self) -> Sequence[Series]:
        """Every series that was recorded and read."""
        return directory(self._coverage, self.site)

    @cached_property
    def _about(self) -> Mapping[str, Sequence[Coverage]]:
        about: dict[str, list[Coverage]] = {}
        for record in self._coverage:
            for name in {record.subject, record.source}:
                about.setdefault(name, []).append(record)
        return about


class Premises:
    """Gives each asker what is known, read anew when the log has moved. Safe to share between threads."""

    def __init__(self, catalog: CatalogReader) -> None:
        self._catalog = catalog
        self._sequence = -1
        self._kept: OrderedDict[_Key, Known] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, principal: Principal, as_of: Micros | None = None) -> Known:
        # read before what is kept under it: a commit in between makes it look older than it is, never newer
        sequence = self._catalog.sequence()
        key = (principal.tenant, tuple(sorted(principal.labels)), as_of)
        with self._lock:
            if sequence != self._sequence:
                self._sequence = sequence
                self._kept.clear()
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        known = Known(self._catalog, principal, as_of)
        with self._lock:
            if sequence == self._sequence:
                self._kept[key] = known
                if len(self._kept) > _KEPT:
                    self._kept.popitem(last=False)
        return known
