"""Whether a series stood to a limit as a claim says: just up to it, kept within it, never under it, below it for so long."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from app.verify.amounts import Amount
from app.verify.bench import Bench
from app.verify.reading import Kind
from app.verify.statements import Statement
from app.verify.units import converted, dimension

_LIMIT = r"(?:limit|threshold|set[ -]?point|bound)"
_UNDER = r"(?:within|below|under(?:neath)?|inside|beneath|no higher than|at or below|lower than|less than)"
_OVER = r"(?:above|over|beyond|no lower than|at or above|higher than|greater than)"
_JUST = r"\b(?:just|only|barely|merely|exactly|precisely|right|narrowly)(?: about)? "
_GRAZED = re.compile(
    rf"{_JUST}(?:touch|reach|met\b|meet|hit|graz|brush|kiss|at\b|on\b)\w*[^.;]{{0,40}}\b{_LIMIT}\b"
    rf"|{_JUST}(?:touch|graz|brush|kiss)\w*\s+(?:the |at |on )*(?P<figure>\d)",
    re.I,
)
# "stayed below 34 A", "was within its limit of 34 A throughout"; a length of time behind it is another thing
_KEPT = re.compile(
    rf"(?<!not )(?<!n't )(?<!never )\b(?:stay|remain|kept|keep|held|hold)\w*\s+(?:\w+ly |always |all the time |well |just )?"
    rf"(?:(?P<under>{_UNDER})|(?P<over>{_OVER}))\b",
    re.I,
)
_NOT_BEYOND = re.compile(
    r"(?:\bnever|\bnot|n't)\s+(?:\w+ )?(?:fall|fell|drop\w*|dip\w*|sink|sank|go|went|gone)\w*\s+"
    r"(?:\w+ )?(?:(?P<over>below|under|beneath)|(?P<under>above|over|beyond))\b",
    re.I,
)
_NO_EXTREME = re.compile(
    r"(?:\bnever|\bnot|n't|\bfail\w* to|\bwithout)\s+(?:ever |even |once |quite )?(?:(?:reach|hit|touch|attain|come up to|get to)\w*|"
    r"(?:dip|drop|f[ae]ll|s[ia]nk|r[io]s|climb|peak|went|g[eo]t?)\w*(?: down| up)? (?:to|at))\s+"
    r"(?:its|the|a|their)\s+(?:highest |lowest |\w+ )?(?:maximum|minimum|peak|max|min|high|low|top|(?:high|low)est \w+)\b"
    r"(?! (?:limit|permitted|allowed|rat|design))",
    re.I,
)
_WITHIN_LIMIT = re.compile(
    rf"\b(?P<under>{_UNDER})\s+(?:(?:its|the|their|that|this|a|high|upper|own|set)\s+)*(?:\S+ ){{0,3}}?{_LIMIT}\b", re.I
)
_DENIED = re.compile(r"\b(?:not|never|no longer)\b|n't\b", re.I)
# of a limit, so much is still at it
_AT = 0.005
# a bound in another unit than the samples' says something only where it is of their size
_SIZE = 2.0
_SOON = 60
_NEAR = 110
_LENGTH = re.compile(r"(?:[^.;]|\.\d){0,60}?\bfor (?:\w+ ){0,2}\d+ (?:s|min|h)\w*", re.I)
_RANGE = re.compile(r"\D{0,24}\d[\d.,]*\s?[^\s\d]{0,8}(?:\s+(?:to|and)\s+|\s*[–—-]\s*)-?\d", re.I)
# "stayed within its limit until 02:39" is of a part of what is cited, which is not held against all of it
_UNTIL = re.compile(r"(?:[^.;]|\.\d){0,60}?\b(?:until|till)\b", re.I)
_SAMPLES = re.compile(r"\s*(?:of (?:the |its )?)?(?:\w+ )?(?:samples?|readings?|values?|measurements?)\b", re.I)


def strayed(bench: Bench) -> Iterator[str]:
    """Why what a claim says of a series and a limit does not stand; nothing when it does, or no series is cited."""
    runs = [s for s in bench.statements if "series" in s.sort]
    if runs:
        yield from _grazed(bench, runs)
        yield from _kept(bench, runs)
        yield from _unreached(bench)
        yield from _spent_within(bench, runs)


def _grazed(bench: Bench, runs: Sequence[Statement]) -> Iterator[str]:
    """ "Just touched its limit", "just touched 34 A": the samples went past it, or never came up to it."""
    grazed = _GRAZED.search(bench.claim.text)
    if grazed is None:
        return
    told = _bound(bench, grazed.start("figure")) if grazed["figure"] else None
    for statement in runs if told or not grazed["figure"] else ():
        top, limit = _extreme(statement, "max"), told or _extreme(statement, "limit")
        if top and limit and abs(top.value - limit.value) > _AT * abs(limit.value):
            yield f"the highest value was {top.value:.6g} beside {limit.value:.6g}"
            return


def _kept(bench: Bench, runs: Sequence[Statement]) -> Iterator[str]:
    """ "Stayed within 34 A", "did not fall below 7 bar": no stretch of what is cited kept to it."""
    for pattern in (_KEPT, _NOT_BEYOND):
        for match in pattern.finditer(bench.claim.text):
            bound = _bound(bench, match.end())
            under = match["under"] is not None
            if bound is None or _beside_it(bench, match.end()):
                continue
            told = [_extreme(s, "max" if under else "min") for s in runs]
            known = [a for a in told if a is not None]
            if known and not any(_keeps(a, bound, under) for a in known):
                yield f"{match[0].lower()} {bound.value:.6g} does not stand: it reached {known[0].value:.6g}"


def _bound(bench: Bench, at: int) -> Amount | None:
    """The measured figure right behind a place in the claim."""
    near = (p.amount for p in bench.claim.parts if at <= p.start < at + _SOON and p.amount)
    first = next(near, None)
    return None if first is None or dimension(first.unit) == "time" else first


def _beside_it(bench: Bench, at: int) -> bool:
    """Whether it is said for how long ("stayed below 7 mm/s for 28 minutes"), until when, or between two figures: others check that."""
    return any(each.match(bench.claim.text, at) for each in (_LENGTH, _UNTIL, _RANGE))


def _extreme(statement: Statement, role: str) -> Amount | None:
    return next((f.amount for f in statement.facts if f.role == role and f.amount), None)


def _keeps(reached: Amount, bound: Amount, under: bool) -> bool:
    """Whether an extreme keeps to a bound, to the digits the bound is given with."""
    value: float | None = reached.value
    if bound.unit and reached.unit and bound.unit != reached.unit:
        value = converted(reached.value, reached.unit, bound.unit)
        if value is None or not abs(bound.value) / _SIZE <= abs(value) <= abs(bound.value) * _SIZE:
            return False
    slack = bound.step / 2 + 1e-9
    return value is not None and (value <= bound.value + slack if under else value >= bound.value - slack)


def _unreached(bench: Bench) -> Iterator[str]:
    """ "Never reached its maximum": what is the highest of the samples was reached."""
    match = _NO_EXTREME.search(bench.claim.text)
    if match:
        yield f"“{match[0].lower()}” does not stand: it is one of the samples"


def _spent_within(bench: Bench, runs: Sequence[Statement]) -> Iterator[str]:
    """ "Below its limit for 28 minutes", "28 samples under the limit" where that much is what lay above it."""
    match = _WITHIN_LIMIT.search(bench.claim.text)
    if match is None or _DENIED.search(bench.claim.text[max(0, match.start() - 24) : match.start()]):
        return
    for read, known in ((_seconds, _within(runs, "duration")), (_samples, _within(runs, "beyond"))):
        for told, step in read(bench, match):
            if known and not any(abs(told - k) <= max(step, 0.02 * k) for k in known):
                yield f"so much was above the limit, and {known[0]:.6g} below it"


def _within(runs: Sequence[Statement], role: str) -> list[float]:
    """What lay on the right side of a high limit: seconds for "duration", samples for "beyond"."""
    found = []
    counts = [f.amount.value for s in runs for f in s.facts if f.role == "count" and f.amount]
    for statement in runs:
        beyond = next((f.amount.value for f in statement.facts if f.role == "beyond" and f.amount), 0.0)
        if "exceed" not in statement.keys or not beyond:
            continue
        # with the last sample's own length and without it
        lengths = [f.amount.value for f in statement.facts if f.role == "duration" and f.amount]
        steps = [length / beyond for length in lengths] if role == "duration" else [1.0]
        found += [(n - beyond) * step for n in counts for step in steps if n >= beyond]
    return found


_Read = Callable[[Bench, "re.Match[str]"], Iterator[tuple[float, float]]]


def _seconds(bench: Bench, match: re.Match[str]) -> Iterator[tuple[float, float]]:
    """Lengths of time told behind the limit with "for", in seconds, and how finely."""
    for part in bench.claim.parts:
        led = re.search(
            r"\bfor\s+(?:(?:about|around|some|roughly|nearly|almost|a total of)\s+)*$",
            bench.claim.text[: part.start][-40:],
            re.I,
        )
        if (
            part.amount
            and led
            and dimension(part.amount.unit) == "time"
            and match.end() <= part.start < match.end() + _NEAR
        ):
            scale = converted(1.0, part.amount.unit or "s", "s") or 1.0
            yield part.amount.value * scale, max(part.amount.step * scale, 60.0)


def _samples(bench: Bench, match: re.Match[str]) -> Iterator[tuple[float, float]]:
    for part in bench.claim.parts:
        counts = part.kind is Kind.AMOUNT and part.amount and part.amount.unit is None
        near = match.start() - _NEAR <= part.start < match.end()
        if counts and part.amount and near and _SAMPLES.match(bench.claim.text, part.end):
            yield part.amount.value, 0.5
