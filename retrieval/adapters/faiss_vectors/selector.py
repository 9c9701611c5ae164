"""Whether a search of an index can be held to chosen rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from retrieval.adapters.faiss_vectors.library import library


def selector_works(index: Any) -> bool:
    """Whether a search restricted to one id returns that id. `index` holds rows of the 4-d identity matrix.

    Classic GPU indexes ignore selectors or refuse them, so this is asked of each place once at start-up.
    """
    faiss = library()
    query = np.eye(4, dtype=np.float32)[:1]
    bits = np.packbits(np.arange(8) == 2, bitorder="little")
    try:
        found = [
            index.search(query, 1, params=faiss.SearchParameters(sel=selector))[1][0, 0]
            for selector in (faiss.IDSelectorArray(np.array([2], np.int64)), faiss.IDSelectorBitmap(bits))
        ]
    except RuntimeError:  # how faiss says that an index takes no selector
        return False
    return all(int(one) == 2 for one in found)
