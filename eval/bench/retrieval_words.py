"""`python -m eval.bench.retrieval_words FOLDER`: our words beside rank_bm25 and bm25s over the same texts, asked in turns.

Run by the Python that has those two (`make bench-peers`); without them ours is measured alone. Prints one line of JSON.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

import click
import numpy as np

from app.wiring_store import StoreRooms
from eval.bench.answer import percentile, spread
from eval.bench.retrieval_data import TAG, K, texts
from eval.bench.retrieval_store import ASKER, BEGIN, TENANT, Who, evidence, number_of, settings_at, store
from eval.bench.talking import now
from retrieval.catalog import system_clock
from retrieval.errors import InputError
from retrieval.ports import Unit
from retrieval.projector import Projector
from retrieval.search import Indexes, Models, Searcher, load_weights
from retrieval.types import Interval, Query

Find = Callable[[str], Sequence[int]]
Progress = Callable[[int, int, str], None]
_A_UNIT, _A_ROUND, _ADDED = 2_000, 40, 10
_SEED = 3


class Question(NamedTuple):
    """Five words of one text, its asset tag among them, and the text's number."""

    words: str
    target: int


class Took(NamedTuple):
    """One question: who answered, in how many milliseconds, with which texts."""

    engine: str
    question: Question
    ms: float
    found: tuple[int, ...]


class Ours:
    """A catalog with its word index, asked through the searcher's public call by words alone."""

    def __init__(self, folder: Path) -> None:
        self.rooms = StoreRooms(settings_at(folder))
        self.follower = Projector(self.rooms.book, (self.rooms.words,), system_clock)
        self.searcher = Searcher(
            Indexes(self.rooms.book, self.rooms.vectors, self.rooms.words), Models(None), load_weights()
        )
        self._who = Who(TENANT, self.rooms.book.tenant_key(TENANT))

    def close(self) -> None:
        self.searcher.close()
        self.rooms.close()

    def put(self, documents: Sequence[str], first: int, source: str) -> None:
        """Store texts as one source. They are found once the follower has caught up."""
        pieces = [
            evidence(self._who, source, f"{first + n}", text, Interval(BEGIN, BEGIN + 1), (n % 1000, n % 100))
            for n, text in enumerate(documents)
        ]
        store(self.rooms.book, [Unit(TENANT, source, source, "bench 1", pieces)])

    def find(self, words: str) -> Sequence[int]:
        """The measured call: ten hits with text and locator, checked by the catalog."""
        query = Query(text=words, channels=("words",), k=K, quick=True)
        return [number_of(hit.evidence) for hit in self.searcher.search(query, ASKER)]


def run(folder: Path, n: int, rounds: int, progress: Progress) -> dict[str, Any]:
    """{documents, engines: name → {p50_ms, over_rank_bm25, target_in_ten}, build_s, found_ms, skipped}."""
    documents = list(texts(n, _SEED))
    ours = Ours(folder)
    try:
        started = now()
        for first in range(0, n, _A_UNIT):
            ours.put(documents[first : first + _A_UNIT], first, f"file:///plant/log-{first:06d}.txt")
            progress(first, n, "texts stored")
        _caught_up(ours)
        built = {"ours": round(now() - started, 2)}
        engines: dict[str, Find] = {"ours": ours.find}
        skipped = _others(documents, engines, built)
        asked = questions(documents, rounds * _A_ROUND + 1)
        for find in engines.values():
            find(asked[0].words)
        took = [_round(engines, asked[1 + r * _A_ROUND : 1 + (r + 1) * _A_ROUND]) for r in range(rounds)]
        progress(rounds, rounds, "words asked")
        return {
            "documents": n,
            "build_s": built,
            "engines": summary(took),
            "found_ms": _added(ours, n, rounds),
            "skipped": skipped,
        }
    finally:
        ours.close()


def questions(documents: Sequence[str], count: int) -> list[Question]:
    """Each of another text; the same for the same texts."""
    rng = np.random.default_rng(_SEED)
    chosen = rng.choice(len(documents), count, replace=False).tolist()
    asked = []
    for target in chosen:
        words = documents[target].split()
        tag = next(word for word in words if word.startswith(TAG))
        asked.append(
            Question(" ".join([*rng.choice([word for word in words if word != tag], 4).tolist(), tag]), target)
        )
    return asked


def _others(documents: Sequence[str], engines: dict[str, Find], built: dict[str, float]) -> dict[str, str]:
    """Add those that are installed; why each of the others is not there."""
    skipped: dict[str, str] = {}
    for name, distribution, builder in (("rank_bm25", "rank-bm25", _rank_bm25), ("bm25s", "bm25s", _bm25s)):
        try:
            version(distribution)
        except PackageNotFoundError:
            skipped[name] = f"{distribution} is not installed in {Path(sys.prefix).name}"
            continue
        started = now()
        engines[name] = builder(documents)
        built[name] = round(now() - started, 2)
    return skipped


def _rank_bm25(documents: Sequence[str]) -> Find:
    index = import_module("rank_bm25").BM25Okapi([text.split() for text in documents])

    def find(words: str) -> Sequence[int]:
        scores = index.get_scores(words.split())
        best = np.argpartition(-scores, K)[:K]
        ranked: Sequence[int] = best[np.argsort(-scores[best])].tolist()
        return ranked

    return find


def _bm25s(documents: Sequence[str]) -> Find:
    library: Any = import_module("bm25s")
    index = library.BM25(k1=1.5, b=0.75)
    index.index(library.tokenize(list(documents), stopwords=None, show_progress=False), show_progress=False)

    def find(words: str) -> Sequence[int]:
        tokens = library.tokenize(words, stopwords=None, show_progress=False)
        ranked: Sequence[int] = index.retrieve(tokens, k=K, show_progress=False)[0][0].tolist()
        return ranked

    return find


def _round(engines: dict[str, Find], asked: Sequence[Question]) -> list[Took]:
    """Every engine answers each question in its turn, so that all meet the same moments of the machine."""
    done: list[Took] = []
    for question in asked:
        for name, find in engines.items():
            started = now()
            found = find(question.words)
            done.append(Took(name, question, (now() - started) * 1e3, tuple(found)))
    return done


def summary(rounds: Sequence[Sequence[Took]]) -> dict[str, Any]:
    """Engine → {p50_ms, target_in_ten, over_rank_bm25 where that was asked}: medians of each round, set against the same round's."""
    names = list(dict.fromkeys(one.engine for each in rounds for one in each))
    p50 = {name: [percentile([one.ms for one in each if one.engine == name], 50) for each in rounds] for name in names}
    found: dict[str, Any] = {}
    for name in names:
        mine = [one for each in rounds for one in each if one.engine == name]
        hits = sum(one.question.target in one.found for one in mine)
        found[name] = {"p50_ms": spread(p50[name], worst=max), "target_in_ten": round(hits / len(mine), 4)}
        if "rank_bm25" in p50:
            ratios = [ours / theirs for ours, theirs in zip(p50[name], p50["rank_bm25"], strict=True)]
            found[name]["over_rank_bm25"] = spread(ratios, worst=max)
    return found


def _added(ours: Ours, n: int, rounds: int) -> dict[str, float]:
    """Milliseconds from an unstored text to the search that finds it: commit, word index, search."""
    medians = []
    for number in range(rounds):
        took = []
        for m in range(_ADDED):
            word = f"fresh{number:02d}x{m:02d}"
            started = now()
            ours.put([f"{word} valve leaks at the seal"], n + number * _ADDED + m, f"file:///plant/{word}.txt")
            _caught_up(ours)
            found = ours.find(word)
            took.append((now() - started) * 1e3)
            if found != [n + number * _ADDED + m]:
                raise InputError(f"what was just stored was not found: {word}")
        medians.append(percentile(took, 50))
    return spread(medians, worst=max)


def _caught_up(ours: Ours) -> None:
    failed = ours.follower.catch_up()
    if failed:
        raise InputError(f"the word index could not follow: {failed}")


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--n", type=click.IntRange(100), default=50_000)
@click.option("--rounds", type=click.IntRange(1), default=5)
def main(folder: Path, n: int, rounds: int) -> None:
    """Build a store of n texts in FOLDER and ask it."""

    def tell(done: int, total: int, what: str) -> None:
        click.echo(f"{done}/{total} {what}", err=True)

    folder.mkdir(parents=True, exist_ok=True)
    click.echo(json.dumps(run(folder, n, rounds, tell)))


if __name__ == "__main__":
    main()
