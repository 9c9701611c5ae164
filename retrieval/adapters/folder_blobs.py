"""Blobs in a local folder: ROOT/<hash of the tenant>/<first two of the key>/<key>, its media type beside it in <key>.type.

What is being written lies in ROOT/.new until it is renamed.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from retrieval.disk import sync_folder
from retrieval.errors import EvidenceNotFound, StoreError, StoreFull
from retrieval.failpoints import NOWHERE, Failpoints, Step

_KEY = re.compile(r"[0-9a-f]{64}")
_TYPE_SUFFIX = ".type"
_INCOMING = ".new"
# no write takes an hour
_LEFT_S = 3600.0


class FolderBlobs:
    """Content-addressed by SHA-256. The bytes appear under their key whole, and only after their media type is on disk.

    Raises StoreError when the folder cannot be written or read, or when stored bytes no longer match their key.
    """

    def __init__(self, root: str | Path, failpoints: Failpoints = NOWHERE) -> None:
        self._root = Path(root)
        self._failpoints = failpoints
        self._swept = False

    def put(self, tenant: str, data: bytes, media_type: str) -> str:
        key = hashlib.sha256(data).hexdigest()
        with _translated():
            target = self._place(tenant, key)
            if not target.exists():
                self._write(target.with_suffix(_TYPE_SUFFIX), media_type.encode())
                self._write(target, data)
        return key

    def get(self, tenant: str, key: str) -> bytes:
        """The bytes, checked against their key. Raises EvidenceNotFound for an unknown or malformed key."""
        with _translated():
            data = self._found(tenant, key).read_bytes()
        if hashlib.sha256(data).hexdigest() != key:
            raise StoreError(f"the stored bytes of blob {key} are damaged")
        return data

    def media_type(self, tenant: str, key: str) -> str:
        with _translated():
            return self._found(tenant, key).with_suffix(_TYPE_SUFFIX).read_text()

    def path(self, tenant: str, key: str) -> str:
        return str(self._found(tenant, key))

    def forget(self, tenant: str, key: str) -> bool:
        """Remove the bytes and their media type, on disk too when this returns; whether there were any."""
        if not _KEY.fullmatch(key):
            return False
        target = self._place(tenant, key)
        with _translated():
            there = target.is_file()
            for path in (target, target.with_suffix(_TYPE_SUFFIX)):
                path.unlink(missing_ok=True)
            if there:
                sync_folder(target.parent)
        return there

    def _place(self, tenant: str, key: str) -> Path:
        # a tenant's name is the client's: it never becomes a file name
        return self._root / hashlib.sha256(tenant.encode()).hexdigest()[:32] / key[:2] / key

    def _found(self, tenant: str, key: str) -> Path:
        if not _KEY.fullmatch(key):
            raise EvidenceNotFound("no media with this key")
        target = self._place(tenant, key)
        if not target.is_file():
            raise EvidenceNotFound("no media with this key")
        return target

    def _write(self, target: Path, data: bytes) -> None:
        incoming = self._root / _INCOMING
        incoming.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not self._swept:
            _sweep(incoming)
            self._swept = True
        with _whole(target, incoming, self._failpoints) as file:
            file.write(data)


def _sweep(incoming: Path) -> None:
    """Remove what killed processes left half written; what another one may be writing now is younger."""
    for path in incoming.iterdir():
        with suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime > _LEFT_S:
                path.unlink()


@contextmanager
def _whole(target: Path, incoming: Path, failpoints: Failpoints) -> Iterator[IO[bytes]]:
    """A file that is renamed to `target` once its bytes are on disk; nothing stays of one that failed."""
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.NamedTemporaryFile(dir=incoming, prefix="new-", delete=False) as file:
        try:
            yield file
            file.flush()
            failpoints.reach(Step.BLOB_WRITTEN)
            os.fsync(file.fileno())
            failpoints.reach(Step.BLOB_SYNCED)
            Path(file.name).replace(target)
            failpoints.reach(Step.BLOB_RENAMED)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise
    sync_folder(target.parent)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StoreFull(f"no room for a blob: {error.strerror}; free some, then try again") from error
        raise StoreError(f"blob storage failed: {error.strerror}: {error.filename}") from error
