"""Packets into clips, and looking at them as seldom as will do; on real encoded pictures."""

from __future__ import annotations

import io
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Any

import av
import numpy as np
import pytest

from ingest.live.reel import Reel, Shot, media_time, timed
from ingest.live.still import Eye, moving
from retrieval.errors import SourceRejected

FPS = 10
SECOND = 1_000_000


def encoded(pictures: Sequence[int], gop: int) -> tuple[Any, list[Any]]:
    """A stream of these pictures (a number = its noise), and its packets, as a demuxer gives them."""
    out = io.BytesIO()
    with av.open(out, "w", format="mpegts") as target:
        stream: Any = target.add_stream("libx264", rate=FPS)
        stream.width, stream.height, stream.pix_fmt, stream.codec_context.gop_size = 64, 48, "yuv420p", gop
        stream.options = {"preset": "ultrafast", "tune": "zerolatency", "qp": "20", "x264-params": "scenecut=0"}
        for number, picture in enumerate(pictures):
            noise = np.random.default_rng(picture).integers(0, 255, (48, 64, 3), np.uint8)
            frame = av.VideoFrame.from_ndarray(noise, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            target.mux(stream.encode(frame))
        target.mux(stream.encode())
    source = av.open(io.BytesIO(out.getvalue()))
    return source.streams.video[0], [packet for packet in source.demux(video=0) if packet.size]


def decoder() -> Any:
    codec = av.CodecContext.create("h264", "r")
    codec.thread_count = 1
    return codec


def shots(packets: Sequence[Any]) -> list[Shot]:
    return [Shot(packet, media_time(packet), number / FPS) for number, packet in enumerate(packets)]


def test_a_reel_is_cut_into_a_clip_that_is_whole_and_as_long_as_what_came() -> None:
    stream, packets = encoded(range(25), 10)
    reel = Reel(stream, 1 << 20)
    for shot in shots(packets):
        reel.add(shot)
    film = reel.cut()
    assert film is not None and (film.ending, film.holes) == (".mp4", ())
    assert film.end - film.begin == pytest.approx(2.5 * SECOND, abs=1000)
    with av.open(io.BytesIO(film.data)) as container:
        assert container.duration == pytest.approx(2.5 * SECOND, abs=2000)
        times = [frame.time for frame in container.decode(video=0)]
    assert times == pytest.approx([number / FPS for number in range(25)], abs=0.001)
    assert reel.cut() is None


def test_it_begins_with_a_keyframe_and_a_wait_is_a_hole() -> None:
    stream, packets = encoded(range(40), 10)
    kept = [*packets[3:18], *packets[36:]]
    reel, first = Reel(stream, 1 << 20), media_time(packets[10])
    for shot in shots(kept):
        reel.add(shot)
    film = reel.cut()
    assert film is not None
    assert film.begin == first
    assert [(round((a - first) / SECOND, 2), round((b - first) / SECOND, 2)) for a, b in film.holes] == [(0.8, 2.6)]


def test_what_never_has_a_keyframe_is_not_held_for_ever() -> None:
    stream, packets = encoded(range(30), 300)
    reel = Reel(stream, sum(packet.size for packet in packets[:20]))
    with pytest.raises(SourceRejected, match="without a keyframe") as caught:
        for shot in shots(packets):
            reel.add(shot)
    assert caught.value.kind == "too_large"


def test_the_first_picture_of_a_session_without_a_time_is_one_step_before_the_second() -> None:
    _, packets = encoded(range(5), 10)
    expected = [packet.pts for packet in packets]
    packets[0].pts = packets[0].dts = None
    found = list(timed(packets, 1 / FPS))
    assert [packet.pts for packet in found] == expected
    packets[0].pts = packets[0].dts = None
    assert [packet.pts for packet in timed(packets[:1], 1 / FPS)] == []


@pytest.mark.parametrize("still", [1, 7, 30])
def test_where_a_picture_stopped_moving_is_found(still: int) -> None:
    _, packets = encoded([*range(12), *[11] * still], 10)
    # lossy encoding goes on changing a still picture for some pictures; keyframes alone make it the same for good
    count = moving(decoder(), packets)
    assert 12 <= count <= len(packets)
    _, keys = encoded([*range(12), *[11] * still], 1)
    assert moving(decoder(), keys) == 12


def test_only_what_came_between_two_looks_is_looked_at_again() -> None:
    stream, packets = encoded(range(35), 10)
    reel = Reel(stream, 1 << 20)
    for shot in shots(packets):
        reel.add(shot)
    assert reel.between(2.0, 3.0) == (20, packets[20:31])
    assert reel.between(2.5, 9.0) == (20, packets[20:])
    assert reel.between(0.0, 0.5) == (0, packets[:6])


def test_a_picture_that_never_moved_is_one() -> None:
    _, packets = encoded([3] * 10, 1)
    assert moving(decoder(), packets) == 1
    assert moving(decoder(), []) == 0


def test_keyframes_are_looked_at_and_where_they_are_far_apart_a_picture_a_second() -> None:
    _, packets = encoded(range(100), 10)
    eye = Eye(decoder())
    looks = [eye.digest(packet, number / FPS) for number, packet in enumerate(packets)]
    assert [at for at, digest in enumerate(looks) if digest is not None] == list(range(0, 100, 10))
    _, sparse = encoded(range(100), 40)
    eye = Eye(decoder())
    looks = [eye.digest(packet, number / FPS) for number, packet in enumerate(sparse)]
    seen = [at for at, digest in enumerate(looks) if digest is not None]
    assert seen[0] == 0 and max(b - a for a, b in pairwise(seen[1:])) <= 11
    assert len(set(looks)) == len(seen) + 1
    assert seen[1] == 26


def test_what_cannot_be_decoded_is_not_looked_at() -> None:
    _, packets = encoded(range(3), 1)
    broken = av.Packet(b"\x00\x00\x00\x01garbage")
    broken.is_keyframe = True
    eye = Eye(decoder())
    assert eye.digest(broken, 0.0) is None
    assert eye.digest(packets[0], 1.0) is not None
