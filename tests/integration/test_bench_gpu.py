"""`bench gpu` where there is no GPU: it says so, and its code runs with a fake one. How fast anything is, is never asserted."""

from __future__ import annotations

import json
from pathlib import Path

import av
import pytest
from click.testing import CliRunner

from app.cli.main import main
from eval.bench.footage import watched, write
from eval.bench.gpu import run_bench
from eval.bench.gpu_goal import GOALS, measured
from eval.bench.gpu_serving import body
from eval.bench.gpu_video import repeated
from eval.bench.gpu_work import Bar, Work, card, clustered
from eval.stub import StubModel
from retrieval.errors import InputError


def quiet(done: int, total: int, what: str) -> None:
    """Nobody listens."""


@pytest.fixture
def toy(tmp_path: Path) -> Work:
    return Work(folder=str(tmp_path)).toy()


def test_without_a_gpu_it_says_so(tmp_path: Path) -> None:
    if card():
        pytest.skip("there is a GPU")
    with pytest.raises(InputError, match="no NVIDIA GPU here"):
        run_bench(Work(folder=str(tmp_path)), (), quiet)


def test_without_a_gpu_the_command_ends_with_two(tmp_path: Path) -> None:
    if card():
        pytest.skip("there is a GPU")
    found = CliRunner().invoke(main, ["bench", "gpu", "--folder", str(tmp_path), "--json"])
    assert found.exit_code == 2
    assert json.loads(found.stderr or found.output)["error"]["code"] == "bad_input"


def test_a_goal_that_is_none_is_refused(toy: Work) -> None:
    with pytest.raises(InputError, match="speed; there are flat"):
        run_bench(toy, ("speed",), quiet)


@pytest.mark.parametrize("name", ["flat", "likely", "filters"])
def test_vectors_are_found_rightly_on_a_fake_gpu(toy: Work, name: str) -> None:
    told = measured(name, toy)
    right = [bar for name, bar in told["bars"].items() if any(word in name for word in ("ids", "recall", "answer"))]
    assert right and all(bar["met"] for bar in right), told


def test_a_dry_run_judges_nothing_and_names_what_is_missing(toy: Work) -> None:
    found = run_bench(toy, ("flat", "vlm"), quiet)
    assert found["dry_run"] and found["bars"] == {}
    assert "no figure means anything" in found["machine"]["gpu"]["name"]
    assert set(found["goals"]) == {"flat"} and "--model-url" in found["skipped"]["vlm"] and found["failed"] == {}


def test_what_needs_a_gpu_is_skipped_with_the_reason_where_there_is_none(tmp_path: Path) -> None:
    if card():
        pytest.skip("there is a GPU")
    work = Work(folder=str(tmp_path), vectors=(10_000,), queries=8, clip_s=1)
    for name in GOALS:
        assert measured(name, work)["skipped"], name


def test_a_models_caches_are_measured_over_http(toy: Work) -> None:
    with StubModel(lambda sent: ["a ", "claim"]) as stub:
        told = measured("vlm", Work(folder=toy.folder, asks=6, model_url=stub.url))
    assert told["figures"]["on"]["first_p50_ms"] > 0
    assert set(told["bars"]) == {"tokens/s with reuse over without", "first token with reuse over without"}


def test_with_reuse_four_of_five_pictures_come_again() -> None:
    def pictures(*asked: object) -> list[str]:
        return [part["image_url"]["url"] for part in body(*asked)["messages"][1]["content"][:-1]]  # type: ignore[arg-type]

    first, second = pictures("m", "on", 0, True), pictures("m", "on", 1, True)
    assert len(set(first) & set(second)) == 4
    assert not set(pictures("m", "off", 0, False)) & set(pictures("m", "off", 1, False) + first + second)
    assert body("m", "off", 3, False)["cache_salt"] == "off-3" and "cache_salt" not in body("m", "on", 3, True)


def test_a_clip_repeated_has_all_its_frames_one_after_the_other(tmp_path: Path) -> None:
    clip = write(watched(1, 3), tmp_path / "clip.mp4")
    with av.open(str(repeated(clip, 3, tmp_path / "long.mp4"))) as container:
        times = [frame.time for frame in container.decode(video=0)]
    assert len(times) == 75
    assert times == sorted(times) and times[-1] == pytest.approx(74 / 25, abs=0.05)


def test_bars_point_the_right_way_and_vectors_are_of_length_one() -> None:
    assert Bar(10, 10).told()["met"] and not Bar(10, 9.9).told()["met"]
    assert Bar(0.5, 0.5, at_most=True).told()["met"] and not Bar(0.5, 0.6, at_most=True).told()["met"]
    vectors, queries = clustered(200, 5)
    assert vectors.shape == (200, 384) and queries.shape == (5, 384)
    assert (vectors**2).sum(axis=1) == pytest.approx(1.0, abs=1e-5)
