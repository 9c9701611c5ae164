"""The best of a question out of the documents that have its rare words, where no other document can be among them.

A frequent word is in most documents and weighs little. What has none of the rare words scores at most what the frequent ones can give
together; where the worst of the k found scores more than that, they are the best there are, and most documents were never looked at.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import tantivy
from tantivy import Occur

_K1 = 1.2  # tantivy's own: a term's score is idf * (1 + k1) * tf / (tf + what its document's length gives), hence below idf * (1 + k1)
_ROUNDING = 1.001  # tantivy reckons in 32 bits
_SHARE = 10  # rare words together are in at most one document of so many: with more, all are looked through as quickly
_ENOUGH = 4  # documents that rare words are in for each that is wanted: several words may be in the same ones
_DEEPEST = 32  # frequent words, each in a query around the last one
_query = tantivy.Query


class Clause(NamedTuple):
    """A word or a tag of a question as a query, and its terms (field, term), of which the best alone counts. No terms where the query
    finds others than those."""

    query: Any
    terms: tuple[tuple[str, str], ...] = ()


class Counted(NamedTuple):
    """A clause, how many documents have it at most, and what it adds to the score of one at most."""

    query: Any
    held: int
    most: float


class Rarest(NamedTuple):
    """The question to documents that have a rare word. Where it finds k and the last scores above `bound`, they are the best of all."""

    query: Any
    bound: float


def counted(clause: Clause, held: Sequence[int], documents: int) -> Counted:
    """`held`: documents that have each of its terms, of so many; those deleted and not yet merged away count in all, as they do in
    tantivy's scores."""
    weights = [_idf(each, documents) for each in held if each]
    return Counted(clause.query, sum(held), max(weights, default=0.0) * (1 + _K1) * _ROUNDING)


def rarest(clauses: Sequence[Counted], k: int, documents: int, below: float) -> Rarest | None:
    """As few of the rarest words as leave a bound below that. None where looking through everything is as quick, or needed anyway."""
    ranked = sorted((each for each in clauses if each.held), key=lambda each: each.held)
    held = 0
    for number, each in enumerate(ranked[:-1], 1):
        held += each.held
        if held * _SHARE > documents:
            break
        bound = sum(each.most for each in ranked[number:])
        if held >= _ENOUGH * k and len(ranked) - number <= _DEEPEST and bound < below:
            return Rarest(_having(ranked[:number], ranked[number:]), bound)
    return None


def _having(rare: Sequence[Counted], frequent: Sequence[Counted]) -> Any:
    """Any of the rare, and what the frequent add. One inside the other: side by side tantivy would look through all that have any."""
    query = rare[0].query if len(rare) == 1 else _query.boolean_query([(Occur.Should, each.query) for each in rare])
    for each in frequent:
        query = _query.boolean_query([(Occur.Must, query), (Occur.Should, each.query)])
    return query


def _idf(held: int, documents: int) -> float:
    return math.log(1 + (documents - held + 0.5) / (held + 0.5))
