"""What the columns tell of each row, as numbers to compare with what the catalog says of it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from retrieval.adapters.faiss_vectors.columns import Columns
from retrieval.digests import digest
from retrieval.ports import Projected
from retrieval.projecting import Times, audience

_NAMES = ("row", *Times._fields, "kind", "source", "audience", "hung")


def held(columns: Columns) -> Iterator[tuple[int, int]]:
    """(row, digest) of every row there is."""
    arrays, words = columns.told()
    hung = [sorted(words["entity"][code] for code in codes) for codes in words["hung"]]
    alive = np.flatnonzero(arrays["alive"])
    for row, *rest in zip(*(arrays[name][alive].tolist() for name in _NAMES), strict=True):
        *times, kind, source, members, entities = rest
        yield (
            row,
            digest(
                times,
                words["kind"][kind].value,
                words["source"][source],
                list(words["audience"][members]),
                hung[entities],
            ),
        )


def wanted(item: Projected) -> int:
    """The digest of a revision as the catalog tells it."""
    evidence = item.evidence
    entities = sorted({mention.entity for mention in evidence.entities})
    return digest(list(Times.of(evidence)), evidence.kind.value, evidence.source, audience(evidence.labels), entities)
