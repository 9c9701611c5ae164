"""Cut open_clip's byte-pair merge list down to what the sample site needs, so that the token table stays small.

The full list makes 49,408 tokens, whose embedding alone would outweigh the whole checkpoint. Kept are the first merges
(common pieces, so that any other word still splits into few tokens) and each merge that the given words use, in the
original order: those words then come out exactly as they would with the full list.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

FIRST = 500
SPECIAL = 2 * 256 + 2  # the byte symbols, with and without a word end, and the start and end tokens


def used_merges(tokenizer: Any, texts: Iterable[str]) -> set[tuple[str, str]]:
    """The merges that an open_clip SimpleTokenizer applies to the words of the texts."""
    used: set[tuple[str, str]] = set()
    for word in sorted({word for text in texts for word in tokenizer.pat.findall(text.lower())}):
        symbols = [tokenizer.byte_encoder[byte] for byte in word.encode()]
        symbols[-1] += "</w>"
        while len(symbols) > 1:
            pairs = list(pairwise(symbols))
            best = min(pairs, key=lambda pair: tokenizer.bpe_ranks.get(pair, 1 << 30))
            if best not in tokenizer.bpe_ranks:
                break
            used.add(best)
            symbols = _merge(symbols, best)
    return used


def _merge(symbols: list[str], pair: tuple[str, str]) -> list[str]:
    merged: list[str] = []
    for symbol in symbols:
        if merged and (merged[-1], symbol) == pair:
            merged[-1] += symbol
        else:
            merged.append(symbol)
    return merged


def write_merges(tokenizer: Any, texts: Iterable[str], path: Path) -> int:
    """Write the cut merge list as gzip; returns the vocabulary size a SimpleTokenizer reading it will have.

    The tokenizer drops the first line, and a newline at the end would become one more (empty) merge: there is none.
    """
    used = used_merges(tokenizer, texts)
    kept = [pair for pair, rank in tokenizer.bpe_ranks.items() if rank < FIRST or pair in used]
    text = "\n".join(["#version: cut for the sample site", *(" ".join(pair) for pair in kept)])
    path.write_bytes(gzip.compress(text.encode(), mtime=0))
    return SPECIAL + len(kept)
