"""A real RTSP server for tests and benchmarks: GStreamer's, over one clip played again and again as if by a camera.

Runs in Debian's own interpreter, which has GStreamer's bindings, and imports nothing of ours:

    /usr/bin/python3 rtsp_server.py --port 8554 --clip clip.units --fps 15 [--user u --password p]

Orders come on stdin, one a line: "freeze" (the same picture again and again, time goes on), "stuck" (pictures come, their time stands
still), "mute" (nothing comes, the connection stands), "run". Told on stdout as json lines: {"serving": port}, and {"playing": unix seconds}
when the first picture of a session is sent.

A clip is pictures in H.264's byte stream, each after 4 bytes of its length (big-endian) and 1 that is 1 for a keyframe.
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
import time
from pathlib import Path
from typing import Any, NamedTuple

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

LAUNCH = (
    "( appsrc name=camera is-live=true format=time do-timestamp=false ! h264parse ! video/x-h264,alignment=au"
    " ! rtph264pay name=pay0 pt=96 config-interval=-1 )"
)
ORDERS = ("run", "freeze", "stuck", "mute")


class Shot(NamedTuple):
    """One encoded picture."""

    key: bool
    data: bytes


def shots(clip: bytes) -> list[Shot]:
    found, at = list[Shot](), 0
    while at < len(clip):
        size = int.from_bytes(clip[at : at + 4], "big")
        found.append(Shot(clip[at + 4] == 1, clip[at + 5 : at + 5 + size]))
        at += 5 + size
    return found


class Camera:
    """What is sent, picture by picture; every session begins with a keyframe."""

    def __init__(self, clip: list[Shot], fps: int) -> None:
        self._clip, self._fps, self.mode = clip, fps, "run"
        self._at = 0
        self._stuck: int | None = None

    def serve(self, source: Any) -> None:
        """Feed an appsrc in a thread until it takes no more."""
        threading.Thread(target=self._feed, args=(source,), daemon=True).start()

    def _feed(self, source: Any) -> None:
        begun, sent, tick = time.monotonic(), 0, 1.0 / self._fps
        self._to_key()
        self._stuck = None
        while True:
            if self.mode != "mute":
                if source.emit("push-buffer", self._buffer(time.monotonic() - begun)) != Gst.FlowReturn.OK:
                    return
                if not sent:
                    tell({"playing": time.time()})
                sent += 1
            time.sleep(max(0.0, tick - (time.monotonic() - begun) % tick))

    def _to_key(self) -> None:
        while not self._clip[self._at].key:
            self._step()

    def _step(self) -> None:
        self._at = (self._at + 1) % len(self._clip)

    def _buffer(self, at_s: float) -> Any:
        if self.mode == "freeze":
            self._to_key()
        shot = self._clip[self._at]
        if self.mode != "freeze":
            self._step()
        now = int(at_s * Gst.SECOND)
        self._stuck = (self._stuck or now) if self.mode == "stuck" else None
        buffer = Gst.Buffer.new_wrapped(shot.data)
        buffer.pts = buffer.dts = self._stuck or now
        return buffer


def tell(line: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def guard(server: Any, factory: Any, user: str, password: str) -> None:
    """Let in nobody but this user (Basic)."""
    auth = GstRtspServer.RTSPAuth()
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", user)
    auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
    server.set_auth(auth)
    role = Gst.Structure.new_empty(user)
    role.set_value("media.factory.access", True)
    role.set_value("media.factory.construct", True)
    factory.add_role_from_structure(role)


def obey(camera: Camera) -> None:
    for line in sys.stdin:
        if line.strip() in ORDERS:
            camera.mode = line.strip()
    # whoever started us has gone
    GLib.idle_add(sys.exit, 0)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--clip", type=Path, required=True)
    parser.add_argument("--fps", type=int, default=15)
    parser.add_argument("--user", default="")
    parser.add_argument("--password", default="")
    given = parser.parse_args()
    Gst.init(None)
    camera = Camera(shots(given.clip.read_bytes()), given.fps)
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(LAUNCH)
    factory.set_shared(True)
    factory.connect("media-configure", lambda _, media: camera.serve(media.get_element().get_by_name("camera")))
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(str(given.port))
    if given.user:
        guard(server, factory, given.user, given.password)
    server.get_mount_points().add_factory("/camera", factory)
    if not server.attach(None):
        sys.exit(f"port {given.port} is taken")
    threading.Thread(target=obey, args=(camera,), daemon=True).start()
    tell({"serving": given.port})
    GLib.MainLoop().run()


if __name__ == "__main__":
    main()
