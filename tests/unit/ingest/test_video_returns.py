"""A picture that comes back is known again; a small thing in it, a drift of light or another scene is not taken for it."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.fft import dctn

from ingest.video.change import ChangeDetector, Planes, planes, sampled
from ingest.video.gallery import MOST, Gallery, Like, perceptual_hash
from ingest.video.messages import Kept
from ingest.video.returns import Returns
from retrieval.errors import SourceRejected

WIDTH, HEIGHT = 320, 184
PERSON = (7, 3)  # rows, columns: 2 % of the 360 lines that pictures are compared at
CLOCK = slice(4, 12)
_rng = np.random.default_rng(11)
_NOISE = [_rng.normal(0, 2.0, (HEIGHT, WIDTH)) for _ in range(7)]


def _scene(seed: int) -> np.ndarray:
    rng = np.random.default_rng([seed, 5])
    return rng.integers(60, 180, (HEIGHT // 8, WIDTH // 8)).repeat(8, 0).repeat(8, 1).astype(np.float32)


def _look(second: int, scene: np.ndarray, clock: bool = False) -> Planes:
    """`scene` with noise; the clock's last digit changes every second, the one 40 pixels before it every minute."""
    picture = scene + _NOISE[second % len(_NOISE)]
    if clock:
        for left, number in ((84, second), (44, second // 60)):
            picture[CLOCK, left : left + 8] = np.random.default_rng(number).integers(0, 2, (8, 8)) * 220
    yuv = np.full((HEIGHT * 3 // 2, WIDTH), 128, np.uint8)
    yuv[:HEIGHT] = np.clip(picture, 0, 255)
    return planes(yuv, HEIGHT)


def _with_person(scene: np.ndarray, top: int, left: int, contrast: int = 60) -> np.ndarray:
    spot = slice(top, top + PERSON[0]), slice(left, left + PERSON[1])
    changed = scene.copy()
    changed[spot] += np.where(scene[spot] > 128, -contrast, contrast)
    return changed


def _watching(scene: np.ndarray, clock: bool = False, looks: int = 20) -> tuple[ChangeDetector, Gallery]:
    """After so many looks at a scene, one a second, of which the last is kept."""
    detector = ChangeDetector()
    gallery = Gallery(detector)
    for second in range(looks):
        detector.look(_look(second, scene, clock))
    gallery.add((looks - 1) * 1000, _look(looks - 1, scene, clock))
    return detector, gallery


def _place(gallery: Gallery, ms: int, planes: Planes) -> Like | None:
    """What it looks like; it is added where that is nothing."""
    found = gallery.find(planes)
    if found is None:
        gallery.add(ms, planes)
    return found


@pytest.mark.parametrize("clock", [False, True])
def test_a_scene_that_comes_back_is_known_again(clock: bool) -> None:
    door, wall = _scene(1), _scene(2)
    _, gallery = _watching(door, clock)
    assert _place(gallery, 30_000, _look(30, wall, clock)) is None
    assert _place(gallery, 500_000, _look(500, door, clock)) == Like(19_000, whole=not clock), "minutes have gone by"
    assert _place(gallery, 501_000, _look(501, wall, clock)) == Like(30_000, whole=not clock)


@settings(max_examples=40, deadline=None)
@given(st.integers(16, HEIGHT - PERSON[0]), st.integers(0, WIDTH - PERSON[1]), st.integers(45, 70), st.booleans())
def test_somebody_far_away_in_it_makes_it_another_picture(top: int, left: int, contrast: int, clock: bool) -> None:
    scene = _scene(1)
    _, gallery = _watching(scene, clock)
    visited = _with_person(scene, top, left, contrast)
    assert _place(gallery, 40_000, _look(40, visited, clock)) is None
    assert _place(gallery, 60_000, _look(60, scene, clock)) == Like(19_000, whole=not clock)
    assert _place(gallery, 80_000, _look(80, visited, clock)) == Like(40_000, whole=not clock)


def test_small_differences_do_not_add_up() -> None:
    """The light grows by one level a frame: each is like its neighbours, the last is nothing like the first."""
    scene = _scene(1)
    _, gallery = _watching(scene)
    found = [_place(gallery, 30_000 + step, _look(30, scene + step)) for step in range(1, 40)]
    roots = [19_000, *(30_000 + step for step, like in enumerate(found, 1) if like is None)]
    assert len(roots) > 2
    for step, like in enumerate(found, 1):
        first = 0 if like is None or like.ms == 19_000 else like.ms - 30_000
        assert like is None or step - first <= 11, "a mean of levels may differ by ten and its rounding"


def test_a_clock_is_no_reason_to_know_a_picture_before_it_is_known_to_be_one() -> None:
    scene = _scene(1)
    _, gallery = _watching(scene, clock=True, looks=2)
    assert _place(gallery, 90_000, _look(90, scene, clock=True)) is None


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, MOST + 20), min_size=MOST, max_size=2 * MOST))
def test_what_the_gallery_names_is_still_known(shown: list[int]) -> None:
    """Both forget what was not met for longest, in step."""
    gallery, returns, named = Gallery(ChangeDetector()), Returns(), {}
    for ms, number in enumerate(shown):
        like = _place(gallery, ms, _plain(number))
        jpeg = b"" if like else bytes([number])
        known = returns.of(Kept(ms, ms, jpeg, 1, "change", 0.5, 0.0, 0.0, like.ms if like else None, not like))
        assert known.jpeg == bytes([number])
        named[ms] = known


@cache
def _plain(number: int) -> Planes:
    """A picture of 16x16 pixels unlike all others, and its hash too."""
    bits = np.random.default_rng([number, 9]).integers(0, 2, (4, 4)).repeat(4, 0).repeat(4, 1)
    grey = np.full((8, 8), 128, np.uint8)
    return Planes((40 + 170 * bits).astype(np.uint8), grey, grey)


def test_a_frame_like_one_that_never_came_is_refused() -> None:
    with pytest.raises(SourceRejected, match="never gave"):
        Returns().of(Kept(5_000, 6_000, b"", 1, "floor", 0.0, 0.0, 0.0, like_ms=4_000))


@given(st.integers(0, 1000))
def test_the_hash_is_that_of_the_cosine_transform(seed: int) -> None:
    """Against SciPy's."""
    points = np.random.default_rng(seed).integers(0, 256, (45, 80), np.uint8)
    low = dctn(points.astype(np.float64), type=2, norm="ortho")[:8, :8].ravel()[1:]
    bits = "".join("1" if each > np.median(low) else "0" for each in low)
    assert perceptual_hash(points) == int(bits + "0", 2)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 50), st.integers(0, 50), st.booleans())
def test_what_is_told_apart_by_a_pixel_a_block_is_told_apart_by_all(one: int, other: int, clock: bool) -> None:
    scene = _scene(1)
    detector, _ = _watching(scene, clock)
    left, right = _look(one, scene + one / 4, clock), _look(other, scene + other / 4, clock)
    if detector.plainly_unlike(sampled(left.y), sampled(right.y)):
        assert detector.unlike(left, right).elsewhere > 0
