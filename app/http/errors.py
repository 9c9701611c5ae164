"""Failures → one JSON shape, {"error": {"code", "message"}}, and a status. Nothing internal leaves the process."""

from __future__ import annotations

import secrets
from typing import Any

import structlog
from litestar import Response
from litestar.exceptions import HTTPException
from litestar.status_codes import (
    HTTP_400_BAD_REQUEST,
    HTTP_404_NOT_FOUND,
    HTTP_413_REQUEST_ENTITY_TOO_LARGE,
    HTTP_422_UNPROCESSABLE_ENTITY,
    HTTP_500_INTERNAL_SERVER_ERROR,
    HTTP_502_BAD_GATEWAY,
    HTTP_503_SERVICE_UNAVAILABLE,
)

from app.http.context import AnyRequest
from app.wire import error_json
from retrieval.errors import (
    EvidenceNotFound,
    InputError,
    ModelUnavailable,
    QuestionTooLong,
    SourceRejected,
    StoreError,
    UpstreamError,
    WatchfloorError,
)

_STATUS: tuple[tuple[type[WatchfloorError], int], ...] = (
    (EvidenceNotFound, HTTP_404_NOT_FOUND),
    (QuestionTooLong, HTTP_413_REQUEST_ENTITY_TOO_LARGE),
    (SourceRejected, HTTP_422_UNPROCESSABLE_ENTITY),
    (InputError, HTTP_400_BAD_REQUEST),
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


def _respond(status: int, error: Exception) -> Response[dict[str, Any]]:
    return Response(error_body(error), status_code=status, media_type="application/json")


def on_watchfloor_error(_: AnyRequest, error: WatchfloorError) -> Response[dict[str, Any]]:
    return _respond(status_of(error), error)


def on_http_exception(_: AnyRequest, error: HTTPException) -> Response[dict[str, Any]]:
    response = _respond(error.status_code, error)
    for name, value in (error.headers or {}).items():
        response.headers[name] = value
    return response


def on_unknown(_: AnyRequest, error: Exception) -> Response[dict[str, Any]]:
    return _respond(HTTP_500_INTERNAL_SERVER_ERROR, error)


HANDLERS: dict[Any, Any] = {
    WatchfloorError: on_watchfloor_error,
    HTTPException: on_http_exception,
    Exception: on_unknown,
}
