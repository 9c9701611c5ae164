"""What finds most of very many vectors on a GPU, over lists that faiss keeps on the CPU."""

import faiss
import numpy as np

from retrieval.adapters.faiss_vectors.gpu import Found
from retrieval.adapters.faiss_vectors.gpu_likely import InvertedFile, calibrated, chosen
from retrieval.adapters.faiss_vectors.gpu_shelf import GpuShelf
from retrieval.fakes.gpu import FakeDriver


def unit_rows(count, dim, seed=3):
    rows = np.random.default_rng(seed).standard_normal((count, dim)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def scan_of(vectors):
    def exact(queries, k):
        scores = queries @ vectors.T
        order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        return Found(order, np.take_along_axis(scores, order, axis=1))

    return exact


def test_an_inverted_file_over_very_many_finds_most_and_what_came_after_it():
    rng = np.random.default_rng(1)
    vectors = unit_rows(30, 24)[rng.integers(30, size=2400)] + 0.15 * rng.standard_normal((2400, 24))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    shelf = GpuShelf(FakeDriver(), likely_from=1600)
    shelf.put(1, vectors[:2000])
    shelf.settle(1)
    assert shelf._held[1].likely is not None
    shelf.put(1, vectors[2000:])
    shelf.settle(1)
    assert shelf._held[1].likely.size == 2000
    found = shelf.search(1, vectors[1600::4], 10)
    exact = np.argsort(-(vectors[1600::4] @ vectors.T), axis=1, kind="stable")[:, :10]
    assert np.mean([np.isin(want, got).mean() for want, got in zip(exact, found.positions, strict=True)]) >= 0.95
    assert (found.positions[:, 0] == np.arange(1600, 2400, 4)).mean() > 0.95
    shelf.put(1, vectors)
    shelf.settle(1)
    assert shelf._held[1].likely.size == 4800


def test_effort_is_the_least_that_finds_enough_and_none_where_nothing_does():
    vectors = unit_rows(1500, 16)
    quantizer = faiss.IndexFlatIP(16)
    index = InvertedFile(faiss.IndexIVFFlat(quantizer, 16, 30, faiss.METRIC_INNER_PRODUCT), vectors, 2048)

    least = calibrated(index, vectors, scan_of(vectors))
    assert least.effort in index.efforts and least.recall >= 0.97
    index.efforts = [1]
    assert calibrated(index, vectors, scan_of(vectors)).effort is None


def test_where_the_first_kind_finds_too_little_the_next_is_taken():
    vectors, made = unit_rows(1500, 16), []

    def make(kind):
        made.append(kind)
        index = InvertedFile(
            faiss.IndexIVFFlat(faiss.IndexFlatIP(16), 16, 30, faiss.METRIC_INNER_PRODUCT), vectors, 2048
        )
        index.kind, index.efforts = kind, index.efforts if kind == "good" else [1]
        return index

    found = chosen(("poor", "good", "never"), make, vectors, scan_of(vectors))
    assert found.likely.kind == "good" and found.effort > 1 and made == ["poor", "good"]
    assert chosen(("poor",), make, vectors, scan_of(vectors)) is None
