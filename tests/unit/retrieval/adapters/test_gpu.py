"""What can be known of a GPU without one: when it is asked, what is believed of it, what is built on it. Its fake behaves as faiss does."""

import gc
from dataclasses import dataclass, field

import faiss
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.adapters.faiss_vectors.device import Device, Gpus
from retrieval.adapters.faiss_vectors.gpu import Found, GpuFull, GpuLost, told_apart
from retrieval.adapters.faiss_vectors.gpu_shelf import GpuShelf
from retrieval.adapters.faiss_vectors.rest import Rest
from retrieval.fakes.gpu import FakeDriver, fake_gpu, out_of_memory, too_many

DIM = 8


def unit_rows(count, seed=3, dim=DIM):
    rows = np.random.default_rng(seed).standard_normal((count, dim)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


class Owner:
    """What vectors belong to."""


@dataclass
class Bench:
    """A device over fake GPUs, one for each start, and a clock that is moved by hand."""

    starts: list = field(default_factory=lambda: [{}])
    few: int = 0
    now: float = 0.0
    started: int = 0

    def __post_init__(self):
        self.device = Device(Gpus(self._start, self.few, 30.0, lambda: self.now))
        self.owner, self.vectors = Owner(), unit_rows(500)

    def _start(self):
        self.started += 1
        return fake_gpu(**self.starts[min(self.started, len(self.starts)) - 1])

    def ask(self, k=5, positions=None, owner=None):
        return self.device.nearest(owner or self.owner, self.vectors, self.vectors[7], k, positions)


def right(vectors, query, k, positions=None):
    among = np.arange(len(vectors)) if positions is None else positions
    return among[np.argsort(-(vectors[among] @ query), kind="stable")[:k]].tolist()


@pytest.mark.parametrize("selectors", ["honoured", "ignored", "refused"])
@pytest.mark.parametrize("positions", [None, np.arange(3, 500, 7), np.array([0]), np.arange(500)])
def test_a_gpu_gives_what_a_scan_gives(selectors, positions):
    bench = Bench([{"selectors": selectors, "gathered": 20}])
    found = bench.ask(5, positions)
    assert found.positions.tolist() == right(bench.vectors, bench.vectors[7], 5, positions)
    np.testing.assert_allclose(found.scores, bench.vectors[found.positions] @ bench.vectors[7], rtol=1e-6)
    way = "selectors" if selectors == "honoured" else "gathered"
    assert bench.device.told == f"gpu (fake GPU), {way}"
    assert bench.device.trouble == ""


def test_a_gpu_that_lends_no_buffers_searches_only_whole_stores():
    bench = Bench([{"lends": False}])
    assert bench.ask() is not None
    assert bench.ask(positions=np.arange(50)) is None
    assert bench.device.told == "gpu (fake GPU), filters on the cpu"


def test_buffers_that_are_lent_in_vain_are_not_relied_on():
    class Mixed(FakeDriver):
        def among(self, flat, positions, queries, k):
            found = super().among(flat, positions, queries, k)
            return Found(found.positions[:, ::-1], found.scores)

    class Refused(FakeDriver):
        def among(self, flat, positions, queries, k):
            raise RuntimeError("CUDA error 1 invalid argument")

    assert GpuShelf(FakeDriver()).hello().way == "gathered"
    assert GpuShelf(Mixed()).hello().way == GpuShelf(Refused()).hello().way == "cpu"


def test_little_is_compared_on_the_cpu_and_starts_no_gpu():
    bench = Bench(few=500)
    assert bench.ask() is None
    assert bench.ask(positions=np.arange(9)) is None
    assert bench.started == 0
    assert bench.device.told == "gpu (not asked yet), until then cpu, selectors"


def test_more_than_a_gpu_selects_is_answered_by_the_cpu():
    bench = Bench()
    bench.vectors = unit_rows(3000)
    assert bench.ask(2048).positions.size == 2048
    assert bench.ask(2049) is None
    assert bench.device.trouble == ""


def test_rows_that_come_later_are_found():
    bench = Bench()
    bench.ask()
    bench.vectors = np.concatenate([bench.vectors, bench.vectors[7:8] * 1.5])
    assert bench.ask(1).positions.tolist() == [500]


def test_a_large_store_arrives_piece_by_piece(monkeypatch):
    monkeypatch.setattr("retrieval.adapters.faiss_vectors.device._PIECE_BYTES", 200 * DIM * 4)
    bench = Bench()
    assert [bench.ask() is None for _ in range(3)] == [True, True, False]


@pytest.mark.parametrize("cue", ["lost", "short", "scores", "nan", "others"])
@pytest.mark.parametrize("positions", [None, np.arange(0, 500, 2)])
def test_a_gpu_that_fails_or_lies_is_left_alone_and_tried_again(cue, positions):
    bench = Bench([{"cues": [(1, cue)]}, {}])
    assert bench.ask(positions=positions) is None
    assert not bench.device.gpu
    assert bench.device.told == "cpu, selectors; the GPU rests"
    assert "the GPU is lost" in bench.device.trouble and "tried again in 30 s" in bench.device.trouble
    bench.now = 29.9
    assert bench.ask(positions=positions) is None
    assert bench.started == 1
    bench.now = 30.0
    assert bench.ask(5, positions).positions.tolist() == right(bench.vectors, bench.vectors[7], 5, positions)
    assert bench.device.gpu and bench.device.trouble == ""


def test_a_gpu_that_cannot_be_started_is_lost_and_no_search_with_it():
    def start():
        raise OSError(28, "No space left on device")

    device = Device(Gpus(start, few=0))
    vectors = unit_rows(50)
    assert device.nearest(Owner(), vectors, vectors[0], 5) is None
    assert "it cannot be started: [Errno 28]" in device.trouble


@pytest.mark.parametrize("cue", ["short", "nan"])
def test_rows_that_one_block_lacks_are_missed_although_others_fill_their_place(cue):
    bench = Bench([{"cues": [(2, cue)], "gathered": 100}])
    assert bench.ask(1, np.arange(0, 500, 2)) is None
    assert "it returned fewer rows than there are" in bench.device.trouble


def test_what_keeps_failing_is_tried_less_and_less():
    bench = Bench([{"cues": [(1, "lost")]}])
    tried = []
    for second in range(1000):
        bench.now = float(second)
        before = bench.started
        bench.ask()
        tried += [second] * (bench.started - before)
    assert tried == [0, 30, 90, 210, 450, 930]


def test_a_store_that_does_not_fit_leaves_the_others_on_the_gpu():
    bench = Bench([{"room": 700}])
    other = Owner()
    assert bench.ask() is not None
    assert bench.ask(owner=other) is None
    assert bench.ask() is not None
    assert "1 of the stores do not fit the GPU (StandardGpuResources: alloc fail" in bench.device.trouble
    bench.owner = None
    gc.collect()
    bench.now = 30.0
    assert bench.ask(owner=other) is not None
    assert bench.device.trouble == ""
    assert bench.started == 1


def test_memory_short_within_a_search_is_answered_by_the_cpu():
    bench = Bench([{"cues": [(2, "full")]}])
    assert bench.ask() is not None
    assert bench.ask() is None
    assert bench.device.gpu
    bench.now = 31.0
    assert bench.ask() is not None


def test_what_was_cleared_comes_back_with_the_next_search():
    bench = Bench()
    bench.ask()
    bench.device.clear()
    assert bench.device.told.startswith("gpu (not asked yet)")
    assert bench.ask() is not None
    assert bench.started == 2


def test_no_gpu_is_insisted_on_where_there_is_none():
    if faiss.get_num_gpus():
        pytest.skip("there is one")
    with pytest.raises(ValueError, match="no GPU"):
        Device(True)
    device = Device(None)
    assert (device.gpu, device.told, device.trouble) == (False, "cpu, selectors", "")
    assert device.nearest(Owner(), unit_rows(9000), unit_rows(1)[0], 5) is None


def test_a_gpu_that_this_faiss_cannot_use_is_named(monkeypatch, tmp_path):
    if faiss.get_num_gpus():
        pytest.skip("it can")
    driver = tmp_path / "version"
    monkeypatch.setattr("retrieval.adapters.faiss_vectors.library._DRIVER", driver)
    assert Device(None).told == "cpu, selectors"
    driver.touch()
    assert Device(None).told.startswith("cpu, selectors; an NVIDIA driver is loaded, but ")
    assert Device(False).told == "cpu, selectors"


def test_lack_of_memory_told_late_rests_the_store_at_hand():
    class Late(GpuShelf):
        def drop(self, key):
            raise GpuFull("no room to build")

    device, gone = Device(Gpus(lambda: Late(FakeDriver()), few=0)), Owner()
    vectors = unit_rows(50)
    assert device.nearest(gone, vectors, vectors[0], 3) is not None
    del gone
    gc.collect()
    other = Owner()
    assert device.nearest(other, vectors, vectors[0], 3) is None
    assert "1 of the stores do not fit the GPU (no room to build)" in device.trouble


def test_no_memory_for_an_index_leaves_the_flat_copy():
    class Full(FakeDriver):
        def likely(self, vectors, kind):
            raise out_of_memory()

    shelf = GpuShelf(Full(), likely_from=10)
    vectors = unit_rows(100)
    shelf.put(0, vectors)
    shelf.settle(0)
    assert shelf.search(0, vectors[:1], 3).positions[0].tolist() == right(vectors, vectors[0], 3)


@pytest.mark.parametrize(
    ("error", "kind", "why"),
    [
        (out_of_memory(), GpuFull, "StandardGpuResources: alloc fail"),
        (MemoryError(), GpuFull, "no memory"),
        (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), GpuFull, "out of memory"),
        (too_many(5000), GpuLost, r"up to 2048 \(requested 5000\)"),
        (
            RuntimeError("Error: 'config_.device < getNumDevices()' failed: Invalid GPU device 0"),
            GpuLost,
            "^Invalid GPU",
        ),
    ],
)
def test_lack_of_memory_is_told_from_everything_else(error, kind, why):
    with pytest.raises(kind, match=why), told_apart():
        raise error


@given(st.lists(st.sampled_from(["begin", "over", "wait"]), max_size=30))
def test_a_rest_is_never_longer_than_32_times_the_first(steps):
    now = [0.0]
    rest = Rest(1.0, lambda: now[0])
    for step in steps:
        if step == "wait":
            now[0] += 1.5
        elif step == "begin":
            rest.begin("why")
            assert rest.resting and rest.left_s <= 32.0
        else:
            rest.over()
            assert rest.why == ""
    now[0] += 33.0
    assert not rest.resting
