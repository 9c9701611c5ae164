"""Words between quotation marks: they are said to be the evidence's own, so they stand there word for word or not at all."""

from __future__ import annotations

import re
from collections.abc import Iterator

_QUOTED = re.compile(r"“([^“”]{1,1000})”|„([^„“”]{1,1000})[“”]|«([^«»]{1,1000})»|(?<!\w)\"([^\"]{1,1000})\"(?!\w)")
_LEFT_OUT = re.compile(r"\[?(?:…|\.{3})\]?")
_EDGES = " .,;:!?'’"


def quotations(text: str) -> Iterator[str]:
    """What stands between quotation marks, piece by piece where something was left out ("…")."""
    for match in _QUOTED.finditer(text):
        whole = next(group for group in match.groups() if group is not None)
        yield from (piece for piece in _LEFT_OUT.split(whole) if re.search(r"\w", piece))


def misquoted(text: str, shown: str) -> Iterator[str]:
    """The quotations of a text that do not stand in what was shown; case, spaces and outer punctuation do not count."""
    pieces = list(quotations(text))
    known = _plain(shown) if pieces else ""
    for piece in pieces:
        if not re.search(rf"(?<!\w){re.escape(_plain(piece).strip(_EDGES))}(?!\w)", known):
            yield piece


def _plain(text: str) -> str:
    return " ".join(text.casefold().replace("&", " and ").replace("’", "'").replace("‘", "'").split())
