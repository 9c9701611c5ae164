"""The one format of an evaluation question, shared by generated sites and by the cases on real data.

A question states what a right answer must say (`verdict`, `figures`) and what it must cite (`evidence`). Evidence is named
by what a person would point at (a source, and a time, page, key or words in it), never by an id, so that the same truth
holds for any store. Files are JSON lines, one question a line.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

import msgspec


class Expected(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One piece of evidence a right answer cites. Every field given must match; a field left out matches anything.

    `source` is the path relative to the ingested folder (posix). `start`/`end` are aware datetimes: the citation's valid
    time must overlap [start, end). `page` is 1-based. `contains` are words that stand in the evidence's text (any case).
    `key` is the key of a row or alert. `ms` is a position in a clip whose wall-clock time is unknown: the citation's frame
    must lie within `ms[0] <= frame ms <= ms[1]`.
    """

    source: str
    kind: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    page: int | None = None
    contains: tuple[str, ...] = ()
    key: str | None = None
    ms: tuple[int, int] | None = None


class Figure(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A number the answer's claims must state, within `tolerance` (absolute, in `unit`)."""

    value: float
    tolerance: float = 0.0
    unit: str = ""


class Question(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One question with its truth.

    `evidence` must each be cited (recall); a citation that matches neither `evidence` nor `acceptable` counts against
    precision. `attributes` are the visual attributes a frame question hangs on, so that results can be reported for the
    attributes the eyes see well and badly. `paraphrase_of` names the question this one words differently.
    """

    id: str
    kind: str
    question: str
    asked_at: datetime
    verdict: str
    evidence: tuple[Expected, ...] = ()
    acceptable: tuple[Expected, ...] = ()
    figures: tuple[Figure, ...] = ()
    attributes: tuple[str, ...] = ()
    paraphrase_of: str | None = None


def read_questions(path: Path) -> list[Question]:
    """Read a JSON-lines file of questions. Raises msgspec.ValidationError naming the field that is wrong."""
    decoder = msgspec.json.Decoder(Question)
    return [decoder.decode(line) for line in path.read_bytes().splitlines() if line.strip()]


def write_questions(path: Path, questions: Iterable[Question]) -> None:
    """Write questions as JSON lines, one a line."""
    path.write_bytes(b"".join(msgspec.json.encode(question) + b"\n" for question in questions))
