"""What the multivariate chart keeps to."""

import pickle

import numpy as np
import pytest

from ingest.series.anomaly import standard


def correlated(n, seed=1):
    """Rows of three series that go together."""
    mix = np.array([[1.0, 0.0, 0.0], [0.8, 0.6, 0.0], [-0.5, 0.2, 0.8]])
    return np.random.default_rng(seed).normal(size=(n, 3)) @ mix.T * [1, 10, 0.1] + [5, -200, 0]


def run(rows, chart=None):
    chart = chart or standard.mewma()
    return [chart.update(row) for row in rows]


def same(one, other):
    return (one is None) == (other is None) and (
        one is None or (one[:3] == other[:3] and (one.parts == other.parts).all())
    )


def test_a_shift_that_no_column_shows_alone_is_found_and_calm_is_not():
    rows = correlated(1400)
    assert not any(found.flagged for found in run(rows) if found)
    rows[900:] += np.array([1.6, -16.0, 0.16])  # against the way the columns go together
    told = run(rows)
    assert told[:400] == [None] * 400 and not any(found.flagged for found in told[400:900])
    assert all(found.flagged for found in told[960:]) and told[960].surprise > 2


def test_the_parts_say_which_column_went_where():
    rows = correlated(900)
    rows[700:, 1] -= 60
    told = run(rows)[800]
    assert told.flagged and int(np.argmax(np.abs(told.parts))) == 1 and told.parts[1] < -10


def test_units_and_offsets_change_nothing():
    rows = correlated(800)
    plain, other = run(rows), run(rows * [1024, 0.5, 8] + [0, 1000, -3])
    for one, two in zip(plain[400:], other[400:], strict=True):
        assert two.statistic == pytest.approx(one.statistic, rel=1e-6) and two.parts == pytest.approx(
            one.parts, abs=1e-6
        )


def test_no_look_ahead_and_resumed_is_the_same():
    rows = correlated(700)
    whole = run(rows)
    changed = rows.copy()
    changed[600:] += 9
    assert all(same(a, b) for a, b in zip(run(changed)[:600], whole[:600], strict=True))
    half = standard.mewma()
    told = run(rows[:450], half) + run(rows[450:], pickle.loads(pickle.dumps(half)))
    assert all(same(a, b) for a, b in zip(told, whole, strict=True))


def test_a_few_wild_rows_in_training_move_the_usual_little():
    rows = correlated(900)
    wild = rows.copy()
    wild[50:55] += np.array([30, 300, 3])
    calm = run(rows)[899].parts
    assert run(wild)[899].parts == pytest.approx(calm, abs=0.35)


def test_still_columns_and_holes():
    rows = np.column_stack((correlated(900), np.full(900, 7.0)))
    rows[500, 0] = np.nan
    told = run(rows)
    assert told[500] is None and not any(found.flagged for found in told if found)
    assert not any(found.flagged for found in run(np.full((600, 2), 0.1 + 0.2)) if found)
    with pytest.raises(ValueError, match="broadcast"):
        run(np.ones((1, 3)), pickle.loads(pickle.dumps(_trained())))


def _trained():
    chart = standard.mewma()
    run(correlated(400)[:, :2], chart)
    return chart
