"""Messages that cannot be evidence: each kept with its cause, so that it can be read again once feed, reader or sender are mended."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

import msgspec
import structlog

from ingest.masking import BatchMask
from ingest.outcome import ERASED
from ingest.stream.feeds import FEED, source_of
from ingest.stream.message import Message
from retrieval.errors import EvidenceNotFound, SourceRejected
from retrieval.ids import content_hash
from retrieval.ports import Blobs, Rejection
from retrieval.types import Micros, Principal

# of one feed: a sender gone mad must not fill the disk
MOST = 10_000
_PLACE, _MORE = "~dead/", "~dead/more"
# a line of JSON, and the body behind it as it came
_MEDIA_TYPE = "application/octet-stream"


class Register(Protocol):
    """The catalog as far as dead letters need it."""

    def record_rejections(self, tenant: str, refused: Sequence[tuple[str, str, str, str]]) -> None: ...

    def clear_rejection(self, tenant: str, source: str) -> None: ...

    def rejections(self, principal: Principal) -> list[Rejection]: ...


class Dead(NamedTuple):
    """A message that cannot be evidence: a place of its own, a stable machine word, and the reason."""

    source: str
    code: str
    reason: str


class Letter(NamedTuple):
    """A dead message as it was brought; None where it is not kept, since text is masked or there were too many."""

    rejection: Rejection
    message: Message | None


class _Head(msgspec.Struct, frozen=True):
    """What a bus tells of a message beside its body."""

    feed: str
    key: str
    sent: Micros | None
    place: int | None


class Outcome(Protocol):
    @property
    def dead(self) -> Sequence[Dead]: ...


class Taker(Protocol):
    """The intake: buries anew what it still cannot read."""

    def take(self, messages: Sequence[Message]) -> Outcome: ...


class DeadLetters:
    """Of one tenant. A message has a place of its own, so that nothing that comes after it hides it; its bytes are a blob of the tenant,
    but not where text is masked. Of one feed `most` are kept; what comes beyond is counted in one record."""

    def __init__(
        self, book: Register, blobs: Blobs, tenant: str, mask: BatchMask | None = None, most: int = MOST
    ) -> None:
        self._book, self._blobs, self._tenant, self._mask, self._most = book, blobs, tenant, mask, most
        self._held: dict[str, set[str]] | None = None
        self._log = structlog.get_logger(__name__)

    def bury(self, bad: Sequence[tuple[Message, SourceRejected]]) -> tuple[Dead, ...]:
        """Keep them with their causes, in one transaction. Raises StoreError."""
        graves = [self._grave(message, problem) for message, problem in bad]
        if graves:
            self._book.record_rejections(self._tenant, [(*dead, tried) for dead, tried in graves])
        for dead, _ in graves:
            self._log.warning("message refused", source=dead.source, code=dead.code)
        return tuple(dead for dead, _ in graves)

    def _grave(self, message: Message, problem: SourceRejected) -> tuple[Dead, str]:
        """Where a message lies, and the digest of what it was: the key of its bytes, where these are kept."""
        if problem.kind == ERASED:
            # nothing of what was erased is kept again, not even what would tell it apart
            return Dead(source_of(message.feed, f"{_PLACE}{ERASED}"), problem.kind, problem.reason), ""
        digest = content_hash(message.key, message.body)
        source, reason = source_of(message.feed, f"{_PLACE}{digest[:32]}"), problem.reason
        held = self._places().setdefault(message.feed, set())
        if len(held) >= self._most and source not in held:
            return self._one_more(message), _MORE
        if self._mask is None:
            digest = self._blobs.put(self._tenant, _packed(message), _MEDIA_TYPE)
        else:
            reason = self._mask.text(reason)
        held.add(source)
        return Dead(source, problem.kind, reason), digest

    def letters(self) -> Iterator[Letter]:
        """Every dead message, by feed and place."""
        for each in self._dead():
            yield Letter(each, self._message(each))

    def again(self, taker: Taker, feeds: Sequence[str]) -> tuple[int, int]:
        """Give the kept messages of these feeds to the intake once more: (taken in, still dead). Raises StoreError, EncoderUnavailable."""
        taken = still = 0
        for letter in list(self.letters()):
            if letter.message is None or letter.message.feed not in feeds:
                continue
            # until it is taken in it stays a letter: a store that fails in between must not lose it
            dead = bool(taker.take([letter.message]).dead)
            if not dead:
                self._book.clear_rejection(self._tenant, letter.rejection.source)
            taken, still = taken + (not dead), still + dead
        self._held = None
        return taken, still

    def forget(self) -> int:
        """Remove all of them; how many. Their bytes stay blobs until the store is cleaned."""
        gone = self._dead()
        for each in gone:
            self._book.clear_rejection(self._tenant, each.source)
        self._held = None
        return len(gone)

    def _one_more(self, message: Message) -> Dead:
        reason = f"more than {self._most} messages of this feed were refused; later ones are counted here and not kept"
        return Dead(source_of(message.feed, _MORE), "too_many_dead", reason)

    def _dead(self) -> list[Rejection]:
        return [r for r in self._book.rejections(Principal(self._tenant)) if _feed_of(r.source)]

    def _places(self) -> dict[str, set[str]]:
        """The places of what is held, by feed; read once, since one process at a time listens to a feed."""
        if self._held is None:
            self._held = {}
            for each in self._dead():
                self._held.setdefault(_feed_of(each.source), set()).add(each.source)
        return self._held

    def _message(self, rejection: Rejection) -> Message | None:
        try:
            return _unpacked(self._blobs.get(self._tenant, rejection.tried))
        except (EvidenceNotFound, msgspec.DecodeError):
            return None


def _feed_of(source: str) -> str:
    """The feed of a dead letter's place; "" for any other source."""
    feed, _, place = source.removeprefix(FEED).partition("/")
    return feed if source.startswith(FEED) and place.startswith(source_of("", _PLACE).removeprefix(f"{FEED}/")) else ""


def _packed(message: Message) -> bytes:
    """The body as it came: whoever looks through the files for what was erased must find it, and in base64 would not."""
    head = _Head(message.feed, message.key, message.sent, message.place)
    return msgspec.json.encode(head) + b"\n" + message.body


def _unpacked(data: bytes) -> Message:
    """Raises DecodeError. Earlier versions wrote a JSON array, the body in base64."""
    if data.startswith(b"["):
        return msgspec.json.decode(data, type=Message)
    line, _, body = data.partition(b"\n")
    head = msgspec.json.decode(line, type=_Head)
    return Message(head.feed, head.key, body, head.sent, head.place)
