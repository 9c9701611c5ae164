"""Answers whose truth is known, as calibration needs them: what was measured of each, and whether it was right."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from app.answer.brief import EvidenceBrief
from app.confidence.assessor import STATED
from retrieval.errors import InputError
from retrieval.types import Verdict

Progress = Callable[[int, int, str], None]
BRIEF = EvidenceBrief.name
# the cases that were written unseen are for testing alone
NEVER_FITTED = frozenset({"blind"})
_BY_DATA = ("cases", "blind")


class Example(NamedTuple):
    """One answer. `suite` is site, cases or blind; `source` the report it stands in; `family` the question with its paraphrases, over
    all sites of any seed; `stated` whether its verdict states something that could be wrong to act on."""

    suite: str
    source: str
    family: str
    answerer: str
    stated: bool
    right: bool
    features: dict[str, float]


class Row(msgspec.Struct, frozen=True):
    """What is read of a line of results.jsonl; the other fields are for people."""

    id: str
    got: Verdict
    verdict: float
    recall: float | None
    figures: float | None
    answerer: str
    features: dict[str, float]
    paraphrase_of: str | None = None


def is_right(row: Row) -> bool:
    """Whether an answer is right: the expected verdict, every piece of expected evidence cited, and every expected figure stated.

    This is the strict reading: an answer that leaves a part out is not right.
    """
    return row.verdict == 1.0 and row.recall in (None, 1.0) and row.figures in (None, 1.0)


def read_report(folder: Path) -> list[Example]:
    """The examples of a report of `eval run … --out`. Raises InputError where it is none, or was written without features."""
    try:
        suite = str(msgspec.json.decode((folder / "summary.json").read_bytes())["suite"])
        lines = (folder / "results.jsonl").read_bytes().splitlines()
        rows = [msgspec.json.decode(line, type=Row) for line in lines if line.strip()]
    except (OSError, KeyError, TypeError, msgspec.MsgspecError) as error:
        raise InputError(f"{folder} is no report with features; write one with `eval run … --out` ({error})") from error
    return [_example(suite, folder.name, row) for row in rows]


def _example(suite: str, source: str, row: Row) -> Example:
    family = f"{suite}/{row.paraphrase_of or row.id}"
    return Example(suite, source, family, row.answerer, row.got in STATED, is_right(row), row.features)


def gather(sources: Sequence[str], data_dir: Path | None, out: Path, progress: Progress | None = None) -> list[Example]:
    """The examples of each source: a report as it stands; a site, or "cases" and "blind" over `data_dir`, asked anew.

    What was asked is kept below `out`/answers with its store, so that asking again does not take the data in again. Raises InputError.
    """
    names = [Path(source).name for source in sources]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"two sources are called {twice[0]}; rename one")
    return [e for source in sources for e in _gathered(source, data_dir, out / "answers", progress)]


def _gathered(source: str, data_dir: Path | None, answers: Path, progress: Progress | None) -> list[Example]:
    from eval.runner import run

    folder = Path(source)
    given: dict[str, Any] = {"progress": progress}
    if source in _BY_DATA:
        given |= {"suite": source, "data_dir": data_dir, "out_dir": answers / source}
    elif (folder / "truth" / "questions.jsonl").is_file():
        given |= {"suite": "site", "site_dir": folder, "out_dir": answers / folder.name}
    else:
        return read_report(folder)
    run(**given)
    return read_report(given["out_dir"])


def answerer_of(examples: Sequence[Example]) -> str:
    """Whose answers are calibrated: the model's where one worded any, else the brief's. Raises InputError for several models."""
    models = {e.answerer for e in examples} - {BRIEF}
    if len(models) > 1:
        raise InputError(f"answers of several models: {', '.join(sorted(models))}; fit one at a time")
    return models.pop() if models else BRIEF
