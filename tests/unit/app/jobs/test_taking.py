"""A site's encoder is kept in the store under the name of its content."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.jobs.taking import keep_encoder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "site" / "clip"
    (made / "deep").mkdir(parents=True)
    (made / "weights.bin").write_bytes(b"\x00\x01")
    (made / "deep" / "card.json").write_text("{}")
    return made


def test_the_encoder_is_copied_whole(folder: Path, tmp_path: Path) -> None:
    name = keep_encoder(folder, tmp_path / "models")
    kept = tmp_path / "models" / name
    assert (kept / "weights.bin").read_bytes() == b"\x00\x01" and (kept / "deep" / "card.json").read_text() == "{}"
    assert [p.name for p in (tmp_path / "models").iterdir()] == [name]


def test_the_same_content_is_kept_once_and_left_alone(folder: Path, tmp_path: Path) -> None:
    name = keep_encoder(folder, tmp_path / "models")
    kept = tmp_path / "models" / name / "weights.bin"
    before = kept.stat().st_mtime_ns, kept.stat().st_ino
    assert keep_encoder(folder, tmp_path / "models") == name
    assert (kept.stat().st_mtime_ns, kept.stat().st_ino) == before


@pytest.mark.parametrize("change", ["content", "name", "more"])
def test_another_content_has_another_name(folder: Path, tmp_path: Path, change: str) -> None:
    first = keep_encoder(folder, tmp_path / "models")
    if change == "content":
        (folder / "weights.bin").write_bytes(b"\x00\x02")
    elif change == "name":
        (folder / "weights.bin").rename(folder / "weights2.bin")
    else:
        (folder / "more.txt").write_text("")
    second = keep_encoder(folder, tmp_path / "models")
    assert second != first
    assert {p.name for p in (tmp_path / "models").iterdir()} == {first, second}


def test_what_an_interrupted_copy_left_is_replaced(folder: Path, tmp_path: Path) -> None:
    name = keep_encoder(folder, tmp_path / "elsewhere")
    (tmp_path / "models" / f"{name}.tmp").mkdir(parents=True)
    (tmp_path / "models" / f"{name}.tmp" / "half").write_text("")
    assert keep_encoder(folder, tmp_path / "models") == name
    assert not (tmp_path / "models" / name / "half").exists()
    assert [p.name for p in (tmp_path / "models").iterdir()] == [name]


def test_a_name_that_is_no_folder_stays(tmp_path: Path) -> None:
    assert keep_encoder(tmp_path / "ViT-B-32", tmp_path / "models") == "ViT-B-32"
    assert not (tmp_path / "models").exists()
