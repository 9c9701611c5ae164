"""What callers send. Unknown fields are refused; times are RFC 3339 with a zone."""

from __future__ import annotations

from typing import Any

import msgspec

from app.wire import AskFields, SearchFields, WireConversation, WireExplained, WireHit


class FeedbackRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whether the reader accepted an answer, by the answer's id."""

    answer: str
    accepted: bool
    note: str = ""


class PathsRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Files and folders of this machine, as absolute paths."""

    paths: list[str]


class Hits(msgspec.Struct, frozen=True, omit_defaults=True):
    """Search results, best first; with how the vectors were searched, a space each, where that was asked for. `degraded`, where there is
    any: what was off or failed and was left out."""

    hits: list[WireHit]
    degraded: list[str] = []
    explain: list[WireExplained] | None = None


class Conversations(msgspec.Struct, frozen=True):
    """The caller's conversations, the one spoken in last first."""

    conversations: list[WireConversation]


class Alive(msgspec.Struct, frozen=True):
    """The process answers; `instance` is the one in serve.json."""

    live: bool
    instance: str


class CheckLine(msgspec.Struct, frozen=True):
    """One part and how it is: ok, off, degraded or failed."""

    name: str
    state: str
    detail: str


class Health(msgspec.Struct, frozen=True):
    """`ready` unless a part has failed; `degraded` says in words what works less well."""

    live: bool
    ready: bool
    checks: list[CheckLine]
    degraded: list[str]


class IngestReply(msgspec.Struct, frozen=True):
    """One line a file, then the sums."""

    sources: list[dict[str, Any]]
    ingested: int
    unchanged: int
    rejected: list[dict[str, str]]
    evidence_by_kind: dict[str, int]
    sequence: int


class ErrorText(msgspec.Struct, frozen=True):
    """A stable code and a sentence for people."""

    code: str
    message: str


class Failure(msgspec.Struct, frozen=True):
    """The one shape of every failure."""

    error: ErrorText


__all__ = [
    "Alive",
    "AskFields",
    "CheckLine",
    "Conversations",
    "ErrorText",
    "Failure",
    "FeedbackRequest",
    "Health",
    "Hits",
    "IngestReply",
    "PathsRequest",
    "SearchFields",
]
