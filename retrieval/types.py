"""The frozen values that pass between stages. Identity and storage live elsewhere (ids.py, catalog/).

Times are integers: microseconds since 1970-01-01T00:00:00 UTC. Intervals are half open, [t0, t1). Boxes are fractions of the
picture or page, origin top left: (x0, y0, x1, y1), each in [0, 1].
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

Micros: TypeAlias = int
Box: TypeAlias = tuple[float, float, float, float]
Vector: TypeAlias = NDArray[np.float32]


class Kind(StrEnum):
    """What a piece of evidence is."""

    FRAME = "frame"
    PASSAGE = "passage"
    ALERT = "alert"
    WINDOW = "window"
    TRANSCRIPT = "transcript"
    ROW = "row"


class Interval(msgspec.Struct, frozen=True, order=True):
    """A half-open span of time [t0, t1) in UTC microseconds. Raises ValueError when t1 < t0."""

    t0: Micros
    t1: Micros

    def __post_init__(self) -> None:
        if self.t1 < self.t0:
            raise ValueError(f"interval ends before it begins: {self.t0} > {self.t1}")

    def overlaps(self, other: Interval) -> bool:
        """Whether the two share an instant; an instant [t, t) is shared when it lies in the other."""
        if self.t0 == self.t1:
            return other.t0 <= self.t0 < other.t1 or other == self
        if other.t0 == other.t1:
            return self.t0 <= other.t0 < self.t1
        return self.t0 < other.t1 and other.t0 < self.t1

    def intersection(self, other: Interval) -> Interval | None:
        """The shared span, or None."""
        return Interval(max(self.t0, other.t0), min(self.t1, other.t1)) if self.overlaps(other) else None

    @property
    def seconds(self) -> float:
        return (self.t1 - self.t0) / 1e6


# --- how to play a piece of evidence back ---------------------------------------------------------------------------


class FrameAt(msgspec.Struct, frozen=True, tag="frame", omit_defaults=True):
    """A frame of a clip, `ms` milliseconds from the clip's start; it stands for [ms, end_ms). A still image has ms = 0."""

    ms: int
    end_ms: int = 0
    box: Box | None = None

    @property
    def until_ms(self) -> int:
        """Where it ceases to stand; for a still image where it begins."""
        return max(self.ms, self.end_ms)


class ClipSpan(msgspec.Struct, frozen=True, tag="span"):
    """The sound of a recording in [ms, end_ms), in milliseconds from the recording's start."""

    ms: int
    end_ms: int


class PageBox(msgspec.Struct, frozen=True, tag="page", omit_defaults=True):
    """A box on a page of a paged document. `page` counts from 1."""

    page: int
    box: Box | None = None


class CharSpan(msgspec.Struct, frozen=True, tag="chars", omit_defaults=True):
    """Characters [start, end) of a document's plain text, with the heading they stand under."""

    start: int
    end: int
    heading: str = ""


class SeriesWindow(msgspec.Struct, frozen=True, tag="window", omit_defaults=True):
    """Samples of one series (a column of its file) with t0 <= time < t1; rows [first, last] of the file, from 1."""

    series: str
    t0: Micros
    t1: Micros
    first: int = 0
    last: int = 0


class RowKey(msgspec.Struct, frozen=True, tag="row", omit_defaults=True):
    """A row of a table: its key (or "" where the table has none) and its line in the file, from 1."""

    table: str
    key: str
    line: int = 0


Locator: TypeAlias = FrameAt | ClipSpan | PageBox | CharSpan | SeriesWindow | RowKey


# --- evidence -------------------------------------------------------------------------------------------------------


class Relation(StrEnum):
    """How evidence hangs on an entity."""

    MENTIONS = "mentions"
    OBSERVED_AT = "observed_at"
    MEASURES = "measures"


class Mention(msgspec.Struct, frozen=True, order=True):
    """Evidence —relation→ entity (by entity id)."""

    entity: str
    relation: Relation


class Provenance(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who made this evidence out of its source, and what each derived text came from."""

    ingester: str
    version: str = "1"
    models: dict[str, str] = {}
    notes: tuple[str, ...] = ()


class Evidence(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that can be cited and played back: the noun everything shares.

    `id` is content-derived and keyed by tenant (ids.py). `text` is what words can find. `media` is a blob key. `valid` is
    when it happened (None = unknown); `recorded_at` / `superseded_at` are when Watchfloor knew it (set by the catalog; 0 and
    None before). `labels`: who may see it, any-of; empty = the whole tenant. `data` is what the ingester measured, as plain
    JSON: statistics of a window, detections of a frame, fields of a row.
    """

    id: str
    tenant: str
    source: str
    kind: Kind
    locator: Locator
    text: str
    provenance: Provenance
    revision: int = 1
    media: str | None = None
    valid: Interval | None = None
    recorded_at: Micros = 0
    superseded_at: Micros | None = None
    entities: tuple[Mention, ...] = ()
    labels: tuple[str, ...] = ()
    data: dict[str, Any] = {}


class Embedding(msgspec.Struct, frozen=True):
    """A vector of a piece of evidence. `vector` is float32, L2-normalised, shape (dim,). `part` counts a piece's vectors.

    `space` names what can be compared with what (encoder and revision), e.g. "text:all-MiniLM-L6-v2".
    """

    evidence: str
    space: str
    vector: Vector
    part: int = 0


# --- what was looked at ---------------------------------------------------------------------------------------------


class Layer(StrEnum):
    """The two layers of coverage."""

    RECORDED = "recorded"
    EXAMINED = "examined"


class Coverage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An interval in which a source was recording, or was examined by something.

    `subject` is the entity id of the camera or sensor (or the source uri where no entity is known). For examined
    intervals: `by` names the reader or detector and its revision, `interval_s` the longest time between two looks in seconds, and
    `able` maps each attribute it can see to its measured miss rate in [0, 1]. `span_ms` is the same interval inside a clip
    whose wall-clock time is unknown (then `valid` is None).
    """

    source: str
    subject: str
    layer: Layer
    tenant: str
    valid: Interval | None = None
    span_ms: tuple[int, int] | None = None
    by: str = ""
    interval_s: float = 0.0
    able: dict[str, float] = {}
    labels: tuple[str, ...] = ()


# --- the site -------------------------------------------------------------------------------------------------------


class EntityType(StrEnum):
    SITE = "site"
    ZONE = "zone"
    ASSET = "asset"
    CAMERA = "camera"
    SENSOR = "sensor"
    PERSON = "person"
    WORK_ORDER = "work_order"
    INCIDENT = "incident"


class Entity(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A thing evidence hangs on. `id` is the site's own tag ("P-101"), unique in a tenant. `facts`: unit, quantity, limits…"""

    id: str
    type: EntityType
    name: str
    tenant: str
    aliases: tuple[str, ...] = ()
    facts: dict[str, Any] = {}
    labels: tuple[str, ...] = ()


class LinkType(StrEnum):
    PART_OF = "part_of"
    LOCATED_IN = "located_in"
    FEEDS = "feeds"
    MONITORED_BY = "monitored_by"


class Link(msgspec.Struct, frozen=True, order=True):
    """Entity —type→ entity, by id."""

    source: str
    type: LinkType
    target: str
    tenant: str
    labels: tuple[str, ...] = ()


# --- asking ---------------------------------------------------------------------------------------------------------


class Principal(msgspec.Struct, frozen=True):
    """Who asks. Evidence is visible when its tenant is theirs and it has no labels, or one of `labels`."""

    tenant: str
    subject: str = "local"
    labels: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()


class Filter(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What may be found at all, applied before ranking. Each given field must match; empty or None means any.

    `window` keeps evidence whose valid time overlaps it (unknown times are left out). `entities` are any-of. `sources` are
    uris, any-of. `as_of` is a transaction time: what was known then (None = now).
    """

    kinds: tuple[Kind, ...] = ()
    entities: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    window: Interval | None = None
    as_of: Micros | None = None


class Query(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A search. `channels` limits which channels run (empty = all that are on). `pictures` are encoded images: frames that
    look like one of them are found too. `quick`: one round, as the channels rank, neither asked again nor re-ranked."""

    text: str
    filter: Filter = Filter()
    k: int = 10
    channels: tuple[str, ...] = ()
    pictures: tuple[bytes, ...] = ()
    quick: bool = False


class Hit(msgspec.Struct, frozen=True):
    """Ranked evidence: the fused score and each channel's rank (from 1)."""

    evidence: Evidence
    score: float
    channels: dict[str, int]


# --- answering ------------------------------------------------------------------------------------------------------


class Verdict(StrEnum):
    ANSWERED = "answered"
    PARTIAL = "partial"
    CONFLICT = "conflict"
    NOT_OBSERVED = "not_observed"
    NOT_RECORDED = "not_recorded"
    INSUFFICIENT = "insufficient"
    REFUSED = "refused"


class Support(StrEnum):
    SUPPORTED = "supported"
    UNSUPPORTED = "unsupported"
    CONTRADICTED = "contradicted"


class Citation(msgspec.Struct, frozen=True):
    """Where a claim can be checked. `evidence` is the id; `quote` the words or figures relied on."""

    evidence: str
    kind: Kind
    source: str
    locator: Locator
    valid: Interval | None
    quote: str


class Sighting(StrEnum):
    """What a second, narrow look at a cited frame said of a claim. It never makes a claim supported; it can take support away."""

    CONFIRMED = "confirmed"
    REJECTED = "rejected"
    UNVERIFIED = "unverified"


class Claim(msgspec.Struct, frozen=True):
    """One statement. `why` says what of it does not stand; `recomputed` which figures were computed anew; `sighting` what a
    second look at its frames said (None = none was taken)."""

    text: str
    support: Support
    citations: tuple[Citation, ...]
    why: str = ""
    recomputed: tuple[str, ...] = ()
    sighting: Sighting | None = None


class TimelineEntry(msgspec.Struct, frozen=True):
    valid: Interval
    kind: Kind
    text: str
    evidence: str


class CoverageNote(msgspec.Struct, frozen=True):
    """One line of what was or was not looked at: `status` is examined, recorded (but not examined) or gap."""

    subject: str
    status: str
    valid: Interval | None
    text: str


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The whole answer. `degraded` says in words what was off or failed.

    `confidence` is the calibrated probability that the answer is right, None where no calibrator fits; `calibration` names the
    calibrator and `features` is what it was given. `resolved` is the question as it was understood in its conversation ("" = as asked).
    `leans_on` are the ids of evidence that `resolved` took a name or key from. `prompts` are the ids of the prompts that took part,
    `usage` the model's tokens (prompt, completion).
    """

    id: str
    question: str
    verdict: Verdict
    confidence: float | None
    claims: tuple[Claim, ...]
    timeline: tuple[TimelineEntry, ...]
    coverage: tuple[CoverageNote, ...]
    as_of: Micros
    sequence: int
    model: str
    degraded: tuple[str, ...] = ()
    timings_ms: dict[str, float] = {}
    calibration: str = ""
    features: dict[str, float] = {}
    conversation: str = ""
    resolved: str = ""
    leans_on: tuple[str, ...] = ()
    prompts: tuple[str, ...] = ()
    usage: tuple[int, int] | None = None
