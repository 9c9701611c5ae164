"""Asset tags, error codes and part numbers inside text, so that words can find them whole."""

from __future__ import annotations

import re

_TAG = re.compile(r"[^\W_]+(?:[-_./:#+][^\W_]+)*")
_JOINTS = re.compile(r"[-_./:#+]")
_MIXED = re.compile(r"[^\W\d_]+\d|\d+[^\W\d_]")
_LONGEST = 60


def tags(text: str) -> list[str]:
    """Lower-cased tags of a text, in order: pieces joined by -_./:#+ with a digit among them, or letters mixed with digits.

    A joined tag is also given without its joints, so that "P101A" and "P-101A" find each other.
    """
    found: list[str] = []
    for match in _TAG.finditer(text):
        tag = match.group().lower()
        if len(tag) > _LONGEST or not any(letter.isdigit() for letter in tag):
            continue
        joined = _JOINTS.sub("", tag)
        if joined != tag:
            found += [tag, joined]
        elif _MIXED.search(tag):
            found.append(tag)
    return found
