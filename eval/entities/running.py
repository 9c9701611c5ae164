"""Runs the suite: each text is judged with names from the other half of its set, both ways; intervals draw whole texts.

"MaintIE equipment" is nearest to a site's book: names of physical objects only. "MaintIE, all" takes every labelled class, as the
published models do; OMIn has no classes. The pooled figures are over the first and the last. Labelled spans are nested and the
linker gives the longest name only, so recall cannot reach 1; "outer F1" leaves the inner spans out. The published models learnt
from other texts than these halves, or from none: their figures stand beside for orientation.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from eval.entities import gold, scoring
from eval.entities.finders import Finder, book, known, linker, noun_like, verbatim
from eval.entities.gold import Labelled
from eval.entities.scoring import Table
from eval.entities.tried import WAYS, Widened
from eval.resampling import Spread, interval
from retrieval.errors import InputError

Progress = Callable[[int, int, str], None]
EQUIPMENT, ALL, OMIN = "MaintIE equipment", "MaintIE, all", "OMIn"
_SEED = 20261126
# MaintIE: its RESULTS.md, SpERT trained on the fine-grained texts alone, 108 test texts, span and class to the letter: the row
# PhysicalObject of 5 classes, and the micro average of the untyped model. OMIn: the table of untyped tools in its repository
# (evaluations/quantitative/README.md), PL-Marker (ACE-2005 BERT), "strong" and "weak".
PUBLISHED: Mapping[str, Mapping[str, float]] = {
    EQUIPMENT: {"published F1": 0.8271},
    ALL: {"published F1": 0.8988},
    OMIN: {"published F1": 0.35, "published overlap F1": 0.40},
}
_FIGURES: Mapping[str, Callable[[Table], float]] = {
    "precision": lambda table: scoring.exact(table).precision,
    "recall": lambda table: scoring.exact(table).recall,
    "F1": lambda table: scoring.exact(table).f1,
    "overlap precision": lambda table: scoring.overlap(table).precision,
    "overlap recall": lambda table: scoring.overlap(table).recall,
    "overlap F1": lambda table: scoring.overlap(table).f1,
    "outer F1": lambda table: scoring.outer(table).f1,
}
# figures that are told of each set and have no sense over two
_OF_ONE_SET = ("F1, first half", "F1, second half", "published F1", "published overlap F1")


class Level(NamedTuple):
    """How much of the path of classes counts, how many classes the scheme has there, and SpERT's micro F1 (RESULTS.md)."""

    depth: int
    classes: int
    published: float


LEVELS = (Level(0, 1, 0.8988), Level(1, 5, 0.8739), Level(2, 32, 0.7158), Level(3, 224, 0.6443))


class Measured(NamedTuple):
    """What was counted of n texts: tallies of shape (n, 8) of three finders, and the half each text is in, shape (n,)."""

    linker: Table
    verbatim: Table
    nouns: Table
    known: Table  # labelled spans whose name is in the book, shape (n,)
    half: Table
    micros: float  # what the linker spent on a text


def run(data_dir: Path, progress: Progress | None = None) -> dict[str, Any]:
    """{suite, items, n, metrics, by_kind, linked, tried, published, absent, latency_ms}. Raises InputError where the data is not there."""
    orders, records = gold.maintie(data_dir / gold.MAINTIE), gold.omin(data_dir / gold.OMIN)
    sets = {EQUIPMENT: equipment(orders), ALL: orders, OMIN: records}
    found = {}
    for done, (name, texts) in enumerate(sets.items(), 1):
        found[name] = measure(texts)
        if progress:
            progress(done, len(sets), name)
    pooled = joined(found[EQUIPMENT], found[OMIN])
    return {
        "suite": "entities", "items": "texts", "n": len(orders) + len(records),
        "metrics": {**figures(pooled), **dict.fromkeys(_OF_ONE_SET)},
        "by_kind": {name: {**figures(one), **by_half(one), **PUBLISHED[name]} for name, one in found.items()},
        "linked": {f"{level.classes} classes": linked(orders, level) for level in LEVELS},
        "tried": {name: {way: tried(texts, found[name], WAYS[way]) for way in WAYS} for name, texts in sets.items()},
        "published": {name: dict(told) for name, told in PUBLISHED.items()},
        "absent": ["OMIn: gold of coreference and Wikidata links", "MaintIE: which texts are the published test set"],
        "latency_ms": {"a text": pooled.micros / 1e3},
    }  # fmt: skip


def equipment(texts: Sequence[Labelled]) -> list[Labelled]:
    """The texts with their physical objects only."""
    return [
        one._replace(spans=tuple(span for span in one.spans if span.kind.split("/")[0] == "PhysicalObject"))
        for one in texts
    ]


def halves(n: int) -> Table:
    """The half, 0 or 1, that each of n texts is in; the same every time. Raises InputError for fewer than two texts."""
    if n < 2:
        raise InputError("texts cannot be halved: fewer than two")
    half = np.zeros(n, dtype=np.int64)
    half[np.random.default_rng(_SEED).permutation(n)[: n // 2]] = 1
    return half


def measure(texts: Sequence[Labelled], widened: Widened | None = None) -> Measured:
    """Every text with the names of the half it is not in, and with more of them where a way to widen a book is given."""
    half = halves(len(texts))
    books = [book(one for one, at in zip(texts, half, strict=True) if at != judged) for judged in (0, 1)]
    if widened:
        books = [widened(names, texts) for names in books]
    links, letters = [linker(names) for names in books], [verbatim(names) for names in books]
    started = time.process_time()
    said = [links[at](one.text) for one, at in zip(texts, half, strict=True)]
    spent = time.process_time() - started
    return Measured(
        np.array([scoring.tally(one.spans, spans) for one, spans in zip(texts, said, strict=True)]),
        _judged(texts, [letters[at] for at in half]),
        _judged(texts, [noun_like] * len(texts)),
        np.array([known(books[at], one) for one, at in zip(texts, half, strict=True)]),
        half,
        spent * 1e6 / len(texts),
    )


def joined(one: Measured, other: Measured) -> Measured:
    """Both sets as one, of four parts."""
    texts = len(one.half) + len(other.half)
    return Measured(
        np.concatenate([one.linker, other.linker]),
        np.concatenate([one.verbatim, other.verbatim]),
        np.concatenate([one.nouns, other.nouns]),
        np.concatenate([one.known, other.known]),
        np.concatenate([one.half, other.half + 2]),
        (one.micros * len(one.half) + other.micros * len(other.half)) / texts,
    )


def figures(found: Measured) -> dict[str, float]:
    """The linker with 95 % intervals, and the baselines; `ahead` is over the names to the letter, paired."""
    groups = found.half.tolist()
    own, letters, nouns = found.linker, found.verbatim, found.nouns
    told: dict[str, float] = {}
    for name, figure in _FIGURES.items():
        spread = _spread(figure, own, groups)
        told |= {name: figure(own), f"{name} low": spread.low, f"{name} high": spread.high}
    ahead = interval(lambda at: _lead(own[at], letters[at]), groups)
    return told | {
        "labelled names in the book": float(found.known.sum() / scoring.total(own).labelled),
        "names to the letter, F1": scoring.exact(letters).f1,
        "names to the letter, overlap F1": scoring.overlap(letters).f1,
        "words like nouns, F1": scoring.exact(nouns).f1,
        "words like nouns, overlap F1": scoring.overlap(nouns).f1,
        "ahead": _lead(own, letters), "ahead low": ahead.low, "ahead high": ahead.high,
    }  # fmt: skip


def by_half(found: Measured) -> dict[str, float]:
    """F1 in each half of one set."""
    return {name: scoring.exact(found.linker[found.half == at]).f1 for at, name in enumerate(_OF_ONE_SET[:2])}


def linked(texts: Sequence[Labelled], level: Level) -> dict[str, float]:
    """Spans found and taken for their class, and for that one alone, with a 95 % interval. A name of several classes counts for each."""
    found = measure(gold.truncated(texts, level.depth))
    told = scoring.linked(found.linker)
    spread = _spread(lambda table: scoring.linked(table).f1, found.linker, found.half.tolist())
    return {
        "precision": told.precision, "recall": told.recall,
        "F1": told.f1, "F1 low": spread.low, "F1 high": spread.high, "published F1": level.published,
    }  # fmt: skip


def tried(texts: Sequence[Labelled], plain: Measured, widened: Widened) -> dict[str, float]:
    """What a wider book adds to F1, with a 95 % interval, paired, and in each half."""
    wide = measure(texts, widened)
    groups = plain.half.tolist()
    spread = interval(lambda at: _lead(wide.linker[at], plain.linker[at]), groups)
    before, after = by_half(plain), by_half(wide)
    return {
        "precision": scoring.exact(wide.linker).precision, "F1": scoring.exact(wide.linker).f1,
        "ahead": _lead(wide.linker, plain.linker), "ahead low": spread.low, "ahead high": spread.high,
        **{name.replace("F1", "ahead"): after[name] - before[name] for name in before},
    }  # fmt: skip


def _lead(own: Table, other: Table) -> float:
    return scoring.exact(own).f1 - scoring.exact(other).f1


def _spread(figure: Callable[[Table], float], table: Table, groups: Sequence[object]) -> Spread:
    return interval(lambda at: figure(table[at]), groups)


def _judged(texts: Sequence[Labelled], finders: Sequence[Finder]) -> Table:
    return np.array([scoring.tally(one.spans, find(one.text)) for one, find in zip(texts, finders, strict=True)])
