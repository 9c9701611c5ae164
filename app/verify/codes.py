"""Codes that only begin like something known: CAM-03-1 is not CAM-03, and P-101A is not P-101."""

from __future__ import annotations

import re
from collections.abc import Iterator

from app.verify.reading import Finder

_CODE = re.compile(r"(?<![\w-])[A-Z]{1,6}-\d+(?:[A-Z]|[A-Z]?(?:-[A-Z0-9]+)+)(?![\w-])")


def unlike(claim: str, shown: str, find: Finder) -> Iterator[str]:
    """Codes of a claim that neither stand in what is cited nor name anything whole, though their beginning does."""
    for match in _CODE.finditer(claim):
        code = match[0]
        if re.search(rf"(?<![\w-]){re.escape(code)}(?![\w-])", shown, re.I):
            continue
        if not any((start, end) == (0, len(code)) for start, end, _ in find(code)):
            yield code
