"""The recorder against streams as they are: an RTSP server of another hand, HLS over HTTP, and what is no stream at all."""

from __future__ import annotations

import contextlib
import io
import socket
import threading
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from app.http.serve import free_port
from eval.bench.rtsp import CameraServer, installed, write_clip
from ingest.live.messages import Lost, Message, Order, Piece, Running
from ingest.live.record import Stop, recorded

needs_server = pytest.mark.skipif(
    not installed(), reason="GStreamer's RTSP server is missing: run scripts/test-servers"
)
SECOND = 1_000_000


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clip") / "camera.units", 3, 5)


def told(order: Order, enough: Callable[[list[Message]], bool], seconds: float = 20.0) -> list[Message]:
    """What is told until it is enough; the recorder is then asked to stop and tells the rest."""
    stop, found, until = Stop(), list[Message](), time.monotonic() + seconds
    for message in recorded(order, stop):
        found.append(message)
        if time.monotonic() > until:
            break
        if enough(found):
            stop.asked = True
    return found


def of(kind: type, messages: list[Message]) -> list[Any]:
    return [message for message in messages if isinstance(message, kind)]


def first_loss(order: Order) -> Lost:
    return of(Lost, told(order, lambda found: bool(of(Lost, found))))[0]


def frames(piece: Piece) -> list[float]:
    with av.open(io.BytesIO(piece.data)) as container:
        return [float(frame.time or 0.0) for frame in container.decode(video=0)]


@needs_server
def test_pieces_of_rtsp_are_whole_clips_that_meet_at_the_time_the_camera_tells(clip: Path) -> None:
    server = CameraServer(clip, free_port("127.0.0.1")).start()
    begun = time.time()
    try:
        order = Order(url=server.url, segment_s=2.0)
        found = told(order, lambda so_far: len(of(Piece, so_far)) == 2)
    finally:
        server.cut()
    pieces = of(Piece, found)
    assert len(pieces) >= 2 and not of(Lost, found)
    assert of(Running, found)[0].codec == "h264"
    for piece, after in pairwise(pieces):
        assert piece.end == after.start
    for piece in pieces:
        shown = frames(piece)
        assert shown[0] == 0.0
        assert len(shown) / 15 == pytest.approx((piece.end - piece.start) / SECOND, abs=0.2)
    # the picture that was sent first began it
    assert pieces[0].start / SECOND == pytest.approx(server.playing[0], abs=1.0)
    assert pieces[0].start / SECOND >= begun - 1.0
    assert {piece.clock for piece in pieces} <= {"rtcp", "arrival"}


@needs_server
def test_who_we_are_is_told_to_the_camera_and_to_nobody_else(clip: Path) -> None:
    server = CameraServer(clip, free_port("127.0.0.1"), "ann", "hunter2 @/").start()
    try:
        denied = first_loss(Order(url=server.url, user="ann", password="sesame"))
        assert (denied.kind, denied.again_s) == ("unauthorized", 60.0)
        well = told(Order(url=server.url, user="ann", password="hunter2 @/"), lambda so_far: bool(of(Running, so_far)))
        missing = first_loss(Order(url=server.url.replace("camera", "nowhere"), user="ann", password="hunter2 @/"))
    finally:
        server.cut()
    assert of(Running, well)
    assert missing.kind == "not_found"
    assert not any(word in repr([denied, well, missing]) for word in ("hunter2", "sesame", "rtsp://"))


def test_a_port_where_nothing_listens_is_tried_again_later_each_time() -> None:
    order = Order(url=f"rtsp://127.0.0.1:{free_port('127.0.0.1')}/camera", first_wait_s=0.1, longest_wait_s=0.4)
    losses = of(Lost, told(order, lambda found: len(of(Lost, found)) == 4))
    assert {loss.kind for loss in losses} == {"refused"}
    for loss, whole in zip(losses, (0.1, 0.2, 0.4, 0.4), strict=False):
        assert whole / 2 <= loss.again_s <= whole


@contextlib.contextmanager
def answering(reply: bytes) -> Iterator[int]:
    """A port that answers whatever comes with these bytes, and holds the connection."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        held: list[socket.socket] = []

        def answer() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    held.append(connection)
                    connection.recv(4096)
                    connection.sendall(reply)

        threading.Thread(target=answer, daemon=True).start()
        yield server.getsockname()[1]
        for connection in held:
            connection.close()


@pytest.mark.parametrize(
    ("scheme", "reply", "kinds"),
    [
        ("rtsp", b"\x00\xffgarbage" * 100 + b"\r\n\r\n", {"unreadable", "unreachable"}),
        ("rtsp", b"", {"unreachable"}),
        ("http", b"HTTP/1.0 200 OK\r\nContent-Length: 12\r\n\r\nno playlist!", {"unreadable", "unreachable"}),
        ("http", b"HTTP/1.0 404 Not Found\r\nContent-Length: 0\r\n\r\n", {"not_found"}),
    ],
    ids=["garbage", "silence", "no playlist", "404"],
)
def test_what_is_no_stream_is_told_in_time(scheme: str, reply: bytes, kinds: set[str]) -> None:
    with answering(reply) as port:
        loss = first_loss(Order(url=f"{scheme}://127.0.0.1:{port}/live.m3u8", open_s=1.0, stall_s=1.0))
    assert loss.kind in kinds
    assert "127.0.0.1" not in loss.reason


def picture(number: int) -> av.VideoFrame:
    noise = np.random.default_rng(number).integers(0, 255, (90, 160, 3), np.uint8)
    return av.VideoFrame.from_ndarray(noise, format="rgb24")


def broadcast(folder: Path, codec: str, over: threading.Event) -> None:
    """Write an HLS stream as it happens: ten pictures a second, pieces of one."""
    options = {"hls_time": "1", "hls_list_size": "4", "hls_flags": "delete_segments"}
    with av.open(str(folder / "live.m3u8"), "w", format="hls", options=options) as target:
        stream: Any = target.add_stream(codec, rate=10)
        stream.width, stream.height, stream.pix_fmt, stream.codec_context.gop_size = 160, 90, "yuv420p", 10
        if codec == "libx264":
            stream.options = {"preset": "ultrafast", "tune": "zerolatency"}
        begun = time.monotonic()
        for number in range(10_000):
            frame = picture(number)
            frame.pts, frame.time_base = number, Fraction(1, 10)
            target.mux(stream.encode(frame))
            if over.wait(max(0.0, begun + number / 10 - time.monotonic())):
                return


@contextlib.contextmanager
def hls(folder: Path, codec: str = "libx264") -> Iterator[tuple[str, threading.Event]]:
    """A url, and what ends the broadcast."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    over = threading.Event()
    sending = threading.Thread(target=broadcast, args=(folder, codec, over), daemon=True)
    for thread in (sending, threading.Thread(target=server.serve_forever, daemon=True)):
        thread.start()
    try:
        while not (folder / "live.m3u8").exists():
            time.sleep(0.1)
        yield f"http://127.0.0.1:{server.server_port}/live.m3u8", over
    finally:
        over.set()
        sending.join()
        server.shutdown()
        server.server_close()


def test_hls_is_recorded_as_it_comes_and_its_end_is_told(tmp_path: Path) -> None:
    with hls(tmp_path) as (url, over):
        begun = time.time()

        def enough(found: list[Message]) -> bool:
            if len(of(Piece, found)) == 2:
                over.set()
            return bool(of(Lost, found))

        found = told(Order(url=url, segment_s=2.0, stall_s=3.0), enough, 30.0)
    pieces, losses = of(Piece, found), of(Lost, found)
    assert len(pieces) >= 2 and all(len(frames(piece)) >= 15 for piece in pieces[:2])
    assert losses[0].kind in ("ended", "stalled")
    # it comes late by what the stream is behind, and by no more
    assert begun - 3.0 <= pieces[0].start / SECOND <= begun + 3.0
    assert losses[0].since == pieces[-1].end


def test_a_codec_that_is_not_recorded_is_told(tmp_path: Path) -> None:
    with hls(tmp_path, "mpeg2video") as (url, _):
        loss = first_loss(Order(url=url))
    assert loss.kind == "codec" and "mpeg2video" in loss.reason


def test_a_playlist_cannot_have_files_of_this_machine_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret.ts"
    secret.write_bytes(b"G" * 188 * 100)
    listing = f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{secret.as_uri()}\n"
    with answering(
        b"HTTP/1.0 200 OK\r\nContent-Type: application/vnd.apple.mpegurl\r\n\r\n" + listing.encode()
    ) as port:
        loss = first_loss(Order(url=f"http://127.0.0.1:{port}/live.m3u8", open_s=2.0, stall_s=2.0))
    assert loss.kind in ("unreadable", "unreachable", "ended", "no_video")
