"""The WordIndex port over tantivy."""

from retrieval.adapters.tantivy_words.index import Stemming, TantivyWords

__all__ = ["Stemming", "TantivyWords"]
