"""A camera for tests and benchmarks: a clip, and GStreamer's RTSP server in a process of its own that can be cut, stalled and frozen."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from eval.bench import footage

PYTHON = Path("/usr/bin/python3")
_SERVER = Path(__file__).with_name("rtsp_server.py")
_UP_S = 20.0
WIDTH, HEIGHT, FPS = 640, 360, 15


def installed() -> bool:
    """Whether GStreamer's server is there (scripts/test-servers installs it)."""
    look = "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer"
    return PYTHON.exists() and subprocess.run([PYTHON, "-c", look], capture_output=True).returncode == 0


def write_clip(path: Path, seed: int, seconds: int, key_s: float = 1.0) -> Path:
    """Pictures of a fixed camera with noise, a clock and visitors, encoded for `rtsp_server`; a keyframe every `key_s` seconds."""
    codec = _encoder(round(key_s * FPS))
    units, taken = bytearray(), 0
    for number, picture in enumerate(footage.watched(seconds, seed)):
        if number * FPS // footage.FPS >= taken:
            frame = av.VideoFrame.from_ndarray(
                np.asarray(cv2.resize(picture, (WIDTH, HEIGHT)), np.uint8), format="bgr24"
            )
            frame.pts = taken
            taken += 1
            units += _units(codec.encode(frame))
    path.write_bytes(units + _units(codec.encode(None)))
    return path


def _encoder(gop: int) -> Any:
    codec: Any = av.CodecContext.create("libx264", "w")
    codec.width, codec.height, codec.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    codec.time_base, codec.framerate = Fraction(1, FPS), FPS
    codec.thread_count, codec.thread_type = 1, "FRAME"
    told = f"keyint={gop}:min-keyint={gop}:scenecut=0:bframes=0:annexb=1:repeat-headers=1"
    codec.options = {"preset": "veryfast", "crf": "28", "x264-params": told}
    return codec


def _units(packets: list[Any]) -> bytes:
    return b"".join(len(p := bytes(each)).to_bytes(4, "big") + bytes([each.is_keyframe]) + p for each in packets)


class CameraServer:
    """One camera at `url`. `playing` are the times (unix seconds) at which the first picture of a session was sent."""

    def __init__(self, clip: Path, port: int, user: str = "", password: str = "") -> None:
        self.url = f"rtsp://127.0.0.1:{port}/camera"
        self.playing: list[float] = []
        self._command = [str(PYTHON), str(_SERVER), "--port", str(port), "--clip", str(clip), "--fps", str(FPS)]
        self._command += ["--user", user, "--password", password] if user else []
        self._process: subprocess.Popen[str] | None = None
        self._serving = threading.Event()

    def start(self) -> CameraServer:
        """Serve; raises RuntimeError where it does not within 20 s."""
        self._serving.clear()
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        threading.Thread(target=self._listen, args=(self._process,), daemon=True).start()
        if not self._serving.wait(_UP_S):
            raise RuntimeError("GStreamer's RTSP server does not start")
        return self

    def order(self, mode: str) -> None:
        """run, freeze, stuck or mute."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(f"{mode}\n")
        self._process.stdin.flush()

    def stall(self) -> None:
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._signal(signal.SIGCONT)

    def cut(self) -> None:
        """As if the cable were drawn and the camera gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _signal(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def _listen(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            told = json.loads(line)
            if "serving" in told:
                self._serving.set()
            elif "playing" in told:
                self.playing.append(told["playing"])


def wait_for(true: Callable[[], bool], seconds: float) -> bool:
    """Whether it became true in time."""
    until = time.monotonic() + seconds
    while not true():
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True
