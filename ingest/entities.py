"""Entities named in text, found by their ids, names and aliases in one pass (Aho-Corasick over words).

Text and names are cut into the same tokens: runs of letters, numbers (leading zeros dropped), and any other character by
itself. Spaces, hyphens and underscores between tokens do not count, so "P-101", "P101" and "p 101" are one name, a name never
matches inside a longer word or number, and "CAM-07" is found as "camera 7". Of overlapping names the longest wins.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import ahocorasick

from retrieval.types import Entity, EntityType, Mention, Relation

_TOKEN = re.compile(r"(?P<word>[^\W\d_]+)|(?P<number>\d+(?:\.\d+)?)|(?P<gap>\n\s*\n)|(?P<other>[^\s\w\-‐‑–—])")
_TAIL = re.compile(r"[A-Za-z]+[\s_-]*(\d+)")
_SEP = "\x1f"
_BREAK = "\x1e"
_NOUNS = {
    EntityType.CAMERA: ("camera", "cam"),
    EntityType.SENSOR: ("sensor",),
    EntityType.ZONE: ("zone",),
    EntityType.WORK_ORDER: ("work order", "wo"),
    EntityType.INCIDENT: ("incident",),
    EntityType.ASSET: ("asset", "equipment"),
}
_COMMON = frozenset(
    "an and are as at be by do for from he her his if in is it its no not of on or she so the to us was we".split()
)


class _Token(NamedTuple):
    text: str
    start: int
    end: int


class Found(NamedTuple):
    """Characters [start, end) of the text name this entity."""

    start: int
    end: int
    entity: str


class EntityLinker:
    """Finds entities in text. Building costs about 10 µs a name; finding is linear in the text."""

    def __init__(self, entities: Iterable[Entity]) -> None:
        book = list(entities)
        declared: dict[str, set[str]] = {}
        derived: dict[str, set[str]] = {}
        for entity in book:
            for name in (entity.id, entity.name, *entity.aliases):
                _add(declared, name, entity.id)
            for name in _variants(entity):
                _add(derived, name, entity.id)
        # A name somebody gave beats one we derived: "pump 1" as an alias of P-101 is not P-1.
        self._names = {key: tuple(sorted(ids)) for key, ids in {**derived, **declared}.items()}
        self._automaton = ahocorasick.Automaton()
        for key in self._names:
            self._automaton.add_word(key, key)
        if self._names:
            self._automaton.make_automaton()

    def find(self, text: str) -> list[Found]:
        """Names in order of place. Overlaps are resolved to the longest; a name of several entities is given once for each."""
        if not self._names:
            return []
        tokens = list(_tokens(text))
        taken: list[tuple[int, int, str]] = []
        free = [True] * len(tokens)
        for first, last, key in sorted(self._candidates(tokens), key=lambda c: (-(c[1] - c[0]), c[0])):
            if all(free[first : last + 1]):
                free[first : last + 1] = [False] * (last - first + 1)
                taken.append((first, last, key))
        return [
            Found(tokens[first].start, tokens[last].end, entity)
            for first, last, key in sorted(taken)
            for entity in self._names[key]
        ]

    def mentions(self, text: str) -> tuple[Mention, ...]:
        """Each entity named in the text, once, as a MENTIONS relation, in order of id."""
        return tuple(
            Mention(entity, Relation.MENTIONS) for entity in sorted({found.entity for found in self.find(text)})
        )

    def exact(self, text: str) -> tuple[str, ...]:
        """Entities whose name is the whole text."""
        return self._names.get(_key(text), ())

    def _candidates(self, tokens: Sequence[_Token]) -> list[tuple[int, int, str]]:
        """(first token, last token, name) of every occurrence."""
        line = _SEP + "".join(token[0] + _SEP for token in tokens)
        hits = list(self._automaton.iter(line))
        if not hits:
            return []
        at = {0: 0}
        place = 0
        for index, token in enumerate(tokens):
            place += len(token[0]) + 1
            at[place] = index + 1
        return [(at[end - len(key) + 1], at[end] - 1, key) for end, key in hits]


def _tokens(text: str) -> Iterator[_Token]:
    for found in _TOKEN.finditer(text):
        start, end = found.span()
        word, kind = found[0], found.lastgroup
        if kind == "word":
            word = word.casefold()
        elif kind == "number":
            word = word.lstrip("0") or "0"
        elif kind == "gap":
            word = _BREAK
        yield _Token(word, start, end)


def _key(name: str) -> str:
    tokens = [token.text for token in _tokens(name)]
    return _SEP + _SEP.join(tokens) + _SEP if tokens else ""


def _add(names: dict[str, set[str]], name: str, entity: str) -> None:
    key = _key(name)
    if key and not _too_common(key):
        names.setdefault(key, set()).add(entity)


def _too_common(key: str) -> bool:
    """A lone number, a lone letter or a word like "it" would be found everywhere: it needs its noun ("asset A")."""
    tokens = key.strip(_SEP).split(_SEP)
    return len(tokens) == 1 and (len(tokens[0]) < 2 or tokens[0] in _COMMON or not tokens[0].isalpha())


def _variants(entity: Entity) -> Iterator[str]:
    """The id behind its noun, and the noun with the id's number: "pump P-101", "pump 101", "camera 7"."""
    kind = str(entity.facts.get("type", ""))
    tail = _TAIL.fullmatch(entity.id)
    for noun in ([kind] if kind else []) + list(_NOUNS.get(entity.type, ())):
        yield f"{noun} {entity.id}"
        if tail and (kind or entity.type is not EntityType.ASSET):
            yield f"{noun} {tail[1]}"
