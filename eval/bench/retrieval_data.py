"""What `bench retrieval` searches: clustered vectors, five filters of known selectivity, and the true ten nearest under each.

Clusters as embeddings of short texts form them: 500 normal centres in 48 dimensions, points around them at 0.6, turned into 384
dimensions, noise of 0.1 on top, length 1. The same seed gives the same material.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from eval.bench.encoders import unit
from retrieval.types import Vector

Ints = NDArray[np.int64]
DIM, K = 384, 10
QUERIES = 100
# what every text's asset is called, before its number
TAG = "PUMP-"
SOURCES, ASSETS, ZONES = 100, 1000, 100
# valid times lie in so many seconds, and a window of the filter "time" spans a tenth of them
SPAN_S, WINDOW_S = 1_000_000, 100_000
_CLUSTERS, _LATENT, _SPREAD, _NOISE = 500, 48, 0.6, 0.1
_BLOCK = 20_000
_SEED = 20_261_126
# filter → the share of pieces that passes it; "apart" is a zone that the query's own cluster has no piece in
FILTERS = {"none": 1.0, "time": 0.1, "source": 0.01, "asset": 0.001, "apart": 0.01}
_COLUMN_OF = {"source": "source", "asset": "asset", "apart": "zone"}


class Material(NamedTuple):
    """`vectors` (n, 384) and `queries` (q, 384), float32, length 1; `columns` by name, shape (n,); `values` of each filter, one a query
    (-1 for none); `truth` the true nearest under each filter, shape (q, 10), best first, -1 where fewer pass."""

    vectors: Vector
    queries: Vector
    columns: dict[str, Ints]
    values: dict[str, list[int]]
    truth: dict[str, Ints]

    @property
    def n(self) -> int:
        return len(self.vectors)

    def mask(self, name: str, value: int) -> NDArray[np.bool_]:
        """Which pieces pass, shape (n,)."""
        return passing(self.columns, name, value)


def passing(columns: dict[str, Ints], name: str, value: int) -> NDArray[np.bool_]:
    """Which pieces pass a filter, shape (n,)."""
    if name == "none":
        return np.ones(len(columns["second"]), np.bool_)
    if name == "time":
        second = columns["second"]
        return (second >= value) & (second < value + WINDOW_S)
    found: NDArray[np.bool_] = columns[_COLUMN_OF[name]] == value
    return found


def make(n: int, queries: int = QUERIES) -> Material:
    """The material of n pieces, made anew; at 200,000 it takes some ten seconds."""
    rng = np.random.default_rng(_SEED)
    centres = rng.standard_normal((_CLUSTERS, _LATENT), np.float32)
    turn = rng.standard_normal((_LATENT, DIM), np.float32) / np.float32(_LATENT**0.5)
    cluster, asked = rng.integers(0, _CLUSTERS, n), rng.integers(0, _CLUSTERS, queries)
    vectors = np.empty((n, DIM), np.float32)
    for start in range(0, n, _BLOCK):
        of = cluster[start : start + _BLOCK]
        vectors[start : start + len(of)] = _around(centres[of], turn, rng)
    columns = {
        "second": rng.integers(0, SPAN_S, n),
        "source": rng.integers(0, SOURCES, n),
        "asset": rng.integers(0, ASSETS, n),
        "zone": cluster % ZONES,
    }
    values = {
        "none": [-1] * queries,
        "time": rng.integers(0, SPAN_S - WINDOW_S, queries).tolist(),
        "source": rng.integers(0, SOURCES, queries).tolist(),
        "asset": rng.integers(0, ASSETS, queries).tolist(),
        "apart": ((asked + 37 + rng.integers(0, 20, queries)) % ZONES).tolist(),
    }
    found = Material(vectors, _around(centres[asked], turn, rng), columns, values, {})
    return found._replace(truth={name: _truth(found, name) for name in FILTERS})


def save(material: Material, folder: Path) -> None:
    """Write it down for other processes, `note.json` last."""
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "vectors.npy", material.vectors)
    np.savez(folder / "queries.npz", queries=material.queries)
    np.savez(folder / "columns.npz", allow_pickle=False, **material.columns)
    np.savez(folder / "truth.npz", allow_pickle=False, **material.truth)
    (folder / "note.json").write_bytes(msgspec.json.encode(material.values))


def load(folder: Path) -> Material:
    """The material written there; the vectors are mapped, not read."""
    vectors: Vector = np.load(folder / "vectors.npy", mmap_mode="r")
    values = msgspec.json.decode((folder / "note.json").read_bytes(), type=dict[str, list[int]])
    columns, truth = _arrays(folder / "columns.npz"), _arrays(folder / "truth.npz")
    return Material(vectors, _arrays(folder / "queries.npz")["queries"], columns, values, truth)


def texts(n: int, seed: int) -> Iterator[str]:
    """n texts of 20 to 60 words out of 20,000 by Zipf's law (exponent 1.05), one asset tag in each."""
    rng = np.random.default_rng(seed)
    share, vocabulary = 1 / np.arange(1, 20_001) ** 1.05, [_word(number) for number in range(20_000)]
    bounds = np.cumsum(share / share.sum())
    for i in range(n):
        length = int(rng.integers(20, 60))
        words = [vocabulary[word] for word in np.searchsorted(bounds, rng.random(length)).tolist()]
        words.insert(int(rng.integers(0, length)), f"{TAG}{i % 5000:04d}")
        yield " ".join(words)


def _word(number: int) -> str:
    """Three syllables, another word for each number below 20,000; none of them looks like a tag, and no English ending is in them."""
    syllables = (number // 10_000, number // 100 % 100, number % 100)
    return "".join("bcdfghjklmnpqrstvwxz"[each // 5] + "aeiou"[each % 5] for each in syllables)


def _around(centres: Vector, turn: Vector, rng: np.random.Generator) -> Vector:
    near = centres + np.float32(_SPREAD) * rng.standard_normal(centres.shape, np.float32)
    return unit(near @ turn + np.float32(_NOISE) * rng.standard_normal((len(centres), DIM), np.float32))


def _truth(material: Material, name: str) -> Ints:
    """By plain matrix products, independent of every index that is measured."""
    found = np.full((len(material.queries), K), -1, np.int64)
    for row, (query, value) in enumerate(zip(material.queries, material.values[name], strict=True)):
        ids = np.flatnonzero(material.mask(name, value))
        scores = (material.vectors if name == "none" else material.vectors[ids]) @ query
        best = np.argsort(-scores, kind="stable")[:K]
        found[row, : best.size] = ids[best]
    return found


def _arrays(path: Path) -> dict[str, Any]:
    with np.load(path) as held:
        return {name: held[name] for name in held.files}
