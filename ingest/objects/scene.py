"""An object with what shapes how it is read: the sidecar that tells when a clip began, the site description that governs it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import PurePosixPath
from typing import NamedTuple, Protocol

from ingest.media_types import AUDIO, BY_ENDING, IMAGES, VIDEO
from ingest.objects.address import Address, Prefix, site_files
from ingest.objects.port import ObjectStore, Seen
from ingest.site import FILE_NAMES
from retrieval.ids import content_hash

_RECORDED = VIDEO | IMAGES | AUDIO
_SIDECAR = ".json"
# recordings that differ in their ending alone; more are not looked for
_NAMESAKES = 200


class Scene(NamedTuple):
    """`beside` are the objects that are fetched with it."""

    address: Address
    seen: Seen
    beside: tuple[Seen, ...]

    @property
    def fingerprint(self) -> str:
        """Changes whenever what is read of the object may: of its entity tag and size, and those of what lies beside it."""
        told = [part for each in (self.seen, *self.beside) for part in (each.etag, str(each.size))]
        return content_hash("object", *told)


class View(Protocol):
    """How a bucket looks."""

    def get(self, key: str) -> Seen | None: ...


class Asked:
    """The bucket as it is now; each key is asked for once. For one round: it does not notice what changes meanwhile."""

    def __init__(self, store: ObjectStore, bucket: str) -> None:
        self._store, self._bucket = store, bucket
        self._told: dict[str, Seen | None] = {}

    def get(self, key: str) -> Seen | None:
        """Raises SourceRejected, UpstreamError."""
        if key not in self._told:
            self._told[key] = self._store.stat(self._bucket, key)
        return self._told[key]


Listing = Mapping[str, Seen]


def scene_of(key: str, view: View | Listing, prefix: Prefix) -> Scene | None:
    """None where no such object stands. Raises SourceRejected, UpstreamError."""
    seen = view.get(key)
    if seen is None:
        return None
    beside = (view.get(each) for each in sidecar_keys(key))
    site = next(filter(None, (view.get(each) for each in site_files(key, prefix.start) if each != key)), None)
    told = tuple(each for each in (*beside, site) if each is not None)
    return Scene(Address(prefix.bucket, key), seen, () if is_site(key) else told)


def is_site(key: str) -> bool:
    return key.rpartition("/")[2] in FILE_NAMES


def is_recording(key: str) -> bool:
    return BY_ENDING.get(_suffix(key)) in _RECORDED


def sidecar_keys(key: str) -> tuple[str, ...]:
    """Where the json that describes a recording may lie: `clip.mp4.json` or `clip.json`."""
    return (key + _SIDECAR, key.removesuffix(PurePosixPath(key).suffix) + _SIDECAR) if is_recording(key) else ()


def touched_by(store: ObjectStore, address: Address) -> Iterator[str]:
    """The keys whose reading hangs on an object, itself last; a site description's are all that lie below it.

    Raises UpstreamError.
    """
    bucket, key = address
    if is_site(key):
        folder = key[: -len(key.rpartition("/")[2])]
        yield from (seen.key for seen in store.listed(bucket, folder) if seen.key != key)
    elif key.endswith(_SIDECAR):
        stem = key.removesuffix(_SIDECAR)
        near = (seen.key for seen in islice(store.listed(bucket, stem), _NAMESAKES))
        yield from (each for each in near if key in sidecar_keys(each))
    yield key


def _suffix(key: str) -> str:
    return PurePosixPath(key.rpartition("/")[2]).suffix.lower()
