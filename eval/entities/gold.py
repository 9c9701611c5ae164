"""Texts with labelled entities: MaintIE's work orders and OMIn's accident and incident records.

MaintIE (Bikaun et al., "MaintIE: A Fine-Grained Annotation Schema and Benchmark for Information Extraction from Low-Quality
Maintenance Short Texts", LREC-COLING 2024) labels nested spans of tokens, each with a path of classes ("PhysicalObject/EmittingObject/…");
its texts had their spelling normalised. OMIn labels names without a type and without a place. The k-th time a record lists a name is
taken for the k-th place where the name stands, as OMIn's own scoring does.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from retrieval.errors import InputError

MAINTIE = "reports/maintie/work_orders_gold.json"
OMIN = "reports/faa_omin/gold/ner.csv"


class Span(NamedTuple):
    """Characters [start, end) of a text name something of this kind."""

    start: int
    end: int
    kind: str


class Labelled(NamedTuple):
    """A text and its labelled spans in order of place, a longer one before the ones inside it."""

    text: str
    spans: tuple[Span, ...]


def maintie(path: Path) -> list[Labelled]:
    """The work orders, tokens joined by spaces. Raises InputError."""
    try:
        return [_work_order(record) for record in msgspec.json.decode(path.read_bytes())]
    except (OSError, msgspec.DecodeError, KeyError, TypeError, IndexError) as error:
        raise InputError(f"{path} does not hold work orders of MaintIE: {error}") from error


def omin(path: Path) -> list[Labelled]:
    """The records; every span is of the kind "entity". Raises InputError, also for a name that does not stand in its record."""
    listed: dict[tuple[str, str], list[str]] = {}
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            for row in csv.DictReader(stream):
                listed.setdefault((row["id"], row["sample"]), []).append(row["entities"])
    except (OSError, KeyError, UnicodeDecodeError) as error:
        raise InputError(f"{path} does not hold labelled records of OMIn: {error}") from error
    if not listed:
        raise InputError(f"{path} holds no labelled record of OMIn")
    return [Labelled(text, placed(text, names)) for (_, text), names in listed.items()]


def placed(text: str, names: list[str]) -> tuple[Span, ...]:
    """Where the listed names stand, as whole words. Raises InputError for a name listed more often than it stands there."""
    asked: Counter[str] = Counter()
    spans = []
    for name in names:
        places = [found.span() for found in re.finditer(rf"(?<!\w){re.escape(name)}(?!\w)", text)]
        if asked[name] >= len(places):
            raise InputError(f"{name!r} is listed more often than it stands in {text!r}")
        spans.append(Span(*places[asked[name]], "entity"))
        asked[name] += 1
    return _ordered(spans)


def outermost(spans: tuple[Span, ...]) -> tuple[Span, ...]:
    """The spans that lie inside no other."""
    kept: list[Span] = []
    for span in spans:
        if not kept or span.end > kept[-1].end:
            kept.append(span)
    return tuple(kept)


def truncated(texts: Sequence[Labelled], depth: int) -> list[Labelled]:
    """The texts with kinds cut after `depth` classes of their path; 0 makes all of one kind."""
    return [
        Labelled(one.text, tuple(span._replace(kind="/".join(span.kind.split("/")[:depth])) for span in one.spans))
        for one in texts
    ]


def _work_order(record: dict[str, Any]) -> Labelled:
    tokens = record["tokens"]
    starts = [0]
    for token in tokens:
        starts.append(starts[-1] + len(token) + 1)
    spans = [Span(starts[e["start"]], starts[e["end"]] - 1, e["type"]) for e in record["entities"]]
    return Labelled(" ".join(tokens), _ordered(spans))


def _ordered(spans: list[Span]) -> tuple[Span, ...]:
    return tuple(sorted(spans, key=lambda span: (span.start, -span.end, span.kind)))
