"""Weights file, feedback, late interaction, collapsing of frames."""

import re
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import pytest

from retrieval.adapters.late_interaction import LateInteraction, max_sims
from retrieval.errors import BadSettings
from retrieval.fakes import MemoryVectors
from retrieval.fakes.encoders import HashTextEncoder
from retrieval.search.channels import Ask, TextVectors
from retrieval.search.collapse import collapse
from retrieval.search.feedback import common_words, rocchio
from retrieval.search.remembering import Forgetful, Remembering
from retrieval.search.weights import CHANNELS, load_weights
from retrieval.types import CharSpan, Evidence, Filter, FrameAt, Hit, Kind, Principal, Provenance, Query, Vector


def frame(id_: str, ms: int, end_ms: int, **data: str) -> Hit:
    locator = FrameAt(ms, end_ms)
    evidence = Evidence(
        id=id_,
        tenant="t",
        source="a.mp4",
        kind=Kind.FRAME,
        locator=locator,
        text="",
        provenance=Provenance("x"),
        data=data,
    )
    return Hit(evidence, 1.0, {})


def test_the_shipped_weights_load_and_name_every_channel() -> None:
    assert set(load_weights().channels) == set(CHANNELS)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("depth = 100", "depth = 100\ndeep = 1", "deep"),
        ("weight = 0.5    #", "weight = 1.5    #", "weight"),
        ('by = "rank"', 'by = "luck"', "luck"),
        ("[channels.image]", "[channels.images]", "images"),
        ("version = 1", "version = 2", "version"),
        ("version = 1", "version = ", "toml"),
    ],
)
def test_a_wrong_weights_file_is_refused(tmp_path: Path, old: str, new: str, says: str) -> None:
    import retrieval.search.weights as module

    shipped = Path(module.__file__).with_name("weights.v1.toml").read_text()
    assert old in shipped
    path = tmp_path / "mine.toml"
    path.write_text(shipped.replace(old, new))
    with pytest.raises(BadSettings, match=says):
        load_weights(path)


def test_a_missing_channel_is_named(tmp_path: Path) -> None:
    import retrieval.search.weights as module

    shipped = Path(module.__file__).with_name("weights.v1.toml").read_text()
    path = tmp_path / "mine.toml"
    path.write_text(re.sub(r"\[channels\.graph\]\n.*\n.*\n", "", shipped))
    with pytest.raises(BadSettings, match="graph"):
        load_weights(path)


def test_rocchio_moves_towards_the_documents() -> None:
    question = np.array([1.0, 0.0], np.float32)
    moved = rocchio(question, np.array([[0.0, 1.0]], np.float32), 1.0)
    assert moved == pytest.approx([2**-0.5, 2**-0.5])
    assert rocchio(question, np.array([[0.0, 1.0]], np.float32), 0.0) == pytest.approx(question)


def test_common_words_are_the_frequent_ones_without_stop_words() -> None:
    assert common_words(["the pump and the seal", "pump seal pump, which"], 2) == "pump seal"
    assert common_words([], 5) == ""


def test_max_sim_by_hand() -> None:
    query = np.eye(2, dtype=np.float32)
    text = np.array([[1.0, 0.0], [0.6, 0.8]], np.float32)
    assert max_sims(query, [text, text[:0], text[:1]]) == pytest.approx([(1.0 + 0.8) / 2, 0.0, (1.0 + 0.0) / 2])
    assert max_sims(query[:0], [text]) == pytest.approx([0.0])


class Counting(HashTextEncoder):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def encode(self, texts: Sequence[str]) -> Vector:
        self.seen.extend(texts)
        return super().encode(texts)

    def encode_tokens(self, texts: Sequence[str]) -> list[Vector]:
        self.seen.extend(texts)
        return super().encode_tokens(texts)


def test_searches_with_the_same_words_encode_them_once() -> None:
    encoder = Counting()
    channel = TextVectors(MemoryVectors(), Remembering(encoder))
    for kind in (Kind.ALERT, Kind.PASSAGE):
        query = Query(text="pump leak", filter=Filter(kinds=(kind,)))
        assert channel.find(Ask(query, Principal("t"), 10, ())) == {}
    assert encoder.seen == ["pump leak"]


@pytest.mark.parametrize("late", [False, True])
def test_what_was_begun_before_all_was_to_be_forgotten_is_not_remembered(late: bool) -> None:
    class Slow(Counting):
        def encode(self, texts: Sequence[str]) -> Vector:
            parts[0].forget()
            return super().encode(texts)

        def encode_tokens(self, texts: Sequence[str]) -> list[Vector]:
            parts[0].forget()
            return super().encode_tokens(texts)

    encoder = Slow()
    parts = [LateInteraction(encoder) if late else Remembering(encoder)]
    assert isinstance(parts[0], Forgetful)
    for _ in range(2):
        if isinstance(parts[0], LateInteraction):
            parts[0].score("which", ["erased text"])
        else:
            parts[0].encode(["erased text"])
    assert encoder.seen.count("erased text") == 2
    assert not parts[0]._kept


def test_late_interaction_prefers_the_text_with_the_words_and_encodes_it_once() -> None:
    encoder = Counting()
    late = LateInteraction(encoder)
    texts = ["seal leak on the pump", "rain in the yard", "seal leak on the pump"]
    first, second = late.score("pump leak", texts), late.score("pump leak", texts)
    assert first.dtype == np.float32
    assert first[0] == pytest.approx(first[2]) == pytest.approx(1.0, abs=1e-3)
    assert first[0] > first[1]
    assert np.array_equal(first, second)
    assert sorted(encoder.seen) == sorted(["pump leak", "pump leak", *texts[:2]])


def test_the_cache_of_token_vectors_stays_small() -> None:
    encoder = Counting()
    late = LateInteraction(encoder, cache_bytes=64 * 4 * 3)  # three tokens
    late.score("a", ["one two", "three four"])
    late.score("a", ["three four"])
    late.score("a", ["one two"])
    assert encoder.seen.count("three four") == 1
    assert encoder.seen.count("one two") == 2


def test_frames_of_one_moment_are_one_hit() -> None:
    hits = [frame("a", 0, 500, moment="m1"), frame("b", 900, 950, moment="m1"), frame("c", 500, 700, moment="m2")]
    assert [hit.evidence.id for hit in collapse(hits)] == ["a", "c"]


def test_without_moments_touching_spans_are_one_hit() -> None:
    hits = [frame("a", 0, 500), frame("b", 500, 900), frame("c", 950, 1000)]
    assert [hit.evidence.id for hit in collapse(hits)] == ["a", "c"]


def test_other_kinds_are_never_collapsed() -> None:
    text = msgspec.structs.replace(frame("p", 0, 1).evidence, kind=Kind.PASSAGE, locator=CharSpan(0, 5))
    other = msgspec.structs.replace(text, id="q", locator=CharSpan(5, 9))
    assert len(collapse([Hit(text, 1.0, {}), Hit(other, 1.0, {})])) == 2
