"""Units of measure: how they are written, and which can be turned into which."""

from __future__ import annotations

import re

# canonical unit: (dimension, factor to its base, spellings), `_` for a space; symbols keep their case (mW is not MW),
# words of four letters or more do not
_UNITS: dict[str, tuple[str, float, str]] = {
    "%": ("share", 1, "% percent per_cent pct"),
    "°C": ("celsius", 1, "°C ℃ C degC deg_C celsius degrees_C degrees_celsius degrees"),
    "°F": ("fahrenheit", 1, "°F ℉ F degF fahrenheit degrees_F degrees_fahrenheit"),
    "K": ("kelvin", 1, "K kelvin"),
    "bar": ("pressure", 1e5, "bar bars barg"),
    "mbar": ("pressure", 1e2, "mbar millibar"),
    "psi": ("pressure", 6894.757, "psi"),
    "Pa": ("pressure", 1, "Pa pascal"),
    "kPa": ("pressure", 1e3, "kPa kilopascal"),
    "MPa": ("pressure", 1e6, "MPa megapascal"),
    "hPa": ("pressure", 1e2, "hPa hectopascal"),
    "atm": ("pressure", 101325, "atm atmospheres"),
    "mm/s": ("speed", 1e-3, "mm/s millimetres_per_second millimeters_per_second mm_per_second"),
    "cm/s": ("speed", 1e-2, "cm/s"),
    "m/s": ("speed", 1, "m/s metres_per_second meters_per_second"),
    "in/s": ("speed", 0.0254, "in/s ips inches_per_second"),
    "ft/s": ("speed", 0.3048, "ft/s feet_per_second"),
    "km/h": ("speed", 1 / 3.6, "km/h kph kmh kilometres_per_hour kilometers_per_hour"),
    "mph": ("speed", 0.44704, "mph miles_per_hour"),
    "mm": ("length", 1e-3, "mm millimetres millimeters millimetre millimeter"),
    "cm": ("length", 1e-2, "cm centimetres centimeters"),
    "m": ("length", 1, "m metres meters metre meter"),
    "km": ("length", 1e3, "km kilometres kilometers"),
    "in": ("length", 0.0254, "inch inches"),
    "ft": ("length", 0.3048, "ft feet foot"),
    "µm": ("length", 1e-6, "µm μm micrometres micrometers microns"),
    "ms": ("time", 1e-3, "ms milliseconds"),
    "s": ("time", 1, "s sec secs second seconds"),
    "min": ("time", 60, "min mins minute minutes"),
    "h": ("time", 3600, "h hr hrs hour hours"),
    "d": ("time", 86400, "day days"),
    "wk": ("time", 604800, "week weeks"),
    "W": ("power", 1, "W watt watts"),
    "kW": ("power", 1e3, "kW kilowatt kilowatts"),
    "hp": ("power", 745.6998715822702, "hp horsepower"),
    "MW": ("power", 1e6, "MW megawatt megawatts"),
    "kWh": ("energy", 1e3, "kWh"),
    "MWh": ("energy", 1e6, "MWh"),
    "V": ("voltage", 1, "V volt volts"),
    "mV": ("voltage", 1e-3, "mV millivolt millivolts"),
    "kV": ("voltage", 1e3, "kV kilovolt kilovolts"),
    "A": ("current", 1, "A amp amps ampere amperes"),
    "mA": ("current", 1e-3, "mA milliamps"),
    "kA": ("current", 1e3, "kA kiloamps"),
    "Hz": ("frequency", 1, "Hz hertz"),
    "kHz": ("frequency", 1e3, "kHz"),
    "rpm": ("rotation", 1, "rpm RPM revolutions_per_minute"),
    "l/min": ("flow", 1e-3 / 60, "l/min L/min lpm"),
    "l/s": ("flow", 1e-3, "l/s L/s"),
    "m³/h": ("flow", 1 / 3600, "m³/h m3/h"),
    "gpm": ("flow", 3.785411784e-3 / 60, "gpm gallons_per_minute"),
    "gal": ("volume", 3.785411784e-3, "gal gallons gallon"),
    "l": ("volume", 1e-3, "l L litres liters litre liter"),
    "m³": ("volume", 1, "m³ m3 cubic_metres cubic_meters"),
    "kg": ("mass", 1, "kg kilograms kilogrammes kilos"),
    "g": ("mass", 1e-3, "g grams"),
    "lb": ("mass", 0.45359237, "lb lbs pounds pound"),
    "t": ("mass", 1e3, "t tonnes tons tonne ton"),
    "dB": ("sound", 1, "dB decibels"),
    "ppm": ("ppm", 1, "ppm"),
    "Nm": ("torque", 1, "Nm N·m N_m newton_metres newton_meters newton_metre newton-metres newton-meters"),
    "GB": ("data", 1e9, "GB"),
    "MB": ("data", 1e6, "MB"),
}
_CANONICAL = {s.replace("_", " "): unit for unit, (_, _, all_) in _UNITS.items() for s in all_.split()}
_LOWER = {spelling.lower(): unit for spelling, unit in _CANONICAL.items() if len(spelling) > 3}
UNIT = re.compile(
    r"[ \u00a0\u202f-]?\(?("
    + "|".join(
        (rf"(?i:{re.escape(s)})" if s.lower() in _LOWER else re.escape(s))
        for s in sorted(_CANONICAL, key=len, reverse=True)
    )
    + r")(?![\w/³])\)?"
)
_ALONE = re.compile(r"(?<![\w/])" + UNIT.pattern)


def unit_named(spelling: str) -> str | None:
    """The canonical unit of a spelling ("degC" → "°C"); None when it is none."""
    return _CANONICAL.get(spelling) or _LOWER.get(spelling.lower())


def unit_after(text: str, end: int) -> tuple[str | None, int]:
    """The unit that stands right behind a number, and where it ends (`end` itself without one)."""
    match = UNIT.match(text, end)
    return (unit_named(match[1]), match.end()) if match else (None, end)


def units_in(text: str) -> set[str | None]:
    """Every unit that stands in a text, beside numbers or away from them ("vibration (mm/s): 7.1")."""
    return {unit_named(m[1]) for m in _ALONE.finditer(text)}


def dimension(unit: str | None) -> str:
    """What a unit measures; "" for a bare number."""
    return _UNITS[unit][0] if unit else ""


def converted(value: float, unit: str, to: str) -> float | None:
    """A value in another unit of its dimension; None where there is no way."""
    (dim, factor, _), (other, wanted, _) = _UNITS[unit], _UNITS[to]
    return value * factor / wanted if dim == other else None
