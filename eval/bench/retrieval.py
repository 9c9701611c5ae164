"""`watchfloor bench retrieval`: finding under filters beside a flat scan and beside other libraries, adding, words, and memory.

Each measurement runs in a process of its own with a control of its own; what is compared are ratios to the control of the same
process and round.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import msgspec

from eval.bench.children import ChildFailed, Python, run_child
from eval.bench.machine import facts
from eval.bench.peers import ENGINES
from eval.bench.retrieval_data import FILTERS
from eval.bench.retrieval_places import Places
from eval.bench.retrieval_store import prepared
from retrieval.errors import BadQuery

Progress = Callable[[int, int, str], None]
_CHILD, _PEER, _WORDS = "eval.bench.retrieval_child", "eval.bench.peers", "eval.bench.retrieval_words"
BARS = {
    "filtered_10_percent_over_scan": 0.22,
    "filtered_1_percent_over_scan": 0.04,
    "filtered_01_percent_over_scan": 0.02,
    "worst_filtered_recall": 0.99,
    "short_answers": 0.0,
    "foreign_ids": 0.0,
    "unfiltered_over_scan": 0.03,
    "unfiltered_recall": 0.95,
    "unfiltered_tax_ms": 0.25,
    "durable_add_over_bare": 3.0,
    "durable_add_growth": 1.3,
    "words_over_rank_bm25": 0.01,
    "new_text_found_ms": 30.0,
    "memory_exact_over_raw": 1.35,
    "memory_quantised_over_raw": 0.5,
    "quantised_recall": 0.99,
}
# those that a figure must reach; the others are most it may be
AT_LEAST = frozenset({"worst_filtered_recall", "unfiltered_recall", "quantised_recall"})
_FILTERED = tuple(name for name in FILTERS if name != "none")


class Sizes(NamedTuple):
    """How much is measured. `words` is the number of texts; `storage` the quantised way of keeping vectors ("" = none is measured)."""

    n: int = 200_000
    words: int = 50_000
    rounds: int = 5
    storage: str = "quantised"


class Peers(NamedTuple):
    """Which of the others take part, and the environment that has them."""

    engines: tuple[str, ...] = tuple(ENGINES)
    environment: Path = Path(".peers-venv")


def chosen(names: Sequence[str], environment: Path) -> Peers:
    """Those named; all of them for none, none for "none". Raises BadQuery for a library there is not."""
    unknown = set(names) - {*ENGINES, "none"}
    if unknown:
        raise BadQuery(f"no library {', '.join(sorted(unknown))}; there are {', '.join(ENGINES)}")
    return Peers(tuple(name for name in ENGINES if not names or name in names), environment)


class _Run:
    """One run: where everything lies, what is told on the way, and what was left out and why."""

    def __init__(self, places: Places, sizes: Sizes, peers: Peers, progress: Progress) -> None:
        self.places, self.sizes, self.peers, self.progress = places, sizes, peers, progress
        self.python = Python.of(peers.environment)
        self.skipped: dict[str, str] = {}

    def child(self, what: str, storage: str = "", at: Places | None = None) -> dict[str, Any]:
        arguments = [what, str((at or self.places).folder), "--rounds", str(self.sizes.rounds), "--storage", storage]
        return run_child(Python(), _CHILD, arguments, self._told(" ".join(filter(None, (what, storage)))))

    def quantised(self, what: str) -> dict[str, Any] | None:
        """The same with quantised vectors; None, and why, where they cannot be had."""
        name = f"{what} with storage {self.sizes.storage or '(none asked for)'}"
        if not self.sizes.storage:
            self.skipped[name] = "left out by the options"
            return None
        return self.optional(name, lambda: self.child(what, self.sizes.storage))

    def optional(self, name: str, measure: Callable[[], dict[str, Any]]) -> dict[str, Any] | None:
        try:
            return measure()
        except ChildFailed as error:
            self.skipped[name] = str(error)
            return None

    def peer(self, engine: str) -> dict[str, Any] | None:
        if self.python is None:
            self.skipped[engine] = f"no environment {self.peers.environment}; make it with `make bench-peers`"
            return None
        python, arguments = self.python, [engine, str(self.places.material), "--rounds", str(self.sizes.rounds)]
        found = self.optional(engine, lambda: run_child(python, _PEER, arguments, self._told(engine)))
        if found is not None and "skipped" in found:
            self.skipped[engine] = found["skipped"]
            return None
        return found

    def words(self) -> dict[str, Any]:
        python = self.python or Python()
        with TemporaryDirectory(prefix="watchfloor-words-") as folder:
            arguments = [folder, "--n", str(self.sizes.words), "--rounds", str(self.sizes.rounds)]
            found = run_child(python, _WORDS, arguments, self._told("words"))
        self.skipped |= found.pop("skipped")
        return found

    def adding(self) -> dict[str, Any]:
        """On copies: the stores themselves stay as they are for the next run."""
        with TemporaryDirectory(prefix="adding-", dir=self.places.folder) as folder:
            copy = Places(Path(folder))
            for one, other in ((self.places, copy), (self.places.small, copy.small)):
                shutil.copytree(one.store, other.store)
                other.material.symlink_to(one.material.resolve())
            return self.child("adding", at=copy)

    def _told(self, what: str) -> Progress:
        return lambda done, total, now: self.progress(done, total, f"{what}: {now}")


def run(sizes: Sizes, folder: Path | None, peers: Peers, progress: Progress) -> dict[str, Any]:
    """Everything, plain JSON. `folder` keeps material and stores for the next run; none = a temporary one. Raises InputError where it
    holds something else, ChildFailed where one of our own measurements fails."""
    with _places(folder) as places:
        stored = {
            "large": prepared(places, sizes.n, progress),
            "small": prepared(places.small, sizes.n // 10, progress),
        }
        one = _Run(places, sizes, peers, progress)
        found: dict[str, Any] = {
            "finding": {"exact": one.child("finding"), "quantised": one.quantised("finding")},
            "memory": {"exact": one.child("memory"), "quantised": one.quantised("memory")},
            "adding": one.adding(),
            "words": one.words(),
        }
        beside = {engine: told for engine in peers.engines if (told := one.peer(engine)) is not None}
    return {
        "bench": "retrieval",
        "machine": facts(),
        "sizes": sizes._asdict(),
        "store": {name: msgspec.to_builtins(built) for name, built in stored.items()},
        **found,
        "peers": beside,
        "skipped": one.skipped | {name: "not asked for" for name in ENGINES if name not in peers.engines},
        "bars": bars(found),
        # measured over a whole plant, its site and its pictures
        "elsewhere": {"path_p95_over_scan_p50": "watchfloor bench answer"},
    }


@contextmanager
def _places(folder: Path | None) -> Iterator[Places]:
    if folder is not None:
        yield Places(folder)
        return
    with TemporaryDirectory(prefix="watchfloor-bench-") as made:
        yield Places(Path(made))


def bars(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Each bar with its median figure and whether that meets it; a bar without a figure is left out (`skipped` says why)."""
    figures = {name: value for name, value in _figures(found).items() if value is not None}
    return {
        name: {"bar": bar, "found": figures[name], "met": met(name, figures[name])}
        for name, bar in BARS.items()
        if name in figures
    }


def met(name: str, found: float) -> bool:
    """Whether a figure meets its bar."""
    return found >= BARS[name] if name in AT_LEAST else found <= BARS[name]


def _figures(found: dict[str, Any]) -> dict[str, float | None]:
    exact, quantised = (
        found["finding"][name] and found["finding"][name]["ways"]["ours"] for name in ("exact", "quantised")
    )
    memory, adding, words = found["memory"], found["adding"], found["words"]
    everything: Sequence[dict[str, Any]] = list(exact.values())
    beside = words["engines"]["ours"].get("over_rank_bm25")
    return {
        "filtered_10_percent_over_scan": exact["time"]["ratio"]["median"],
        "filtered_1_percent_over_scan": max(exact[name]["ratio"]["median"] for name in ("source", "apart")),
        "filtered_01_percent_over_scan": exact["asset"]["ratio"]["median"],
        "worst_filtered_recall": min(exact[name]["recall"] for name in _FILTERED),
        "short_answers": sum(of["short"] for of in everything),
        "foreign_ids": sum(of["foreign"] for of in everything),
        "unfiltered_over_scan": exact["none"]["ratio"]["median"],
        "unfiltered_recall": exact["none"]["recall"],
        "unfiltered_tax_ms": found["finding"]["exact"]["tax_ms"]["none"]["p50"],
        "durable_add_over_bare": adding["over_bare"]["median"],
        "durable_add_growth": adding["growth"]["median"],
        "words_over_rank_bm25": beside and beside["median"],
        "new_text_found_ms": words["found_ms"]["median"],
        "memory_exact_over_raw": memory["exact"]["ratio"],
        "memory_quantised_over_raw": memory["quantised"] and memory["quantised"]["ratio"],
        "quantised_recall": quantised and min(of["recall"] for of in quantised.values()),
    }
