"""Yaml that people write, read by one door."""

from __future__ import annotations

from typing import Any

import yaml


def parsed(data: bytes) -> Any:
    """Raises ValueError with a reason for what is no yaml, also where the parser fails of it (a date that is none, too deep a nesting)."""
    try:
        return yaml.safe_load(data)
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, AttributeError, TypeError, RecursionError) as problem:
        raise ValueError(" ".join(str(problem).split())) from problem
