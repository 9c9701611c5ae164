"""What the surfaces (HTTP, Slack, CLI) may ask of Watchfloor, and how an answer is made. Surfaces hold no logic of their own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import msgspec

from retrieval.moment import Moment
from retrieval.ports import Explained
from retrieval.types import Answer, Evidence, Hit, Micros, Principal, Query

if TYPE_CHECKING:
    from app.governance.port import Governance
    from app.jobs.job import Desk, Job


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """A question of a conversation and what became of it. `resolved` is how it was understood; `evidence` the ids its answer cited.

    `answer` is the answer's id and `verdict` its verdict, both "" where the caller remembers the words alone. `reply` is what was
    told, in short.
    """

    question: str
    asked_at: Micros
    resolved: str = ""
    answer: str = ""
    verdict: str = ""
    reply: str = ""
    evidence: tuple[str, ...] = ()


class Conversation(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation of one subject. `title` is its first question; `turns` is empty in listings."""

    id: str
    title: str
    began_at: Micros
    last_at: Micros
    count: int
    turns: tuple[Turn, ...] = ()


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """A question. `asked_at` anchors relative times ("last night"); `as_of` asks what was known then (None = now).

    `pictures` are encoded images the question carries; `about` are evidence ids it points at ("like this frame"). `conversation` is
    the conversation it belongs to: an id, "new" (begins one), "thread:NAME" (the caller's own name for one, begun when first used), or
    None. `before` are earlier turns the caller itself remembers, oldest first;
    a conversation's own turns are put there by the service. `deadline_s` is how long its answer may take, in seconds; `until`, when
    that is over by the monotonic clock, is put there by the service when it takes the question in.
    """

    question: str
    asked_at: Micros
    as_of: Micros | None = None
    deadline_s: float | None = None
    pictures: tuple[bytes, ...] = ()
    about: tuple[str, ...] = ()
    conversation: str | None = None
    before: tuple[Turn, ...] = ()
    until: float | None = None


class Event(NamedTuple):
    """A step of an answer as it is made, for streaming.

    `name` and what `data` is: plan (a JSON-able dict), evidence (a list of ids), claim (the Claim, once it is verified), sighting (a
    Claim told before, with what a second look at its frame said), answer (the whole Answer, last).
    """

    name: str
    data: Any


class Answerer(Protocol):
    """Evidence brief or model: the same question, the same Answer."""

    name: str

    def answer(
        self, ask: Ask, principal: Principal, listen: Callable[[Event], None], stop: threading.Event | None = None
    ) -> Answer:
        """Answer from what the principal may see. Setting `stop` says that nobody waits any more.

        Raises QuestionTooLong; degrades, and says so, when a part fails.
        """


class SourceReport(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=False):
    """One line of an ingest: `status` is ingested, unchanged or rejected; `reason` and `code` say why not."""

    source: str
    status: str
    evidence: int
    sequence: int
    reason: str | None = None
    code: str | None = None


class IngestSummary(msgspec.Struct, frozen=True, kw_only=True):
    """The end of an ingest. `rejected` rows are {source, code, reason}; `quality` is ingest.quality.Quality as plain JSON.

    `stopped` says that it was told to stop, and that sources are left.
    """

    ingested: int
    unchanged: int
    rejected: tuple[dict[str, str], ...]
    evidence_by_kind: dict[str, int]
    sequence: int
    notes: tuple[str, ...] = ()
    quality: dict[str, Any] = {}
    stopped: bool = False


class Notified(msgspec.Struct, frozen=True):
    """What became of a notification of an object store: 1 `stored` where it changed what is known, 1 `known` where it said nothing new.
    `refused` are {source, code, reason} of what could not be taken in."""

    stored: int
    known: int
    refused: tuple[dict[str, str], ...] = ()


class Advance(NamedTuple):
    """Progress of an ingest: `done` of `total` sources, and the report of the one just finished (None while it runs)."""

    done: int
    total: int
    source: str
    report: SourceReport | None


class Check(msgspec.Struct, frozen=True):
    """One line of doctor or health: `state` is ok, off, degraded or failed."""

    name: str
    state: str
    detail: str


class Found(NamedTuple):
    """What a search gave: hits, best first, and one line for each part that was off or failed and was left out."""

    hits: list[Hit]
    degraded: tuple[str, ...] = ()


class Media(NamedTuple):
    """Something to play back: a file on disk, its media type, and what must be said of it."""

    path: Path
    media_type: str
    note: str = ""


class Samples(NamedTuple):
    """The readings of a window: UTC microseconds and values, of the same length, in order of time."""

    t: list[Micros]
    v: list[float]
    unit: str = ""


class Service(Protocol):
    """Everything a surface can do."""

    def ask(
        self,
        ask: Ask,
        principal: Principal,
        listen: Callable[[Event], None] | None = None,
        stop: threading.Event | None = None,
    ) -> Answer:
        """Answer and record it. Raises QuestionTooLong, OverBudget, BadQuery, EvidenceNotFound (`about`), ConversationNotFound."""

    def conversations(self, principal: Principal, limit: int = 50) -> list[Conversation]:
        """The caller's own, newest first."""

    def conversation(self, conversation_id: str, principal: Principal) -> Conversation:
        """One with its turns; what its reader may not see any more is left out. Raises ConversationNotFound."""

    def forget_conversation(self, conversation_id: str, principal: Principal) -> None:
        """Delete a conversation and the answers given in it. Raises ConversationNotFound."""

    def search(self, query: Query, principal: Principal) -> list[Hit]:
        """Evidence for a query, best first. Raises QuestionTooLong for a text longer than a question may be, OverBudget, BadQuery."""

    def find(self, query: Query, principal: Principal) -> Found:
        """The same, with what was left out. Raises as `search`."""

    def explain(self, query: Query, principal: Principal) -> list[Explained]:
        """How the searches of a query go, one for each vector, then the words; of what fails, `why` says so. Raises as `search`."""

    def evidence(self, evidence_id: str, principal: Principal) -> Evidence:
        """Raises EvidenceNotFound, the same for unknown and invisible ids."""

    def media(self, evidence_id: str, principal: Principal) -> Media:
        """The frame or page image of a piece, or a drawn chart of a window. Raises EvidenceNotFound."""

    def moment(self, evidence_id: str, principal: Principal, label: str | None = None) -> Moment:
        """The moment a frame belongs to; with a label, as long as that was seen. Raises EvidenceNotFound for what is no frame."""

    def clip(self, evidence_id: str, principal: Principal, label: str | None = None) -> Media:
        """A short clip of that moment. Raises EvidenceNotFound, SourceRejected where it cannot be made."""

    def samples(self, evidence_id: str, principal: Principal) -> Samples:
        """The readings of a window, to draw or recompute. Raises EvidenceNotFound for anything that is no window."""

    def ingest(
        self, paths: Sequence[Path], principal: Principal, progress: Callable[[Advance], None] | None = None
    ) -> IngestSummary:
        """Take files and folders in now; recorded as a job. Raises StoreBusy where another ingest takes too long, JobCancelled."""

    @property
    def jobs(self) -> Desk:
        """Ingests that were asked for, and what became of them."""

    @property
    def governance(self) -> Governance:
        """Erasures, retention and legal holds."""

    def work(self, stop: threading.Event, ended: Callable[[Job], None] | None = None, *, lasting: bool = True) -> None:
        """Work jobs off, one at a time, until told to stop; where it is not `lasting`, until all have ended. `ended` hears of each."""

    def notified(self, body: bytes, principal: Principal) -> Notified:
        """Take in what a notification of an object store is about; returns once it is on disk.

        Raises BadSettings where none are taken, StoreError and UpstreamError where it must be sent again."""

    def feedback(self, answer_id: str, accepted: bool, principal: Principal, note: str = "") -> None:
        """Whether the reader accepted the answer. Raises EvidenceNotFound for an unknown answer."""

    def stats(self, principal: Principal) -> dict[str, Any]:
        """Counts of asks by verdict, acceptance, time to first evidence (p50, p95 ms)."""

    def look(self) -> None:
        """Look who has fallen silent, and raise alarms and end them. Raises StoreError."""

    def quality(self, principal: Principal, since_s: float) -> dict[str, Any]:
        """How each that delivers stands, over so many seconds back, the worst first: ingest.watchfulness.standing.Overview as plain JSON,
        times in ISO 8601, UTC."""

    def forget_source(self, name: str, principal: Principal) -> None:
        """Watch one that delivers no more, until it does again. Raises InputError for one that is not known."""

    def checks(self) -> list[Check]:
        """Every part and how it is: what doctor prints and health serves."""

    def model_check(self) -> Check:
        """The line "model" of the checks alone: "ok" means that the next question goes to a model."""

    def release(self, principal: Principal, paths: Sequence[Path]) -> int:
        """Forget which files at or below these paths were refused, so that those given up are tried again; how many there were."""

    def reindex(self) -> dict[str, int]:
        """Throw the projections away and rebuild them; name → sequence."""

    def reconcile(self) -> dict[str, dict[str, int]]:
        """Compare projections with the catalog by content and repair what differs: name → {checked, missing, extra, stale, repaired}."""

    def snapshot(self) -> dict[str, int]:
        """Write what the index in memory holds to disk, for the next start: {sequence, files, bytes}. Raises StoreBusy, StoreFull."""

    def keep(self, stop: threading.Event) -> None:
        """Keep the indexes well beside answering, until told to stop: follow the log, probe, take snapshots. Raises StoreError."""

    def close(self) -> None: ...
