"""Finding: one entry, Searcher; and Likeness, which compares words with the frames of a clip."""

from retrieval.search.likeness import Likeness
from retrieval.search.searcher import Indexes, Models, Searcher, SearchResult
from retrieval.search.weights import Weights, load_weights

__all__ = ["Indexes", "Likeness", "Models", "SearchResult", "Searcher", "Weights", "load_weights"]
