"""Whether a cause that a claim gives is given by the evidence: the same two things, in the same direction."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from app.verify.bench import Bench
from app.verify.reading import Kind, Reading
from app.verify.statements import Statement

# "effect … marker … cause"
_EFFECT_FIRST = re.compile(
    r"\b(?:because(?: of)?|due to|owing to|(?:was |were |been |is |being )?(?:mainly |partly |probably |likely )?caused by|"
    r"as a (?:direct )?(?:result|consequence) of|"
    r"result(?:ed|s|ing)? from|on account of|thanks to|attribut(?:ed|able) to|triggered by|brought (?:on|about) by|"
    r"stem(?:med|s|ming)? from|arose from|blamed on|traced (?:back )?to|put down to|down to|provoked by|prompted by|forced by|"
    r"explained by|"
    r"(?:was|were|is|are|been|being|as) (?:an?|the|one) (?:direct |late |mere )?"
    r"(?:result|consequence|outcome|upshot|product|effect|symptom) of)\b",
    re.I,
)
# "cause … marker … effect"
_CAUSE_FIRST = re.compile(
    r"\b(?:caus(?:ed|es|ing)|led to|leads to|leading to|result(?:ed|s|ing) in|brought about|gave rise to|giving rise to|"
    r"(?<!was )(?<!were )(?<!been )(?<!is )(?<!and )(?<!be )trigger(?:ed|s|ing)(?! (?:at|on|in|by|for|from|during)\b)|"
    r"provok(?:ed|es|ing)|prompt(?:ed|s|ing)|"
    r"forc(?:ed|es|ing)|induc(?:ed|es|ing)|contributed to|therefore|hence|thus|consequently|"
    r"as a (?:direct )?(?:result|consequence)(?! of)|so that|"
    r"(?:was|were|is|are) (?:the|a|one) (?:root |direct |main |real )?(?:cause|reason|explanation) (?:of|for|behind)|"
    r"which is why|that is why|(?:was|were|is|lay|lies) behind|made (?:it|the|them|him|her|[A-Z])|is responsible for|"
    r"was responsible for|explains?|explained(?! by))\b"
    r"|, so\b",
    re.I,
)
# "The cause (of effect) was cause"
_NAMED = re.compile(
    r"\b(?:root )?(?:cause|reason|explanation|culprit)\b(?P<effect>[^.:]{0,200}?)"
    r"(?:\b(?:was|is|were|lies in|lay in|being)\b|:)(?P<cause>(?:[^.;]|\.(?=\w))*)",
    re.I | re.S,
)
# "blames cause for effect", "it was because cause that effect"
_TURNED = re.compile(
    r"\b(?:blam(?:e[sd]?|ing) (?P<a>)|it (?:was|is) because (?P<b>))(?P<cause>[^.;]+?)(?(a) for | that )(?P<effect>[^.;]+)",
    re.I,
)
_FOUND = re.compile(
    r"\b(?:investigation|inquiry|inspection|review|analysis|examination)\b[^.]{0,80}?"
    r"\b(?:found|showed|revealed|concluded|established)\s+that\b(?P<cause>.*)",
    re.I | re.S,
)
_HEAD = re.compile(r"\b(?:yes|yeah|yea|no|and|but|also|so|well|it (?:was|is)|this (?:was|is)|that (?:was|is))\b", re.I)
_SAYING = re.compile(r"\w")
_STOP = re.compile(r";|[.!?](?=\s|$)")
_OPEN = re.compile(
    r"\b(?:unknown|under investigation|not (?:yet )?(?:known|clear|established)|unclear|being investigated)\b", re.I
)
_ENOUGH = 0.6


class Cause(NamedTuple):
    """That one thing made another happen: character spans of both in the text that says so."""

    cause: tuple[int, int]
    effect: tuple[int, int]


def causal(text: str) -> Cause | None:
    """The cause a text gives; None when it gives none."""
    turned = _TURNED.search(text)
    if turned:
        return Cause(turned.span("cause"), turned.span("effect"))
    named = _NAMED.search(text)
    if named:
        before = (0, named.start()) if not named["effect"].strip() else named.span("effect")
        return None if _OPEN.search(named[0]) and not named["cause"].strip() else Cause(named.span("cause"), before)
    match = _EFFECT_FIRST.search(text)
    if match:
        begin, end = _clause(text, match)
        comma = text.find(",", match.end(), end)
        if not _SAYING.search(_HEAD.sub("", text[begin : match.start()])) and comma > 0:
            return Cause((match.end(), comma), (comma, end))
        return Cause((match.end(), end), (begin, match.start()))
    match = _CAUSE_FIRST.search(text)
    if match is None:
        return None
    begin, end = _clause(text, match)
    return Cause((begin, match.start()), (match.end(), end))


def _clause(text: str, match: re.Match[str]) -> tuple[int, int]:
    """Where the sentence or clause around a marker begins and ends."""
    begin = max((m.end() for m in _STOP.finditer(text, 0, match.start())), default=0)
    stop = _STOP.search(text, match.end())
    return begin, stop.start() if stop else len(text)


def uncaused(bench: Bench) -> Iterator[str]:
    """Why a claim's cause does not stand; nothing when it gives none, or when the evidence gives it too."""
    found = causal(bench.claim.text)
    # that a cause is not known gives none
    if found is None or _OPEN.search(bench.claim.text[slice(*found.cause)]):
        return
    cause, effect = _keys(bench.claim, *found.cause), _keys(bench.claim, *found.effect)
    if _raised_by(bench, found, cause):
        return
    stated = list(_stated(bench))
    # "Cause: the valve was closed" names no effect, and rests on a cause that is stated of anything
    if not any(_holds(bench, cause, c) and (not effect or _holds(bench, effect, e)) for c, e in stated):
        yield "the cited evidence states no such cause" if stated else "the cited evidence states no cause"


def _raised_by(bench: Bench, found: Cause, cause: frozenset[str]) -> bool:
    """ "P-101 triggered alert A-1" says whose alert it is, no cause."""
    marker = bench.claim.text[found.cause[1] : found.effect[0]].lower()
    return "trigger" in marker and bool(cause) and all(k.startswith("@") for k in cause)


def _holds(bench: Bench, claimed: frozenset[str], known: frozenset[str]) -> bool:
    if not claimed:
        return False
    held = [k in known if k.startswith("@") else bench.knows(k, known) for k in claimed]
    return sum(held) >= max(1.0, _ENOUGH * len(held)) and (len(held) > 2 or all(held))


def _stated(bench: Bench) -> Iterator[tuple[frozenset[str], frozenset[str]]]:
    """The (cause, effect) pairs that the evidence states."""
    for statement in bench.statements:
        if statement.sort not in ("sentence", "computed", "record"):
            continue
        text = statement.reading.text
        around = statement.context | frozenset(f"@{n}" for n in statement.names)
        finding = _FOUND.search(text)
        if finding:
            yield _keys(statement.reading, *finding.span("cause")), around | _of_same(bench, statement)
        elif statement.sort == "record" and "alarm" in statement.keys:
            # what an alert tells of is why it was raised; that it was raised is why nothing happened
            tags = frozenset(p.key for p in statement.reading.of(Kind.TAG))
            yield statement.keys - tags - {"alarm"} | around, tags | around | {"alarm"}
        found = causal(text)
        if found and not (_OPEN.search(text) and _NAMED.search(text)):
            effect = _keys(statement.reading, *found.effect)
            yield (
                _keys(statement.reading, *found.cause),
                effect | around if len(effect) < 2 else effect | frozenset(f"@{n}" for n in statement.names),
            )


def _of_same(bench: Bench, statement: Statement) -> frozenset[str]:
    """All that is said of the things a finding is about: what an investigation looked into."""
    return frozenset(k for s in bench.statements if s.names & statement.names for k in s.vocabulary)


def _keys(reading: Reading, start: int, end: int) -> frozenset[str]:
    keys = set()
    for part in reading.parts:
        if start <= part.start and part.end <= end:
            if part.kind in (Kind.WORD, Kind.TAG):
                keys.add(part.key)
            elif part.kind is Kind.NAME:
                keys.add(f"@{part.key}")
    return frozenset(keys)
