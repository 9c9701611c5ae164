"""Notifications → the catalog, from a bus or over HTTP: acknowledged once what they are about is on disk."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ingest.objects.address import Address, Prefix, allowed
from ingest.objects.notices import read_notices
from ingest.objects.port import ObjectStore
from ingest.objects.scene import touched_by
from ingest.objects.taking import CLOSED, KNOWN, REFUSED, TAKEN, WAITS, Outcome, Taker
from ingest.stream.dead import Dead, DeadLetters
from ingest.stream.feeds import source_of
from ingest.stream.intake import Taken
from ingest.stream.message import Message
from retrieval.errors import BadSiteDescription, SourceRejected, UpstreamError
from retrieval.ids import content_hash

_DEAD = frozenset({REFUSED, WAITS})
NEVER_WHOLE = "never_whole"
# an object that its store tells of but never gives whole is waited for so often, some four minutes (stream/post.py), before its message is
# buried: everybody else's messages wait behind it
_PATIENCE = 20


class _Read(NamedTuple):
    """`problem` is why something the message is about is not looked at."""

    message: Message
    objects: tuple[tuple[Prefix, Address], ...]
    problem: SourceRejected | None


class ObjectIntake:
    """`feeds` says which prefixes each feed may be about: what is told of anything else is buried, and nothing is fetched for it.

    Idempotent; messages may come in any order. Dead messages are kept with their causes, but not where `letters` is None: then their
    sender is told. Safe to share between threads. Raises StoreError and UpstreamError where a part is away: the same messages may be
    given again.
    """

    def __init__(
        self,
        taker: Taker,
        store: ObjectStore,
        letters: DeadLetters | None,
        tenant: str,
        feeds: Mapping[str, Sequence[Prefix]],
    ) -> None:
        self._taker, self._store, self._letters = taker, store, letters
        self._tenant, self._feeds = tenant, dict(feeds)
        self._turn = threading.Lock()
        self._waited: Counter[str] = Counter()

    def prepare(self) -> None:
        """Nothing to load: readers and encoders are loaded when an object needs them."""

    def take(self, messages: Sequence[Message]) -> Taken:
        with self._turn:
            return self._take(messages)

    def _take(self, messages: Sequence[Message]) -> Taken:
        read = [self._read(message) for message in messages]
        outcomes = self._settled(read)
        read = [self._given_up(each, outcomes) for each in read]
        became = [_became(each, outcomes) for each in read]
        repeats = Counter(each.message.feed for each, what in zip(read, became, strict=True) if what == KNOWN)
        dead = [self._buried(each.message, each.problem) for each in read if each.problem is not None]
        # what waits for its site description waits for nobody here: that being mended, its own event takes all that lies below it
        dead += [Dead(each.uri, each.code, each.reason) for each in outcomes.values() if each.status in _DEAD]
        return Taken(became.count(TAKEN), repeats.total(), tuple(dead), repeats)

    def _read(self, message: Message) -> _Read:
        """What else a message is about is looked at, though one thing may not be."""
        problem: SourceRejected | None = None
        objects = list[tuple[Prefix, Address]]()
        try:
            about = read_notices(message.body)
        except SourceRejected as broken:
            return _Read(message, (), broken)
        for address in about:
            prefix = allowed(self._feeds[message.feed], *address)
            if prefix is not None:
                objects.append((prefix, address))
                continue
            told = f"{address.uri[:200]} is in none of the prefixes that feed {message.feed!r} may be about"
            problem = SourceRejected(told, kind="not_allowed")
        return _Read(message, tuple(objects), problem)

    def _settled(self, read: Sequence[_Read]) -> dict[Address, Outcome]:
        """What became of every object told about, each looked at once. Raises UpstreamError where one must be waited for."""
        outcomes: dict[Address, Outcome] = {}
        told = dict.fromkeys(pair for each in read for pair in each.objects)
        for prefix in dict.fromkeys(prefix for prefix, _ in told):
            about = [address for named, address in told if named == prefix]
            keys = [k for address in about for k in touched_by(self._store, address) if prefix.holds(prefix.bucket, k)]
            for key, outcome in self._taker.settle(prefix, keys).items():
                outcomes[Address(prefix.bucket, key)] = outcome
        waiting = [each for each in outcomes.values() if _to_wait_for(each)]
        self._waited = Counter({each.uri: self._waited[each.uri] + 1 for each in waiting})
        patient = next((each for each in waiting if self._letters is None or self._waited[each.uri] < _PATIENCE), None)
        if patient is not None:
            raise UpstreamError(f"{patient.uri} waits: {patient.reason}")
        return outcomes

    def _given_up(self, read: _Read, outcomes: Mapping[Address, Outcome]) -> _Read:
        """A message about an object that was waited for too often is buried, with what else it is about taken in."""
        never = next((outcomes[each] for _, each in read.objects if _to_wait_for(outcomes[each])), None)
        if never is None or read.problem is not None:
            return read
        told = f"{never.uri} was asked for {_PATIENCE} times and never came whole: {never.reason}"
        return read._replace(problem=SourceRejected(told, kind=NEVER_WHOLE))

    def _buried(self, message: Message, problem: SourceRejected) -> Dead:
        if self._letters is not None:
            return self._letters.bury([(message, problem)])[0]
        digest = content_hash(message.key, message.body)
        return Dead(source_of(message.feed, f"~dead/{digest[:32]}"), problem.kind, problem.reason)


def _to_wait_for(outcome: Outcome) -> bool:
    return outcome.status == WAITS and outcome.code != BadSiteDescription.code


def _became(read: _Read, outcomes: Mapping[Address, Outcome]) -> str:
    """TAKEN where a message changed what is known, REFUSED where something of it could not be taken in, else KNOWN."""
    statuses = {outcomes[address].status for _, address in read.objects}
    if statuses & {TAKEN, CLOSED}:
        return TAKEN
    return REFUSED if read.problem is not None or statuses & _DEAD else KNOWN
