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


def content_hash(*parts: str | bytes) -> str:
    """SHA-256 over length-prefixed parts, in hex, so that ("ab", "c") and ("a", "bc") differ."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "big"))
        digest.update(data)
    return digest.hexdigest()
