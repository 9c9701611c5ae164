"""Codes that only begin like something known: CAM-03-1 is not CAM-03, and P-101A is not P-101."""

from __future__ import annotations

import re
from collections.abc import Iterator

from app.verify.reading import Finder

_CODE = re.compile(r"(?<![\w-])[A-Z]{1,6}-\d+(?:[A-Z]|[A-Z]?(?:-[A-Z0-9]+)+)(?![\w-])")


_TAG = re.compile(r"(?<![\w-])(?P<head>[A-Z]{1,6}-)(?P<zeros>0*)(?P<digits>\d+)(?![\w-])")


def misspelt(claim: str, shown: str, find: Finder) -> Iterator[str]:
    """Tags of a claim that name something known but for their leading zeros: where CAM-02 is cited, CAM-2 may be another."""
    for match in _TAG.finditer(claim):
        alike = re.compile(rf"(?<![\w-]){match['head']}0*{match['digits']}(?![\w-])", re.I)
        # what it names may also go by another name altogether
        spelt = {entity.lower() for _, _, entity in find(match[0]) if alike.fullmatch(entity)}
        known = {m[0].lower() for m in alike.finditer(shown)} | spelt
        if match["digits"] and known and match[0].lower() not in known:
            yield match[0]


def unlike(claim: str, shown: str, find: Finder) -> Iterator[str]:
    """Codes of a claim that neither stand in what is cited nor name anything whole, though their beginning does."""
    for match in _CODE.finditer(claim):
        code = match[0]
        if re.search(rf"(?<![\w-]){re.escape(code)}(?![\w-])", shown, re.I):
            continue
        if not any((start, end) == (0, len(code)) for start, end, _ in find(code)):
            yield code
