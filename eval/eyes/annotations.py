"""What one person saw in each second of eight clips (eval/cases/presence): read, and laid out second by second."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TypeAlias

import msgspec

from retrieval.errors import InputError

FOLDER = Path(__file__).parents[1] / "cases" / "presence"
PERSON, VEHICLE = "person", "vehicle"
KINDS = ("car", "truck", "bus", "motorcycle", "bicycle")
LABELS = (PERSON, VEHICLE, *KINDS)
Run: TypeAlias = tuple[int, int]
Count: TypeAlias = tuple[int, int, int]


class Annotation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One clip. `visible` and `unsure` map labels to runs [from, to) of seconds; `counts` to runs with how many are there. A label that
    is not mentioned is nowhere to be seen; seconds without a count were not counted."""

    clip: str
    seconds: int
    note: str
    visible: dict[str, list[Run]] = {}
    unsure: dict[str, list[Run]] = {}
    counts: dict[str, list[Count]] = {}

    def __post_init__(self) -> None:
        unknown = {*self.visible, *self.unsure, *self.counts} - set(LABELS)
        if unknown:
            raise ValueError(f"unknown labels: {', '.join(sorted(unknown))}")
        counted = {label: [(first, end) for first, end, _ in runs] for label, runs in self.counts.items()}
        for runs in (*self.visible.values(), *self.unsure.values(), *counted.values()):
            edges = [edge for run in runs for edge in run]
            if (
                edges != sorted(edges)
                or any(first == end for first, end in runs)
                or max(edges, default=0) > self.seconds
            ):
                raise ValueError(f"runs out of order or beyond {self.seconds} s: {runs}")

    def truth(self, label: str) -> list[bool | None]:
        """Each second: whether one is visible in its middle; None where that is unsure."""
        seen = [_within(self.visible.get(label, ()), second) for second in range(self.seconds)]
        unsure = self.unsure.get(label, ())
        return [None if _within(unsure, second) else there for second, there in enumerate(seen)]

    def counted(self, label: str) -> list[int | None]:
        """Each second: how many are visible in its middle; None where nobody counted."""
        told: list[int | None] = [None] * self.seconds
        for first, end, many in self.counts.get(label, ()):
            told[first:end] = [many] * (end - first)
        return told


def read_all(folder: Path = FOLDER) -> list[Annotation]:
    """Every annotated clip, by name. Raises InputError for a file that is wrong."""
    return [_read(path) for path in sorted(folder.glob("*.json"))]


def _read(path: Path) -> Annotation:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Annotation)
    except (OSError, msgspec.DecodeError) as error:
        raise InputError(f"annotation {path.name}: {error}") from error


def _within(runs: Iterable[Run], second: int) -> bool:
    return any(first <= second < end for first, end in runs)
