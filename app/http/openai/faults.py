"""Failures in OpenAI's shape: {"error": {"message", "type", "param", "code"}}."""

from __future__ import annotations

from typing import Any

from litestar import Response

from app.http.context import AnyRequest
from app.http.errors import error_body, error_headers, error_status

_TYPES = {403: "permission_error", 429: "rate_limit_error"}


def fault_json(error: Exception) -> dict[str, Any]:
    """The JSON of any failure; the unknown ones are logged under a reference and say no more than that."""
    status, said = error_status(error), error_body(error)["error"]
    kind = _TYPES.get(status, "invalid_request_error" if status < 500 else "server_error")
    code = "rate_limit_exceeded" if status == 429 else said["code"]
    param = getattr(error, "param", None)
    return {"error": {"message": said["message"], "type": kind, "param": param, "code": code}}


def on_fault(_: AnyRequest, error: Exception) -> Response[dict[str, Any]]:
    """The response to any failure."""
    return Response(
        fault_json(error), status_code=error_status(error), media_type="application/json", headers=error_headers(error)
    )
