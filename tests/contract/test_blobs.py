"""What every blob store does."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from retrieval.adapters.folder_blobs import FolderBlobs
from retrieval.errors import EvidenceNotFound, StoreError


@pytest.fixture(params=["folder"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> FolderBlobs:
    return FolderBlobs(tmp_path / "blobs")


def test_bytes_and_media_type_come_back(blobs: FolderBlobs) -> None:
    key = blobs.put("t", b"picture", "image/jpeg")
    assert key == hashlib.sha256(b"picture").hexdigest()
    assert blobs.get("t", key) == b"picture"
    assert blobs.media_type("t", key) == "image/jpeg"
    assert Path(blobs.path("t", key)).read_bytes() == b"picture"


def test_empty_bytes_are_bytes_too(blobs: FolderBlobs) -> None:
    assert blobs.get("t", blobs.put("t", b"", "text/plain")) == b""


def test_same_bytes_are_stored_once(blobs: FolderBlobs, tmp_path: Path) -> None:
    first = blobs.put("t", b"x", "text/plain")
    before = sorted(p for p in tmp_path.rglob("*") if p.is_file())
    assert blobs.put("t", b"x", "text/plain") == first
    assert sorted(p for p in tmp_path.rglob("*") if p.is_file()) == before
    assert len(before) == 2


def test_tenants_do_not_see_each_other(blobs: FolderBlobs) -> None:
    key = blobs.put("a", b"secret", "text/plain")
    for read in (blobs.get, blobs.media_type, blobs.path):
        with pytest.raises(EvidenceNotFound):
            read("b", key)


@pytest.mark.parametrize(
    "key", ["", "0" * 64, "A" * 64, "../" * 21 + "a", "a" * 63, "a" * 65, "a" * 64 + "\n", "/etc/passwd", "a/" * 32]
)
def test_unknown_and_malformed_keys_are_not_found(blobs: FolderBlobs, key: str) -> None:
    blobs.put("t", b"x", "text/plain")
    for read in (blobs.get, blobs.media_type, blobs.path):
        with pytest.raises(EvidenceNotFound):
            read("t", key)


@pytest.mark.parametrize("tenant", ["../../up", "/abs", "a\x00b", "ключ", "a" * 400])
def test_a_tenants_name_never_becomes_a_path(tmp_path: Path, tenant: str) -> None:
    blobs = FolderBlobs(tmp_path / "blobs")
    key = blobs.put(tenant, b"x", "text/plain")
    assert Path(blobs.path(tenant, key)).resolve().is_relative_to((tmp_path / "blobs").resolve())
    assert [p.name for p in tmp_path.iterdir()] == ["blobs"]


def test_damaged_bytes_are_refused(blobs: FolderBlobs) -> None:
    key = blobs.put("t", b"good", "text/plain")
    Path(blobs.path("t", key)).write_bytes(b"evil")
    with pytest.raises(StoreError, match="damaged"):
        blobs.get("t", key)


def test_a_failed_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blobs = FolderBlobs(tmp_path / "blobs")

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StoreError, match="No space left"):
        blobs.put("t", b"x", "text/plain")
    assert not [p for p in tmp_path.rglob("*") if p.is_file()]


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "blobs").write_text("a file stands where the folder should be")
    with pytest.raises(StoreError, match="blob storage failed"):
        FolderBlobs(tmp_path / "blobs").put("t", b"x", "text/plain")


def test_what_a_killed_process_left_half_written_goes(tmp_path: Path) -> None:
    incoming = tmp_path / ".new"
    incoming.mkdir()
    old, young = incoming / "new-old", incoming / "new-young"
    old.write_bytes(b"half")
    young.write_bytes(b"another process writes it")
    os.utime(old, (1, 1))
    FolderBlobs(tmp_path).put("t", b"frame", "image/png")
    assert list(incoming.iterdir()) == [young]
