"""A prefix of a bucket → the catalog. Its listing tells all: what is there, under which entity tags, and so what is there no more."""

from __future__ import annotations

import threading
from collections.abc import Container, Mapping
from typing import Protocol

from ingest.follow.port import Round, summed
from ingest.media_types import BY_ENDING, STRUCTURED
from ingest.objects.address import Prefix, address_of, safe
from ingest.objects.port import ObjectStore
from ingest.objects.taking import GONE, KNOWN, REFUSED, Outcome, Taker
from retrieval.ports import Held, Rejection
from retrieval.types import Principal


class Book(Protocol):
    """The catalog as far as a listing is compared with it."""

    def held_below(self, tenant: str, start: str) -> dict[str, Held]: ...

    def rejections(self, principal: Principal) -> list[Rejection]: ...


class PrefixFollower:
    """What is unchanged by its entity tag is not fetched again. `closes`: what is gone from the bucket is closed in the catalog."""

    def __init__(
        self, prefix: Prefix, store: ObjectStore, taker: Taker, book: Book, tenant: str, closes: bool = True
    ) -> None:
        self.target = prefix.uri
        self._prefix, self._store, self._taker, self._book = prefix, store, taker, book
        self._tenant, self._closes = tenant, closes
        self._refused: dict[str, Outcome] = {}

    def watching(self) -> str:
        return "listing it now and then"

    def wait(self, seconds: float, stop: threading.Event) -> None:
        stop.wait(seconds)

    def round(self) -> Round:
        listing = {seen.key: seen for seen in self._store.listed(*self._prefix)}
        held = self._book.held_below(self._tenant, self._prefix.uri)
        outcomes = self._taker.settle(self._prefix, sorted(listing, key=_order), listing, held)
        gone = self._gone(listing.keys(), held) if self._closes else []
        # asked for once more before anything is closed: it may have come back since the listing. Of what cannot be asked for, that is
        # because of its key, the listing alone tells
        outcomes |= self._taker.settle(self._prefix, [key for key in gone if safe(key)])
        outcomes |= self._taker.settle(self._prefix, [key for key in gone if not safe(key)], listing)
        return summed(self._new(each) for each in outcomes.values())

    def _new(self, outcome: Outcome) -> Outcome:
        """A refusal is told once for as long as its cause stays the same."""
        before = self._refused.get(outcome.uri)
        if outcome.status != REFUSED:
            return outcome
        self._refused[outcome.uri] = outcome
        return outcome._replace(status=KNOWN) if outcome == before else outcome

    def _gone(self, there: Container[str], held: Mapping[str, Held]) -> list[str]:
        standing = [uri for uri, each in held.items() if each.content_hash != GONE]
        refused = [each.source for each in self._book.rejections(Principal(self._tenant))]
        found = (address_of(uri) for uri in (*standing, *refused))
        mine = dict.fromkeys(each.key for each in found if each is not None and self._prefix.holds(*each))
        return [key for key in mine if key not in there]


def _order(key: str) -> tuple[int, str]:
    """As in an ingest: tables come first, since they name what is mentioned later."""
    ending = key[key.rfind(".") :].lower() if "." in key else ""
    return (0 if BY_ENDING.get(ending) in STRUCTURED else 1, key)
