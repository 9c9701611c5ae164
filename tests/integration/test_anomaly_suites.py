"""The anomaly suites on their own data, and NAB's score against an independent implementation of it."""

import importlib.util
import os
from pathlib import Path

import numpy as np
import pytest

from eval.anomaly import nab, skab
from eval.anomaly.nab_score import Span, raw_score, scaled

DATA = Path(os.environ.get("WATCHFLOOR_TEST_DATA", Path(__file__).parents[2].parent / "shared" / "data"))
SCORER = DATA.parent / "bench" / "nab_score.py"
pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif(not (DATA / "sensor").is_dir(), reason="the real data is not here (WATCHFLOOR_TEST_DATA)"),
]


@pytest.fixture(scope="module")
def other():
    """The independent scorer."""
    if not SCORER.is_file():
        pytest.skip(f"{SCORER} is not here")
    spec = importlib.util.spec_from_file_location("nab_score_elsewhere", SCORER)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_score_is_that_of_an_independent_implementation(other):
    rng = np.random.default_rng(1)
    for _ in range(300):
        n = int(rng.integers(40, 3000))
        edges = np.sort(rng.choice(n, 2 * int(rng.integers(0, 4)), replace=False)).reshape(-1, 2)
        spans = [Span(int(a), int(b)) for a, b in edges if b > a]
        flags = rng.random(n) < rng.choice([0.001, 0.01, 0.2])
        assert raw_score(flags, spans) == pytest.approx(other.file_report(flags.astype(float), spans, 0.5)[0], abs=1e-9)


def test_nab(other):
    found = nab.run(DATA)
    metrics = found["metrics"]
    assert metrics["score"] >= 70 and metrics["leave one series out"] >= 70
    assert metrics["score low"] < metrics["score"] < metrics["score high"] and metrics["null"] == 0
    # the same flags, read and scored by the other implementation
    folder, files = DATA / "sensor" / "NAB", []
    labels = other.json.loads((folder / "labels_windows.json").read_text())
    for one in nab.read(folder):
        stamps = other.read_column(folder / "data" / one.name, "timestamp")
        flags = nab.flagged(nab.stream(one).ensemble, found["threshold"])
        files.append((flags.astype(float), other.window_rows(stamps, labels[one.name])))
    assert other.at(files, 0.5) == pytest.approx(metrics["score"], abs=1e-9)
    assert scaled(sum(other.file_report(s, rows, 0.5)[0] for s, rows in files), 19) == pytest.approx(metrics["score"])


def test_skab():
    metrics = skab.run(DATA)["metrics"]
    assert metrics["F1"] >= 0.78 and metrics["leave one file out"] >= 0.78
    assert metrics["every row after training"] == pytest.approx(0.698, abs=0.001)
    assert metrics["F1"] > max(metrics["every row after training"], metrics["T² without memory, best limit"])
    assert metrics["F1 low"] < metrics["F1"] < metrics["F1 high"]
