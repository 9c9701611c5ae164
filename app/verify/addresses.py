"""Addresses in a text: they stand only letter by letter."""

from __future__ import annotations

import re

ADDRESS = re.compile(
    r"(?:\b[a-z][a-z0-9+.-]{0,30}://|\bwww\.|\bmailto:|\bdata:|\bjavascript:|\b(?:[a-z0-9-]{1,63}\.){1,8}[a-z]{2,24}/)[^\s<>]*",
    re.I,
)


def addresses(text: str) -> list[str]:
    """Every address of a text (https://…, www.…, mailto:…, host.name/…), without the punctuation behind it."""
    return [m[0].rstrip(".,;:!?)]}'\"*") for m in ADDRESS.finditer(text)]
