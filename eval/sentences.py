"""Suites `xquad-answers` and `hotpotqa-answers`: whether the evidence brief says the sentence that answers a question.

The passages of a public collection are ingested as documents and each question is asked through the service, without a model. A
question is answered when one of the answer's claims or quotes is, or overlaps, the very sentence that holds the gold answer, where it
holds it (XQuAD), or a supporting sentence that holds it (HotpotQA; questions answered by yes or no hold no such sentence and are
left out of that figure). HotpotQA names every sentence a person needs; their share is reported too. A retriever that always gave the
right sentence would score 1; nothing here measures whether a reader's short answer is right.
"""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np

from app.ports import Ask, Service
from eval.resampling import interval
from retrieval.errors import InputError
from retrieval.types import Answer, Principal, Verdict

Progress = Callable[[int, int, str], None]
SUITES = ("xquad-answers", "hotpotqa-answers")
# any time will do: no passage is dated
_ASKED_AT = 1_790_000_000_000_000
# short passages share a file under headings of their own: reading a file costs more than reading a passage
_PASSAGES_A_FILE = 25
# of a needed sentence, this share must stand in a claim or quote; ingest may cut a long one in two
_SAID = 0.5
_SPEAKS = (Verdict.ANSWERED, Verdict.PARTIAL, Verdict.CONFLICT)


class Wanted(NamedTuple):
    """A question, the sentences that a right answer rests on, and the answer's words ("" where no sentence holds them)."""

    question: str
    sentences: tuple[str, ...]
    answer: str


class Told(NamedTuple):
    """What became of one question. `answered` is None where no sentence holds the answer; `said` is a share in [0, 1]."""

    answered: float | None
    said: float
    verdict: Verdict
    ms: float


def run(suite: str, data_dir: Path, progress: Progress | None = None, limit: int | None = None) -> dict[str, Any]:
    """{suite, n, metrics, by_kind, latency_ms}; `limit` asks the first so many questions. Raises InputError."""
    documents, wanted = load(suite, data_dir)
    with TemporaryDirectory(prefix="watchfloor-sentences-") as folder:
        told = _asked(documents, wanted[:limit], Path(folder), progress)
    verdicts = Counter(one.verdict.value for one in told)
    metrics = measured(told) | {f"verdict {name}": count / len(told) for name, count in sorted(verdicts.items())}
    spent = [one.ms for one in told]
    return {
        "suite": suite,
        "n": len(told),
        "metrics": metrics,
        "by_kind": {},
        "latency_ms": {"p50": float(np.percentile(spent, 50)), "p95": float(np.percentile(spent, 95))},
    }


def load(suite: str, data_dir: Path) -> tuple[dict[str, str], list[Wanted]]:
    """The documents of a collection by file name, and its questions. Raises InputError where it is not there."""
    readers = {"xquad-answers": _xquad, "hotpotqa-answers": _hotpotqa}
    if suite not in readers:
        raise InputError(f"no suite {suite}; there are {', '.join(readers)}")
    try:
        return readers[suite](data_dir / "qa")
    except (OSError, KeyError) as error:
        raise InputError(f"suite {suite}: {error}") from error


def _xquad(folder: Path) -> tuple[dict[str, str], list[Wanted]]:
    articles = json.loads((folder / "xquad" / "xquad.en.json").read_text(encoding="utf-8"))["data"]
    documents, wanted = {}, []
    for n, article in enumerate(articles):
        texts = [paragraph["context"] for paragraph in article["paragraphs"]]
        documents[f"article-{n:02}.txt"] = "\n\n".join(texts) + "\n"
        for paragraph in article["paragraphs"]:
            for asked in paragraph["qas"]:
                gold = asked["answers"][0]
                sentence = sentence_at(paragraph["context"], gold["answer_start"])
                wanted.append(Wanted(asked["question"], (sentence,), gold["text"]))
    return documents, wanted


def _hotpotqa(folder: Path) -> tuple[dict[str, str], list[Wanted]]:
    corpus = json.loads((folder / "hotpotqa100" / "corpus.json").read_text(encoding="utf-8"))
    asked = json.loads((folder / "hotpotqa100" / "questions.json").read_text(encoding="utf-8"))
    titled = [f"# {title}\n\n{''.join(sentences)}\n" for title, sentences in corpus.items()]
    files = range(0, len(titled), _PASSAGES_A_FILE)
    documents = {f"passages-{at:04}.md": "\n".join(titled[at : at + _PASSAGES_A_FILE]) for at in files}
    wanted = []
    for one in asked:
        # a few of the collection's supporting facts name a sentence that its passage lacks
        facts = [(title, n) for title, n in one["supporting_facts"] if n < len(corpus.get(title, ()))]
        answer = "" if one["answer"] in ("yes", "no") else one["answer"]
        wanted.append(Wanted(one["question"], tuple(corpus[title][n] for title, n in facts), answer))
    return documents, wanted


_END = re.compile(r"(?<=[.!?])[\"'”’)]*\s+(?=[\"'“(]?[A-Z0-9])")


def sentence_at(text: str, at: int) -> str:
    """The sentence of a text that the character at a place belongs to."""
    ends = [match.end() for match in _END.finditer(text)]
    begin = max((end for end in ends if end <= at), default=0)
    return text[begin : min((end for end in ends if end > at), default=len(text))].strip()


# --- asking ---------------------------------------------------------------------------------------------------------


def _asked(documents: dict[str, str], wanted: Sequence[Wanted], folder: Path, progress: Progress | None) -> list[Told]:
    from app.settings import load as load_settings
    from app.wiring import build

    files = folder / "documents"
    files.mkdir()
    for name, text in documents.items():
        (files / name).write_text(text, encoding="utf-8")
    settings = load_settings(data_dir=folder / "store", model={"base_url": None})
    service = build(settings)
    try:
        principal = Principal(settings.tenant)
        taken = service.ingest([files], principal)
        if taken.rejected:
            raise InputError(f"{len(taken.rejected)} documents were rejected: {taken.rejected[0]}")
        return list(_told(service, wanted, principal, progress))
    finally:
        service.close()


def _told(
    service: Service, wanted: Sequence[Wanted], principal: Principal, progress: Progress | None
) -> Iterator[Told]:
    for done, one in enumerate(wanted, 1):
        started = time.perf_counter()
        answer = service.ask(Ask(question=one.question, asked_at=_ASKED_AT), principal)
        spent = (time.perf_counter() - started) * 1e3
        yield scored(one, answer, spent)
        if progress:
            progress(done, len(wanted), one.question)


# --- scoring --------------------------------------------------------------------------------------------------------


def scored(wanted: Wanted, answer: Answer, ms: float) -> Told:
    """What an answer says of the sentences it should rest on."""
    texts = [plain(text) for claim in answer.claims for text in (claim.text, *(c.quote for c in claim.citations))]
    needed = [plain(sentence) for sentence in wanted.sentences]
    said = [any(says(text, sentence) for text in texts) for sentence in needed]
    gold = plain(wanted.answer)
    answered = any(says(t, s) and holds(t, gold) and holds(s, gold) for t in texts for s in needed)
    return Told(float(answered) if gold else None, sum(said) / max(1, len(said)), answer.verdict, ms)


def says(text: str, sentence: str) -> bool:
    """Whether a text contains a sentence, or is most of it."""
    return bool(text and sentence) and (sentence in text or (text in sentence and len(text) >= _SAID * len(sentence)))


def holds(text: str, words: str) -> bool:
    """Whether words stand in a text, not as a part of others."""
    return re.search(rf"(?<!\w){re.escape(words)}(?!\w)", text) is not None


def plain(text: str) -> str:
    """Lower case, single spaces, no mark at the end: a sentence as it is compared."""
    return " ".join(text.casefold().split()).strip(" .…\"'“”")


def measured(told: Sequence[Told]) -> dict[str, float | None]:
    """Means over the questions with 95 % intervals: answer sentence said, share of needed sentences, all of them, abstained."""
    answered = np.array([one.answered for one in told if one.answered is not None], float)
    said = np.array([one.said for one in told], float)
    silent = np.array([one.verdict not in _SPEAKS for one in told], float)
    found: dict[str, float | None] = {}
    for name, values in (
        ("answer sentence", answered),
        ("needed sentences", said),
        ("all needed", (said == 1.0) * 1.0),
    ):
        found |= _mean(name, values)
    return found | {"abstained": float(silent.mean()) if len(silent) else None}


def _mean(name: str, values: Any) -> dict[str, float | None]:
    if not len(values):
        return {name: None, f"{name} low": None, f"{name} high": None}
    spread = interval(lambda at: float(values[at].mean()), [0] * len(values))
    return {name: float(values.mean()), f"{name} low": spread.low, f"{name} high": spread.high}
