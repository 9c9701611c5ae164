import pytest

from ingest.series.units import Named, named, same


@pytest.mark.parametrize(
    ("column", "words", "unit"),
    [
        ("temp [°C]", "temp", "°C"),
        ("Pressure (bar)", "Pressure", "bar"),
        ("flow_m3_h", "flow", "m³/h"),
        ("inlet flow m3/h", "inlet flow m3/h", ""),  # a slash parts no words
        ("supply_temp_degC", "supply_temp", "°C"),
        ("temp_c", "temp", "°C"),
        ("phase_c", "phase_c", ""),  # a letter is a unit only behind what it measures
        ("motor_power_kW", "motor_power", "kW"),
        ("load_MW", "load", "MW"),
        ("load_mw", "load_mw", ""),  # milli or mega
        ("vibration_mm_s", "vibration", "mm/s"),
        ("shaft speed rpm", "shaft speed", "rpm"),
        ("humidity-pct", "humidity", "%"),
        ("bar", "bar", ""),  # nothing would be left of the name
        ("_bar", "_bar", ""),
        ("value", "value", ""),
        ("", "", ""),
    ],
)
def test_what_a_column_name_says_of_its_unit(column, words, unit):
    assert named(column) == Named(words, unit)


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("°C", "degC", True), ("C", "celsius", True), ("kPa", "KPA", True), ("m3/h", "m³/h", True), ("%", "pct", True),
        ("°C", "°F", False), ("MW", "mW", False), ("bar", "barg", False), ("mA", "MA", False),
    ],
)  # fmt: skip
def test_spellings_of_one_unit(one, other, alike):
    assert same(one, other) is alike and same(other, one) is alike
