"""Values of retrieval.types ↔ rows of the tables. What SQL must not see inside of is JSON."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any, TypeVar

import msgspec
import numpy as np

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
    Relation,
    Vector,
)

PRECISION = "float32"
_DTYPE = np.dtype("<f4")
_locator: msgspec.json.Decoder[Locator] = msgspec.json.Decoder(Locator)
_provenance = msgspec.json.Decoder(Provenance)
_data = msgspec.json.Decoder(dict[str, Any])
_told_mentions = msgspec.json.Decoder(list[tuple[int, str, Relation]])
_labels = msgspec.json.Decoder(list[str])
_NOTHING = "[]"
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
        "id": _storable(evidence.id),
        "kind": str(evidence.kind),
        "locator": to_json(evidence.locator),
        "text": _storable(evidence.text),
        "media": evidence.media,
        "valid_t0": None if valid is None else valid.t0,
        "valid_t1": None if valid is None else valid.t1,
        "provenance": to_json(evidence.provenance),
        "data": to_json(evidence.data),
    }


def evidence_from(columns: Sequence[Any]) -> Evidence:
    """What `reading` selects of a piece, in its order: the row number, its columns, mentions and labels as JSON."""
    (_, id_, tenant, source, kind, locator, text, provenance, revision, media, t0, t1, recorded, superseded, data,
     mentions, labels) = columns  # fmt: skip
    return Evidence(
        id=id_,
        tenant=tenant,
        source=source,
        kind=_KINDS[kind],
        locator=_locator.decode(locator),
        text=text,
        provenance=_provenance_of(provenance),
        revision=revision,
        media=media,
        valid=None if t0 is None else Interval(t0, t1),
        recorded_at=recorded,
        superseded_at=superseded,
        entities=_mentions_of(mentions) if mentions != _NOTHING else (),
        labels=tuple(sorted(_labels.decode(labels))) if labels != _NOTHING else (),
        data=_data.decode(data),
    )


def _mentions_of(text: str) -> tuple[Mention, ...]:
    """[[position, entity, relation], …], in any order."""
    return tuple(Mention(entity, relation) for _, entity, relation in sorted(_told_mentions.decode(text)))


@lru_cache(1024)
def _provenance_of(text: str) -> Provenance:
    """All evidence of a source has the same one, or nearly."""
    return _provenance.decode(text)


def forget() -> None:
    """Drop what is remembered of rows that were read."""
    _provenance_of.cache_clear()


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
        under=None,
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
