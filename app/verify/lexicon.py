"""What is known of English words: which say nothing new, which say the same, of which only one can hold."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from importlib import resources
from typing import NamedTuple

from app.answer.series import stem

_ENDINGS = (("ies", ("y",)), ("es", ("", "e")), ("s", ("",)), ("ied", ("y",)), ("ed", ("", "e")), ("ing", ("", "e")))
_SHORTEST = 3


class Lexicon(NamedTuple):
    """`same` maps a form or stem to its canonical word; `opposite` maps a canonical word to what cannot hold beside it.

    `phrases` finds what is said in several words; its canonical word is `same[phrase with "_" for spaces]`.
    """

    light: frozenset[str]
    same: dict[str, str]
    opposite: dict[str, frozenset[str]]
    phrases: re.Pattern[str]


@lru_cache(maxsize=1)
def lexicon() -> Lexicon:
    """The word lists of lexicon.txt, read once."""
    sections = _sections(resources.files(__package__).joinpath("lexicon.txt").read_text(encoding="utf-8"))
    same: dict[str, str] = {}
    for line in sections["same"]:
        words = line.split()
        same.update({word: words[0] for word in words if word not in same})
    # a final "e" or "y" is lost in the stem: "examination" is of the group of "examine"
    for word, first in list(same.items()):
        root = stem(word)
        if "_" not in word and word[-1] in "ey" and root in (word[:-1], word[:-1] + "i"):
            same.setdefault(root, first)
    light = frozenset(word for line in sections["light"] for word in line.split())
    joined = sorted((w for w in (*same, *light) if "_" in w), key=len, reverse=True)
    spoken = "|".join(re.escape(w).replace("_", r"[\s_-]+") for w in joined)
    return Lexicon(light, same, _opposites(sections["opposite"], same), re.compile(rf"\b(?:{spoken})\b", re.I))


def canonical(word: str) -> str:
    """The one word that stands for a form: by its group as written, by its group as a stem, else its stem."""
    low = re.sub(r"[\s_]+", "_", word.lower()).replace("’", "'")
    low = low.removesuffix("'s").removesuffix("'")
    return _canonical(low)


@lru_cache(maxsize=50_000)
def _canonical(low: str) -> str:
    same = lexicon().same
    known = next((same[form] for form in (low, low.replace("-", "_"), *_plain_forms(low)) if form in same), None)
    root = stem(low)
    # who does a thing is not the doing: "operator" is not of the group of "operate"
    agent = low.rstrip("s").endswith(("er", "or"))
    return known or (None if agent else same.get(root)) or root


def _plain_forms(low: str) -> Iterator[str]:
    """What an inflected form may come from: "studies" from "study", "stopped" from "stop", "using" from "use"."""
    for ending, others in _ENDINGS:
        if low.endswith(ending) and len(low) - len(ending) >= _SHORTEST:
            body = low.removesuffix(ending)
            yield from (body + other for other in others)
            if ending in ("ed", "ing") and body[-1] == body[-2]:
                yield body[:-1]


def is_light(word: str) -> bool:
    """Whether a word only says how something is told."""
    return word.lower().replace("’", "'") in lexicon().light


def opposed(word: str) -> frozenset[str]:
    """Canonical words that cannot hold beside this canonical word."""
    return lexicon().opposite.get(word, frozenset())


def _sections(text: str) -> dict[str, list[str]]:
    sections: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in text.splitlines():
        if line.startswith("["):
            lines = sections.setdefault(line.strip("[] "), [])
        elif line.strip() and not line.startswith("#"):
            lines.append(line)
    return sections


def _opposites(lines: list[str], same: dict[str, str]) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for line in lines:
        sides = [{same.get(w) or same.get(stem(w)) or stem(w) for w in side.split()} for side in line.split("|")]
        for at, side in enumerate(sides):
            others = set().union(*(s for i, s in enumerate(sides) if i != at)) - side
            for word in side:
                found.setdefault(word, set()).update(others)
    return {word: frozenset(others) for word, others in found.items()}
