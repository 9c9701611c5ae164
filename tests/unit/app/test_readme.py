"""The settings table of the README names every setting with its default, and no other."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.settings import Settings

README = Path(__file__).parents[3] / "README.md"
_ROW = re.compile(r"^\|\s*`(WATCHFLOOR_[A-Z0-9_]+)`\s*\|\s*(.*?)\s*\|\s*(.*?)\s*\|\s*$", re.M)
# names the settings file itself, so it is no field
EXTRA = {"WATCHFLOOR_CONFIG", "WATCHFLOOR_TEST_DATA"}


def settings(model: Any = Settings, prefix: str = "WATCHFLOOR_") -> Iterator[tuple[str, Any]]:
    """Every variable with its default."""
    for name, field in model.model_fields.items():
        if hasattr(field.annotation, "model_fields"):
            yield from settings(field.annotation, f"{prefix}{name.upper()}__")
        else:
            yield f"{prefix}{name.upper()}", field.get_default(call_default_factory=True)


def table() -> dict[str, tuple[str, str]]:
    return {name: (default, meaning) for name, default, meaning in _ROW.findall(README.read_text(encoding="utf-8"))}


def said(default: Any) -> set[str]:
    """How a default may be written."""
    if default is None or default in ((), {}):
        return {"", "–", "-", "—", "none", "unset", "empty"}
    if isinstance(default, tuple):
        return {", ".join(default)}
    if isinstance(default, bool):
        return {str(default).lower()}
    if isinstance(default, float) and default.is_integer():
        return {str(default), str(int(default)), f"{int(default):,}"}
    return {str(default), f"./{default}"} | ({f"{default:,}"} if isinstance(default, int) else set())


def test_the_table_names_every_setting_and_no_other() -> None:
    assert set(table()) - EXTRA == {name for name, _ in settings()}


@pytest.mark.parametrize(("name", "default"), list(settings()))
def test_the_table_gives_the_default(name: str, default: Any) -> None:
    written, meaning = table()[name]
    assert written.strip("`") in said(default), f"{name} is {default!r}"
    assert meaning
