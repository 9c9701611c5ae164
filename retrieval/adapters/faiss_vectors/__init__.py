"""The VectorIndex port over FAISS."""

from retrieval.adapters.faiss_vectors.device import Gpus, selector_works
from retrieval.adapters.faiss_vectors.index import FaissVectors

__all__ = ["FaissVectors", "Gpus", "selector_works"]
