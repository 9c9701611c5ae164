"""Whether a sentence stands in what it cites: its figures, times, dates, units, tags and addresses, and by and large its words.

Everything is compared with what was shown under the cited labels alone, never with other evidence. Figures must be equal, not near.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from app.answer.question import content_words
from app.answer.series import stem, tokens_of
from retrieval.types import Support

# the share of a claim's content words that must stand in what it cites
_ENOUGH_WORDS = 0.5
_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
_MONTH = r"(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_CLOCK = re.compile(
    r"(?<![\d.:])(\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?(?!\d)(?:\s*([ap])\.?m\b\.?)?(?:\s?(UTC|GMT|Z|[A-Z]{2,4}T)\b)?"
)
_HOUR = re.compile(r"\b(\d{1,2})\s*([ap])\.?m\b\.?", re.I)
_DATES = (
    (re.compile(r"(?<!\d)(\d{4})-(\d{2})-(\d{2})(?!\d)"), (1, 2, 3)),
    (re.compile(rf"\b(\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?{_MONTH}(?:,?\s+(\d{{4}}))?\b", re.I), (3, 2, 1)),
    (re.compile(rf"\b{_MONTH}\s+(\d{{1,2}})(?:st|nd|rd|th)?\b(?:,?\s+(\d{{4}}))?\b", re.I), (3, 1, 2)),
)
_TAG = re.compile(r"(?<!\w)(?=[\w-]*\d)[A-Za-z][A-Za-z0-9]*(?:[-_.][A-Za-z0-9]+)*")
_NUMBER = re.compile(r"(?<![\w.])([-−]?)(\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:[.,]\d+)?)((?:[eE][-+]?\d+)?)")
_ADDRESS = re.compile(
    r"(?:\b[a-z][a-z0-9+.-]*://|\bwww\.|\bmailto:|\bdata:|\bjavascript:|\b(?:[a-z0-9-]+\.)+[a-z]{2,}/)[^\s<>]*", re.I
)
_NOT = re.compile(r"\b(?:not|no|never|nobody|none|without|cannot|nothing)\b|\w+n['’]t\b", re.I)
# how many words after a "not" it speaks of
_REACH = 3
# what is said of every moment or everyone: a picture shows one moment of one place
_UNIVERSAL = re.compile(
    r"\b(?:always|everyone|everybody|everything|everywhere|nowhere|neither|throughout|at all times|"
    r"(?:all|every|whole|entire)[ -](?:the )?(?:night|day|morning|afternoon|evening|shift|week|time|hour|minute|moment)s?)\b",
    re.I,
)

# canonical unit: spellings, `_` for a space; symbols keep their case (mW is not MW), words of four letters or more do not
_UNITS = {
    "%": "% percent per_cent pct",
    "°C": "°C ℃ C degC celsius degrees_C degrees_celsius",
    "°F": "°F ℉ F degF fahrenheit degrees_F degrees_fahrenheit",
    "K": "K kelvin",
    "bar": "bar bars barg",
    "mbar": "mbar millibar",
    "psi": "psi",
    "Pa": "Pa pascal",
    "kPa": "kPa kilopascal",
    "MPa": "MPa megapascal",
    "mm/s": "mm/s",
    "m/s": "m/s",
    "km/h": "km/h kph",
    "mm": "mm millimetres millimeters",
    "cm": "cm centimetres centimeters",
    "m": "m metres meters metre meter",
    "km": "km kilometres kilometers",
    "ms": "ms milliseconds",
    "s": "s sec secs second seconds",
    "min": "min mins minute minutes",
    "h": "h hr hrs hour hours",
    "d": "day days",
    "W": "W watt watts",
    "kW": "kW kilowatt kilowatts",
    "MW": "MW megawatt megawatts",
    "kWh": "kWh",
    "MWh": "MWh",
    "V": "V volt volts",
    "kV": "kV",
    "A": "A amp amps ampere amperes",
    "mA": "mA",
    "Hz": "Hz hertz",
    "kHz": "kHz",
    "rpm": "rpm RPM",
    "l/min": "l/min L/min lpm",
    "l/s": "l/s L/s",
    "m³/h": "m³/h m3/h",
    "l": "l L litres liters litre liter",
    "kg": "kg kilograms",
    "g": "g grams",
    "t": "t tonnes tons tonne ton",
    "dB": "dB decibels",
    "ppm": "ppm",
    "Nm": "Nm N·m",
    "GB": "GB",
    "MB": "MB",
}
_CANONICAL = {spelling.replace("_", " "): unit for unit, all_ in _UNITS.items() for spelling in all_.split()}
_LOWER = {spelling.lower(): unit for spelling, unit in _CANONICAL.items() if len(spelling) > 3}
_UNIT = re.compile(
    r"[ \u00a0\u202f-]?("
    + "|".join(
        (rf"(?i:{re.escape(s)})" if s.lower() in _LOWER else re.escape(s))
        for s in sorted(_CANONICAL, key=len, reverse=True)
    )
    + r")(?![\w/³])"
)
_ONES = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
_WORDS = {word: n for n, word in enumerate(_ONES.split())}
_WORDS |= {w: 10 * n for n, w in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), 2)}
_SAID = _WORDS | {"hundred": 100, "thousand": 1000, "dozen": 12, "twice": 2, "thrice": 3, "pair": 2}
_SAID_RUN = re.compile(rf"\b(?:{'|'.join(_SAID)})(?:[ -](?:and )?(?:{'|'.join(_SAID)}))*\b", re.I)


class Figures(NamedTuple):
    """What a text states exactly. Times are (h, m, s or None, zone or None), dates (y or None, m, d), numbers (value, unit or None)."""

    times: frozenset[tuple[int, int, int | None, str | None]]
    dates: frozenset[tuple[int | None, int, int]]
    numbers: frozenset[tuple[float, str | None]]
    tags: frozenset[str]
    units: frozenset[str]


def weigh(text: str, shown: str, names: Iterable[str] = (), seen: str = "") -> Support:
    """What a claim is worth beside what was `shown` under its labels, and `seen` in the frames among them.

    `names` are tags the evidence hangs on. A denial or a universal may rest on `shown` alone: a frame is one moment.
    """
    shown = shown if sweeping(text) else f"{shown}\n{seen}"
    if not shown.strip() or not figures_stand(text, shown, names) or any(a not in shown for a in addresses(text)):
        return Support.UNSUPPORTED
    words = {stem(w) for w in content_words(_without_figures(text))}
    known = tokens_of(shown, *names)
    shared = sum(w in known or tokens_of(w) <= known for w in words)
    if shared < _ENOUGH_WORDS * len(words) or not content_words(text):
        return Support.UNSUPPORTED
    return Support.CONTRADICTED if _turned(text, shown) else Support.SUPPORTED


def sweeping(text: str) -> bool:
    """Whether a text denies something, or says it of every moment or everyone."""
    return bool(_NOT.search(text) or _UNIVERSAL.search(text))


def figures_stand(text: str, shown: str, names: Iterable[str] = ()) -> bool:
    """Whether every time, date, number with its unit, and tag of a text stands in what was shown."""
    claimed, known = figures(text), figures(shown)
    tags = known.tags | {n.lower() for n in names} | {t for n in names for t in figures(n).tags}
    return (
        all(any(_same_time(t, k) for k in known.times) for t in claimed.times)
        and all(any(_same_date(d, k) for k in known.dates) for d in claimed.dates)
        and all(_number_stands(n, known) for n in claimed.numbers)
        and claimed.tags <= tags
    )


def addresses(text: str) -> list[str]:
    """Every address of a text (https://…, www.…, mailto:…, host.name/…), without the punctuation behind it."""
    return [m[0].rstrip(".,;:!?)]}'\"*") for m in _ADDRESS.finditer(text)]


def without_addresses(text: str, shown: str) -> str:
    """A text with the addresses taken out that do not stand, letter by letter, in what was shown."""
    for address in sorted(addresses(text), key=len, reverse=True):
        if address not in shown:
            text = text.replace(address, "[address removed]")
    return text


def figures(text: str) -> Figures:
    """The times, dates, numbers and tags of a text; what belongs to one is not read again as another."""
    text = _ADDRESS.sub(" ", text)
    dates, text = _taken_dates(text)
    times = _clocks(text)
    text = _CLOCK.sub(" ", text)
    times |= {(int(m[1]) % 12 + 12 * (m[2].lower() == "p"), 0, None, None) for m in _HOUR.finditer(text)}
    text = _HOUR.sub(" ", text)
    tags = {m[0].lower() for m in _TAG.finditer(text)}
    units = {_unit(m[1]) for m in re.finditer(r"(?<!\w)" + _UNIT.pattern, text)}
    text = _TAG.sub(" ", text)
    numbers = {(_value(m), _unit_after(text, m.end())) for m in _NUMBER.finditer(text)}
    numbers |= {(n, _unit_after(text, end)) for n, end in _said(text)}
    return Figures(frozenset(times), frozenset(dates), frozenset(numbers), frozenset(tags), frozenset(units))


def _taken_dates(text: str) -> tuple[set[tuple[int | None, int, int]], str]:
    found = set()
    for pattern, order in _DATES:
        for match in pattern.finditer(text):
            year, month, day = (match[i] for i in order)
            number = int(month) if month.isdigit() else _MONTHS.index(month[:3].lower()) + 1
            found.add((int(year) if year else None, number, int(day)))
        # the T of an ISO stamp goes with its date
        text = re.sub(pattern.pattern + r"T?", " ", text, flags=pattern.flags)
    return found, text


def _clocks(text: str) -> set[tuple[int, int, int | None, str | None]]:
    """Every clock time; the zone behind a range ("03:41–03:52 CET") is that of both its ends."""
    matches = list(_CLOCK.finditer(text))
    found = [_clock(m) for m in matches]
    for i in reversed(range(len(found) - 1)):
        if found[i][3] is None and re.fullmatch(
            r"\s*(?:–|-|to|and|until)\s*", text[matches[i].end() : matches[i + 1].start()]
        ):
            found[i] = (*found[i][:3], found[i + 1][3])
    return set(found)


def _clock(match: re.Match[str]) -> tuple[int, int, int | None, str | None]:
    hour = int(match[1]) % 12 + 12 * (match[4].lower() == "p") if match[4] else int(match[1])
    return hour, int(match[2]), int(match[3]) if match[3] else None, "UTC" if match[5] in ("Z", "GMT") else match[5]


def _same_time(
    claimed: tuple[int, int, int | None, str | None], known: tuple[int, int, int | None, str | None]
) -> bool:
    same = claimed[:2] == known[:2] and claimed[2] in (None, known[2])
    return same and (claimed[3] is None or known[3] in (None, claimed[3]))


def _same_date(claimed: tuple[int | None, int, int], known: tuple[int | None, int, int]) -> bool:
    return claimed[1:] == known[1:] and (claimed[0] is None or claimed[0] == known[0])


def _number_stands(claimed: tuple[float, str | None], known: Figures) -> bool:
    """The same value with the same unit; a value whose unit stands elsewhere ("vibration (mm/s): 7.1") counts too."""
    value, unit = claimed
    units = {u for v, u in known.numbers if v == value}
    if unit is None:
        return bool(units)
    return unit in units or (None in units and unit in known.units)


def _value(match: re.Match[str]) -> float:
    digits = match[2]
    digits = digits.replace(",", "") if re.search(r",\d{3}(?:\D|$)", digits) else digits.replace(",", ".")
    return float(digits + match[3]) * (-1 if match[1] else 1)


def _unit(spelling: str) -> str:
    return _CANONICAL.get(spelling) or _LOWER[spelling.lower()]


def _unit_after(text: str, end: int) -> str | None:
    match = _UNIT.match(text, end)
    return _unit(match[1]) if match else None


def _said(text: str) -> list[tuple[float, int]]:
    """Numbers in words with where they end; "one" alone is as often a pronoun and is left out."""
    found = []
    for match in _SAID_RUN.finditer(text):
        words = re.findall(r"[a-z]+", match[0].lower())
        if words != ["one"]:
            found.append((float(_added_up([w for w in words if w != "and"])), match.end()))
    return found


def _added_up(words: list[str]) -> int:
    total = current = 0
    for word in words:
        if _SAID[word] in (12, 100, 1000) and word not in _WORDS:
            current = (current or 1) * _SAID[word]
            total, current = (total + current, 0) if word == "thousand" else (total, current)
        else:
            current += _SAID[word]
    return total + current


def _without_figures(text: str) -> str:
    return _SAID_RUN.sub(" ", _NUMBER.sub(" ", _TAG.sub(" ", _CLOCK.sub(" ", _taken_dates(text)[1]))))


def _turned(text: str, shown: str) -> bool:
    """Whether a word is denied here and only affirmed there, or the other way round."""
    denied, said = _polarity(text)
    known_denied, known_said = _polarity(shown)
    return bool((denied - said) & (known_said - known_denied) or (said - denied) & (known_denied - known_said))


def _polarity(text: str) -> tuple[set[str], set[str]]:
    """Content words that are denied (they follow a "not" closely), and those that are said."""
    denied: set[str] = set()
    said: set[str] = set()
    for sentence in re.split(r"[.;:!?\n]\s", text):
        reach = 0
        for token in re.findall(r"[\w'’-]+", sentence):
            if _NOT.fullmatch(token):
                reach = _REACH
                continue
            words = {stem(w) for w in content_words(token)}
            (denied if reach > 0 else said).update(words)
            reach -= bool(words)
    return denied, said
