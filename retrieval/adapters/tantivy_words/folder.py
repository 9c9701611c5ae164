"""The index of one tenant, on disk."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tantivy

from retrieval.adapters.tantivy_words.analysis import Analysis, body, composed
from retrieval.adapters.tantivy_words.rarest import Clause, Counted, counted
from retrieval.digests import of_document
from retrieval.errors import ProjectionError, StoreBusy
from retrieval.ports import Projected, Scored
from retrieval.projecting import EVERYONE, Times, audience, known_at
from retrieval.tags import tags
from retrieval.types import Kind, Micros

NOW = known_at(None)
_HEAP = 50_000_000
_LIKELY = 64  # of a word's documents, how many are looked at before all are
_BEGUN = 4  # words looked at for each that is wanted, before all that begin so are


@contextlib.contextmanager
def typed(what: str) -> Iterator[None]:
    """tantivy says ValueError for everything it finds wrong; the operating system says OSError."""
    try:
        yield
    except (ValueError, OSError) as error:
        if "LockBusy" in str(error):
            raise StoreBusy(f"the word index is held by another writer ({what})") from error
        raise ProjectionError(f"word index: {what} failed: {error}; run `watchfloor reindex`") from error


class Shown(NamedTuple):
    """What stands that one asker is shown and that was known at one time: the query that finds it, and the time (UTC microseconds)."""

    query: Any
    at: Micros


class View:
    """A tenant's documents as they were when last looked at, together with who may see them: what is committed meanwhile is not in it."""

    def __init__(self, searcher: Any, analysis: Analysis) -> None:
        self._searcher, self.analysis = searcher, analysis
        everyone = tantivy.Query.term_query(analysis.schema, "audience", EVERYONE, index_option="basic")
        # no row is labelled, so that nobody need be told apart
        self.open_to_all = bool(searcher.search(everyone, 1, count=True).count == searcher.num_docs)
        self._everyone = everyone

    def search(self, query: Any, k: int) -> Scored:
        with typed("searching"):
            hits = self._searcher.search(query, k, count=False).hits
            rows = self._searcher.fast_field_values("row", [address for _, address in hits])
        return Scored(np.array(rows, np.int64), np.array([score for score, _ in hits], np.float32))

    def count(self, query: Any) -> int:
        """How many documents it finds."""
        with typed("counting"):
            return int(self._searcher.search(query, 1, count=True).count)

    @property
    def documents(self) -> int:
        return int(self._searcher.num_docs)

    def shows(self, field: str, term: str, shown: Shown) -> bool:
        """Whether any document that is shown has the term. Of a word that many have, one that everybody may see is soon met."""
        held = self._searcher.doc_freq(field, term)
        if not held:
            return False
        if shown.at == NOW and held > self._unlike:
            # more have it than are not there for all
            return True
        option = "basic" if field == "plain" else "freq"
        query = tantivy.Query.term_query(self.analysis.schema, field, term, index_option=option)
        with typed("searching"):
            likely = [address for _, address in self._searcher.search(query, _LIKELY, count=False).hits]
            if self._open(likely, shown.at):
                return True
            both = [(tantivy.Occur.Must, query), (tantivy.Occur.Must, shown.query)]
            return bool(self._searcher.search(tantivy.Query.boolean_query(both), 1, count=False).hits)

    @cached_property
    def _unlike(self) -> int:
        """How many documents, of those that counts of a term count, are not for everybody now: labelled, ended, or deleted and not yet
        merged away."""
        ended = tantivy.Query.range_query(self.analysis.schema, "superseded", tantivy.FieldType.Integer, None, NOW)
        free = tantivy.Query.boolean_query([(tantivy.Occur.Must, self._everyone), (tantivy.Occur.MustNot, ended)])
        return self.counting - self.count(free)

    @cached_property
    def counting(self) -> int:
        """How many documents counts of a term, and scores, go by: those that are deleted and not yet merged away among them."""
        # each document is of one kind
        return int(sum(self._searcher.doc_freq("kind", kind.value) for kind in Kind))

    def counted(self, clause: Clause) -> Counted:
        """The clause with how many documents have it."""
        with typed("searching"):
            return counted(clause, [self._searcher.doc_freq(*term) for term in clause.terms], self.counting)

    def _open(self, addresses: list[Any], at: Micros) -> bool:
        """Whether one of the documents is for everybody, was known at that time, and stands."""
        told = (self._searcher.fast_field_values(name, addresses) for name in ("open", "recorded", "superseded"))
        return any(free and recorded <= at and until > NOW for free, recorded, until in zip(*told, strict=True))

    def beginning(self, start: str, most: int, shown: Shown) -> list[str]:
        """Plain words that begin so, of documents that are shown."""
        with typed("searching"):
            some = self._searcher.terms_with_prefix("plain", start, None, most * _BEGUN)
            begun = list(islice((term for term, _ in some if self.shows("plain", term, shown)), most))
            if len(begun) == most or len(some) < most * _BEGUN:
                return begun
            # only now, for it looks through everything that is shown
            return [term for term, _ in self._searcher.terms_with_prefix("plain", start, shown.query, most)]

    def marks(self) -> list[tuple[int, int]]:
        """(row, digest) of every document."""
        with typed("reading"):
            every = max(self._searcher.num_docs, 1)
            hits = self._searcher.search(tantivy.Query.all_query(), every, count=False).hits
            addresses = [address for _, address in hits]
            told = (self._searcher.fast_field_values(name, addresses) for name in ("row", "digest"))
            return list(zip(*told, strict=True))


class Folder:
    """One tenant's documents. Its writer stays open from the first change to `settle`: segments are merged beside what goes on, and a
    change does not wait for them."""

    def __init__(self, path: Path, analysis: Analysis) -> None:
        self.analysis = analysis
        self._writer: Any = None
        with typed("opening"):
            path.mkdir(parents=True, exist_ok=True)
            self._index = tantivy.Index(analysis.schema, path=str(path))
            analysis.register(self._index)
            self._index.config_reader("manual")
            self._look()

    def write(self, batches: Iterator[tuple[list[str], list[Projected]]]) -> None:
        """Replace every document of the ids by those given, and commit; where that fails nothing is changed."""

        def replace() -> None:
            for ids, present in batches:
                for id_ in ids:
                    self._writer.delete_documents_by_term("id", id_)
                for item in present:
                    self._writer.add_document(self._document(item))

        self._changed(replace)

    def forget(self, rows: Iterable[int]) -> None:
        """Drop documents by row, and commit."""

        def drop() -> None:
            for row in rows:
                self._writer.delete_documents_by_term("row", row)

        self._changed(drop)

    def _changed(self, work: Callable[[], None]) -> None:
        with typed("writing"):
            try:
                if self._writer is None:
                    self._writer = self._index.writer(_HEAP, 1)
                work()
                self._writer.commit()
            except BaseException:
                # dropped with what it was not told to keep
                self._writer = None
                raise
            self._look()

    def settle(self) -> None:
        """Wait until segments are merged, and let go of the writer."""
        writer, self._writer = self._writer, None
        if writer is not None:
            with typed("merging"):
                writer.wait_merging_threads()
                self._look()

    def _look(self) -> None:
        """See what was committed."""
        self._index.reload()
        self.view = View(self._index.searcher(), self.analysis)

    def _document(self, item: Projected) -> Any:
        evidence, text = item.evidence, composed(item.evidence.text)
        document = tantivy.Document()
        document.add_integer("row", item.row)
        for field in (*map(body, self.analysis.languages), "plain"):
            document.add_text(field, text)
        for tag in tags(text):
            document.add_text("tag", tag)
        for name, value in zip(Times._fields, Times.of(evidence), strict=True):
            document.add_integer(name, value)
        document.add_integer("digest", of_document(item))
        document.add_integer("open", int(not evidence.labels))
        document.add_text("id", evidence.id)
        document.add_text("kind", evidence.kind.value)
        document.add_text("source", evidence.source)
        for entity in {mention.entity for mention in evidence.entities}:
            document.add_text("entity", entity)
        for member in audience(evidence.labels):
            document.add_text("audience", member)
        return document
