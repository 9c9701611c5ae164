"""The frozen values of erasure: what is meant, what it comes to, how far it is, and what keeps something from being erased."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

import msgspec

from retrieval.errors import BadQuery
from retrieval.types import Interval, Kind, Micros

# so begins what a rule of age is in words; no target's words do
RULE = "rule: "
# each is a condition of one statement, which SQLite takes 1,000 of
_MOST_HELD = 200


class Target(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What is to be erased: each given field must match, as in a Filter.

    `sources` are uris. `subject` is a person: an entity of that type by id, name or alias, a label, or the field "subject" of what an
    ingester measured. `before` (UTC µs) means what was recorded earlier, or with `by="valid"` what ended earlier (of unknown times the
    recording counts). `kinds` narrows the others. A piece under a label goes with what was open to more people before, at its
    place or, with the last of its source, anywhere in it; only `before` goes by each state's own age.
    """

    evidence: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    entities: tuple[str, ...] = ()
    subject: str = ""
    before: Micros | None = None
    by: Literal["recorded", "valid"] = "recorded"
    kinds: tuple[Kind, ...] = ()

    def check(self) -> None:
        """Raises BadQuery where nothing is named: kinds alone would mean all there is of them."""
        if not (self.evidence or self.sources or self.entities or self.subject or self.before is not None):
            raise BadQuery("say what to erase: evidence, a source, an entity, a subject, or what is older than a time")

    @property
    def what(self) -> str:
        """The sort of target in a word or two, without naming anything."""
        named = ("evidence", self.evidence), ("source", self.sources), ("entity", self.entities)
        told = [name for name, given in (*named, ("subject", self.subject)) if given]
        return " and ".join(told + (["age"] if self.before is not None else []))

    @property
    def whole(self) -> bool:
        """Whether sources are meant with all they have."""
        narrowed = self.evidence or self.entities or self.subject or self.before is not None or self.kinds
        return bool(self.sources) and not narrowed


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """What an erasure takes: pieces of evidence and their revisions (what was made out of them too), vectors, pieces by kind, blobs that
    nothing else needs, records of coverage, and answers that quote any of it. `held` is hold id → pieces that it keeps."""

    evidence: int = 0
    revisions: int = 0
    vectors: int = 0
    by_kind: dict[str, int] = {}
    media: int = 0
    coverage: int = 0
    answers: int = 0
    held: dict[str, int] = {}

    @property
    def empty(self) -> bool:
        return not (self.revisions or self.coverage)


class State(StrEnum):
    """How far an erasure is. Nothing hidden is ever shown again; what was killed goes on from where it stands."""

    HIDDEN = "hidden"
    PURGING = "purging"
    PURGED = "purged"
    RECEIPTED = "receipted"


class Erasure(msgspec.Struct, frozen=True, kw_only=True):
    """One erasure. Times are UTC µs. `what` is its sort of target, in no plain names, or the rule; `sequence` the log position that hid
    it; `trouble` why its bytes are not gone yet, "" where nothing is in the way."""

    id: str
    tenant: str
    subject: str
    what: str
    state: State
    sequence: int
    tally: Tally
    hidden_at: Micros
    purged_at: Micros | None = None
    trouble: str = ""

    @property
    def by_rule(self) -> bool:
        """Whether a rule of age erased, whatever the names of those who may: nobody is handed such a receipt's salt."""
        return self.what.startswith(RULE)


class Hold(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A legal hold: what matches any of its fields is neither erased nor taken by retention until it is released.

    `window` holds evidence whose valid time overlaps it, of unknown times what was recorded in it. What a piece that it matches was made
    out of, or what was made out of it, is held too; `keeps` is how many matched themselves when it was placed. Times are UTC µs.
    """

    id: str
    tenant: str
    subject: str
    why: str
    placed_at: Micros
    evidence: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    entities: tuple[str, ...] = ()
    window: Interval | None = None
    released_at: Micros | None = None
    keeps: int = 0

    def check(self) -> None:
        """Raises BadQuery where it names nothing or too much, or does not say why."""
        if not (self.evidence or self.sources or self.entities or self.window is not None):
            raise BadQuery("say what to hold: evidence, a source, an entity, or a window of time")
        if max(len(self.evidence), len(self.sources), len(self.entities)) > _MOST_HELD:
            raise BadQuery(f"one hold may name {_MOST_HELD} things of a sort at most; place several")
        if not self.why.strip():
            raise BadQuery("say why it is held")
