"""Reading a body that is no JSON: not the server's failure, but the caller's, whatever way it is wrong."""

from __future__ import annotations

from typing import Any

from litestar import Request

from app.http.errors import Refused


class JsonRequest(Request[Any, Any, Any]):
    """A request whose body may be anything. Nesting without end and bytes that are no UTF-8 are wrong input, as other bad JSON is."""

    async def json(self) -> Any:
        """The body as plain values. Raises Refused, SerializationException."""
        try:
            return await super().json()
        except (RecursionError, UnicodeDecodeError):
            raise Refused(400, "invalid_json", "the body is not valid JSON") from None
