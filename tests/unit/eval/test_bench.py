"""The benchmark's own arithmetic, its site and its questions. How fast anything is, is measured and never asserted."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from eval.bench.answer import BARS, _met, _path_summary, _Round, percentile, spread
from eval.bench.encoders import QuickImages, QuickText
from eval.bench.path import Timed
from eval.bench.proxy import PIECES, Speaker
from eval.bench.questions import Asked, questions
from eval.bench.sources import Sources, plant_for, shares
from eval.bench.store import Built, ready
from retrieval.adapters.folder_blobs import FolderBlobs
from retrieval.errors import InputError
from retrieval.types import Kind


def test_the_shares_make_the_whole() -> None:
    for n in (1000, 20_000, 200_000, 33_333):
        assert sum(shares(n)) == n


@pytest.fixture(scope="module")
def units(tmp_path_factory: pytest.TempPathFactory) -> list:
    return list(Sources(2000, b"key", FolderBlobs(tmp_path_factory.mktemp("blobs"))))


def test_sources_hold_what_was_asked_for(units: list) -> None:
    kinds = Counter(piece.kind for unit in units for piece in unit.evidence)
    share = shares(2000)
    assert (kinds[Kind.FRAME], kinds[Kind.PASSAGE], kinds[Kind.WINDOW]) == (share.frames, share.passages, share.windows)
    assert (kinds[Kind.ALERT], kinds[Kind.ROW]) == (share.alerts, share.rows)
    ids = [piece.id for unit in units for piece in unit.evidence]
    assert len(set(ids)) == len(ids)
    assert len({unit.source for unit in units}) == len(units)


def test_every_piece_has_a_text_vector_and_every_frame_a_picture_vector(units: list) -> None:
    spaces = Counter(vector.space for unit in units for vector in unit.embeddings)
    assert spaces == {QuickText.space: 2000, QuickImages.space: shares(2000).frames}
    lengths = [float(np.linalg.norm(vector.vector)) for unit in units for vector in unit.embeddings]
    np.testing.assert_allclose(lengths, 1.0, rtol=1e-5)


def test_what_is_mentioned_is_on_the_site(units: list) -> None:
    entities = {entity.id for entity in units[0].entities}
    ends = {end for link in units[0].links for end in (link.source, link.target)}
    mentioned = {mention.entity for unit in units for piece in unit.evidence for mention in piece.entities}
    assert ends <= entities and mentioned <= entities


def test_questions_are_ten_of_each_kind_and_never_the_same_in_another_round() -> None:
    plant = plant_for(200_000)
    rounds = [questions(plant, n) for n in range(5)]
    assert all(set(Counter(one.kind for one in asked).values()) == {10} and len(asked) >= 60 for asked in rounds)
    assert rounds[0] == questions(plant, 0)
    texts = [one.text for asked in rounds for one in asked]
    assert len(set(texts)) > 0.98 * len(texts)


def test_a_store_of_another_size_is_refused(tmp_path: Path) -> None:
    import msgspec

    (tmp_path / "bench.json").write_bytes(msgspec.json.encode(Built(1, 500, {}, 0, 0.0, 0.0)))
    with pytest.raises(InputError, match="500"):
        ready(tmp_path, 2000, lambda done, total, what: None)


def test_the_ratio_is_of_each_rounds_own_scan() -> None:
    def timed(*ms: float) -> list[Timed]:
        return [Timed(Asked("alert", "?"), each, True, "answered", False) for each in ms]

    rounds = [(10.0, 20.0), (40.0, 20.0), (10.0, 30.0)]
    found = _path_summary([_Round([scan], timed(*[ms] * 100), ms / 2, scan / 2) for scan, ms in rounds])
    assert found["ratio"] == {"median": 2.0, "worst": 3.0}
    assert found["cpu_ms_a_question"] == {"median": 10.0, "worst": 15.0}
    assert found["by_kind"]["alert"] == {
        "n": 300, "asked_the_model": 300, "degraded": 0, "p50_ms": 20.0, "p95_ms": 30.0, "verdicts": {"answered": 300},
    }  # fmt: skip


def test_bars_point_the_right_way() -> None:
    assert _met("throughput_kept", 0.96) and not _met("throughput_kept", 0.94)
    assert _met("path_p95_over_scan_p50", 1.0) and not _met("path_p95_over_scan_p50", 1.01)
    assert set(BARS) == {"path_p95_over_scan_p50", "throughput_kept", "first_token_added_ms"}


def test_percentiles_against_numpys_definition() -> None:
    assert percentile([1.0, 2.0, 3.0, 4.0], 50) == 2.5
    assert np.isnan(percentile([], 50))
    assert spread([3.0, 1.0, 2.0], worst=min) == {"median": 2.0, "worst": 1.0}


def test_the_speaker_says_the_first_evidence_in_its_first_piece() -> None:
    shown = "E1\n<evidence>\nrow of orders.csv; time unknown\nPump P-1 was greased\n</evidence>"
    pieces = list(Speaker()({"messages": [{"role": "user", "content": shown}]}))
    assert len(pieces) == PIECES
    said = json.loads("".join(str(piece) for piece in pieces))
    assert said == {"claims": [{"text": "Pump P-1 was greased", "evidence": ["E1"]}], "insufficient": False}
    assert '"evidence": ["E1"]}' in str(pieces[0])
