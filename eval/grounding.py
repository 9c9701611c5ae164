"""Suite `grounding`: whether the verifier's verdicts agree with people's on whether a reply is attributable to a given text.

The data are two development files of BEGIN (Dziri et al., "Evaluating Attribution in Dialogue Systems: The BEGIN Benchmark",
TACL 2022): replies of four dialogue systems to a message, each with the text it was given. A reply is attributable when it is
labelled "Fully attributable"; "Not fully attributable" and "Generic" (which claims nothing) are the rest. Figures without the
generic ones stand beside. What is measured is balanced accuracy: the mean of the shares of attributable and of other replies that
are judged rightly. Three baselines are measured in the same run: always yes; the share of a reply's content words that stand in
the text, at the threshold that is best on these very replies; the same with the threshold of the other file.
"""

from __future__ import annotations

import csv
import time
from collections.abc import Callable, Sequence
from datetime import UTC
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.answer.question import content_words
from app.verify.port import Exhibit, Instruments, Verifier
from eval.resampling import interval
from retrieval.errors import InputError
from retrieval.types import CharSpan, Evidence, Kind, Provenance, Support

Progress = Callable[[int, int, str], None]
Flags = NDArray[np.bool_]
FILES = ("begin_dev_wow.tsv", "begin_dev_cmu.tsv")
_LABELS = {"Fully attributable": True, "Not fully attributable": False, "Generic": False}


class Rated(NamedTuple):
    """A reply, the text it was given, and whether people found it attributable to that text."""

    file: str
    knowledge: str
    response: str
    attributable: bool
    generic: bool


class Verdicts(NamedTuple):
    """What was measured of some replies, each of shape (n,): people's verdict, the verifier's, and the share of words found."""

    truth: Flags
    verifier: Flags
    shares: NDArray[np.float64]
    files: NDArray[np.int64]
    generic: Flags

    def some(self, chosen: NDArray[Any]) -> Verdicts:
        """The replies at these places, or where a mask is true."""
        return Verdicts(*(column[chosen] for column in self))


def run(data_dir: Path, progress: Progress | None = None) -> dict[str, Any]:
    """{suite, n, metrics, by_kind, thresholds, latency_ms, entailment}. Raises InputError where a file is missing or has other labels."""
    replies = [one for name in FILES for one in read(data_dir / "grounding" / name)]
    verifier, model = product()
    found, spent = judge(replies, verifier, progress)
    parts = {name: found.some(found.files == n) for n, name in enumerate(FILES)}
    parts["without generic"] = found.some(~found.generic)
    return {
        "suite": "grounding",
        "n": len(replies),
        "metrics": measured(found),
        "by_kind": {name: measured(part) for name, part in parts.items()},
        "thresholds": {name: best_threshold(parts[name]).at for name in FILES},
        "entailment": model,
        "latency_ms": {"p50": float(np.percentile(spent, 50)), "p95": float(np.percentile(spent, 95))},
    }


def read(path: Path) -> list[Rated]:
    """The replies of one file. Raises InputError."""
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            rows = list(csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE))
        return [
            Rated(path.name, r["knowledge"], r["response"], _LABELS[r["begin_label"]], r["begin_label"] == "Generic")
            for r in rows
        ]
    except (OSError, KeyError) as error:
        raise InputError(f"{path} is not a file of BEGIN: {error}") from error


def product() -> tuple[Verifier, str]:
    """The product's verifier with the entailment model of the settings, and that model's name. Raises BadSettings."""
    from app.settings import load
    from app.verify.nli import CrossEncoderEntailment
    from app.verify.verifier import ClaimVerifier

    name = load().encoders.entailment
    model = CrossEncoderEntailment(name) if name else None
    # these texts are about no entity of a site and no series
    return ClaimVerifier(Instruments(lambda text: [], lambda evidence: None, UTC, model)), name or "none"


def judge(
    replies: Sequence[Rated], verifier: Verifier, progress: Progress | None = None
) -> tuple[Verdicts, list[float]]:
    """Every reply judged against its text as against any other passage, and what each took in milliseconds."""
    supported, spent = [], []
    for done, one in enumerate(replies, 1):
        started = time.perf_counter()
        verdict = verifier.judge(one.response, [exhibit(one)])
        spent.append((time.perf_counter() - started) * 1e3)
        supported.append(verdict.support is Support.SUPPORTED)
        if progress:
            progress(done, len(replies), one.file)
    return Verdicts(
        np.array([one.attributable for one in replies]),
        np.array(supported),
        np.array([share(one) for one in replies]),
        np.array([FILES.index(one.file) for one in replies]),
        np.array([one.generic for one in replies]),
    ), spent


def exhibit(one: Rated) -> Exhibit:
    """The text as a passage under a label."""
    evidence = Evidence(
        id="ev_knowledge", tenant="benchmark", source=f"benchmark:{one.file}", kind=Kind.PASSAGE, text=one.knowledge,
        locator=CharSpan(0, len(one.knowledge)), provenance=Provenance("benchmark"),
    )  # fmt: skip
    return Exhibit("E1", evidence, f"passage of {one.file}; time unknown\n{one.knowledge}")


def share(one: Rated) -> float:
    """The share of the reply's content words that stand in the text, in [0, 1]; 0 for a reply without any."""
    words = set(content_words(one.response))
    return len(words & set(content_words(one.knowledge))) / len(words) if words else 0.0


# --- figures --------------------------------------------------------------------------------------------------------


def balanced(said: Flags, truth: Flags) -> float:
    """Balanced accuracy: the mean of the shares of yes-items and no-items judged rightly. NaN where one sort is missing."""
    if truth.all() or not truth.any():
        return float("nan")
    return float((said[truth].mean() + (~said[~truth]).mean()) / 2)


class Threshold(NamedTuple):
    at: float
    accuracy: float


def best_threshold(found: Verdicts) -> Threshold:
    """The share of words from which on "yes" is most often right on these replies; the lowest of equals."""
    tried = np.unique(found.shares)
    said = found.shares[None, :] >= tried[:, None]  # (thresholds, replies)
    right = (said[:, found.truth].mean(axis=1) + (~said[:, ~found.truth]).mean(axis=1)) / 2
    best = int(np.argmax(right))
    return Threshold(float(tried[best]), float(right[best]))


def crossed(found: Verdicts) -> float:
    """Balanced accuracy of the share of words, each file at the other's best threshold. NaN for one file alone."""
    if len(np.unique(found.files)) < 2:
        return float("nan")
    others = np.array([best_threshold(found.some(found.files != n)).at for n in range(len(FILES))])
    return balanced(found.shares >= others[found.files], found.truth)


def measured(found: Verdicts) -> dict[str, float | None]:
    """The verifier beside its baselines, with 95 % intervals; `ahead` is its lead over the words at their best threshold."""
    groups = [*zip(found.files.tolist(), found.truth.tolist(), strict=True)]
    accuracy = balanced(found.verifier, found.truth)
    own = interval(lambda at: balanced(found.verifier[at], found.truth[at]), groups)
    lead = interval(lambda at: _lead(found.some(at)), groups)
    plain = {
        "verifier": accuracy, "verifier low": own.low, "verifier high": own.high,
        "attributable kept": float(found.verifier[found.truth].mean()),
        "others refused": float((~found.verifier[~found.truth]).mean()),
        "always yes": balanced(np.ones_like(found.truth), found.truth),
        "words, best threshold": best_threshold(found).accuracy,
        "words, other file's threshold": crossed(found),
        "ahead": _lead(found), "ahead low": lead.low, "ahead high": lead.high,
    }  # fmt: skip
    return {name: None if np.isnan(value) else value for name, value in plain.items()}


def _lead(found: Verdicts) -> float:
    return balanced(found.verifier, found.truth) - best_threshold(found).accuracy
