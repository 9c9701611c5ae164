"""What may be said of an object store."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.settings import load
from retrieval.errors import BadSettings


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ENDPOINT_URL", "127.0.0.1:9000"),
        ("ENDPOINT_URL", "file:///etc"),
        ("ENDPOINT_URL", "http://key:secret@host:9000"),
        ("ENDPOINT_URL", "http://host:9000/path"),
        ("PREFIXES", '["plant/north"]'),
        ("PREFIXES", '["s3:///north"]'),
        ("SPOOL_MB", "0"),
    ],
)
def test_what_is_wrong_is_refused_by_name_and_without_a_secret(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, value: str
) -> None:
    monkeypatch.setenv(f"WATCHFLOOR_OBJECTS__{name}", value)
    with pytest.raises(BadSettings, match=name.lower()) as refused:
        load(data_dir=tmp_path)
    assert "secret" not in str(refused.value)


def test_secrets_are_never_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("WATCHFLOOR_OBJECTS__SECRET", "hush-hush")
    monkeypatch.setenv("WATCHFLOOR_OBJECTS__TOKEN", "hush-hush")
    assert "hush" not in repr(load(data_dir=tmp_path))
