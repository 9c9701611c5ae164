"""The benchmark's own arithmetic, its site and its questions. How fast anything is, is measured and never asserted."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from eval.bench.answer import BARS, _met, _path_summary, _Round, percentile, spread
from eval.bench.path import Timed
from eval.bench.proxy import PIECES, Speaker, whole
from eval.bench.questions import Asked, questions
from eval.bench.sources import plant_for, shares
from eval.bench.store import Built, ready
from retrieval.errors import InputError


def test_the_shares_make_the_whole() -> None:
    for n in (1000, 20_000, 200_000, 33_333):
        assert sum(shares(n)) == n


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


def test_a_claim_ends_with_a_sentence_where_it_is_cut() -> None:
    assert whole("The belt is worn. The pump leaks", 40) == "The belt is worn. The pump leaks"
    assert whole("The belt is worn. The pump leaks at the seal", 40) == "The belt is worn."
    # one long sentence stays whole: half of it would be another claim
    assert whole("wo: WO-1; asset: P-1; description: seal", 10) == "wo: WO-1; asset: P-1; description: seal"
