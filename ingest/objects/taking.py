"""Objects → the catalog, whatever told of them. Each is looked at, taken in where it is not what is held, and looked at once more.

The second look is what makes every order end alike, without trusting any clock: whoever writes last has seen, after writing, that what
it wrote is what stands in the bucket; else it begins again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import NamedTuple, Protocol

from ingest.media_types import BY_ENDING, VIDEO
from ingest.naming import Naming
from ingest.objects.address import Address, Prefix, hidden, place_of
from ingest.objects.port import ObjectStore, Seen
from ingest.objects.scene import Asked, Listing, Scene, View, is_site, scene_of
from ingest.objects.spool import Spool
from ingest.outcome import ERASED
from ingest.video.start import is_sidecar
from retrieval.errors import BadSiteDescription, EncoderUnavailable, InputError, SourceRejected, UpstreamError
from retrieval.ports import Held, Receipt, Rejection, SourceState, Unit

# in place of the hash of a content: the object is no more
GONE, INGESTER = "gone", "objects@1"
TAKEN, KNOWN, CLOSED, ABSENT, REFUSED, LEFT, WAITS, CHANGING = (
    "taken", "known", "closed", "absent", "refused", "left", "waits", "changing",
)  # fmt: skip
_TRIES = 4
_ROUND = 100
# rejections whose cause may pass without the object changing
PASSING = frozenset({UpstreamError.code, EncoderUnavailable.code, BadSiteDescription.code})


class Told(NamedTuple):
    """What an ingest says of one source: `status` is ingested, unchanged or rejected."""

    status: str
    code: str = ""
    reason: str = ""


class Ingest(Protocol):
    """Reads files into the catalog under the names they are given."""

    def take(self, paths: Sequence[Path], names: Naming) -> dict[str, Told]:
        """By source. Raises InputError where there is nothing to read, BadSiteDescription, StoreError."""

    def in_force(self, ingester: str) -> bool:
        """Whether what was read by this would be read alike today."""

    def shape(self) -> str:
        """Changes whenever the same file may be read otherwise than before, as far as readers and encoders tell."""


class Book(Protocol):
    """The catalog as far as taking needs it."""

    def state(self, tenant: str, source: str) -> SourceState | None: ...

    def commit(self, unit: Unit) -> Receipt: ...

    def rejection(self, tenant: str, source: str) -> Rejection | None: ...

    def record_rejection(self, tenant: str, source: str, code: str, reason: str, tried: str = "") -> None: ...

    def clear_rejection(self, tenant: str, source: str) -> None: ...


class Outcome(NamedTuple):
    """What became of one object: taken, known (nothing new), closed, absent (nothing held either), refused, left (not ours to read),
    waits (for something else to be well again) or changing (others write it all the time)."""

    uri: str
    status: str
    code: str = ""
    reason: str = ""


class Taker:
    """One call at a time. `deletions`: whether what is gone from the bucket is closed."""

    def __init__(
        self, store: ObjectStore, book: Book, ingest: Ingest, spool: Spool, tenant: str, deletions: bool = True
    ) -> None:
        self._store, self._book, self._ingest, self._spool = store, book, ingest, spool
        self._tenant, self._deletions = tenant, deletions
        # what was read and has no state in the catalog: sidecars, and what was refused for its content
        self._settled: dict[str, str] = {}
        # of these, what was refused because it was erased: once that is allowed, its refusal is forgotten
        self._erased: set[str] = set()

    def settle(
        self,
        prefix: Prefix,
        keys: Iterable[str],
        view: View | Listing | None = None,
        held: Mapping[str, Held] | None = None,
    ) -> dict[str, Outcome]:
        """Make the catalog say of these objects what the bucket says; by key, what became of each. `view` is how the bucket looked a
        moment ago, and `held` what the catalog holds, where the caller knows already.

        Raises UpstreamError and StoreError: the same may be asked again.
        """
        outcomes: dict[str, Outcome] = {}
        todo = list(dict.fromkeys(keys))
        for _ in range(_TRIES):
            looked = view if view is not None else Asked(self._store, prefix.bucket)
            acted = self._once(prefix, todo, looked, held, outcomes)
            now = Asked(self._store, prefix.bucket)
            todo = [key for key, done in acted.items() if self._fingerprint(prefix, key, now) != done]
            if not todo:
                return outcomes
            view = held = None
        for key in todo:
            uri = Address(prefix.bucket, key).uri
            outcomes[key] = Outcome(uri, CHANGING, CHANGING, "it is written again and again; the next look takes it")
        return outcomes

    def _once(
        self,
        prefix: Prefix,
        keys: Sequence[str],
        view: View | Listing,
        held: Mapping[str, Held] | None,
        outcomes: dict[str, Outcome],
    ) -> dict[str, str | None]:
        """Act once on what was seen; by key, of which content that was (None = none), "" where it was not to be had any more."""
        acted: dict[str, str | None] = {}
        scenes: list[Scene] = []
        for key in keys:
            judged = self._judged(prefix, key, view, held)
            if isinstance(judged, Scene):
                scenes.append(judged)
                continue
            outcomes[key] = judged
            if judged.status == CLOSED:
                acted[key] = None
        for some in rounds(scenes, self._spool.most_bytes):
            taken = self._taken(some)
            outcomes |= {key: outcome for key, (outcome, _) in taken.items()}
            acted |= {key: done for key, (_, done) in taken.items()}
        return acted

    def known(self, scene: Scene, held: Held | SourceState | None) -> bool:
        uri = scene.address.uri
        if self._settled.get(uri) == scene.fingerprint and not self._allowed_since(uri):
            return True
        whole = held is not None and held.whole and held.content_hash == scene.fingerprint
        return whole and held is not None and self._ingest.in_force(held.ingester)

    def _allowed_since(self, uri: str) -> bool:
        if uri not in self._erased or self._book.rejection(self._tenant, uri) is not None:
            return False
        self._erased.remove(uri)
        # until it is taken: a bucket that fails now must not settle it for good
        self._settled.pop(uri, None)
        return True

    def _judged(
        self, prefix: Prefix, key: str, view: View | Listing, held: Mapping[str, Held] | None
    ) -> Outcome | Scene:
        address = Address(prefix.bucket, key)
        if hidden(key):
            return Outcome(address.uri, LEFT)
        try:
            scene = scene_of(key, view, prefix)
            if scene is not None:
                place_of(key)
        except SourceRejected as problem:
            return self._refused(address.uri, problem)
        if scene is None:
            return self._closed(address.uri) if self._deletions else Outcome(address.uri, LEFT)
        state = self._book.state(self._tenant, address.uri) if held is None else held.get(address.uri)
        if self.known(scene, state):
            return Outcome(address.uri, KNOWN)
        if _weight(scene) > self._spool.most_bytes:
            told = f"objects above {self._spool.most_bytes >> 20} MiB are not fetched; raise objects.spool_mb"
            return self._refused(address.uri, SourceRejected(told, kind="too_large"))
        return scene

    def _closed(self, uri: str) -> Outcome:
        """End what is held of an object that is no more; it stays what was known then."""
        self._settled.pop(uri, None)
        state = self._book.state(self._tenant, uri)
        if state is None or state.content_hash == GONE:
            if self._book.rejection(self._tenant, uri) is not None:
                self._book.clear_rejection(self._tenant, uri)
            return Outcome(uri, ABSENT)
        self._book.commit(Unit(self._tenant, uri, GONE, INGESTER))
        return Outcome(uri, CLOSED)

    def _refused(self, uri: str, problem: SourceRejected) -> Outcome:
        before = self._book.rejection(self._tenant, uri)
        if before is None or (before.code, before.reason) != (problem.kind, problem.reason):
            self._book.record_rejection(self._tenant, uri, problem.kind, problem.reason)
        return Outcome(uri, REFUSED, problem.kind, problem.reason)

    def _taken(self, scenes: Sequence[Scene]) -> dict[str, tuple[Outcome, str | None]]:
        """By key, what became of it and of which content; those that could not be had as they were seen have no outcome yet."""
        with self._spool.stage(sum(map(_weight, scenes))) as folder:
            refused: dict[str, Outcome] = {}
            staged = {scene.address.key: scene for scene in scenes if self._fetched(scene, folder, refused)}
            # also of what was not had, something that lies beside it may be there
            told = self._told(folder, list(staged.values()), _Names(folder, scenes))
            outcomes = {
                key: self._outcome(scene, told.get(scene.address.uri)) for key, scene in staged.items()
            } | refused
            for key, scene in staged.items():
                if outcomes[key].status == TAKEN and BY_ENDING.get(Path(key).suffix.lower()) in VIDEO:
                    self._spool.kept.keep(folder / key, self._spool.kept.place(scene.address.uri, scene.fingerprint))
        done = dict[str, tuple[Outcome, str | None]]()
        for scene in scenes:
            key, missed = scene.address.key, Outcome(scene.address.uri, CHANGING)
            done[key] = (outcomes[key], scene.fingerprint) if key in outcomes else (missed, "")
        return done

    def _told(self, folder: Path, scenes: Sequence[Scene], names: _Names) -> dict[str, Told]:
        if not scenes:
            return {}
        try:
            return self._read([folder], names)
        except BadSiteDescription:
            # whose it is: what another description governs, or none, is read all the same
            told: dict[str, Told] = {}
            for some in _governed_alike(scenes):
                told |= self._some_told([folder / scene.address.key for scene in some], names, some)
            return told

    def _some_told(self, paths: Sequence[Path], names: _Names, scenes: Sequence[Scene]) -> dict[str, Told]:
        try:
            return self._read([path for path in paths if not is_sidecar(path)], names)
        except BadSiteDescription as problem:
            return {scene.address.uri: Told("rejected", problem.code, str(problem)) for scene in scenes}

    def _read(self, paths: Sequence[Path], names: _Names) -> dict[str, Told]:
        """Raises BadSiteDescription."""
        try:
            return self._ingest.take(paths, names)
        except InputError as problem:
            if type(problem) is not InputError:
                raise
            # sidecars alone: nothing to read
            return {}

    def _outcome(self, scene: Scene, told: Told | None) -> Outcome:
        uri = scene.address.uri
        if told is not None and told.status == "rejected":
            if told.code == BadSiteDescription.code:
                self._book.record_rejection(self._tenant, uri, told.code, told.reason)
            if told.code in PASSING:
                return Outcome(uri, WAITS, told.code, told.reason)
            self._settled[uri] = scene.fingerprint
            if told.code == ERASED:
                self._erased.add(uri)
            return Outcome(uri, REFUSED, told.code, told.reason)
        if told is None:
            self._settled[uri] = scene.fingerprint
        return Outcome(uri, TAKEN if told is not None and told.status == "ingested" else KNOWN)

    def _fetched(self, scene: Scene, folder: Path, refused: dict[str, Outcome]) -> bool:
        """Whether the object and what lies beside it are on disk, as they were seen."""
        try:
            return all(self._placed(scene.address.bucket, seen, folder) for seen in (*scene.beside, scene.seen))
        except SourceRejected as problem:
            # it may be asked about and not be read: no right to it, or it lies in an archive
            refused[scene.address.key] = self._refused(scene.address.uri, problem)
        except UpstreamError as problem:
            refused[scene.address.key] = self._waits(scene, problem)
        return False

    def _waits(self, scene: Scene, problem: UpstreamError) -> Outcome:
        """Trouble of one object, for which the others need not wait. Raises UpstreamError where the store answers nothing else either."""
        with suppress(SourceRejected):
            self._store.stat(*scene.address)
        return Outcome(scene.address.uri, WAITS, problem.code, str(problem))

    def _placed(self, bucket: str, seen: Seen, folder: Path) -> bool:
        place = folder / place_of(seen.key)
        if place.exists():
            return True
        place.parent.mkdir(parents=True, exist_ok=True)
        if BY_ENDING.get(place.suffix.lower()) is None and not is_site(seen.key):
            # its name is enough for it to be refused
            place.touch()
            return True
        return self._store.fetch(bucket, seen, place)

    def _fingerprint(self, prefix: Prefix, key: str, now: Asked) -> str | None:
        try:
            scene = scene_of(key, now, prefix)
        except SourceRejected:
            return None
        return scene.fingerprint if scene else None


class _Names:
    """Staged files are called by their object's uri, and told by its entity tag."""

    def __init__(self, folder: Path, scenes: Sequence[Scene]) -> None:
        self._folder, self._bucket = folder, scenes[0].address.bucket
        beside = (Scene(Address(self._bucket, seen.key), seen, ()) for scene in scenes for seen in scene.beside)
        self._scenes = {each.address.key: each for each in (*beside, *scenes)}

    def uri(self, path: Path) -> str:
        return Address(self._bucket, self._key(path)).uri

    def fingerprint(self, path: Path) -> str:
        return self._scenes[self._key(path)].fingerprint

    def _key(self, path: Path) -> str:
        return path.relative_to(self._folder).as_posix()


def rounds(scenes: Iterable[Scene], most_bytes: int) -> Iterator[list[Scene]]:
    """Groups that fit on disk together: in bytes, and in names ("a" beside "a/b" would be a file and a folder)."""
    some, size, files, folders = list[Scene](), 0, set[str](), set[str]()
    for scene in scenes:
        keys = [scene.address.key, *(seen.key for seen in scene.beside)]
        above = {str(folder) for key in keys for folder in PurePosixPath(key).parents}
        clash = bool(files & above) or bool(folders.intersection(keys))
        if some and (clash or len(some) == _ROUND or size + _weight(scene) > most_bytes):
            yield some
            some, size, files, folders = [], 0, set(), set()
        some.append(scene)
        size += _weight(scene)
        files.update(keys)
        folders |= above
    if some:
        yield some


def _governed_alike(scenes: Sequence[Scene]) -> list[list[Scene]]:
    """Groups under one site description each, and of those under none."""
    groups: dict[str, list[Scene]] = {}
    for scene in scenes:
        site = next((seen.key for seen in (*scene.beside, scene.seen) if is_site(seen.key)), "")
        groups.setdefault(site, []).append(scene)
    return list(groups.values())


def _weight(scene: Scene) -> int:
    return scene.seen.size + sum(seen.size for seen in scene.beside)
