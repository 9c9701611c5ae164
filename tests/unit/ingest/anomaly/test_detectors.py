"""What every detector of one series keeps to, alone and together."""

import pickle
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.series.anomaly import standard
from ingest.series.anomaly.ensemble import FlagSettings, Refractory
from ingest.series.anomaly.flagging import flag

MINUTE = 60_000_000
START = 1_772_582_400_000_000  # 2026-03-04T00:00:00Z
NAMES = [detector.name for detector in standard.detectors()]


def detector(name):
    return next(one for one in standard.detectors() if one.name == name)


def series(n=3000, seed=1):
    """Times every minute and a daily wave with noise and a spike, to hundredths."""
    rng = np.random.default_rng(seed)
    v = 20 + 5 * np.sin(np.arange(n) / 1440 * 2 * np.pi) + rng.normal(0, 0.5, n)
    v[n * 3 // 4] += 15
    return START + np.arange(n) * MINUTE, np.round(v, 2)


def readings(one, t, v, floor=1e-3):
    return [one.update(int(a), float(b), floor) for a, b in zip(t, v, strict=True)]


def verdicts(t, v, ensemble=None):
    ensemble = ensemble or standard.ensemble()
    return [ensemble.update(int(a), float(b)) for a, b in zip(t, v, strict=True)]


@cache
def usual(n=3000):
    """What the ensemble says of such a series, reckoned once: four detectors over thousands of samples take a while."""
    return verdicts(*series(n))


@pytest.mark.parametrize("name", NAMES)
def test_a_reading_never_looks_ahead_and_can_be_resumed(name):
    t, v = series(1800)
    whole = readings(detector(name), t, v)
    other = np.concatenate((v[:1600], v[1600:] * 3 - 40))
    assert readings(detector(name), t, other)[:1600] == whole[:1600]
    half = detector(name)
    first = readings(half, t[:1600], v[:1600])
    assert first + readings(pickle.loads(pickle.dumps(half)), t[1600:], v[1600:]) == whole
    assert any(whole) and whole[0] is None


@pytest.mark.parametrize("name", NAMES)
def test_a_reading_is_in_the_unit_of_the_series(name):
    t, v = series(1800)
    for one, large in zip(readings(detector(name), t, v), readings(detector(name), t, v * 1024, 1.024), strict=True):
        assert (one is None) == (large is None)
        if one and large:
            assert large.surprise == one.surprise and large.spreads == one.spreads
            assert large.expected == one.expected * 1024 and large.spread == one.spread * 1024
            assert 0 <= one.surprise <= 6 and one.spread > 0


def test_the_same_hour_of_other_days_is_what_is_expected():
    t, v = series(4 * 1440)
    odd = v.copy()
    at = 3 * 1440 + 360  # 06:00: the top of the wave; the value of midnight is nothing unusual, but not then
    odd[at : at + 5] = 20.0
    told = readings(detector("time_of_day"), t, odd)[at]
    assert told.expected == pytest.approx(25, abs=0.5) and told.spreads > 5 and told.surprise > 2
    assert readings(detector("median"), t, odd)[at].spreads < 1


def test_the_closest_forecast_knows_yesterday():
    v = np.tile(np.concatenate((np.zeros(1430), np.full(10, 50.0))), 4) + np.random.default_rng(1).normal(0, 1, 5760)
    t = START + np.arange(len(v)) * MINUTE
    told = readings(detector("closest"), t, v)
    jumps = [told[day * 1440 + 1430].spreads for day in range(4)]
    assert jumps[0] > 20 and max(jumps[1:]) < 12


@settings(max_examples=15, deadline=None)
@given(st.floats(-1e6, 1e6), st.integers(0, 3), st.integers(0, 9))
def test_a_still_series_never_flags_on_rounding(level, ulps, seed):
    v = np.full(400, level)
    for _ in range(ulps):
        v = np.where(np.random.default_rng(seed).random(400) > 0.5, np.nextafter(v, np.inf), v)
    assert not any(verdict.flagged for verdict in verdicts(START + np.arange(400) * MINUTE, v))


def test_a_first_ripple_is_no_anomaly_but_a_first_leap_is():
    t, v = START + np.arange(500) * MINUTE, np.full(500, 20.0)
    v[300:303], v[400] = 20.05, 30.0
    assert [at for at, verdict in enumerate(verdicts(t, v)) if verdict.flagged] == [400]


def test_noise_is_quiet_and_what_stands_out_of_it_is_not():
    rng = np.random.default_rng(3)
    n = 2100
    t = START + np.arange(n) * MINUTE
    for calm in (np.full(n, 5.0), rng.normal(5, 1, n), np.arange(n) * 0.01, rng.random(n), np.round(rng.normal(20, 0.3, n)),
                 5 + np.sin(np.arange(n) / 200) + rng.normal(0, 0.05, n)):  # fmt: skip
        assert sum(verdict.flagged for verdict in verdicts(t, calm)) <= 1
    jump = rng.normal(5, 0.1, n)
    jump[1500:] += 4
    assert next(at for at, verdict in enumerate(verdicts(t, jump)) if verdict.flagged) == 1500
    slow = rng.normal(5, 0.1, n)
    slow[1500:1600] += np.linspace(0, 2, 100)
    found = flag(t, slow)
    assert found and 1500 < found[0].at < 1600 and found[0].lead.detector == "median"


def test_an_offset_changes_no_flag_of_a_series_that_moves():
    t, v = series()
    plain = [verdict.flagged for verdict in usual()]
    assert plain == [verdict.flagged for verdict in verdicts(t, v + 1000)] and sum(plain) >= 1


def test_values_that_are_not_finite_are_passed_over_and_gaps_are_allowed():
    t, v = series(1800)
    holes = v.copy()
    holes[500:600], holes[10] = np.nan, np.inf
    finite = np.isfinite(holes)
    told = verdicts(t, holes)
    assert [verdict for verdict, kept in zip(told, finite, strict=True) if kept] == verdicts(t[finite], holes[finite])
    assert told[550] == (0.0, False, ())


def test_a_clock_that_is_set_back_stops_nothing():
    t, v = series(2600)
    t[1200:] -= 60 * MINUTE
    assert any(verdict.flagged for verdict in verdicts(t, v))


def test_a_stream_can_be_put_away_and_taken_up_again():
    t, v = series()
    first = standard.ensemble()
    told = verdicts(t[:2000], v[:2000], first)
    assert told + verdicts(t[2000:], v[2000:], pickle.loads(pickle.dumps(first))) == usual()


def test_after_a_flag_it_is_quiet_for_a_while_that_grows():
    quiet = Refractory(FlagSettings(threshold=1.0, quiet=0.1, shortest=10, longest=25))
    assert [at for at in range(400) if quiet.update(9.0)][:8] == [0, 10, 20, 30, 40, 50, 60, 70]
    later = [at for at in range(400, 700) if quiet.update(9.0)]
    assert set(np.diff(later)) == {25}
    assert not Refractory(FlagSettings(threshold=1.0)).update(0.99)


def test_one_detector_alone_raises_no_flag():
    for verdict in usual():
        if verdict.surprise:
            assert sum(named.reading.spreads >= standard.FLAGS.spreads for named in verdict.readings) >= 2
            assert verdict.surprise == pytest.approx(np.mean([named.reading.surprise for named in verdict.readings]))


def test_a_flag_is_explained_by_figures():
    t, v = series()
    found = next(one for one in flag(t, v) if one.at == 2250)
    lead = found.lead
    assert lead.observed == v[2250] and found.direction == "above" and lead.detector != "level"
    assert abs(lead.observed - lead.expected) == pytest.approx(lead.spreads * lead.spread)
    assert lead.tail == min(one.tail for one in found.accounts if one.detector != "level") == pytest.approx(1e-6)
    assert {one.detector for one in found.accounts} == set(NAMES) and flag(t[:8], v[:8]) == []
