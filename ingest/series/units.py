"""Units as column names carry them: "temp [°C]", "Pressure (bar)", "flow_m3_h". They are kept as they are; nothing is converted."""

from __future__ import annotations

import re
from typing import NamedTuple

# endings of column names, cut at "_", "-", "." and spaces, in lower case
_ENDINGS: dict[tuple[str, ...], str] = {
    ("m3", "h"): "m³/h", ("m3", "hr"): "m³/h", ("m3h",): "m³/h", ("m3", "s"): "m³/s", ("m3",): "m³",
    ("l", "min"): "L/min", ("l", "s"): "L/s", ("l", "h"): "L/h", ("lpm",): "L/min", ("gpm",): "gal/min",
    ("kg", "h"): "kg/h", ("kg", "s"): "kg/s", ("t", "h"): "t/h", ("mm", "s"): "mm/s", ("m", "s"): "m/s",
    ("m", "s2"): "m/s²", ("km", "h"): "km/h", ("degc",): "°C", ("deg", "c"): "°C", ("celsius",): "°C",
    ("degf",): "°F", ("deg", "f"): "°F", ("fahrenheit",): "°F", ("kelvin",): "K", ("bar",): "bar", ("barg",): "barg",
    ("bara",): "bara", ("mbar",): "mbar", ("psi",): "psi", ("psig",): "psig", ("kpa",): "kPa", ("hpa",): "hPa",
    ("kw",): "kW", ("kwh",): "kWh", ("mwh",): "MWh", ("kva",): "kVA", ("rpm",): "rpm", ("hz",): "Hz",
    ("khz",): "kHz", ("volts",): "V", ("volt",): "V", ("kv",): "kV", ("amps",): "A", ("amp",): "A", ("pct",): "%",
    ("percent",): "%", ("ppm",): "ppm", ("ppb",): "ppb", ("db",): "dB", ("dba",): "dB(A)", ("kg",): "kg", ("mm",): "mm",
    ("um",): "µm", ("cm",): "cm", ("lux",): "lx", ("ohm",): "Ω", ("ntu",): "NTU", ("w", "m2"): "W/m²",
}  # fmt: skip
# these are written with either case and mean another thing in the other
_CASED = {"MPa": "MPa", "MW": "MW", "mA": "mA", "mV": "mV", "Nm": "N·m", "kN": "kN"}
# one letter is a unit only behind the word it is the unit of
_DEGREES = {"c": "°C", "f": "°F", "k": "K"}
_WARM = frozenset({"temp", "temperature", "tmp"})
_SAME = {
    "c": "°c", "degc": "°c", "deg c": "°c", "celsius": "°c", "f": "°f", "degf": "°f", "deg f": "°f", "fahrenheit": "°f",
    "kelvin": "k", "m3/h": "m³/h", "m^3/h": "m³/h", "m3/hr": "m³/h", "m3": "m³", "m3/s": "m³/s", "lpm": "l/min",
    "gpm": "gal/min", "percent": "%", "pct": "%", "amps": "a", "amp": "a", "volts": "v", "volt": "v", "r/min": "rpm",
    "min-1": "rpm", "1/min": "rpm", "m/s2": "m/s²", "m/s^2": "m/s²", "um": "µm", "ohm": "ω",
}  # fmt: skip
_BRACKETS = re.compile(r"(.+?)\s*[(\[]([^()\[\]]{1,12})[)\]]")


class Named(NamedTuple):
    """A column's name without its unit, and the unit, "" where the name carries none."""

    words: str
    unit: str


def named(column: str) -> Named:
    """The name and the unit of a column: what stands in brackets at its end, or an ending that is a unit."""
    found = _BRACKETS.fullmatch(column.strip())
    if found:
        return Named(found[1], found[2].strip())
    parts = re.split(r"([_\s.\-]+)", column.strip())
    words = parts[::2]
    for size in (2, 1):
        unit = _unit(words, size)
        if unit:
            return Named("".join(parts[: 2 * (len(words) - size) - 1]), unit)
    return Named(column, "")


def same(one: str, other: str) -> bool:
    """Whether two spellings mean one unit. "kPa" and "KPA" do; so do "degC" and "°C"."""
    return _plain(one) == _plain(other)


def _plain(unit: str) -> str:
    text = unit.strip()
    if text in _CASED:
        return text
    low = text.casefold().replace("º", "°")
    return _SAME.get(low, low)


def _unit(words: list[str], size: int) -> str:
    if len(words) <= size or not words[0]:
        return ""
    ending = tuple(word.casefold() for word in words[-size:])
    if ending in _ENDINGS:
        return _ENDINGS[ending]
    if size == 1 and words[-1] in _CASED:
        return _CASED[words[-1]]
    warm = size == 1 and words[-2].casefold() in _WARM
    return _DEGREES.get(ending[0], "") if warm else ""
