"""Whatever a person writes, the files that are yaml are read or refused in words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.site import read_site
from ingest.stream.feeds import read_feeds
from ingest.walk import walk
from ingest.warehouse.mapping import read_warehouse
from ingest.yaml_text import parsed
from retrieval.errors import BadSettings, BadSiteDescription, InputError

ODD = [
    "a: 2026-13-45",
    "a: !!timestamp soon",
    "a: 0x_",
    "{" * 1000,
    "\x00",
    "a: [",
    "? {a: b}\n: c",
    "a: !!python/object:os.system x",
]


@given(st.binary(max_size=60))
def test_any_bytes_are_yaml_or_a_reason(data: bytes) -> None:
    try:
        parsed(data)
    except ValueError as problem:
        assert str(problem)


@pytest.mark.parametrize("text", ODD)
@pytest.mark.parametrize(
    ("read", "refused"),
    [(read_site, BadSiteDescription), (read_feeds, BadSettings), (read_warehouse, BadSettings)],
)
def test_odd_files_are_refused_in_words(
    tmp_path: Path, text: str, read: Callable[[Path], Any], refused: type[Exception]
) -> None:
    path = tmp_path / "odd.yaml"
    path.write_text(text)
    with pytest.raises(refused, match=r"odd\.yaml"):
        read(path)


def test_a_name_that_no_system_takes_does_not_exist() -> None:
    with pytest.raises(InputError, match="no such file"):
        walk([Path("/" + "x" * 400)])
