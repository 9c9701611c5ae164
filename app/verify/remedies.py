"""Whether what a claim says was done about a thing is not the contrary of what the evidence says was done about it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from app.verify.bench import Bench
from app.verify.lexicon import opposed
from app.verify.roles import Relation, relations

_ABOUT_IT = re.compile(
    r"\b(?:in (?:response|reaction|answer)(?: to)?|as an? (?:response|remedy|fix)|to (?:fix|clear|remedy|cure|mend|end) (?:it|this|that)|"
    r"respond\w*|react\w*|remed\w+|fix\w*|the (?:crew|team|fitters?|technicians?|operators?))\b",
    re.I,
)
_CREW = re.compile(r"\bthe (?:crew|team|fitters?|technicians?|operators?)\b", re.I)


def undone(bench: Bench) -> Iterator[str]:
    """Why "in response the valve was closed" does not stand where the crew reopened it."""
    if not _ABOUT_IT.search(bench.claim.text):
        return
    deeds = [
        r
        for s in bench.statements
        if s.sort == "sentence" and _CREW.search(s.reading.text)
        for r in relations(s.reading)
    ]
    for mine in relations(bench.claim):
        same = [r for r in deeds if _same_thing(mine, r)]
        if any(_contrary(mine.word, r.word) for r in same) and not any(r.word == mine.word for r in same):
            yield f"what was done about it was not “{mine.word}” but “{same[0].word}”"


def _same_thing(mine: Relation, theirs: Relation) -> bool:
    return bool(mine.head) and mine.head == theirs.head and bool(mine.theme & theirs.theme)


def _contrary(one: str, other: str) -> bool:
    """Opposites, also of the deed done again: "closed" is the contrary of "reopened"."""
    return other in opposed(one) or one in opposed(other) or other.removeprefix("re") in opposed(one)
