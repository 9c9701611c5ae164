"""A question as a query of one tenant's index: its words and tags, and who may be shown what was known when."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import tantivy
from tantivy import FieldType, Occur

from retrieval.adapters.tantivy_words.analysis import body, composed
from retrieval.adapters.tantivy_words.folder import NOW, Shown, View
from retrieval.adapters.tantivy_words.rarest import Clause, rarest
from retrieval.ports import Scored, WordRead
from retrieval.projecting import audiences, known_at
from retrieval.tags import asked
from retrieval.types import Filter, Interval, Principal

_MOST_TERMS = 400  # distinct terms of one query; the rest of a longer text adds nothing but time
_MOST_INSTEAD = 8  # words of one question that others stand in for: each costs a look through the store's words
_MOST_BEGUN = 30  # words that one beginning may stand for
_INSTEAD = 0.5  # what stands in for a word counts half
_SHORTEST = 4  # letters of a word that something else may stand in for
_TWO_SLIPS = 8  # letters from which two may differ
_query = tantivy.Query


class Asking:
    """One principal's questions to one tenant's documents, those that the filter passes; where `standing`, of them those that have not
    ended since."""

    def __init__(self, view: View, principal: Principal, filter_: Filter, standing: bool = False) -> None:
        self._standing = standing
        self._view, self._schema, self._filter = view, view.analysis.schema, filter_
        self._may_see = None if view.open_to_all else self._any("audience", audiences(principal))
        self._shown = Shown(self._certain(), known_at(filter_.as_of))

    def clauses(self, text: str) -> list[Clause]:
        """The words and tags of a text."""
        return [*(clause for _, clause in self._words(text)), *self._tags(text)]

    def any(self, words: Sequence[Clause]) -> Any:
        """What has any of the words."""
        clauses = [(Occur.Should, word.query) for word in words]
        return self._passing([(Occur.Must, _query.boolean_query(clauses))], clauses)

    def best(self, words: Sequence[Clause], k: int) -> Scored | None:
        """The k best of that, out of the documents that have the rarer words. None where others may be better, and where it is not likely
        to be quicker: where words stand for others, where all are frequent, and under a filter that may leave few."""
        filter_, below = self._filter, math.inf
        few = filter_.kinds or filter_.sources or filter_.entities or filter_.window is not None
        if few or not all(word.terms for word in words):
            return None
        counted = [self._view.counted(word) for word in words]
        # with the words that the first try shows to be needed the second cannot fail
        while (some := rarest(counted, k, self._view.counting, below)) is not None:
            found = self._view.search(self._passing([(Occur.Must, some.query)]), k)
            if len(found.rows) < k:
                break
            below = float(found.scores[-1])
            if below > some.bound:
                return found
        return None

    def _passing(self, one: list[tuple[Any, Any]], free: list[tuple[Any, Any]] | None = None) -> Any:
        """What matches `one` clause and may be shown; `free` says the same where every row may be but those left out by name."""
        wanted, unwanted = self._clauses()
        clauses = one if wanted or free is None else free
        clauses = clauses + [(Occur.Must, _query.const_score_query(clause, 0.0)) for clause in wanted]
        return _query.boolean_query(clauses + [(Occur.MustNot, clause) for clause in unwanted])

    def reading(self, text: str) -> list[WordRead]:
        """What each word is looked for as."""
        return [read for read, _ in self._words(text)]

    # --- words ---

    def _words(self, text: str) -> Iterator[tuple[WordRead, Clause]]:
        """A query a distinct word."""
        seen: set[tuple[str, ...]] = set()
        instead = 0
        for word in self._view.analysis.words(composed(text)):
            stems = self._view.analysis.stems(word)
            terms = tuple(stems.values())
            if not terms or terms in seen:
                continue
            seen.add(terms)
            read = self._word(word, stems, instead < _MOST_INSTEAD)
            instead += read[0].how != "whole"
            yield read
            if len(seen) == _MOST_TERMS:
                return

    def _word(self, word: str, stems: dict[str, str], more: bool) -> tuple[WordRead, Clause]:
        """`more`: whether others may still stand in for it."""
        if more and word.isalpha() and len(word) >= _SHORTEST and not self._held(stems):
            read, query = self._instead(word, stems)
            return read, Clause(query)
        terms = tuple((body(language), term) for language, term in stems.items())
        return WordRead(word, "whole"), Clause(self._itself(stems), terms)

    def _held(self, stems: dict[str, str]) -> bool:
        """Whether the asker is certainly shown a document of that time with the word: one that others alone may see, or of another time,
        must neither show by what is found instead nor keep it from being found."""
        return any(self._view.shows(body(language), term, self._shown) for language, term in stems.items())

    def _instead(self, word: str, stems: dict[str, str]) -> tuple[WordRead, Any]:
        """A word that occurs nowhere: what begins with it, else what is written like it."""
        plain = self._view.analysis.plain(word)
        if self._filter.as_of is not None:
            return WordRead(word, "each"), self._each(stems, plain)
        begun = self._view.beginning(plain, _MOST_BEGUN, self._shown)
        if begun:
            terms = [self._term("plain", term, "basic") for term in begun]
            return WordRead(word, "beginning", tuple(begun)), _query.boost_query(_best(terms), _INSTEAD)
        return WordRead(word, "likeness"), _query.boost_query(self._alike(plain), _INSTEAD)

    def _each(self, stems: dict[str, str], plain: str) -> Any:
        """The word, what begins with it and what is written like it, whatever there is of each: what has ended decides nothing."""
        begun = _query.fuzzy_term_query(self._schema, "plain", plain, 0, True, True)
        near = _query.boost_query(_best([begun, self._alike(plain)]), _INSTEAD)
        return _query.boolean_query([(Occur.Should, self._itself(stems)), (Occur.Should, near)])

    def _itself(self, stems: dict[str, str]) -> Any:
        return _best([self._term(body(lang), term) for lang, term in stems.items()])

    def _alike(self, plain: str) -> Any:
        slips = 2 if len(plain) >= _TWO_SLIPS else 1
        return _query.fuzzy_term_query(self._schema, "plain", plain, slips, True)

    def _tags(self, text: str) -> list[Clause]:
        whole = dict.fromkeys(asked(text))
        return [Clause(self._term("tag", tag), (("tag", tag),)) for tag in list(whole)[:_MOST_TERMS]]

    def _term(self, field: str, term: str, option: str = "freq") -> Any:
        return _query.term_query(self._schema, field, term, index_option=option)

    # --- who may see what ---

    def _certain(self) -> Any:
        """Every document of the filter's time that the asker may see for certain: of those that have ended since, the labels of today may
        keep some from them, and those stand in no index."""
        all_ = _query.all_query() if self._may_see is None else self._may_see
        return _query.boolean_query([(Occur.Must, all_), *((Occur.MustNot, clause) for clause in self._untimely(True))])

    def _untimely(self, standing: bool) -> list[Any]:
        """What was not yet, or no longer, known at the filter's time; where `standing`, what has ended since as well."""
        as_of = self._filter.as_of
        unwanted = [self._range("superseded", upper=NOW if standing else known_at(as_of))]
        return unwanted if as_of is None else [*unwanted, self._range("recorded", lower=as_of + 1)]

    def _clauses(self) -> tuple[list[Any], list[Any]]:
        """What every row must match, and what none may. Whatever most rows pass is said as the second: a clause that matches nearly
        everything keeps tantivy from skipping what cannot be among the best."""
        filter_, unwanted = self._filter, self._untimely(self._standing)
        if filter_.window is not None:
            unwanted += self._outside(filter_.window)
        wanted = [] if self._may_see is None else [self._may_see]
        given = {"kind": [kind.value for kind in filter_.kinds], "source": filter_.sources, "entity": filter_.entities}
        return wanted + [self._any(field, values) for field, values in given.items() if values], unwanted

    def _outside(self, window: Interval) -> list[Any]:
        """What Interval.overlaps denies; UNKNOWN lies before every window, so that unknown times are outside."""
        exact = _both(self._range("t0", window.t0, window.t0), self._range("t1", window.t0, window.t0))
        last = window.t0 if window.t0 == window.t1 else window.t1 - 1
        ended = [(Occur.Must, self._range("t1", upper=window.t0)), (Occur.MustNot, exact)]
        return [self._range("t0", lower=last + 1), _query.boolean_query(ended)]

    def _any(self, field: str, values: Sequence[str]) -> Any:
        return _query.term_set_query(self._schema, field, list(values))

    def _range(self, field: str, lower: int | None = None, upper: int | None = None) -> Any:
        return _query.range_query(self._schema, field, FieldType.Integer, lower, upper)


def _both(one: Any, other: Any) -> Any:
    return _query.boolean_query([(Occur.Must, one), (Occur.Must, other)])


def _best(queries: list[Any]) -> Any:
    """Any of them; the best alone counts."""
    return queries[0] if len(queries) == 1 else _query.disjunction_max_query(queries)
