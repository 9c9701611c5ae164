"""What each part of search adds: one row a configuration, both collections, through the real search path.

    python -m eval.ablate_search --data ../shared/data > eval/ablations/search.v1.md

Each row changes the shipped weights in one place. Documents are encoded once; token vectors are shared by all rows.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from eval.retrieval_suites import Collection, ask_all, load, measure, prepared
from retrieval.adapters.late_interaction import LateInteraction
from retrieval.adapters.minilm import SentenceTransformerEncoder
from retrieval.ports import Reranker, TextEncoder
from retrieval.search import Models, Weights, load_weights
from retrieval.search.weights import ChannelWeight

_SUITES = ("cranfield", "xquad")
_HEADINGS = {"cranfield": "ndcg@10", "xquad": "recall@1"}


def variants(shipped: Weights) -> Iterator[tuple[str, Weights]]:
    """Name and weights of each row: the parts one by one, then the neighbours of what ships."""
    plain = replace(
        shipped, feedback=replace(shipped.feedback, documents=0), rerank=replace(shipped.rerank, weight=0.0)
    )
    scores = {name: replace(each, by="score") for name, each in shipped.channels.items()}
    yield "words alone", replace(plain, channels=shipped.channels | {"text": ChannelWeight(0.0, "rank")})
    yield "text vectors alone", replace(plain, channels=shipped.channels | {"words": ChannelWeight(0.0, "rank")})
    yield "both, by rank (plain RRF)", plain
    yield "both, by score", replace(plain, channels=scores)
    yield "+ feedback, no re-ranking", replace(shipped, rerank=plain.rerank)
    yield "+ re-ranking, no feedback", replace(shipped, feedback=plain.feedback)
    yield "shipped", shipped
    yield "shipped, but by score", replace(shipped, channels=scores)
    for other in ({"weight": 0.4}, {"weight": 0.6}, {"top": 20}, {"top": 50}):
        yield f"shipped, rerank {_words(other)}", replace(shipped, rerank=replace(shipped.rerank, **other))
    for change in (
        {"documents": 3},
        {"lexical": 0.0},
        {"dense": 0.0},
        {"lexical": 0.2},
        {"lexical": 0.4},
        {"dense": 0.5},
    ):
        yield f"shipped, feedback {_words(change)}", replace(shipped, feedback=replace(shipped.feedback, **change))


def _words(change: dict[str, Any]) -> str:
    return ", ".join(f"{name} = {value}" for name, value in change.items())


def column(collection: Collection, encoder: TextEncoder, rows: Sequence[tuple[str, Weights]]) -> list[float]:
    """The collection's headline figure for each configuration."""
    reranker: Reranker = LateInteraction(encoder, cache_bytes=1 << 30)
    figures: list[float] = []
    with prepared(collection, encoder) as indexes:
        for name, weights in rows:
            found = ask_all(collection, indexes, Models(encoder, None, reranker), weights)
            figures.append(measure(collection, found)[_HEADINGS[collection.name]])
            print(f"{collection.name} {name}: {figures[-1]}", file=sys.stderr, flush=True)
    return figures


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table as markdown."""
    parser = argparse.ArgumentParser(description="ablation of search on both collections")
    parser.add_argument("--data", type=Path, required=True, help="folder with retrieval/cranfield and qa/xquad")
    given = parser.parse_args(arguments)
    rows = list(variants(load_weights()))
    encoder = SentenceTransformerEncoder()
    columns = [column(load(suite, given.data), encoder, rows) for suite in _SUITES]
    print("# Search, weights.v1: what each part adds\n")
    print("Made by `python -m eval.ablate_search --data DIR`.\n")
    print("| configuration | Cranfield nDCG@10 | XQuAD-en R@1 |\n|---|---|---|")
    for (name, _), *figures in zip(rows, *columns, strict=True):
        print(f"| {name} | {' | '.join(f'{figure:.4f}' for figure in figures)} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
