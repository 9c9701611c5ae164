"""From hidden to gone: every place where bytes of what was hidden lie is emptied, and looked through, before the receipt is signed.

Each step may be done again: what was killed goes on from the state that its row in the catalog tells.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from app.governance.places import Cleared, Places
from app.governance.receipts import FORMAT, Receipt, Seal, by_kind, encoded, times, told_places
from retrieval.catalog.erasures import ErasureBook, Secrets
from retrieval.catalog.purging import Traces
from retrieval.erasure.needles import ID, WORD, Finder, Found, Look, Needle, look_through, packed
from retrieval.erasure.values import Erasure, State
from retrieval.errors import StoreBusy, StoreError
from retrieval.types import Micros

# a look finds something, it is mended, and it is looked again: so often
_ROUNDS = 4
_SETTLE_S = 20.0
_CATALOG = "catalog"


class Indexes(Protocol):
    """The projections of this process."""

    def reach(self, sequence: int) -> None:
        """Bring every one to this place of the log. Raises StoreError, UpstreamError for one that cannot be."""

    def others(self, sequence: int) -> None:
        """Raises StoreError where another instance's have not given up what was erased up to this place."""

    def purge(self) -> None:
        """Give up all bytes of what was dropped: in memory, in files, in snapshots. Raises as `reach`."""

    def purged(self) -> int:
        """Up to which place of the log that was done."""

    def mend(self, place: Sequence[str]) -> bool:
        """Make anew the one whose file this is, by its path below the data directory; whether it is one of them."""

    def beyond(self) -> tuple[str, ...]:
        """What is kept where this process cannot look, in words."""


class _Left(NamedTuple):
    """What the last look met, and the commitments that were given up: evidence that stays has the same bytes."""

    look: Look
    shared: set[Needle]


class Purger:
    """`clock` gives UTC µs. One at a time in a data directory."""

    def __init__(
        self, book: ErasureBook, indexes: Indexes, places: Places, seal: Seal, clock: Callable[[], Micros]
    ) -> None:
        self._book, self._indexes, self._places, self._seal, self._clock = book, indexes, places, seal, clock

    def purge(self, erasures: Sequence[Erasure]) -> None:
        """Bring these to their receipts, the indexes and the store being written anew once for all of them; where bytes of one are found
        that cannot be removed, its trouble says so.

        Raises StoreError and UpstreamError where something is in the way of all; what was done stays done.
        """
        newest = max(each.sequence for each in erasures)
        # also where their bytes were given up before: the log is scrubbed of what they have yet to apply
        self._indexes.reach(newest)
        self.give_up_before(newest)
        for erasure in erasures:
            self._empty(erasure)
        self._settle()
        self._receipts(erasures)

    def give_up_before(self, sequence: int) -> None:
        """Rid the indexes of this process of what was erased up to this place of the log; again where that was done changes nothing."""
        if self._indexes.purged() < sequence:
            self._indexes.reach(sequence)
            self._indexes.purge()
        self._places.forget()

    def _empty(self, erasure: Erasure) -> None:
        """Everything that is found by the hidden rows, and then the rows."""
        self._indexes.others(erasure.sequence)
        traces = self._book.traces(erasure)
        # whether others have the media was looked up with them
        dead = [key for _, key in traces.dead if erasure.tenant not in self._book.media_holders(key)]
        keys = [*traces.media, *dead]
        if erasure.state is State.HIDDEN:
            # counted before anything goes: whoever goes on after a kill finds less
            self._book.commit_to(erasure, _noted(traces, self._places.counted(erasure.tenant, keys, traces.sources)))
        self._places.clear(erasure.tenant, traces.ids, keys, traces.sources)
        self._places.unmark(erasure.tenant, traces.whole)
        self._book.remove(erasure, {id_ for id_, _ in traces.ids})
        if left := self._book.left(erasure):
            raise StoreError(f"{left} rows of {erasure.id} still stand; it is tried again")

    def _settle(self) -> None:
        """Raises StoreBusy where somebody reads an earlier state for so long."""
        until = time.monotonic() + _SETTLE_S
        while not self._book.settle():
            if time.monotonic() > until:
                raise StoreBusy(
                    "a long read keeps the catalog's log from being emptied; erasing goes on once it has ended"
                )
            time.sleep(0.05)
        if self._book.path is None:
            self._book.compact()

    def _receipts(self, erasures: Sequence[Erasure]) -> None:
        """Those made with the same salt are looked for together."""
        by_salt: dict[bytes, list[tuple[Erasure, Secrets]]] = defaultdict(list)
        for erasure in erasures:
            if (kept := self._book.secrets(erasure)) is not None:
                by_salt[kept.salt].append((erasure, kept))
        for salt, group in by_salt.items():
            tenants = {erasure.tenant for erasure, _ in group}
            left = self._looked(salt, [each for _, kept in group for each in kept.needles], tenants)
            # what is in the way of one is not in the way of the others
            told = "; ".join(self._in_the_way(left.look))
            for erasure, kept in group:
                if told:
                    self._book.trouble(erasure, f"not gone yet: {told}")
                else:
                    self._receipt(erasure, kept, left)

    def _receipt(self, erasure: Erasure, kept: Secrets, left: _Left) -> None:
        needles, now = [each for each in kept.needles if each not in left.shared], self._clock()
        told = self._worded(erasure, kept, needles, left, now)
        self._book.purged(erasure, encoded(self._seal.sign(told)), now)

    def _looked(self, salt: bytes, needles: Sequence[Needle], tenants: Collection[str]) -> _Left:
        """Look through every file; where something is found, mend it and look again."""
        shared, tried = set[Needle](), set[tuple[str, Needle]]()
        look = look_through(self._places.folder, Finder(salt, needles))
        for _ in range(_ROUNDS):
            if not look.found:
                break
            shared |= self._common(salt, look.found) | self._by_chance(look.found, tenants, tried)
            for tenant in tenants:
                own = [at.needle for _, at in look.found if at.needle not in shared]
                self._book.forget_telling(tenant, Finder(salt, own))
            anew = self._mend(
                {path for path, at in look.found if at.needle not in shared or self._stray(path, tenants)}, tenants
            )
            tried |= {(area, at.needle) for path, at in look.found if (area := self._area(path)) in anew}
            look = look_through(self._places.folder, Finder(salt, [each for each in needles if each not in shared]))
        return _Left(look, shared)

    def _common(self, salt: bytes, found: Iterable[tuple[Path, Found]]) -> set[Needle]:
        """Those that evidence which stays has too, in its rows or in files of its own. An id is nobody else's, unless it stands again."""
        told = [(path, at.needle) for path, at in found]
        indexed = any(self._area(path).startswith("projections/") for path, _ in told)
        common = self._book.elsewhere(Finder(salt, [needle for _, needle in told]), indexed=indexed)
        return common | {needle for path, needle in told if needle.kind != ID and self._owned(path)}

    def _by_chance(
        self, found: Iterable[tuple[Path, Found]], tenants: Collection[str], tried: Collection[tuple[str, Needle]]
    ) -> set[Needle]:
        """Words in files that hold nothing of what was hidden (a model's vocabulary, another upload), and words that the catalog or an
        index still has after it was made anew for them (`tried`, by area): then what stays says them."""
        words = {(path, at.needle) for path, at in found if at.needle.kind == WORD}
        return {needle for path, needle in words if self._foreign(path, tenants) or (self._area(path), needle) in tried}

    def _foreign(self, path: Path, tenants: Collection[str]) -> bool:
        """Whether no bytes of what was hidden can be in a file: neither catalog nor index, and nothing that is made of evidence."""
        place = path.relative_to(self._places.folder).parts
        if self._of_catalog(path) or place[0] == "projections":
            return False
        if place[0] == "blobs":
            return not any(self._places.is_blob_of(path, tenant) for tenant in tenants)
        return not self._places.losable(path)

    def _of_catalog(self, path: Path) -> bool:
        catalog = self._book.path
        return catalog is not None and path.parent == catalog.parent and path.name.startswith(catalog.name)

    def _area(self, path: Path) -> str:
        """What is made anew as one: the catalog, or what an instance keeps of one index."""
        return _CATALOG if self._of_catalog(path) else "/".join(path.relative_to(self._places.folder).parts[:3])

    def _owned(self, path: Path) -> bool:
        """Whether a file is the blob or the original of evidence that stays."""
        place = path.relative_to(self._places.folder).parts
        if place[0] == "blobs":
            return any(self._places.is_blob_of(path, tenant) for tenant in self._book.media_holders(path.name))
        return place[0] in ("uploads", "live") and self._book.source_stands(path.as_uri())

    def _stray(self, path: Path, tenants: Collection[str]) -> bool:
        """Whether a file may go whatever else says the same: a cache, or a blob of these tenants that no evidence has, and that no ingest
        may be about to tell of."""
        place = path.relative_to(self._places.folder).parts
        if place[0] != "blobs":
            return self._places.losable(path)
        whose = [tenant for tenant in tenants if self._places.is_blob_of(path, tenant)]
        if not whose or self._owned(path):
            return False
        return self._places.settled(path) or any(self._book.refused_message(each, path.name) for each in whose)

    def _mend(self, files: Collection[Path], tenants: Collection[str]) -> set[str]:
        """Make anew what these files are of, and remove those that may go; the areas that were made anew."""
        anew = set[str]()
        for path in sorted(files):
            if (area := self._area(path)) in anew:
                continue
            if self._of_catalog(path) or self._indexes.mend(path.relative_to(self._places.folder).parts):
                anew.add(area)
            elif self._stray(path, tenants):
                self._drop(path, tenants)
        if _CATALOG in anew:
            self._book.compact()
        self._settle()
        return anew

    def _in_the_way(self, look: Look) -> list[str]:
        """What keeps the receipts back: where it stands, and then what is to be done, each once; nothing where nothing does."""
        todo = dict.fromkeys(self._advice(path) for path, _ in look.found)
        told = [*told_places(look, self._places.folder), *look.unread, *todo]
        return [*told, "let Watchfloor read what it could not"] if look.unread else told

    def _advice(self, path: Path) -> str:
        place = path.relative_to(self._places.folder).parts
        if self._of_catalog(path):
            return "the catalog still names it: end what holds it open, then `watchfloor erase resume`"
        if place[0] == "projections":
            return f"run `watchfloor reindex` where instance {place[1]} serves, or remove its folder where none does"
        if place[0] == "blobs":
            return "a blob that an ingest may be about to tell of is removed once it is an hour old"
        return "take it out of the file, or remove the file, which is not Watchfloor's"

    def _drop(self, path: Path, tenants: Collection[str]) -> None:
        """Remove a file, and the refusal whose message it was."""
        whose = [tenant for tenant in tenants if self._places.is_blob_of(path, tenant)]
        self._places.remove(path)
        for tenant in whose:
            self._book.forget_message(tenant, path.name)

    def _worded(self, erasure: Erasure, kept: Secrets, needles: Sequence[Needle], left: _Left, now: Micros) -> Receipt:
        tally, counts = erasure.tally, Counter(kept.notes)
        went = {name: getattr(tally, name) for name in ("evidence", "revisions", "vectors", "coverage", "answers")}
        # a rule's salt is handed to nobody: without it they say nothing
        committed = () if erasure.by_rule else needles
        return Receipt(
            format=FORMAT,
            erasure=erasure.id,
            what=erasure.what,
            asked_by=erasure.subject,
            counts=went
            | {"blobs": counts["blobs"], "originals": counts["originals"], "held": sum(tally.held.values())},
            commitments=packed(committed),
            salt_sha256=hashlib.sha256(kept.salt).hexdigest() if committed else "",
            looked={"files": left.look.files, "bytes": left.look.size},
            sought=by_kind(needles),
            shared=len(kept.needles) - len(needles),
            made_sure=_MADE_SURE,
            beyond=(*_beyond(counts, len(kept.needles) - len(needles)), *self._indexes.beyond()),
            **times(erasure.hidden_at, now),
        )


_MADE_SURE = (
    "no row of catalog, log or audit names it; the store's log was emptied into its file",
    "every index gave up the rows, was written anew where it kept their bytes, and older snapshots were removed",
    "every file below the data directory was searched for the ids, the vectors and distinctive words",
)


def _noted(traces: Traces, cleared: Cleared) -> dict[str, int]:
    return {**cleared._asdict(), "shared_blobs": traces.shared, "held_sources": len(traces.held)}


def _beyond(counts: Counter[str], shared: int) -> tuple[str, ...]:
    """What stays although it shows the same, and why."""
    told = []
    if counts["outside"]:
        told.append(f"{counts['outside']} originals lie outside the data directory and are their owner's to remove")
    if counts["shared_blobs"]:
        told.append(f"{counts['shared_blobs']} blobs stay: other evidence, which was not erased, has them too")
    if counts["held_sources"]:
        told.append(f"the originals of {counts['held_sources']} sources stay: a legal hold keeps other pieces of them")
    if shared:
        told.append(
            f"{shared} of its words, vectors or ids stand elsewhere too, in what was not erased, and are not looked for"
        )
    told.append("copies and backups that were made of the data directory, and what was sent out before")
    return tuple(told)
