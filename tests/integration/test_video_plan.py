"""When keyframes are enough, and what a clip looks like through them alone. Real encoders, real containers."""

from __future__ import annotations

import itertools
from pathlib import Path

import av
import msgspec
import numpy as np
import pytest
from av.video.frame import PictureType

from ingest.ports import Item, SourcePolicy
from ingest.video.cut import CutOrder, Still
from ingest.video.cut import clip as cut
from ingest.video.decode import describe, frames, open_clip
from ingest.video.messages import Closed, Kept, Message, Opened, Order, Sampling
from ingest.video.reader import VideoReader
from retrieval.errors import SourceRejected


def _clip(path: Path, gop: int, seconds: int = 50, fps: int = 10, bframes: int = 0, visit: range = range(0)) -> Path:
    codec = {".avi": "mpeg4", ".webm": "libvpx"}.get(path.suffix, "libx264")
    options = {"g": str(gop), **({"bf": str(bframes)} if codec == "libx264" else {})}
    rng = np.random.default_rng(3)
    scene = rng.integers(60, 180, (12, 20, 3)).repeat(8, 0).repeat(8, 1).astype(np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=fps, options=options)
        stream.width, stream.height, stream.pix_fmt = 160, 96, "yuv420p"
        for i in range(seconds * fps):
            picture = scene.copy()
            if i in visit:
                picture[40:60, 80:100] = (250, 30, 30)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return path


def _opened(path: Path, fixed: bool = True) -> Opened:
    with open_clip(str(path)) as container:
        return describe(container, Order(str(path), fixed, Sampling()))


def _through(path: Path, focus: tuple[tuple[int, int], ...] = (), sampling: Sampling | None = None) -> list[Message]:
    order = {
        "path": str(path),
        "fixed": True,
        "sampling": {} if sampling is None else {"onset_share": sampling.onset_share},
        "focus": focus,
    }
    return list(frames(order))


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".avi"])
@pytest.mark.parametrize(("gop", "keys"), [(5, True), (20, True), (21, False), (100, False)])
def test_keyframes_are_enough_where_none_are_over_two_seconds_apart(
    tmp_path: Path, suffix: str, gop: int, keys: bool
) -> None:
    opened = _opened(_clip(tmp_path / f"a{suffix}", gop))
    assert opened.keys is keys
    assert opened.step_ms == (max(1000, gop * 100) if keys else 1000)


def test_a_short_clip_is_decoded_in_full(tmp_path: Path) -> None:
    assert not _opened(_clip(tmp_path / "a.mp4", 20, seconds=30)).keys


@pytest.mark.parametrize("bframes", [0, 2])
def test_only_keyframes_that_are_due_are_decoded(tmp_path: Path, bframes: int) -> None:
    *kept, closed = _through(_clip(tmp_path / "a.mp4", 5, bframes=bframes))[1:]
    assert isinstance(closed, Closed)
    assert closed.decoded == closed.looks == 50, "keyframes are half a second apart; one a second is looked at"
    assert closed.length_ms == pytest.approx(50_000, abs=100) and closed.longest_ms <= 1_100
    assert all(isinstance(each, Kept) and each.ms % 1000 == 0 for each in kept)


def test_a_beginning_between_two_keyframes_is_found(tmp_path: Path) -> None:
    path = _clip(tmp_path / "a.mp4", 20, visit=range(305, 400))
    onset = [each for each in _through(path) if isinstance(each, Kept) and each.why == "onset"]
    assert [each.ms for each in onset] == [pytest.approx(30_500, abs=200)]
    without = _through(path, sampling=Sampling(onset_share=0.0))
    first = next(each for each in without if isinstance(each, Kept) and each.why == "change")
    assert first.ms == 32_000


@pytest.mark.parametrize("gop", [20, 100])
def test_what_is_over_before_the_next_look_is_seen_where_an_alert_was_raised(tmp_path: Path, gop: int) -> None:
    """Half a second between two looks, a second and two apart."""
    path = _clip(tmp_path / "a.mp4", gop, visit=range(302, 307))
    blind = [each for each in _through(path) if isinstance(each, Kept) and 30_200 <= each.ms < 30_700]
    seen = [each for each in _through(path, ((28_000, 34_000),)) if isinstance(each, Kept) and each.why == "focus"]
    assert not blind
    assert any(30_200 <= each.ms < 30_700 for each in seen), [each.ms for each in seen]


def test_kept_frames_cover_the_clip_once(tmp_path: Path) -> None:
    path = _clip(tmp_path / "a.mp4", 20, visit=range(305, 400))
    kept = [each for each in _through(path, ((10_000, 12_000),)) if isinstance(each, Kept)]
    assert kept[0].ms == 0 and kept[-1].end_ms == pytest.approx(50_000, abs=100)
    assert all(a.end_ms == b.ms for a, b in itertools.pairwise(kept))


def _keyed(path: Path, keys: list[float], visit: range, seconds: int = 60, fps: int = 10) -> Path:
    """A clip with keyframes at these seconds and, for `visit` (frames), something small in it."""
    at = {round(second * fps) for second in keys}
    rng = np.random.default_rng(3)
    scene = rng.integers(60, 180, (12, 20, 3)).repeat(8, 0).repeat(8, 1).astype(np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps, options={"g": "1000", "sc_threshold": "0", "bf": "0"})
        stream.width, stream.height, stream.pix_fmt = 160, 96, "yuv420p"
        for i in range(seconds * fps):
            picture = scene.copy()
            if i in visit:
                picture[40:60, 80:100] = (250, 30, 30)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pict_type = PictureType.I if i in at else PictureType.NONE
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


@pytest.mark.parametrize("extra", [0.3, 0.5, 0.9])
def test_no_two_looks_are_over_two_seconds_apart_however_keyframes_stand(tmp_path: Path, extra: float) -> None:
    """Two seconds apart, but one that comes early and is followed by the next only two seconds later."""
    early = [second + extra for second in range(0, 60, 10)]
    keys = sorted({float(second) for second in range(0, 61, 2)} - {s + 2.0 for s in range(0, 60, 10)} | set(early))
    keys = sorted({*keys, *(s + extra + 1.9 for s in range(0, 60, 10))})
    path = _keyed(tmp_path / "a.mp4", keys, range(302, 325))
    assert _opened(path).keys
    *kept, closed = _through(path)[1:]
    assert isinstance(closed, Closed) and closed.longest_ms <= 2_000
    assert any(isinstance(each, Kept) and 30_200 <= each.ms < 32_500 for each in kept)


@pytest.mark.parametrize("kind", ["concat", "hls"])
def test_a_playlist_named_as_a_clip_opens_no_other_file(tmp_path: Path, kind: str) -> None:
    _clip(tmp_path / "secret.mp4", 10)
    lists = {
        "concat": "ffconcat version 1.0\nfile secret.mp4\n",
        "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:50\n#EXTINF:50,\nsecret.mp4\n#EXT-X-ENDLIST\n",
    }
    path = tmp_path / "evil.mp4"
    path.write_text(lists[kind])
    item = Item(path, path.as_uri(), path.name, "video/mp4", "0", SourcePolicy())
    with pytest.raises(SourceRejected) as caught:
        list(VideoReader().read(item, "t"))
    assert caught.value.kind in ("truncated", "unreadable")
    still = (Still(0, b"no picture"),)
    order = CutOrder(path=str(path), demuxer="mov", start_ms=0, end_ms=9_000, stills=still, shown_ms=9_000)
    with pytest.raises(SourceRejected):
        list(cut(msgspec.to_builtins(order, builtin_types=(bytes,))))
