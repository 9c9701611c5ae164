"""What drivers make of a cell → a cell as tables have them."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import msgspec

from ingest.cells import Cell

_INT64 = 1 << 63


def cell(value: Any) -> Cell:
    """Numbers that no 64 bits hold, and decimals that no float holds, stay text as they were written; nested values are their json."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return value if -_INT64 <= value < _INT64 else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Decimal):
        return _decimal(value)
    if isinstance(value, dict | list | tuple):
        return msgspec.json.encode(value, enc_hook=str).decode()
    return str(value)


def _decimal(value: Decimal) -> Cell:
    if not value.is_finite():
        return None
    if value == value.to_integral_value():
        return cell(int(value))
    near = float(value)
    return near if Decimal(repr(near)) == value else str(value)
