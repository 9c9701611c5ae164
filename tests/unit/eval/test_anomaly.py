"""NAB's score worked out by hand, how a threshold is chosen, and the figures of SKAB."""

import math

import numpy as np
import pytest

from eval.anomaly import nab, skab
from eval.anomaly.nab_score import STANDARD, Span, raw_score, scaled, warm_up, worth
from retrieval.errors import InputError

WINDOWS = (Span(30, 39), Span(70, 79))


def fired(*rows, n=100):
    flags = np.zeros(n, dtype=bool)
    flags[list(rows)] = True
    return flags


def test_a_place_is_worth_what_the_sigmoid_says():
    assert (
        worth(0.0) == 0
        and worth(-1.0) == pytest.approx(0.98661, abs=1e-5)
        and worth(1.0) == pytest.approx(-worth(-1.0))
    )


def test_nothing_found_is_null_and_every_window_at_its_start_is_perfect():
    assert raw_score(fired(), WINDOWS) == -2 and scaled(-2, 2) == 0
    assert raw_score(fired(30, 70), WINDOWS) == pytest.approx(2) and scaled(2, 2) == 100
    assert math.isnan(scaled(0.0, 0))


def test_only_the_earliest_detection_in_a_window_counts():
    late = raw_score(fired(35, 70), WINDOWS)
    assert late == pytest.approx(1 + worth(-0.5) / worth(-1.0))
    assert raw_score(fired(35, 36, 39, 70), WINDOWS) == late


def test_a_false_detection_costs_by_its_distance_behind_the_last_window():
    right = raw_score(fired(30, 70), WINDOWS)
    assert right - raw_score(fired(20, 30, 70), WINDOWS) == pytest.approx(STANDARD.false)
    near, far = (right - raw_score(fired(30, 70, at), WINDOWS) for at in (41, 60))
    assert near == pytest.approx(0.11 * -worth(2 / 9)) and near < far < 0.11
    assert right - raw_score(fired(30, 69, 70), WINDOWS) == pytest.approx(
        STANDARD.false
    )  # more than three windows away


def test_the_warm_up_is_not_scored():
    assert (warm_up(100), warm_up(4032), warm_up(50_000)) == (15, 604, 750)
    assert raw_score(fired(3, 14, 30, 70), WINDOWS) == pytest.approx(2)
    assert raw_score(fired(3, 30), (Span(2, 9), Span(30, 39))) == pytest.approx(1)


def test_a_threshold_is_chosen_on_a_plateau_and_never_on_the_series_it_scores():
    assert nab.chosen(np.array([0.0, 8.0, 0.0, 0.0, 5.0, 6.0, 5.0, 4.0, 0.0])) == 5
    # the first series alone would choose the first threshold; the others the last
    table = np.repeat([[1.0, -1, -1, -1], [-1.0, 1, 1, 1]], 3, axis=0)
    assert nab.left_out(table) == pytest.approx(-1 + 1 + 1 + 1)


def test_the_windowed_gaussian_is_the_normal_tail():
    v = np.random.default_rng(1).normal(50, 2, 3000)
    v[2000] = 50 + 2 * 5
    told = nab.windowed_gaussian(v)
    z = abs(v[2000] - v[:2000].mean()) / v[:2000].std()
    assert told[2000] == pytest.approx(-math.log10(math.erfc(z / math.sqrt(2))), rel=1e-6) and told[0] == 0
    assert (told[1000:] >= 1).mean() == pytest.approx(0.1, abs=0.03)


def test_f1_is_over_the_rows_of_all_files():
    truth = np.array([True, True, False, False])
    counts = np.array([skab.counted(truth, np.array(said)) for said in ([1, 0, 1, 0], [1, 1, 0, 0])], dtype=np.int64)
    assert counts.tolist() == [[1, 1, 1], [2, 0, 0]] and skab.f1(counts) == pytest.approx(6 / 8)
    assert math.isnan(skab.f1(np.zeros((1, 3), dtype=np.int64)))


def test_missing_data_is_said(tmp_path):
    with pytest.raises(InputError, match="NAB"):
        nab.run(tmp_path)
    with pytest.raises(InputError, match="SKAB"):
        skab.run(tmp_path)


def test_a_clock_set_back_and_a_window_without_rows(tmp_path):
    (tmp_path / "data").mkdir()
    rows = "".join(f"2026-03-04 0{h}:00:00,{h}\n" for h in (0, 1, 2, 1, 3))
    (tmp_path / "data" / "a.csv").write_text("timestamp,value\n" + rows)
    labels = tmp_path / "labels_windows.json"
    labels.write_text('{"a.csv": [["2026-03-04 02:30:00.000000", "2026-03-04 03:00:00.000000"]]}')
    (one,) = nab.read(tmp_path)
    assert one.windows == (Span(4, 4),) and one.v.tolist() == [0, 1, 2, 1, 3]
    labels.write_text('{"a.csv": [["2026-03-05 02:30:00", "2026-03-05 03:00:00"]]}')
    with pytest.raises(InputError, match="no row"):
        nab.read(tmp_path)
