"""BM25 over evidence text with tantivy: one index folder a tenant, filters applied in the query before ranking.

Folders: PATH/<first 32 hex digits of SHA-256 of the tenant>/ and PATH/state.json, which names the sequence applied. state.json is
replaced only after every folder has committed; a crash between the two leads to a harmless second application.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import tantivy
from filelock import FileLock, Timeout
from tantivy import FieldType, Occur

from retrieval.errors import ProjectionError, StoreBusy
from retrieval.ports import LogEntry, LogReader, Projected, Scored
from retrieval.projecting import EVERYONE, Times, audience, audiences, changes, known_at, last
from retrieval.tags import tags
from retrieval.types import Filter, Interval, Principal

_FORMAT = 1
_HEAP = 50_000_000
_TAG_BOOST = 1.0
_MOST_TERMS = 400  # distinct terms of one query; the rest of a longer text adds nothing but time
# question words tantivy's own English list leaves in
_ASKING = frozenset("what when where which who whom whose why how did does do was were has have had been any".split())
_RAW = ("id", "kind", "source", "entity", "audience")


class _State(msgspec.Struct, frozen=True):
    format: int
    applied: int
    folders: tuple[str, ...] = ()


def _schema() -> Any:
    builder = tantivy.SchemaBuilder()
    builder.add_integer_field("row", indexed=True, fast=True)
    builder.add_text_field("body", tokenizer_name="words", index_option="freq")
    builder.add_text_field("tag", tokenizer_name="raw", index_option="freq")
    for name in _RAW:
        builder.add_text_field(name, tokenizer_name="raw", index_option="basic")
    for name in Times._fields:
        builder.add_integer_field(name, indexed=True, fast=True)
    return builder.build()


def _analyzer() -> Any:
    words = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.regex(r"[\p{L}\p{N}]+"))
    filters = (
        tantivy.Filter.remove_long(60),
        tantivy.Filter.lowercase(),
        tantivy.Filter.stopword("english"),
        tantivy.Filter.stemmer("english"),
    )
    for each in filters:
        words = words.filter(each)
    return words.build()


@contextlib.contextmanager
def _typed(what: str) -> Iterator[None]:
    """tantivy says ValueError for everything it finds wrong; the operating system says OSError."""
    try:
        yield
    except (ValueError, OSError) as error:
        if "LockBusy" in str(error):
            raise StoreBusy(f"the word index is held by another writer ({what})") from error
        raise ProjectionError(f"word index: {what} failed: {error}; run `watchfloor reindex`") from error


class _Folder:
    """The index of one tenant."""

    def __init__(self, path: Path, schema: Any, analyzer: Any) -> None:
        path.mkdir(parents=True, exist_ok=True)
        self._schema = schema
        with _typed("opening"):
            self._index = tantivy.Index(schema, path=str(path))
            self._index.register_tokenizer("words", analyzer)
            self._index.config_reader("manual")
            self._reload()

    def write(self, batches: Iterator[tuple[list[str], list[Projected]]]) -> None:
        """Replace every document of the ids by those given, and commit."""
        with _typed("writing"):
            writer = self._index.writer(_HEAP, 1)
            for ids, present in batches:
                for id_ in ids:
                    writer.delete_documents_by_term("id", id_)
                for item in present:
                    writer.add_document(_document(item))
            writer.commit()
            writer.wait_merging_threads()
            self._reload()

    def _reload(self) -> None:
        """See what was committed. `open_to_all`: no row is labelled, so that nobody need be told apart."""
        self._index.reload()
        searcher = self._index.searcher()
        everyone = tantivy.Query.term_query(self._schema, "audience", EVERYONE, index_option="basic")
        found: Any = searcher.search(everyone, 1, count=True)
        self.open_to_all = bool(found.count == searcher.num_docs)

    def search(self, query: Any, k: int) -> Scored:
        with _typed("searching"):
            searcher = self._index.searcher()
            hits = searcher.search(query, k, count=False).hits
            rows = searcher.fast_field_values("row", [address for _, address in hits])
        return Scored(np.array(rows, np.int64), np.array([score for score, _ in hits], np.float32))

    def rows(self) -> set[int]:
        count = self._index.searcher().num_docs
        return set(self.search(tantivy.Query.all_query(), count).rows.tolist()) if count else set()


def _document(item: Projected) -> Any:
    evidence = item.evidence
    document = tantivy.Document()
    document.add_integer("row", item.row)
    document.add_text("body", evidence.text)
    for tag in tags(evidence.text):
        document.add_text("tag", tag)
    for name, value in zip(Times._fields, Times.of(evidence), strict=True):
        document.add_integer(name, value)
    document.add_text("id", evidence.id)
    document.add_text("kind", evidence.kind.value)
    document.add_text("source", evidence.source)
    for entity in {mention.entity for mention in evidence.entities}:
        document.add_text("entity", entity)
    for member in audience(evidence.labels):
        document.add_text("audience", member)
    return document


class TantivyWords:
    """The WordIndex port over tantivy; the index stays on disk at `path`.

    `fresh` throws away what is there first (how a damaged index is mended). Raises StoreBusy when another process has the
    folder open, ProjectionError when what is in it cannot be read.
    """

    name = "words"

    def __init__(self, path: str | Path, fresh: bool = False) -> None:
        self._path = Path(path)
        self._path.mkdir(parents=True, exist_ok=True)
        # one thread opens the index, another may close it
        self._lock = FileLock(self._path / ".lock", thread_local=False)
        try:
            self._lock.acquire(timeout=0)
        except Timeout as error:
            raise StoreBusy(f"the word index in {self._path} is open in another process") from error
        self._schema, self._analyzer = _schema(), _analyzer()
        self._folders: dict[str, _Folder] = {}
        try:
            if fresh:
                self._wipe()
            self._open()
        except (ProjectionError, StoreBusy):
            self._lock.release()
            raise

    def applied(self) -> int:
        return self._state.applied

    def rows(self) -> set[int]:
        """Catalog rows this index knows, for reconciling."""
        return set().union(*(folder.rows() for folder in list(self._folders.values())))

    def apply(self, entries: Sequence[LogEntry], log: LogReader) -> None:
        for tenant in dict.fromkeys(entry.tenant for entry in entries):
            own = [entry for entry in entries if entry.tenant == tenant and (entry.evidence or entry.closed)]
            if own:
                self._folder(tenant).write((change.ids, change.present) for change in changes(own, log))
        self._save(last(entries, self._state.applied))

    def reset(self) -> None:
        self._wipe()
        self._open()

    def close(self) -> None:
        self._folders = {}
        self._lock.release()

    def search(self, text: str, k: int, filter_: Filter, principal: Principal) -> Scored:
        folder = self._folders.get(_folder_name(principal.tenant))
        words = self._words(text)
        if folder is None or k < 1 or not words:
            return Scored(np.zeros(0, np.int64), np.zeros(0, np.float32))
        wanted, unwanted = self._clauses(filter_, principal, folder.open_to_all)
        clauses = [(Occur.Should, word) for word in words]
        if wanted:
            clauses = [(Occur.Must, tantivy.Query.boolean_query(clauses))]
            clauses += [(Occur.Must, tantivy.Query.const_score_query(clause, 0.0)) for clause in wanted]
        clauses += [(Occur.MustNot, clause) for clause in unwanted]
        return folder.search(tantivy.Query.boolean_query(clauses), k)

    def _words(self, text: str) -> list[Any]:
        """One query a distinct term: stemmed words in the body, whole tags in theirs."""
        asked = " ".join(word for word in text.split() if word.lower().strip("?.,!") not in _ASKING)
        terms = list(dict.fromkeys(self._analyzer.analyze(asked)))[:_MOST_TERMS]
        whole = list(dict.fromkeys(tags(text)))[:_MOST_TERMS]
        query, schema = tantivy.Query, self._schema
        return [query.term_query(schema, "body", term, index_option="freq") for term in terms] + [
            query.boost_query(query.term_query(schema, "tag", tag, index_option="freq"), _TAG_BOOST) for tag in whole
        ]

    def _clauses(self, filter_: Filter, principal: Principal, open_to_all: bool) -> tuple[list[Any], list[Any]]:
        """What every row must match, and what none may. Whatever most rows pass is said as the second: a clause that matches nearly
        everything keeps tantivy from skipping what cannot be among the best."""
        unwanted = [self._range("superseded", upper=known_at(filter_.as_of))]
        if filter_.as_of is not None:
            unwanted.append(self._range("recorded", lower=filter_.as_of + 1))
        if filter_.window is not None:
            unwanted += self._outside(filter_.window)
        wanted = [] if open_to_all else [self._any("audience", audiences(principal))]
        if filter_.kinds:
            wanted.append(self._any("kind", [kind.value for kind in filter_.kinds]))
        if filter_.sources:
            wanted.append(self._any("source", filter_.sources))
        if filter_.entities:
            wanted.append(self._any("entity", filter_.entities))
        return wanted, unwanted

    def _outside(self, window: Interval) -> list[Any]:
        """What Interval.overlaps denies; UNKNOWN lies before every window, so that unknown times are outside."""
        exact = self._both(self._range("t0", window.t0, window.t0), self._range("t1", window.t0, window.t0))
        last = window.t0 if window.t0 == window.t1 else window.t1 - 1
        ended = [(Occur.Must, self._range("t1", upper=window.t0)), (Occur.MustNot, exact)]
        return [self._range("t0", lower=last + 1), tantivy.Query.boolean_query(ended)]

    def _any(self, field: str, values: Sequence[str]) -> Any:
        return tantivy.Query.term_set_query(self._schema, field, list(values))

    def _range(self, field: str, lower: int | None = None, upper: int | None = None) -> Any:
        return tantivy.Query.range_query(self._schema, field, FieldType.Integer, lower, upper)

    def _both(self, one: Any, other: Any) -> Any:
        return tantivy.Query.boolean_query([(Occur.Must, one), (Occur.Must, other)])

    def _folder(self, tenant: str) -> _Folder:
        name = _folder_name(tenant)
        if name not in self._folders:
            self._folders[name] = _Folder(self._path / name, self._schema, self._analyzer)
        return self._folders[name]

    def _open(self) -> None:
        self._state = self._load()
        for name in self._state.folders:
            if not (self._path / name / "meta.json").exists():
                raise ProjectionError(f"word index: folder {name} is gone; run `watchfloor reindex`")
            self._folders[name] = _Folder(self._path / name, self._schema, self._analyzer)

    def _load(self) -> _State:
        file = self._path / "state.json"
        if not file.exists():
            return _State(_FORMAT, 0)
        try:
            state = msgspec.json.decode(file.read_bytes(), type=_State)
        except (msgspec.DecodeError, OSError) as error:
            raise ProjectionError(f"word index: state.json cannot be read: {error}") from error
        if state.format != _FORMAT:
            raise ProjectionError(f"word index: format {state.format}, this Watchfloor writes {_FORMAT}")
        return state

    def _save(self, applied: int) -> None:
        state = _State(_FORMAT, applied, tuple(sorted(self._folders)))
        if state == self._state:
            return
        draft = self._path / "state.json.new"
        with draft.open("wb") as file:
            file.write(msgspec.json.encode(state))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._path / "state.json")
        self._state = state

    def _wipe(self) -> None:
        self._folders = {}
        for entry in self._path.iterdir():
            if entry.is_dir():
                shutil.rmtree(entry)
            elif entry.name != ".lock":
                entry.unlink()


def _folder_name(tenant: str) -> str:
    return hashlib.sha256(tenant.encode()).hexdigest()[:32]
