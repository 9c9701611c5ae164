"""Which answers count as right, and where examples come from."""

from __future__ import annotations

from pathlib import Path

import pytest

from eval.calibrate.examples import BRIEF, Example, Row, answerer_of, gather, is_right, read_report
from retrieval.errors import InputError
from retrieval.types import Verdict

from .conftest import features, row, write_report


@pytest.mark.parametrize(
    ("verdict", "recall", "figures", "right"),
    [
        (1.0, None, None, True),
        (1.0, 1.0, 1.0, True),
        (0.0, 1.0, 1.0, False),
        (1.0, 0.5, None, False),
        (1.0, 0.0, None, False),
        (1.0, 1.0, 0.5, False),
    ],
)
def test_right_is_verdict_evidence_and_figures(
    verdict: float, recall: float | None, figures: float | None, right: bool
) -> None:
    assert is_right(Row("q", Verdict.ANSWERED, verdict, recall, figures, BRIEF, {})) is right


def test_a_report_becomes_examples(tmp_path: Path) -> None:
    rows = [row(1, True, words=0.5), row(2, False, verdict="insufficient") | {"paraphrase_of": "q-1"}]
    first, second = read_report(write_report(tmp_path / "march", "site", rows))
    assert first == Example("site", "march", "site/q-1", BRIEF, True, True, features(words=0.5))
    # paraphrases are one family, in every site
    assert (second.family, second.stated, second.right) == ("site/q-1", False, False)


@pytest.mark.parametrize(
    "lines", ["", "{}", '{"id": "q", "got": "answered", "verdict": 1, "recall": null, "figures": null}']
)
def test_what_is_no_report_with_features_is_refused(tmp_path: Path, lines: str) -> None:
    folder = tmp_path / "old"
    with pytest.raises(InputError, match="no report with features"):
        read_report(folder)
    folder.mkdir()
    (folder / "summary.json").write_text('{"suite": "site"}' if lines else "{}")
    (folder / "results.jsonl").write_text(lines)
    with pytest.raises(InputError, match="no report with features"):
        read_report(folder)


def test_reports_are_gathered_and_two_of_one_name_are_refused(tmp_path: Path) -> None:
    one = write_report(tmp_path / "a" / "report", "site", [row(1, True)])
    other = write_report(tmp_path / "b" / "report", "cases", [row(1, True)])
    assert [e.suite for e in gather([str(one)], None, tmp_path)] == ["site"]
    with pytest.raises(InputError, match="two sources are called report"):
        gather([str(one), str(other)], None, tmp_path)


def test_cases_need_their_data(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--data"):
        gather(["cases"], None, tmp_path)


def test_a_model_is_calibrated_where_one_worded_answers(tmp_path: Path) -> None:
    def by(*answerers: str) -> list[Example]:
        return [Example("site", "s", "f", answerer, True, True, {}) for answerer in answerers]

    assert answerer_of(by(BRIEF, BRIEF)) == BRIEF
    # what was not recorded is said by the brief even where a model words the rest
    assert answerer_of(by(BRIEF, "some/model", BRIEF)) == "some/model"
    with pytest.raises(InputError, match="several models"):
        answerer_of(by("one", "two"))
