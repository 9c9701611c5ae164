"""A place has one follower, however it is written."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from app.wiring_follow import sole
from retrieval.errors import StoreBusy


def test_a_place_is_held_against_another_however_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts: Any = SimpleNamespace(_dir=tmp_path / "store")
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    (tmp_path / "link").symlink_to("one")
    monkeypatch.chdir(tmp_path)
    with sole(parts, "one"):
        for same in ("./one", "one/", "link", str(tmp_path / "one")):
            with pytest.raises(StoreBusy, match="follows"), sole(parts, same):
                pass
        monkeypatch.chdir(tmp_path / "one")
        with pytest.raises(StoreBusy), sole(parts, "."):
            pass
        monkeypatch.chdir(tmp_path / "two")
        with sole(parts, "."), sole(parts, "s3://plant/one"), sole(parts, "s3://plant/one/"):
            pass
