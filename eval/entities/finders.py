"""The product's linker over a book of names, and two baselines: the names to the letter, and every word like a noun."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable

from app.answer.question import content_words
from eval.entities.gold import Labelled, Span
from ingest.entities import EntityLinker
from retrieval.types import Entity, EntityType

Finder = Callable[[str], list[Span]]
Book = dict[str, frozenset[str]]
_WORD = re.compile(r"[^\W\d_]{3,}")
# what most often ends a verb or an adverb
_NOT_A_NOUN = ("ing", "ed", "ly")


def book(texts: Iterable[Labelled]) -> Book:
    """The names under which each kind is labelled, as they are written."""
    names: dict[str, set[str]] = defaultdict(set)
    for one in texts:
        for span in one.spans:
            names[span.kind].add(one.text[span.start : span.end])
    return {kind: frozenset(called) for kind, called in sorted(names.items())}


def linker(names: Book) -> Finder:
    """The product: each kind is an entity and its names are aliases. A name of several kinds is given once for each."""
    # ids that stand in no text, so that only the names count
    kinds = {f"kind-{number:06d}": kind for number, kind in enumerate(names)}
    link = EntityLinker(
        Entity(id=ident, type=EntityType.ASSET, name=ident, tenant="benchmark", aliases=tuple(sorted(names[kind])))
        for ident, kind in kinds.items()
    )
    return lambda text: [Span(found.start, found.end, kinds[found.entity]) for found in link.find(text)]


def verbatim(names: Book) -> Finder:
    """Whole words equal to a name to the letter, case and spaces included; from the left, the longest."""
    kinds: dict[str, list[str]] = defaultdict(list)
    for kind, called in names.items():
        for name in called:
            kinds[name].append(kind)
    choice = "|".join(map(re.escape, sorted(kinds, key=len, reverse=True)))
    pattern = re.compile(rf"(?<!\w)(?:{choice})(?!\w)" if kinds else r"(?!)")
    return lambda text: [Span(*hit.span(), kind) for hit in pattern.finditer(text) for kind in kinds[hit[0]]]


def noun_like(text: str) -> list[Span]:
    """Every word of three letters or more that is no function word and does not end like a verb or an adverb."""
    hits = (hit for hit in _WORD.finditer(text) if not hit[0].lower().endswith(_NOT_A_NOUN))
    return [Span(*hit.span(), "noun") for hit in hits if content_words(hit[0])]


def known(names: Book, one: Labelled) -> int:
    """How many labelled spans have a name that the book holds (case aside): what a dictionary could find at most."""
    every = {name.casefold() for called in names.values() for name in called}
    return sum(one.text[span.start : span.end].casefold() in every for span in one.spans)
