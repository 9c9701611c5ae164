"""BM25 over evidence text with tantivy: one index folder a tenant, filters applied in the query before ranking.

Folders: PATH/<first 32 hex digits of SHA-256 of the tenant>/ and PATH/state.json, which names the sequence applied and how texts were
read. state.json is replaced only after every folder has committed; a crash between the two leads to a harmless second application.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import time
from collections import OrderedDict
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec
import numpy as np
import structlog
from filelock import FileLock, Timeout

from retrieval.adapters.tantivy_words.analysis import ANALYSIS, DEFAULT, Analysis, checked
from retrieval.adapters.tantivy_words.asking import Asking
from retrieval.adapters.tantivy_words.folder import Folder, View, typed
from retrieval.adapters.tantivy_words.rarest import Clause
from retrieval.errors import ProjectionError, StoreBusy, StoreError
from retrieval.failpoints import NOWHERE, Failpoints, Step
from retrieval.ports import Explained, LogEntry, LogReader, Scored, WordRead
from retrieval.projecting import changes, last
from retrieval.reconciling import Documents, Mark
from retrieval.types import Filter, Principal

_FORMAT = 2
# tenants whose writers stay open: each may hold 50 MB of what is not yet committed
_WRITERS = 4


class _State(msgspec.Struct, frozen=True):
    format: int
    applied: int
    folders: tuple[str, ...] = ()
    analysis: str = "1"


class Stemming(msgspec.Struct, frozen=True):
    """The languages whose stems are known: of every tenant, and of those named."""

    languages: tuple[str, ...] = DEFAULT
    tenants: Mapping[str, tuple[str, ...]] = {}

    def of(self, tenant: str) -> tuple[str, ...]:
        """Raises BadSettings for a language without stems."""
        return checked(self.tenants.get(tenant, self.languages))

    def told(self) -> str:
        """The analysis in words, by which an index of another one is told apart."""
        named = [f"{tenant}: {', '.join(self.of(tenant))}" for tenant in sorted(self.tenants)]
        return "; ".join([f"{ANALYSIS}, stems of {', '.join(checked(self.languages))}", *named])


class TantivyWords(Documents):
    """The WordIndex port over tantivy; the index stays on disk at `path`.

    An index that was made by another analysis, or for other languages, is thrown away and made anew as the log is followed; `told` says
    so. `fresh` throws away what is there first (how a damaged index is mended). Raises StoreBusy when another process has the folder
    open, ProjectionError when what is in it cannot be read, BadSettings for a language without stems.
    """

    name = "words"

    def __init__(
        self,
        path: str | Path,
        fresh: bool = False,
        stemming: Stemming | None = None,
        failpoints: Failpoints = NOWHERE,
    ) -> None:
        self._path = Path(path)
        self._failpoints = failpoints
        self._stemming = stemming or Stemming()
        self._analysis = self._stemming.told()
        self._anew = ""
        # one thread opens the index, another may close it
        self._lock = FileLock(self._path / ".lock", thread_local=False)
        try:
            self._path.mkdir(parents=True, exist_ok=True)
            self._lock.acquire(timeout=0)
        except Timeout as error:
            raise StoreBusy(f"the word index in {self._path} is open in another process") from error
        except OSError as error:
            raise StoreError(f"the word index in {self._path} cannot be opened: {error.strerror}") from error
        self._analyses: dict[tuple[str, ...], Analysis] = {}
        self._folders: dict[str, Folder] = {}
        self._writing: OrderedDict[str, Folder] = OrderedDict()
        try:
            if fresh:
                self._wipe()
            self._open()
        except (ProjectionError, StoreBusy):
            self._lock.release()
            raise

    def applied(self) -> int:
        return self._state.applied

    def told(self) -> str:
        """How texts are read, and whether the index was made anew for that, in one line."""
        return f"tantivy, analysis {self._analysis}{self._anew}"

    def rows(self) -> set[int]:
        """Catalog rows this index knows, for reconciling."""
        return {row for folder in list(self._folders.values()) for row, _ in folder.view.marks()}

    def marks(self) -> Iterator[Mark]:
        """(row, digest of what the document was made from), for reconciling."""
        for folder in list(self._folders.values()):
            yield from folder.view.marks()

    def forget(self, rows: Collection[int]) -> None:
        """Drop rows, for reconciling."""
        for name, folder in list(self._folders.items()):
            if own := {row for row, _ in folder.view.marks()} & set(rows):
                self._keep_open(name).forget(own)

    def apply(self, entries: Sequence[LogEntry], log: LogReader) -> None:
        for tenant in dict.fromkeys(entry.tenant for entry in entries):
            own = [entry for entry in entries if entry.tenant == tenant and (entry.evidence or entry.closed)]
            if own:
                self._written(tenant).write((change.ids, change.present) for change in changes(own, log))
        self._failpoints.reach(Step.WORDS_COMMITTED)
        with typed("saving"):
            self._save(last(entries, self._state.applied))

    def settle(self) -> None:
        """Wait until what was written is merged; writers are let go of, also where one of them fails."""
        with contextlib.ExitStack() as every:
            while self._writing:
                every.callback(self._writing.popitem()[1].settle)

    def reset(self) -> None:
        self._wipe()
        self._open()

    def close(self) -> None:
        try:
            self.settle()
        finally:
            self._folders = {}
            self._lock.release()

    def search(self, text: str, k: int, filter_: Filter, principal: Principal) -> Scored:
        folder = self._folders.get(_folder_name(principal.tenant))
        nothing = Scored(np.zeros(0, np.int64), np.zeros(0, np.float32))
        if folder is None or k < 1:
            return nothing
        # one view for all of it: who may see what goes with the documents it was found out of
        view = folder.view
        asking = Asking(view, principal, filter_)
        words = asking.clauses(text)
        return _found(asking, view, words, k) if words else nothing

    def explain(self, text: str, k: int, filter_: Filter, principal: Principal) -> Explained:
        folder = self._folders.get(_folder_name(principal.tenant))
        if folder is None:
            return Explained("words", 0, 0, k, "none", "the tenant has no words yet", 0, 0, 0.0)
        begun, view = time.perf_counter(), folder.view
        asking = Asking(view, principal, filter_, standing=True)
        words = asking.clauses(text)
        found = len(_found(asking, view, words, k).rows) if words and k > 0 else 0
        took = (time.perf_counter() - begun) * 1e3
        matching = view.count(asking.any(words)) if words else 0
        why = "; ".join(read.told() for read in asking.reading(text)) or "no word to look for"
        return Explained("words", view.documents, matching, k, "BM25", why, matching, found, took)

    def reading(self, text: str, principal: Principal) -> list[WordRead]:
        folder = self._folders.get(_folder_name(principal.tenant))
        return [] if folder is None else Asking(folder.view, principal, Filter()).reading(text)

    def _written(self, tenant: str) -> Folder:
        """The tenant's folder, to write to."""
        name = _folder_name(tenant)
        if name not in self._folders:
            self._folders[name] = self._opened(name, self._stemming.of(tenant))
        return self._keep_open(name)

    def _keep_open(self, name: str) -> Folder:
        """A folder, among those whose writers stay open."""
        self._writing[name] = self._folders[name]
        self._writing.move_to_end(name)
        while len(self._writing) > _WRITERS:
            self._writing.popitem(last=False)[1].settle()
        return self._folders[name]

    def _opened(self, name: str, languages: tuple[str, ...]) -> Folder:
        if languages not in self._analyses:
            self._analyses[languages] = Analysis(languages)
        return Folder(self._path / name, self._analyses[languages])

    def _open(self) -> None:
        self._state = self._load()
        named = {_folder_name(tenant): self._stemming.of(tenant) for tenant in self._stemming.tenants}
        for name in self._state.folders:
            if not (self._path / name / "meta.json").exists():
                raise ProjectionError(f"word index: folder {name} is gone; run `watchfloor reindex`")
            self._folders[name] = self._opened(name, named.get(name, checked(self._stemming.languages)))

    def _load(self) -> _State:
        file, empty = self._path / "state.json", _State(_FORMAT, 0, (), self._analysis)
        if not file.exists():
            return empty
        try:
            state = msgspec.json.decode(file.read_bytes(), type=_State)
        except (msgspec.DecodeError, UnicodeDecodeError, OSError) as error:
            raise ProjectionError(f"word index: state.json cannot be read: {error}") from error
        if state.format > _FORMAT:
            raise ProjectionError(f"word index: format {state.format}, this Watchfloor writes {_FORMAT}")
        if state.analysis == self._analysis:
            return state
        self._anew = f"; made anew, it was written by analysis {state.analysis}"
        structlog.get_logger(__name__).warning("word index is made anew", was=state.analysis, now=self._analysis)
        self._wipe()
        return empty

    def _save(self, applied: int) -> None:
        state = _State(_FORMAT, applied, tuple(sorted(self._folders)), self._analysis)
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
        with contextlib.suppress(ProjectionError):
            # what is thrown away may be why it fails
            self.settle()
        self._writing.clear()
        self._folders = {}
        for entry in self._path.iterdir():
            if entry.is_dir():
                shutil.rmtree(entry)
            elif entry.name != ".lock":
                entry.unlink()


def _found(asking: Asking, view: View, words: Sequence[Clause], k: int) -> Scored:
    """The k best, out of those with the rare words where that is enough."""
    best = asking.best(words, k)
    return view.search(asking.any(words), k) if best is None else best


def _folder_name(tenant: str) -> str:
    return hashlib.sha256(tenant.encode()).hexdigest()[:32]
