"""Every way Watchfloor fails, on one screen.

    WatchfloorError
    ├── InputError                    the caller can mend it (exit 2, HTTP 4xx)
    │   ├── QuestionTooLong
    │   ├── BadQuery
    │   ├── EvidenceNotFound
    │   ├── ConversationNotFound
    │   ├── JobNotFound
    │   ├── JobConflict               not in the state for it: ended already, or under way
    │   ├── JobCancelled
    │   ├── ErasureNotFound
    │   ├── ErasedMeanwhile           what an answer rests on was erased while it was made
    │   ├── LegalHold                 what is to be erased must be kept; the message names the hold
    │   ├── OverBudget                the asker has too much under way; carries when to try again
    │   ├── BadSettings
    │   ├── BadSiteDescription
    │   └── SourceRejected            one file could not be ingested; carries a code and a reason
    ├── StoreError                    the store refuses or is damaged (exit 1, HTTP 503)
    │   ├── UnitRefused               what it was given cannot be stored, now or later
    │   ├── StoreTooNew
    │   ├── StoreBusy
    │   ├── StoreFull                 no room on the disk (HTTP 507)
    │   ├── LeaseLost
    │   └── ProjectionError
    └── UpstreamError                 something Watchfloor depends on failed (exit 1, HTTP 502/503)
        ├── ModelUnavailable
        │   └── ModelBusy
        ├── GraphUnavailable
        └── EncoderUnavailable

A class's docstring is its message when none is given, so that the two cannot drift.
"""

from __future__ import annotations

from typing import ClassVar


class WatchfloorError(Exception):
    """Something went wrong."""

    code: ClassVar[str] = "error"

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())


class InputError(WatchfloorError):
    """The request cannot be served as it stands."""

    code = "bad_input"


class QuestionTooLong(InputError):
    """The question is longer than the limit; shorten it."""

    code = "question_too_long"


class BadQuery(InputError):
    """The query has a field that is wrong or contradicts another."""

    code = "bad_query"


class EvidenceNotFound(InputError):
    """No evidence with this id is visible to you."""

    code = "evidence_not_found"


class ConversationNotFound(InputError):
    """No conversation with this id is yours."""

    code = "conversation_not_found"


class JobNotFound(InputError):
    """No job with this id is yours."""

    code = "job_not_found"


class JobConflict(InputError):
    """The job is not in a state in which this can be done."""

    code = "job_conflict"


class JobCancelled(InputError):
    """The ingest was cancelled; what was taken in by then stays."""

    code = "job_cancelled"


class ErasureNotFound(InputError):
    """No erasure or hold with this id is yours."""

    code = "erasure_not_found"


class ErasedMeanwhile(InputError):
    """Evidence that this answer rests on was erased while it was made; ask again."""

    code = "erased_meanwhile"


class LegalHold(InputError):
    """What is to be erased is under a legal hold."""

    code = "legal_hold"


class OverBudget(InputError):
    """Too many questions of yours are under way; wait for one to be answered."""

    code = "over_budget"

    def __init__(self, message: str | None = None, *, retry_after_s: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class BadSettings(InputError):
    """A setting is missing, unknown or out of range."""

    code = "bad_settings"


class BadSiteDescription(InputError):
    """The site description (site.yaml) is not valid."""

    code = "bad_site_description"


class SourceRejected(InputError):
    """This source could not be ingested."""

    code = "rejected"

    def __init__(self, reason: str, *, kind: str = "unreadable") -> None:
        """`kind` is a stable machine word (unreadable, encrypted, empty, unknown_type, truncated, too_large, timeout…)."""
        super().__init__(reason)
        self.kind = kind
        self.reason = reason


class StoreError(WatchfloorError):
    """The store refused the operation."""

    code = "store"


class UnitRefused(StoreError):
    """the store refuses what it was given: given again it is refused again"""

    code = "unit_refused"


class StoreTooNew(StoreError):
    """The store was written by a newer Watchfloor; upgrade this one."""

    code = "store_too_new"


class StoreBusy(StoreError):
    """Another Watchfloor process holds this store; try again when it has finished."""

    code = "store_busy"


class StoreFull(StoreError):
    """The disk is full: nothing is stored until there is room; what is stored can be read."""

    code = "store_full"


class LeaseLost(StoreError):
    """Another worker has taken this job up."""

    code = "lease_lost"


class ProjectionError(StoreError):
    """An index is damaged or behind; run `watchfloor reindex`."""

    code = "projection"


class UpstreamError(WatchfloorError):
    """A service Watchfloor depends on failed."""

    code = "upstream"


class ModelUnavailable(UpstreamError):
    """The language model did not answer as it should."""

    code = "model_unavailable"


class ModelBusy(ModelUnavailable):
    """The queue before the language model is full."""

    code = "model_busy"


class GraphUnavailable(UpstreamError):
    """The graph store did not answer."""

    code = "graph_unavailable"


class EncoderUnavailable(UpstreamError):
    """A model that encodes text or images could not be loaded."""

    code = "encoder_unavailable"
