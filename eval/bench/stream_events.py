"""The messages of the stream benchmark: alarms as a plant sends them, and messages that no reader can take."""

from __future__ import annotations

import json
from collections.abc import Callable

_ASSETS, _SIGNS = (
    40,
    ("seal leaks", "bearing runs hot", "vibration above limit", "pressure drop high", "door left open"),
)
OWN = 10
_FIRST = 1_772_592_060


def probe_word(second: int) -> str:
    """A word that stands in one event only."""
    return f"probe{second + 10_000:05d}q"


def event(n: int, word: str) -> bytes:
    """The n-th alarm; `word` is put into its message. Six hundred texts come again and again, as those of alarms do; every tenth event has
    one of its own."""
    word = word or (f"batch {n:07d}" if n % OWN == 0 else "")
    told = {
        "id": f"AL-{n}",
        "rev": 1,
        "severity": ("low", "medium", "high")[n % 3],
        "message": f"{_SIGNS[n % len(_SIGNS)]} {word}".strip(),
        "asset": f"P-{100 + n % _ASSETS}",
        "raised_at": _FIRST + n,
    }
    return json.dumps(told).encode()


def broken(n: int) -> bytes:
    """The n-th message that cannot be evidence: cut short, nested without end, no record, without its name, a number no float holds."""
    kinds: tuple[Callable[[], bytes], ...] = (
        lambda: event(n, "")[:-7],
        lambda: b"[" * 50_000 + b"]" * 50_000,
        lambda: b"[1, 2, 3]",
        lambda: json.dumps({"message": f"nobody's {n}", "rev": 1}).encode(),
        lambda: event(n, "").replace(b'"rev": 1', b'"rev": ' + b"9" * 400),
        lambda: bytes([0xFF, 0xFE, n % 256]) * 40,
    )
    return kinds[n // 100 % len(kinds)]()
