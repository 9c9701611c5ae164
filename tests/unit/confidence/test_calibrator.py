"""A calibrator is arithmetic over a file; a file that is damaged or fits other features is refused by name."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.answer.brief import EvidenceBrief
from app.confidence.calibrator import PACKAGED, load, load_calibrators, sigmoid
from app.confidence.features import MEANINGS, VERSION
from retrieval.errors import BadSettings

from .conftest import ANSWERER, abstention, calibration, features, head


def test_the_probability_is_the_sigmoid_of_a_weighted_sum(written: Callable[..., Path]) -> None:
    found = load(written(calibration()))[ANSWERER].head
    # 0.5 + 2 · (0.75 − 0.5) / 0.25 − 1 · 0.5 = 2
    assert found.probability(features(words=0.75, coverage_gaps=0.5)) == pytest.approx(1 / (1 + math.exp(-2)))


def test_knots_bend_it_and_hold_it_at_the_ends(written: Callable[..., Path]) -> None:
    knots = [[0.2, 0.1], [0.6, 0.5], [0.8, 0.9]]
    flat = head(features=["words"], means=[0.0], scales=[1.0], weights=[1.0], bias=0.0, knots=knots)
    found = load(written(calibration(flat)))[ANSWERER].head
    # sigmoid(0.8473) = 0.7, halfway between the last two knots
    assert found.probability({"words": math.log(7 / 3)}) == pytest.approx(0.7)
    assert found.probability({"words": -9.0}) == 0.1
    assert found.probability({"words": 9.0}) == 0.9


def test_a_version_names_the_file_and_its_bytes(written: Callable[..., Path]) -> None:
    path = written(calibration())
    assert load(path)[ANSWERER].version == f"own.v2@{hashlib.sha256(path.read_bytes()).hexdigest()[:8]}"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "truncated"),
        ("{", "truncated"),
        (calibration(name="own v2"), "name"),
        (calibration(version=VERSION + 1), "features of version"),
        (calibration(heads=[]), "heads"),
        (calibration(more=1), "unknown field"),
        (calibration(head(), head()), "same answerer"),
        (calibration(head(features=["words", "luck"])), "unknown features: luck"),
        (calibration(head(features=["words", "words"])), "do not go together"),
        (calibration(head(weights=[1.0])), "do not go together"),
        (calibration(head(scales=[0.25, 0.0])), "not positive"),
        (calibration(head(weights=[1.0, None])), "float"),
        (calibration(head(knots=[[0.5, 0.5], [0.4, 0.6]])), "do not rise"),
        (calibration(head(knots=[[0.5, 0.5], [0.6, 0.4]])), "do not rise"),
        (calibration(head(knots=[[0.5, 1.5]])), "knots"),
        (calibration(head(abstention=abstention(1.5))), "threshold"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(written: Callable[..., Path], content: Any, told: str) -> None:
    with pytest.raises(BadSettings, match=rf"calibration calibration\.json: .*{told}"):
        load(written(content))


def test_a_number_too_great_is_no_number(written: Callable[..., Path]) -> None:
    with pytest.raises(BadSettings, match=r"calibration\.json"):
        load(
            written(
                '{"name": "n", "version": 1, "heads": [' + str(head()).replace("'", '"').replace("0.5", "1e999") + "]}"
            )
        )


def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match=r"calibration calibration\.json"):
        load_calibrators(_folder(tmp_path / "calibration.json"))


def _folder(path: Path) -> Path:
    path.mkdir()
    return path


def test_what_ships_is_for_the_brief_and_has_a_threshold() -> None:
    (found,) = load_calibrators().values()
    assert found.head.answerer == EvidenceBrief.name
    assert found.version.startswith("brief.v1@")
    assert found.head.fitted.answers > 300 and found.head.abstention is not None
    assert set(found.head.features) <= set(MEANINGS)


def test_the_sites_own_comes_before_what_ships_and_adds_to_it(written: Callable[..., Path], tmp_path: Path) -> None:
    shipped = load(PACKAGED)
    assert load_calibrators(tmp_path / "nothing.json") == shipped
    other = load_calibrators(written(calibration(head(answerer="some/model"))))
    assert set(other) == {EvidenceBrief.name, "some/model"} and other[EvidenceBrief.name] == shipped[EvidenceBrief.name]
    assert load_calibrators(written(calibration()))[EvidenceBrief.name].version.startswith("own.v2@")


@given(st.floats(allow_nan=False))
def test_a_sigmoid_never_overflows_and_mirrors(score: float) -> None:
    assert 0.0 <= sigmoid(score) <= 1.0
    assert sigmoid(score) + sigmoid(-score) == pytest.approx(1.0)


@given(words=st.floats(0, 1), more=st.floats(0, 1), gaps=st.floats(0, 1))
def test_more_of_what_speaks_for_an_answer_never_makes_it_less_sure(words: float, more: float, gaps: float) -> None:
    import msgspec

    from app.confidence.calibrator import Head

    found = msgspec.convert(head(knots=[[0.1, 0.0], [0.5, 0.4], [0.9, 1.0]]), Head)
    low, high = sorted((words, more))
    before, after = (found.probability(features(words=w, coverage_gaps=gaps)) for w in (low, high))
    assert 0.0 <= before <= after <= 1.0
