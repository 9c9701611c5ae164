"""The best of a question are looked for among the documents that have its rare words: what is found so is what looking through everything
finds, whoever asks, as of any time."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from retrieval.adapters.tantivy_words.analysis import Analysis
from retrieval.adapters.tantivy_words.asking import Asking
from retrieval.adapters.tantivy_words.folder import Folder
from retrieval.adapters.tantivy_words.index import TantivyWords
from retrieval.fakes import MemoryLog
from retrieval.ports import Scored
from retrieval.projecting import changes
from retrieval.types import Evidence, Filter, Kind, Principal, Provenance, RowKey

INSIDER, OUTSIDER = Principal("acme", labels=("hr",)), Principal("acme")
# from the one that nearly all have to those that few have
WORDS = ("pump", "valve", "seal", "motor", "bearing", "PT-4711", "gearbox", "coupling")
FILTERS = (Filter(), Filter(as_of=1), Filter(as_of=3))


class Store(NamedTuple):
    """How many pieces, how they are drawn, one of how many is labelled (0: none), and whether some have ended and some are gone."""

    pieces: int
    seed: int
    labelled: int
    changed: bool


STORES = st.builds(Store, st.integers(60, 250), st.integers(0, 10**6), st.sampled_from([0, 2, 10]), st.booleans())
LANGUAGES = st.sampled_from([("english",), ("english", "german")])
QUESTIONS = st.lists(st.sampled_from(WORDS), min_size=2, max_size=6).map(" ".join)


def filled(folder: Path, store: Store, languages: tuple[str, ...] = ("english",)) -> Folder:
    """A tenant's documents in two segments or more: each word in about half as many as the one before, often several times."""
    chance, log = np.random.default_rng(store.seed), MemoryLog()
    for at, some in enumerate(np.array_split(np.arange(store.pieces), 2), 1):
        log.add([_piece(int(number), chance, store.labelled) for number in some], recorded_at=at)
    tenant = Folder(folder, Analysis(languages))
    _follow(tenant, log, 0)
    if store.changed:
        followed = log.sequence()
        log.close("acme", [f"piece{number}" for number in range(0, store.pieces, 5)], superseded_at=3)
        log.remove("acme", [f"piece{number}" for number in range(1, store.pieces, 7)])
        _follow(tenant, log, followed)
    return tenant


def _piece(number: int, chance: np.random.Generator, labelled: int) -> Evidence:
    held = [word for place, word in enumerate(WORDS) if chance.random() < 0.9 / 2**place]
    said = [word for word in held for _ in range(int(chance.integers(1, 5)))] + ["noted"] * int(chance.integers(1, 30))
    return Evidence(
        id=f"piece{number}",
        tenant="acme",
        source="file:///a",
        kind=Kind.ALERT if number % 3 else Kind.ROW,
        locator=RowKey("t", str(number)),
        text=" ".join(said),
        provenance=Provenance("test"),
        labels=("hr",) if labelled and number % labelled == 0 else (),
    )


def _follow(tenant: Folder, log: MemoryLog, after: int) -> None:
    done = changes(log.log(after, 1000), log)
    tenant.write((each.ids, each.present) for each in done)


def same(found: Scored, every: Scored, k: int) -> None:
    """`every`: all that looking through everything finds. Scores are sums of 32 bits, in another order."""
    of = dict(zip(every.rows.tolist(), every.scores.tolist(), strict=True))
    assert len(set(found.rows.tolist())) == len(found.rows) == k
    np.testing.assert_allclose(found.scores, every.scores[:k], rtol=1e-5)
    np.testing.assert_allclose(found.scores, [of[row] for row in found.rows.tolist()], rtol=1e-5)


@given(
    STORES,
    st.lists(QUESTIONS, min_size=1, max_size=6),
    st.integers(1, 6),
    st.sampled_from([INSIDER, OUTSIDER]),
    st.sampled_from(FILTERS),
    LANGUAGES,
)
@settings(deadline=None, max_examples=100)
def test_what_is_proven_best_is_the_best(
    store: Store, questions: list[str], k: int, asker: Principal, filter_: Filter, languages: tuple[str, ...]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        tenant = filled(Path(folder), store, languages)
        view = tenant.view
        for question in questions:
            asking = Asking(view, asker, filter_)
            words = asking.clauses(question)
            found = asking.best(words, k)
            event("not proven" if found is None else "proven")
            if found is not None:
                same(found, view.search(asking.any(words), store.pieces), k)
        tenant.settle()


@pytest.mark.parametrize("languages", [("english",), ("english", "german")])
def test_a_rare_word_is_enough(tmp_path: Path, languages: tuple[str, ...]) -> None:
    """Whichever language has the word; in the other its stem may be one that no document has."""
    tenant = filled(tmp_path, Store(600, 7, 0, changed=False), languages)
    asking = Asking(tenant.view, OUTSIDER, Filter())
    words = asking.clauses("pumps gearbox")
    found = asking.best(words, 1)
    assert found is not None
    same(found, tenant.view.search(asking.any(words), 600), 1)
    tenant.settle()


def test_the_index_answers_out_of_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log, words = MemoryLog(), TantivyWords(tmp_path)
    log.add([_piece(number, np.random.default_rng(number), 0) for number in range(600)])
    words.apply(log.log(0), log)
    asked = "pump gearbox", 1, Filter(), OUTSIDER
    whole = words.explain(*asked).passing
    monkeypatch.setattr(Asking, "any", lambda *_: pytest.fail("every document was looked through"))
    assert len(words.search(*asked).rows) == 1 < whole
    words.close()
