"""Whatever happens in front of a fixed camera for two seconds is on a kept frame, and the kept frames cover the clip once."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.video.change import ChangeDetector, Planes, planes, work_size
from ingest.video.keep import Choice, Keeper
from ingest.video.messages import Sampling

WIDTH, HEIGHT = 320, 184
PERSON = (7, 3)  # rows, columns: 2 % of the 360 lines that pictures are compared at
_rng = np.random.default_rng(7)
_SCENE = _rng.integers(60, 180, (HEIGHT // 8, WIDTH // 8)).repeat(8, 0).repeat(8, 1).astype(np.float32)
_NOISE = [_rng.normal(0, 2.0, (HEIGHT, WIDTH)).astype(np.float32) for _ in range(7)]


def _look(second: int, patch: tuple[int, int, int] | None = None, clock: bool = False) -> Planes:
    """A noisy grey scene; `patch` = (top, left, contrast); the clock's digits change every second at the top left."""
    picture = _SCENE + _NOISE[second % len(_NOISE)]
    if clock:
        digits = np.random.default_rng(second).integers(0, 2, (8, 8)) * 220
        picture[4:12, 84:92] = digits
    if patch:
        top, left, contrast = patch
        spot = slice(top, top + PERSON[0]), slice(left, left + PERSON[1])
        picture[spot] += np.where(_SCENE[spot] > 128, -contrast, contrast)
    yuv = np.full((HEIGHT * 3 // 2, WIDTH), 128, np.uint8)
    yuv[:HEIGHT] = np.clip(picture, 0, 255)
    return planes(yuv, HEIGHT)


def _kept(looks: list[Planes], sampling: Sampling | None = None) -> list[tuple[int, Choice]]:
    sampling = sampling or Sampling()
    detector, keeper, kept = ChangeDetector(), Keeper(sampling, True, sampling.step_ms), []
    for second, look in enumerate(looks):
        detector.look(look)
        choice = keeper.decide(second * 1000, detector.compare())
        if choice:
            detector.keep()
            kept.append((second, choice))
    return kept


@settings(max_examples=12, deadline=None)
@given(
    st.integers(16, HEIGHT - PERSON[0]),
    st.integers(0, WIDTH - PERSON[1]),
    st.integers(1, 26),
    st.integers(2, 6),
    st.integers(45, 70),
    st.booleans(),
)
def test_no_local_change_is_lost(top: int, left: int, start: int, length: int, contrast: int, clock: bool) -> None:
    inside = range(start, start + length)
    looks = [_look(i, (top, left, contrast) if i in inside else None, clock) for i in range(34)]
    kept = {second for second, _ in _kept(looks)}
    assert kept & set(inside), "no kept frame shows the person"
    gone = start + length
    assert any(second in kept for second in range(gone, gone + 2)), "no kept frame shows the place empty again"


def test_a_still_scene_keeps_the_floor_only() -> None:
    kept = _kept([_look(i) for i in range(60)])
    assert [second for second, _ in kept] == list(range(0, 60, 5))
    assert {choice.moment for _, choice in kept} == {1}


def test_a_clock_alone_does_not_keep_every_frame() -> None:
    kept = _kept([_look(i, clock=True) for i in range(120)])
    assert len(kept) < 40
    assert all(b - a <= 5 for (a, _), (b, _) in pairwise(kept))


def test_motion_is_one_moment_and_the_rest_after_it_another() -> None:
    looks = [_look(i, (100, 20 * (i - 10), 60) if 10 <= i < 20 else None) for i in range(40)]
    kept = _kept(looks)
    moving = {choice.moment for second, choice in kept if 10 <= second < 19}
    assert len(moving) == 1
    resting = [choice for second, choice in kept if second >= 24]
    assert resting[0].settles and resting[0].moment not in moving
    assert {choice.moment for choice in resting} == {resting[0].moment}


def test_a_change_of_colour_alone_is_a_change() -> None:
    plain = np.full((HEIGHT * 3 // 2, WIDTH), 128, np.uint8)
    tinted = plain.copy()
    u = tinted[HEIGHT : HEIGHT + HEIGHT // 4].reshape(HEIGHT // 2, WIDTH // 2)
    u[40:44, 40:43] += 60
    kept = _kept([planes(plain, HEIGHT), planes(plain, HEIGHT), planes(tinted, HEIGHT), planes(tinted, HEIGHT)])
    assert [second for second, _ in kept] == [0, 2]


def test_cut_footage_drops_near_duplicates_and_has_no_floor() -> None:
    detector, keeper = ChangeDetector(), Keeper(Sampling(), False, 5000)
    whys = []
    for second in range(0, 60, 5):
        detector.look(_look(0))
        choice = keeper.decide(second * 1000, detector.compare(), cut=second == 30, key=True)
        if choice:
            detector.keep()
            whys.append((second, choice.why, choice.moment))
    assert whys == [(0, "first", 1), (30, "cut", 2)]


@given(st.integers(2, 8000), st.integers(2, 8000))
def test_work_sizes_are_small_and_whole_blocks(width: int, height: int) -> None:
    w, h = work_size(width, height, 360)
    assert w % 8 == 0 and h % 8 == 0 and 16 <= h <= 360 and w >= 16
