"""Failures → one JSON shape, {"error": {"code", "message"}}, and a status. Nothing internal leaves the process."""

from __future__ import annotations

import math
import secrets
from typing import Any

import structlog
from litestar import Response
from litestar.exceptions import HTTPException
from litestar.status_codes import (
    HTTP_400_BAD_REQUEST,
    HTTP_404_NOT_FOUND,
    HTTP_409_CONFLICT,
    HTTP_413_REQUEST_ENTITY_TOO_LARGE,
    HTTP_422_UNPROCESSABLE_ENTITY,
    HTTP_429_TOO_MANY_REQUESTS,
    HTTP_500_INTERNAL_SERVER_ERROR,
    HTTP_502_BAD_GATEWAY,
    HTTP_503_SERVICE_UNAVAILABLE,
    HTTP_507_INSUFFICIENT_STORAGE,
)

from app.http.context import AnyRequest
from app.wire import error_json
from retrieval.errors import (
    ConversationNotFound,
    ErasedMeanwhile,
    ErasureNotFound,
    EvidenceNotFound,
    InputError,
    JobCancelled,
    JobConflict,
    JobNotFound,
    LegalHold,
    ModelUnavailable,
    OverBudget,
    QuestionTooLong,
    SourceRejected,
    StoreError,
    StoreFull,
    UpstreamError,
    WatchfloorError,
)

_STATUS: tuple[tuple[type[WatchfloorError], int], ...] = (
    (EvidenceNotFound, HTTP_404_NOT_FOUND),
    (ConversationNotFound, HTTP_404_NOT_FOUND),
    (JobNotFound, HTTP_404_NOT_FOUND),
    (JobConflict, HTTP_409_CONFLICT),
    (JobCancelled, HTTP_409_CONFLICT),
    (ErasureNotFound, HTTP_404_NOT_FOUND),
    (ErasedMeanwhile, HTTP_409_CONFLICT),
    (LegalHold, HTTP_409_CONFLICT),
    (OverBudget, HTTP_429_TOO_MANY_REQUESTS),
    (QuestionTooLong, HTTP_413_REQUEST_ENTITY_TOO_LARGE),
    (SourceRejected, HTTP_422_UNPROCESSABLE_ENTITY),
    (InputError, HTTP_400_BAD_REQUEST),
    (StoreFull, HTTP_507_INSUFFICIENT_STORAGE),
    (StoreError, HTTP_503_SERVICE_UNAVAILABLE),
    (ModelUnavailable, HTTP_502_BAD_GATEWAY),
    (UpstreamError, HTTP_503_SERVICE_UNAVAILABLE),
)
_CODES = {400: "bad_input", 403: "forbidden", 404: "not_found", 405: "method_not_allowed", 413: "too_large"}
_log = structlog.get_logger("watchfloor.http")


class Refused(HTTPException):
    """A request refused before it reaches the service: `code` goes with the status and the message."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(detail=message, status_code=status)
        self.code = code


class Unfit(Refused):
    """A request that is wrong in one field: `param` is its path, as "messages[0].content"."""

    def __init__(self, message: str, param: str | None = None, code: str = "invalid_value", status: int = 400) -> None:
        super().__init__(status, code, message)
        self.param = param


def status_of(error: WatchfloorError) -> int:
    """The HTTP status of a failure of ours."""
    return next((status for kind, status in _STATUS if isinstance(error, kind)), HTTP_500_INTERNAL_SERVER_ERROR)


def error_body(error: Exception) -> dict[str, Any]:
    """The JSON of any failure; the unknown ones are logged under a reference and say no more than that."""
    if isinstance(error, WatchfloorError):
        return error_json(error.code, str(error))
    if isinstance(error, HTTPException) and error.status_code < HTTP_500_INTERNAL_SERVER_ERROR:
        code = getattr(error, "code", None) or _CODES.get(error.status_code, "bad_input")
        return error_json(code, _http_message(error))
    reference = secrets.token_hex(4)
    _log.error("unexpected failure", reference=reference, exc_info=error)
    return error_json("internal", f"something went wrong inside; the log has it under {reference}")


def _http_message(error: HTTPException) -> str:
    fields = error.extra if isinstance(error.extra, list) else []
    parts = [f"{item.get('key', 'body')}: {item.get('message', '')}" for item in fields if isinstance(item, dict)]
    return "; ".join(parts) or error.detail or type(error).__name__


def error_status(error: Exception) -> int:
    """The HTTP status of any failure."""
    if isinstance(error, WatchfloorError):
        return status_of(error)
    return error.status_code if isinstance(error, HTTPException) else HTTP_500_INTERNAL_SERVER_ERROR


def error_headers(error: Exception) -> dict[str, str]:
    """Headers that go with a failure: when to try again (whole seconds, at least 1), and what an HTTP exception carries."""
    if isinstance(error, OverBudget):
        return {"retry-after": str(max(1, math.ceil(error.retry_after_s)))}
    return dict(error.headers or {}) if isinstance(error, HTTPException) else {}


def on_error(_: AnyRequest, error: Exception) -> Response[dict[str, Any]]:
    """The response to any failure."""
    return Response(
        error_body(error), status_code=error_status(error), media_type="application/json", headers=error_headers(error)
    )
