"""Whether a figure that a claim gives on the word of a log, a report or a counter stands in that very source."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from app.verify.amounts import same_amount
from app.verify.bench import Bench
from app.verify.port import Exhibit
from app.verify.reading import Kind, Part
from app.verify.units import dimension

# what a source is called in a claim, and what shows that an exhibit, or a sentence of it, is of that kind
_SOURCES = (
    (
        re.compile(r"\b(?:shift )?log(?:book)?\b", re.I),
        re.compile(r"\b(?:shift|log)[ _-]?(?:log|book)\b|\blog\b", re.I),
    ),
    (re.compile(r"\b(?:incident )?report\b", re.I), re.compile(r"\breport|incident|findings\b", re.I)),
    (re.compile(r"\bcounter\b", re.I), re.compile(r"\bcounter\b", re.I)),
)
_CREDITED = (
    re.compile(
        r"\b(?:according to|as per|per|going by|on the word of)(?: the| an?| its)? (?P<named>[\w -]{3,40}?)(?=[,:;.]|$)",
        re.I,
    ),
    re.compile(
        r"\b(?:the|an?) (?P<named>[\w -]{3,30}?) (?:says?|said|states?|notes?|has it|tells? (?:us|of)|records?|puts? it|"
        r"refers? to|points? to|mentions?|cites?|gives?|[a-z]{3,}s)\b",
        re.I,
    ),
)
_HEAD = 80
_JOINT = re.compile(r"[,;]|\b(?:and|but|while|whereas|against|versus)\b", re.I)


def misplaced(bench: Bench, exhibits: Sequence[Exhibit]) -> Iterator[str]:
    """Why "40 minutes by the log, 55 by the report" does not stand; nothing where one kind of source is cited, or none is named."""
    if len(exhibits) < 2:
        return
    figures = [p for p in bench.claim.of(Kind.AMOUNT) if p.amount and dimension(p.amount.unit)]
    named = [(m.start(), kind) for kind, (called, _) in enumerate(_SOURCES) for m in called.finditer(bench.claim.text)]
    if len({kind for _, kind in named}) < 2 or len(figures) < 2:
        return
    for figure, kind in _paired(bench.claim.text, figures, sorted(named)):
        if not _stands(bench, figure, kind, exhibits):
            yield f"{figure.text.strip()} does not stand in the source that the claim names for it"


def miscredited(claim: str, exhibits: Sequence[Exhibit]) -> Iterator[str]:
    """Why "the incident report says" does not stand: what is cited are sources of another kind, by their names and headings."""
    for match in (m for pattern in _CREDITED for m in pattern.finditer(claim)):
        kinds = {kind for kind, (called, _) in enumerate(_SOURCES[:2]) if called.search(match["named"])}
        shown = [_kinds(exhibit) for exhibit in exhibits]
        if len(kinds) == 1 and all(shown) and not any(kinds & each for each in shown):
            yield f"no {match['named'].strip()} is cited"


def _kinds(exhibit: Exhibit) -> set[int]:
    """Which kinds of source an exhibit is, by its file's name and the head of its text; none where neither says."""
    name = PurePosixPath(exhibit.evidence.source).name.replace("_", " ")
    head = f"{name}\n{exhibit.evidence.text[:_HEAD]}"
    return {kind for kind, (called, _) in enumerate(_SOURCES[:2]) if called.search(head)}


def _paired(text: str, figures: Sequence[Part], named: Sequence[tuple[int, int]]) -> Iterator[tuple[Part, int]]:
    """Each figure with the source named in its clause, else figures and sources in the same order ("log and report: 40 against 55")."""
    cuts = [m.start() for m in _JOINT.finditer(text)]
    clause = [sum(cut <= figure.start for cut in cuts) for figure in figures]
    beside = [[kind for at, kind in named if sum(cut <= at for cut in cuts) == n] for n in clause]
    if all(len(kinds) == 1 for kinds in beside):
        yield from ((figure, kinds[0]) for figure, kinds in zip(figures, beside, strict=True))
    elif len(figures) == len(named):
        yield from ((figure, kind) for figure, (_, kind) in zip(figures, named, strict=True))


def _stands(bench: Bench, figure: Part, kind: int, exhibits: Sequence[Exhibit]) -> bool:
    shows = _SOURCES[kind][1]
    known = [
        s
        for s in bench.statements
        if shows.search(exhibits[s.exhibit].text) or shows.search(exhibits[s.exhibit].evidence.source)
    ]
    return any(
        same_amount(figure.amount, f.amount, f.computed) for s in known for f in s.facts if f.amount and figure.amount
    )
