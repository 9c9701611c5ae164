"""What a snapshot holds, told by one file in it that is renamed into place last: without it there is no snapshot.

Every bit counts: the file must be exactly what its values are written as, and they carry a seal over themselves.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec

from retrieval.errors import ProjectionError
from retrieval.types import Micros

FORMAT = 1
MANIFEST = "manifest.json"
_encoder = msgspec.json.Encoder(order="deterministic")


class File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Size in bytes and SHA-256 (hex) of a file."""

    size: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`store` is the id of the catalog that the projection follows, `sequence` how far it had come, `recorded_at` when that log
    entry was written, and `taken_at` when this was (both UTC microseconds). `files` are by their path below the folder, with /.
    """

    format: int
    store: str
    projection: str
    sequence: int
    recorded_at: Micros
    taken_at: Micros
    files: dict[str, File]
    seal: str = ""

    def sealed(self) -> Manifest:
        """With the SHA-256 over everything else in it."""
        bare = _encoder.encode(msgspec.structs.replace(self, seal=""))
        return msgspec.structs.replace(self, seal=hashlib.sha256(bare).hexdigest())

    def encoded(self) -> bytes:
        return _encoder.encode(self)

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files.values())


_decoder = msgspec.json.Decoder(Manifest)


def read(folder: Path) -> Manifest:
    """The manifest of a snapshot's folder, whole and as it was written. Raises ProjectionError."""
    try:
        raw = (folder / MANIFEST).read_bytes()
        found = _decoder.decode(raw)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ProjectionError(f"its manifest cannot be read: {error}") from error
    if found.format != FORMAT:
        raise ProjectionError(f"it has format {found.format}, this Watchfloor reads {FORMAT}")
    if raw != found.sealed().encoded():
        raise ProjectionError("its manifest is damaged")
    return found


def files_in(folder: Path) -> dict[str, Path]:
    """Every file below the folder but the manifest, by its path there."""
    below = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
    return {name: path for name, path in below.items() if name != MANIFEST}


def measured(path: Path) -> File:
    """Size and SHA-256 as they are on disk. Raises OSError."""
    with path.open("rb") as file:
        return File(path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest())


def verify(folder: Path, told: Manifest) -> None:
    """Read every file and compare. Raises ProjectionError for the first that is missing, left over or other than it was."""
    there = files_in(folder)
    if odd := sorted(there.keys() ^ told.files.keys()):
        raise ProjectionError(f"its file {odd[0]} is {'left over' if odd[0] in there else 'missing'}")
    for name, path in there.items():
        try:
            same = measured(path) == told.files[name]
        except OSError as error:
            raise ProjectionError(f"its file {name} cannot be read: {error.strerror}") from error
        if not same:
            raise ProjectionError(f"its file {name} is damaged: size or SHA-256 differ from the manifest")
