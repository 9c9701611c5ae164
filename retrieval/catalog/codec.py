"""Values of retrieval.types ↔ rows of the tables. What SQL must not see inside of is JSON."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any, TypeVar

import msgspec
import numpy as np
from sqlalchemy import Row

from retrieval.catalog.database import CHUNK
from retrieval.errors import SourceRejected, StoreError, UnitRefused
from retrieval.types import (
    Coverage,
    Embedding,
    Entity,
    Evidence,
    Interval,
    Kind,
    Link,
    Locator,
    Mention,
    Provenance,
    Vector,
)

PRECISION = "float32"
_DTYPE = np.dtype("<f4")
_locator: msgspec.json.Decoder[Locator] = msgspec.json.Decoder(Locator)
_provenance = msgspec.json.Decoder(Provenance)
_data = msgspec.json.Decoder(dict[str, Any])
_encoder = msgspec.json.Encoder(order="deterministic")
_KINDS = {str(kind): kind for kind in Kind}
_T = TypeVar("_T")


def chunks(items: Iterable[_T], size: int = CHUNK) -> Iterator[list[_T]]:
    """Lists of at most `size`, so that no statement binds more values than a database takes."""
    whole = list(items)
    for start in range(0, len(whole), size):
        yield whole[start : start + size]


def to_json(value: Any) -> str:
    """JSON with sorted keys: equal values give equal text. Raises UnicodeEncodeError for a lone surrogate."""
    return _encoder.encode(value).decode()


def evidence_values(evidence: Evidence) -> dict[str, Any]:
    """The columns of an evidence row that its own content gives."""
    valid = evidence.valid
    return {
        "id": evidence.id,
        "kind": str(evidence.kind),
        "locator": to_json(evidence.locator),
        "text": _storable(evidence.text),
        "media": evidence.media,
        "valid_t0": None if valid is None else valid.t0,
        "valid_t1": None if valid is None else valid.t1,
        "provenance": to_json(evidence.provenance),
        "data": to_json(evidence.data),
    }


def evidence_from(row: Row[Any], mentions: Sequence[Mention], labels: Sequence[str]) -> Evidence:
    """A row of the evidence table, with its side tables, as a value."""
    return Evidence(
        id=row.id,
        tenant=row.tenant,
        source=row.source,
        kind=_KINDS[row.kind],
        locator=_locator.decode(row.locator),
        text=row.text,
        provenance=_provenance_of(row.provenance),
        revision=row.revision,
        media=row.media,
        valid=None if row.valid_t0 is None else Interval(row.valid_t0, row.valid_t1),
        recorded_at=row.recorded_at,
        superseded_at=row.superseded_at,
        entities=tuple(mentions),
        labels=tuple(labels),
        data=_data.decode(row.data),
    )


@lru_cache(1024)
def _provenance_of(text: str) -> Provenance:
    """All evidence of a source has the same one, or nearly."""
    return _provenance.decode(text)


def vector_values(embedding: Embedding) -> dict[str, Any]:
    """The columns of a vector. Raises UnitRefused for a shape other than (dim,) and for values that are not finite."""
    vector = np.ascontiguousarray(embedding.vector, dtype=_DTYPE)
    if vector.ndim != 1 or not vector.size or not np.isfinite(vector).all():
        raise UnitRefused(f"a vector of {embedding.evidence} in {embedding.space} is empty, not flat or not finite")
    return {
        "space": embedding.space,
        "part": embedding.part,
        "precision": PRECISION,
        "dim": vector.size,
        "data": vector.tobytes(),
    }


def vector_from(data: bytes, dim: int) -> Vector:
    """float32, shape (dim,), read-only. Raises StoreError when the stored bytes have another length."""
    if len(data) != dim * _DTYPE.itemsize:
        raise StoreError("a stored vector has the wrong length: the store is damaged")
    return np.frombuffer(data, dtype=_DTYPE)


def coverage_values(coverage: Coverage) -> dict[str, Any]:
    valid = coverage.valid
    return _sealed(
        coverage,
        uri=coverage.source,
        subject=coverage.subject,
        layer=str(coverage.layer),
        valid_t0=None if valid is None else valid.t0,
        valid_t1=None if valid is None else valid.t1,
    )


def entity_values(entity: Entity) -> dict[str, Any]:
    return _sealed(entity, id=entity.id)


def link_values(link: Link) -> dict[str, Any]:
    return _sealed(link)


def _sealed(value: Any, **columns: Any) -> dict[str, Any]:
    body = to_json(value)
    return {"body": body, "digest": hashlib.sha256(body.encode()).hexdigest(), **columns}


def _storable(text: str) -> str:
    """Raises SourceRejected for text that holds NUL, which PostgreSQL refuses."""
    if "\x00" in text:
        raise SourceRejected("text holds a NUL character", kind="unstorable")
    return text
