"""What a projection was made from, as numbers: equal content gives equal numbers in every process, so that indexes can be compared.

A number is the first 63 bits of BLAKE2b over canonical JSON: it fits the signed integers that every index can keep.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable
from typing import Any

import msgspec
import numpy as np

from retrieval.ports import Projected
from retrieval.projecting import Times, audience
from retrieval.types import Vector

_BITS = 2**63 - 1
_encoder = msgspec.json.Encoder(order="deterministic")


def digest(*values: Any) -> int:
    """Of plain values (text, numbers, lists of them); 0 ≤ n < 2⁶³."""
    told = _encoder.encode(values)
    return int.from_bytes(hashlib.blake2b(told, digest_size=8).digest(), "big") & _BITS


def of_document(item: Projected) -> int:
    """Of all that indexes keep of a revision: its text, what it is, who may see it, when, and what it hangs on."""
    evidence = item.evidence
    return digest(
        item.row,
        evidence.id,
        evidence.tenant,
        evidence.text,
        evidence.kind.value,
        evidence.source,
        audience(evidence.labels),
        list(Times.of(evidence)),
        sorted((mention.entity, mention.relation.value) for mention in evidence.entities),
    )


def of_vector(space: str, vector: Vector) -> int:
    """Of one vector, shape (dim,), in a space."""
    return of_crc(space, zlib.crc32(np.ascontiguousarray(vector, np.dtype("<f4")).tobytes()))


def of_crc(space: str, crc: int) -> int:
    """The same from the CRC-32 of the vector's little-endian float32 bytes."""
    return zlib.crc32(f"{space}\x00{crc:08x}".encode())


def together(numbers: Iterable[int]) -> int:
    """One number for several, whatever their order: their sum modulo 2⁶³."""
    return sum(numbers) & _BITS
