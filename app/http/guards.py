"""Who may reach a server without access control: callers that use its own name, and pages that it served."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from litestar.datastructures import MutableScopeHeaders

from app.http.context import AnyRequest, context_of
from app.http.errors import Refused

if TYPE_CHECKING:
    from litestar.types import Message, Scope

CSP = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
    "frame-ancestors 'none'; form-action 'self'"
)
_HEADERS = {
    "content-security-policy": CSP,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
}


async def secure_headers(message: Message, scope: Scope) -> None:
    """Give every response the headers that it does not set itself."""
    if message["type"] != "http.response.start":
        return
    headers = MutableScopeHeaders.from_message(message)
    for name, value in _HEADERS.items():
        headers.setdefault(name, value)


async def check_caller(request: AnyRequest) -> None:
    """Refuse other host names (a foreign name that resolves here) and requests that a page of another origin sent."""
    if request.route_handler.opt.get("signed"):
        return  # proves its caller itself, and may come through a tunnel under another name
    host = request.headers.get("host", "")
    if urlsplit(f"//{host}").hostname not in context_of(request).options.hosts:
        raise Refused(403, "forbidden", "this server answers only to its own name")
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != host:
        raise Refused(403, "forbidden", "requests from pages of other origins are refused")


def check_token(request: AnyRequest) -> None:
    """Refuse callers that cannot show the token of serve.json."""
    expected = context_of(request).options.token
    given = request.headers.get("authorization", "").removeprefix("Bearer ")
    if not expected or not secrets.compare_digest(given.encode(), expected.encode()):
        raise Refused(403, "forbidden", "this needs the token that the server wrote beside its data")
