"""`python -m eval.eyes.names`: encode the names of the offline eyes' labels with the packaged text encoder, and keep the vectors.

To be run when the concepts, the phrase around names or the packaged encoder change; until then the names are encoded at the first search.
"""

from __future__ import annotations

from retrieval.adapters.conse import ConseEncoder, keep_vectors
from retrieval.adapters.minilm import SentenceTransformerEncoder

if __name__ == "__main__":
    text = SentenceTransformerEncoder()
    phrases = ConseEncoder(text).phrases
    keep_vectors(text.space, phrases, text.encode(phrases))
