"""The verifier against people's labels: it must be ahead of counting words, at whatever threshold suits those best."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from eval import grounding

DATA = Path(os.environ.get("WATCHFLOOR_TEST_DATA", "../shared/data"))


@pytest.mark.data
def test_the_verifier_beats_its_baselines() -> None:
    if not (DATA / "grounding").is_dir():
        pytest.skip(f"{DATA / 'grounding'} is not here")
    found = grounding.run(DATA)
    metrics = found["metrics"]
    assert found["n"] == 846
    assert metrics["always yes"] == 0.5
    assert metrics["words, best threshold"] == pytest.approx(0.89, abs=0.005)
    assert metrics["verifier"] > metrics["words, best threshold"] > metrics["words, other file's threshold"]
    assert set(found["by_kind"]) == {*grounding.FILES, "without generic"}
