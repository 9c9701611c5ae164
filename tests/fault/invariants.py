"""What must hold of a store after any fault: nothing acknowledged is lost or doubled, and every index tells what the catalog tells."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

import numpy as np
from yard import ALL, PIECES, SPACE, TENANTS, Yard, vector, word_of

from retrieval.reconciling import Report
from retrieval.types import Evidence, Filter

QUERIES = 3


def check(yard: Yard, acknowledged: Collection[str] = (), gone: Collection[str] = ()) -> None:
    """Bring the indexes up and look: `acknowledged` are sources whose storing was told of, `gone` ids that nobody may find."""
    failures = yard.upkeep.catch_up()
    assert not failures, failures
    assert yard.catalog.sound()
    open_ = {tenant: yard.catalog.scan(Filter(), ALL[tenant], 100_000) for tenant in TENANTS}
    _whole(yard, [piece for pieces in open_.values() for piece in pieces], acknowledged)
    _equal(yard)
    for tenant, pieces in open_.items():
        _exact(yard, tenant, pieces)
        _found_by_words(yard, tenant, pieces[-QUERIES:])
        _not_found(yard, tenant, gone)


def _whole(yard: Yard, pieces: list[Evidence], acknowledged: Collection[str]) -> None:
    """acked ⊆ stored, and each source all or nothing, once."""
    held = Counter(piece.source for piece in pieces)
    assert set(acknowledged) <= held.keys(), sorted(set(acknowledged) - held.keys())
    assert set(held.values()) <= {PIECES}, {source: count for source, count in held.items() if count != PIECES}
    log = yard.catalog.log(0, 1_000_000)
    assert [entry.sequence for entry in log] == list(range(1, yard.catalog.sequence() + 1))
    named = Counter(id_ for entry in log for id_ in entry.evidence)
    assert set(named.values()) <= {1}, "evidence was added twice"


def _equal(yard: Yard) -> None:
    """|SQL| = |FAISS| = |words| = |graph| at equal sequence, and the same by content."""
    rows, sequence = yard.catalog.row_numbers(), yard.catalog.sequence()
    for part in (yard.vectors, yard.words, yard.graph):
        assert part.applied() == sequence, part.name
        assert part.rows() == rows, part.name
    found = yard.projector.reconcile()
    assert found.keys() == {"vectors", "words", "graph"}, (found, yard.upkeep.failures)
    differing = {name: report for name, report in found.items() if report != Report(report.checked, 0, 0, 0, 0)}
    assert not differing, differing
    assert yard.upkeep.probe() == {}


def _exact(yard: Yard, tenant: str, pieces: list[Evidence]) -> None:
    """recall@10 of the index against every comparison made one by one = 1.0, and no foreign ids."""
    if not pieces:
        return
    matrix = np.stack([vector(piece.id) for piece in pieces])
    for n in range(QUERIES):
        asked = vector("query", n)
        best = {pieces[at].id for at in np.argsort(-(matrix @ asked), kind="stable")[:10]}
        rows = yard.vectors.search(SPACE, asked, 10, Filter(), ALL[tenant]).rows
        shown = yard.catalog.shown(rows.tolist(), ALL[tenant])
        assert len(shown) == len(rows), f"{tenant} was given rows that are not its own"
        assert set(shown.values()) == best


def _found_by_words(yard: Yard, tenant: str, pieces: list[Evidence]) -> None:
    for piece in pieces:
        rows = yard.words.search(word_of(piece.id), 5, Filter(), ALL[tenant]).rows.tolist()
        assert list(yard.catalog.shown(rows, ALL[tenant]).values()) == [piece.id]


def _not_found(yard: Yard, tenant: str, gone: Collection[str]) -> None:
    """deleted ∩ returned = ∅."""
    for id_ in gone:
        near = yard.vectors.search(SPACE, vector(id_), 10, Filter(), ALL[tenant]).rows
        named = yard.words.search(word_of(id_), 10, Filter(), ALL[tenant]).rows
        rows = [*near.tolist(), *named.tolist()]
        assert id_ not in yard.catalog.shown(rows, ALL[tenant]).values()
        assert named.size == 0, f"{id_} was found by its words"
