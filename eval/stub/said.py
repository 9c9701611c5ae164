"""What a script of the stub may say, and how it ends a reply before its end."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

# text to send, the parts of a delta other than text (tool calls), or bytes put on the wire as they are
Sent = str | dict[str, Any] | bytes
Script = Callable[[dict[str, Any]], Iterable[Sent]]


class Cut(Exception):
    """The connection is dropped where the reply stands."""


class Fail(Exception):
    """Raised before the first piece: the request is answered with this HTTP status and body."""

    def __init__(self, status: int, body: str | bytes = "", **headers: str) -> None:
        super().__init__(status)
        self.status, self.headers = status, headers
        self.body = body.encode() if isinstance(body, str) else body


class Finish(Exception):
    """The reply ends here, for a reason other than "stop", e.g. "length"."""
