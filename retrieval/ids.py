"""Ids come from content and are keyed by tenant: the same file twice gives the same ids, nobody guesses another's."""

from __future__ import annotations

import hashlib
import hmac

import msgspec

from retrieval.types import Locator

_PREFIX = "ev_"


def evidence_id(key: bytes, source: str, locator: Locator, content_hash: str) -> str:
    """HMAC-SHA-256 over (source, locator, content hash) with the tenant's key, first 160 bits, in hex, prefixed `ev_`."""
    message = msgspec.json.encode([source, locator, content_hash], order="deterministic")
    return _PREFIX + hmac.new(key, message, hashlib.sha256).hexdigest()[:40]


def followed_name(key: bytes, uri: str) -> str:
    """What stands for a file where it is noted that it was taken in: HMAC-SHA-256 with the tenant's key, first 128 bits, in hex."""
    return hmac.digest(key, b"followed\0" + uri.encode(errors="surrogatepass"), "sha256").hex()[:32]


def derived_source(source: str, of: str, what: str) -> str:
    """The source of what was made out of one piece of evidence, `of`, of another source ("clip.mp4#captions/ev_…").

    It ends with that piece (catalog/derived.py). The uri of a file has no bare "#", so that the two are never mixed up.
    """
    return f"{source}#{what}/{of}"


def derived_from(source: str) -> tuple[str, str] | None:
    """The source and the evidence id that a derived source hangs on; None for any other source."""
    base, _, rest = source.partition("#")
    what, _, of = rest.rpartition("/")
    return (base, of) if base and what and of.startswith(_PREFIX) else None


def content_hash(*parts: str | bytes) -> str:
    """SHA-256 over length-prefixed parts, in hex, so that ("ab", "c") and ("a", "bc") differ."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "big"))
        digest.update(data)
    return digest.hexdigest()
