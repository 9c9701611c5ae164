"""Confidence end to end: metrics and fits against scikit-learn, the command on reports and a plant, a service that uses the result."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import eval.runner as runner
from app.cli.main import main
from app.confidence.calibrator import OWN, load
from app.confidence.features import MEANINGS, VERSION
from app.ports import Ask
from app.settings import load as load_settings
from app.wiring import build
from eval.calibrate.examples import BRIEF, Example, gather, read_report
from eval.calibrate.fitting import fit, predict
from eval.calibrate.metrics import auroc, brier, ece
from eval.calibrate.running import Wanted, run
from eval.questions import Question, read_questions
from eval.stub import NAME, StubModel, shown
from retrieval.errors import BadSettings, InputError
from retrieval.times import to_micros
from retrieval.types import Answer, Principal

TODAY = datetime(2026, 11, 26, tzinfo=UTC)
ME = Principal("default")


def noisy(n: int, seed: int, suite: str = "site", answerer: str = BRIEF) -> list[Example]:
    """Answers whose chance to be right is sigmoid(8 · words − 2 − 2 · claims); two of each question."""
    rng = random.Random(seed)
    found = []
    for i in range(n):
        features = dict.fromkeys(MEANINGS, 0.0) | {name: rng.random() for name in ("words", "claims", "top_score")}
        chance = 1 / (1 + np.exp(2 + 2 * features["claims"] - 8 * features["words"]))
        found.append(Example(suite, "made", f"{suite}/{i // 2}", answerer, True, rng.random() < chance, features))
    return found


def report(folder: Path, examples: Iterable[Example], suite: str) -> Path:
    """The examples as a report has them."""
    folder.mkdir(parents=True)
    rows = [
        {"id": e.family, "got": "answered", "verdict": float(e.right), "recall": None, "figures": None}
        | {"answerer": e.answerer, "features": e.features}
        for e in examples
    ]
    (folder / "summary.json").write_text(json.dumps({"suite": suite}))
    (folder / "results.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


# --- fitting ---


@pytest.mark.parametrize("seed", range(3))
def test_metrics_are_those_of_scikit_learn(seed: int) -> None:
    from sklearn.calibration import calibration_curve
    from sklearn.metrics import brier_score_loss, roc_auc_score

    rng = np.random.default_rng(seed)
    p = rng.random(500).round(2 if seed else 6)
    right = rng.random(500) < p
    assert brier(p, right) == pytest.approx(brier_score_loss(right, p))
    assert auroc(p, right) == pytest.approx(roc_auc_score(right, p))
    if not seed:
        # without ties both cut the same bins of fifty
        accuracy, mean = calibration_curve(right, p, n_bins=10, strategy="quantile")
        assert ece(p, right) == pytest.approx(np.abs(accuracy - mean).mean(), abs=5e-3)


def test_the_stored_head_is_the_model_that_was_fitted() -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    examples = noisy(400, 1)
    made = fit(examples, "logistic", TODAY)
    assert set(made.head.features) == {"words", "claims"}, "what never differs tells nothing"
    x = np.array([[e.features[name] for name in made.head.features] for e in examples])
    right = [e.right for e in examples]
    reference = make_pipeline(StandardScaler(), LogisticRegression(C=1 / made.head.fitted.l2, max_iter=5000))
    np.testing.assert_allclose(predict(made.head, examples), reference.fit(x, right).predict_proba(x)[:, 1], atol=1e-4)
    assert (made.head.fitted.answers, made.head.fitted.right) == (400, sum(right))
    assert made.head.fitted.sources == {"site/made": 400} and made.head.fitted.on == "2026-11-26"


@pytest.mark.parametrize("method", ["logistic", "isotonic"])
def test_what_is_learnt_holds_on_answers_not_seen(method: Any) -> None:
    made, unseen = fit(noisy(600, 1), method, TODAY), noisy(600, 2)
    p, right = predict(made.head, unseen), np.array([e.right for e in unseen])
    base = float(np.mean((np.mean(right) - right) ** 2))
    assert (auroc(p, right) or 0) > 0.7 and (brier(p, right) or 1) < 0.9 * base and (ece(p, right) or 1) < 0.09
    assert (method == "isotonic") == bool(made.head.knots)


def test_held_out_probabilities_know_nothing_of_their_question() -> None:
    """A feature that tells right from wrong in one question alone, the other way round in the next, is worth nothing held out."""
    rng = random.Random(3)
    examples = [e._replace(right=rng.random() < 0.5) for e in noisy(200, 3)]
    twins = [e._replace(right=examples[i - i % 2].right) for i, e in enumerate(examples)]
    made = fit(twins, "logistic", TODAY)
    assert 0.35 < (auroc(made.held_out, np.array([e.right for e in twins])) or 0) < 0.65


@pytest.mark.parametrize(
    ("examples", "told"),
    [
        (noisy(30, 1), "at least 40"),
        ([e._replace(right=True) for e in noisy(100, 1)], "right and wrong ones"),
        ([e._replace(family="one") for e in noisy(100, 1)], "different questions"),
    ],
)
def test_too_little_to_learn_from_is_said(examples: list[Example], told: str) -> None:
    with pytest.raises(InputError, match=told):
        fit(examples, "logistic", TODAY)


# --- the command ---


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("reports")
    suites = {"site": noisy(400, 1), "cases": noisy(300, 2, "cases"), "blind": noisy(200, 3, "blind")}
    return {suite: report(folder / f"{suite}-report", examples, suite) for suite, examples in suites.items()}


@pytest.fixture(scope="module")
def calibrated(reports: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    out = tmp_path_factory.mktemp("calibration") / "out"
    fitted = ["--fit", str(reports["site"]), "--fit", str(reports["cases"]), "--test", str(reports["blind"])]
    words = ["eval", "calibrate", *fitted, "--name", "made.v1", "--risk", "0.2", "--out", str(out), "--json"]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout), out


def test_every_direction_is_measured_beside_its_baselines(calibrated: tuple[dict[str, Any], Path]) -> None:
    found, _ = calibrated
    ways = [(d["fitted_on"], d["tested_on"]) for d in found["directions"]]
    assert ways == [
        ("cases + site", "the same, held out by question"),
        ("cases + site", "blind"),
        ("cases", "blind"),
        ("cases", "site"),
        ("site", "blind"),
        ("site", "cases"),
    ]
    for direction in found["directions"]:
        ours, base = direction["metrics"]["calibrated"], direction["metrics"]["base rate"]
        assert ours["brier"]["value"] < base["brier"]["value"] and ours["aurc"]["value"] < base["aurc"]["value"]
        assert base["auroc"]["value"] == 0.5
        for metric in ours.values():
            assert metric["low"] <= metric["high"]


def test_two_plants_can_be_fitted_on_one_and_tested_on_the_other(reports: dict[str, Path], tmp_path: Path) -> None:
    other = report(tmp_path / "other", noisy(100, 9), "site")
    found = run(Wanted((str(reports["site"]),), (str(other),)), tmp_path / "out")
    assert [(d["fitted_on"], d["tested_on"], d["n"]) for d in found["directions"]] == [
        ("site", "the same, held out by question", 400),
        ("site", "site", 100),
    ]


def test_the_calibration_is_written_with_its_threshold_and_loads(calibrated: tuple[dict[str, Any], Path]) -> None:
    found, out = calibrated
    made = load(out / OWN)[BRIEF]
    assert made.version.startswith("made.v1@")
    limit = made.head.abstention
    assert limit is not None and limit.risk == 0.2 and limit.bound <= 0.2 and 0 < limit.kept < limit.stated == 700
    assert found["abstention"]["threshold"] == limit.threshold
    kept = {row["tested_on"]: row for row in found["kept"] if row["fitted_on"] == "cases + site"}
    # the risk it was chosen for holds on answers that had no part in it
    assert kept["blind"]["risk"] <= 0.2 < kept["blind"]["stated_wrong"] / kept["blind"]["stated"]


def test_the_report_shows_the_plots(calibrated: tuple[dict[str, Any], Path]) -> None:
    _, out = calibrated
    page = (out / "report.html").read_text()
    for plot in ("reliability.png", "risk-coverage.png"):
        assert f"src='{plot}'" in page and (out / plot).read_bytes().startswith(b"\x89PNG")
    assert "Clopper-Pearson" in page and "words" in page


def test_it_is_told_at_a_terminal_too(reports: dict[str, Path], tmp_path: Path) -> None:
    words = ["eval", "calibrate", "--fit", str(reports["site"]), "--out", str(tmp_path)]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output
    assert "held out by question" in done.stdout.replace("\n", " ") or "threshold" in done.stdout


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"fit": "blind"}, "for testing alone"),
        ({"name": "no good"}, "no name for a calibration"),
    ],
)
def test_what_must_not_be_is_refused(
    reports: dict[str, Path], tmp_path: Path, change: dict[str, str], told: str
) -> None:
    wanted = Wanted((str(reports[change.get("fit", "site")]),), name=change.get("name", "n"))
    with pytest.raises(InputError, match=told):
        run(wanted, tmp_path / "out")
    assert not (tmp_path / "out" / OWN).exists()


# --- a service that uses it ---


@pytest.fixture(scope="module")
def store(plant: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the plant's store, to put calibrations into."""
    return Path(shutil.copytree(plant.store, tmp_path_factory.mktemp("calibrated") / "store"))


@pytest.fixture(scope="module")
def questions(plant: Any) -> list[Question]:
    return read_questions(plant.folder / "truth" / "questions.jsonl")


@pytest.fixture
def own(store: Path) -> Iterator[Callable[[Any], None]]:
    """Put a calibration of its own into the store; it is taken out again."""

    def put(content: Any) -> None:
        (store / OWN).write_text(content if isinstance(content, str) else json.dumps(content))

    yield put
    (store / OWN).unlink(missing_ok=True)


def ask(store: Path, question: Question, **given: Any) -> tuple[Answer, dict[str, Any]]:
    """The answer, and the line of doctor about confidence."""
    service = build(load_settings(data_dir=store, **given))
    try:
        answer = service.ask(Ask(question=question.question, asked_at=to_micros(question.asked_at)), ME)
        (check,) = [check for check in service.checks() if check.name == "confidence"]
        return answer, {"state": check.state, "detail": check.detail}
    finally:
        service.close()


def never_sure(answerer: str = BRIEF) -> dict[str, Any]:
    """A calibration by which nothing is ever more than even."""
    fitted = {"on": "2026-11-26", "answers": 1, "right": 1, "sources": {}, "method": "logistic", "l2": 1.0}
    limit = {
        "threshold": 0.9,
        "risk": 0.1,
        "certainty": 0.95,
        "method": "m",
        "stated": 1,
        "kept": 1,
        "wrong": 0,
        "bound": 0.1,
    }
    head = {
        "answerer": answerer,
        "features": ["claims"],
        "means": [0.0],
        "scales": [1.0],
        "weights": [0.0],
        "bias": 0.0,
    }
    return {"name": "even", "version": VERSION, "heads": [head | {"fitted": fitted, "abstention": limit}]}


def test_what_ships_gives_answers_their_confidence(store: Path, questions: list[Question]) -> None:
    answer, check = ask(store, questions[0])
    assert answer.confidence is not None and 0.0 < answer.confidence < 1.0
    assert answer.calibration.startswith("brief.v1@") and answer.calibration in check["detail"]
    assert list(answer.features) == list(MEANINGS) and check["state"] == "ok"


def test_the_stores_own_comes_first_and_can_refuse(store: Path, questions: list[Question], own: Any) -> None:
    own(never_sure())
    warned, check = ask(store, questions[0])
    assert (warned.confidence, warned.verdict.value) == (0.5, questions[0].verdict)
    assert warned.calibration.startswith("even@") and "low confidence: 0.50" in warned.degraded[-1]
    assert "warns below 0.90" in check["detail"]
    refused, _ = ask(store, questions[0], limits={"abstain": "refuse"})
    assert refused.verdict.value == "insufficient" and refused.claims == warned.claims


def test_a_damaged_one_is_never_ignored(store: Path, questions: list[Question], own: Any) -> None:
    own('{"name": "even", "version": 1, "he')
    with pytest.raises(BadSettings, match=r"calibration calibration\.json"):
        ask(store, questions[0])
    done = CliRunner().invoke(main, ["--data-dir", str(store), "doctor", "--json"])
    checks = {check["name"]: check for check in json.loads(done.stdout)["checks"]}
    assert done.exit_code == 1
    assert checks["confidence"]["state"] == "failed" and "calibration.json" in checks["confidence"]["detail"]


def test_a_report_of_the_plant_has_features_to_fit_on(plant: Any) -> None:
    examples = read_report(plant.store.parent)
    assert {e.answerer for e in examples} == {BRIEF} and {e.suite for e in examples} == {"site"}
    assert all(list(e.features) == list(MEANINGS) for e in examples)
    assert 0.7 < np.mean([e.right for e in examples]) <= 1.0


# --- a model ---


def quoting(body: dict[str, Any]) -> Iterable[str]:
    """A model that quotes the last line of every piece it was shown."""
    claims = [{"text": text.strip().splitlines()[-1][:300], "evidence": [label]} for label, text in shown(body).items()]
    yield json.dumps({"claims": claims, "insufficient": False})


def asked_through(stub: StubModel, store: Path, questions: list[Question]) -> list[Answer]:
    """The answers that the model worded."""
    service = build(load_settings(data_dir=store, model={"base_url": stub.url, "looks": 0}))
    try:
        asks = [Ask(question=q.question, asked_at=to_micros(q.asked_at)) for q in questions]
        return [answer for answer in (service.ask(one, ME) for one in asks) if answer.model == NAME]
    finally:
        service.close()


def test_answers_of_a_model_are_calibrated_by_its_own_head_alone(
    store: Path, questions: list[Question], own: Any, tmp_path: Path
) -> None:
    made = report(tmp_path / "model", noisy(300, 4, answerer=NAME), "site")
    beside = report(tmp_path / "brief", noisy(100, 5), "site")
    with StubModel(quoting) as stub:
        before = asked_through(stub, store, questions)
        assert before, "the model worded nothing"
        assert all((a.confidence, a.calibration) == (None, "") for a in before)
        assert all(a.features["judged"] == a.features["logprobs_given"] == 1.0 for a in before)
        assert all(a.features["token_probability"] == pytest.approx(np.exp(-0.0625)) for a in before)
        found = run(Wanted((str(made), str(beside)), name="stub"), tmp_path / "out")
        assert (found["answerer"], found["fitted"]["answers"]) == (NAME, 300)
        own((tmp_path / "out" / OWN).read_text())
        after = asked_through(stub, store, questions)
    assert len(after) == len(before)
    assert all(a.confidence is not None and a.calibration.startswith("stub@") for a in after)


def test_with_an_endpoint_set_a_plant_is_asked_through_the_model(
    plant: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = tmp_path / "out" / "answers" / plant.folder.name
    shutil.copytree(plant.store, answers / "store")
    monkeypatch.setattr(runner, "read_questions", lambda path: read_questions(path)[:24])
    with StubModel(quoting) as stub:
        monkeypatch.setenv("WATCHFLOOR_MODEL__BASE_URL", stub.url)
        monkeypatch.setenv("WATCHFLOOR_MODEL__LOOKS", "0")
        # these are too few questions to fit a model's head on
        with pytest.raises(InputError, match="at least 40"):
            run(Wanted((str(plant.folder),)), tmp_path / "out")
    # the store that was there is used again
    assert json.loads((answers / "summary.json").read_text())["ingest"]["ingested"] == 0
    worded = [e for e in gather([str(answers)], None, tmp_path) if e.answerer == NAME]
    assert worded and all(e.features["judged"] == 1.0 for e in worded)
