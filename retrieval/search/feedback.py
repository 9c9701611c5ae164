"""Pseudo relevance feedback: a second round that also asks for what the first round's best have in common.

Dense: Rocchio's formula (1971), q' = q + dense × mean of the best documents' vectors, L2-normalised. Lexical: the words
most frequent in the best documents, after RM3 (Abdul-Jaleel et al. 2004), asked as a query of their own.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np

from retrieval.types import Vector

_WORD = re.compile(r"[^\W\d_][\w-]{2,}")


def rocchio(question: Vector, documents: Vector, weight: float) -> Vector:
    """Shapes (dim,) and (n, dim), n ≥ 1 → (dim,), L2-normalised."""
    moved = question + weight * documents.mean(axis=0)
    return np.asarray(moved / max(float(np.linalg.norm(moved)), 1e-12), np.float32)


def common_words(texts: Sequence[str], count: int) -> str:
    """The `count` words with the highest mean relative frequency in the texts, stop words left out, most frequent first."""
    weight: Counter[str] = Counter()
    for text in texts:
        words = Counter(word for word in _WORD.findall(text.lower()) if word not in _stop_words())
        total = sum(words.values())
        for word, times in words.items():
            weight[word] += times / total  # type: ignore[assignment]  # Counter is typed for whole numbers
    return " ".join(sorted(weight, key=lambda word: (-weight[word], word))[:count])


@cache
def _stop_words() -> frozenset[str]:
    return frozenset(Path(__file__).with_name("stopwords.en.txt").read_text().split())
