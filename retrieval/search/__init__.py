"""Finding: one entry, Searcher."""

from retrieval.search.searcher import Indexes, Models, Searcher, SearchResult
from retrieval.search.weights import Weights, load_weights

__all__ = ["Indexes", "Models", "SearchResult", "Searcher", "Weights", "load_weights"]
