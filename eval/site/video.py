"""Write and read the site's clips: H.264, yuv420p, 640x360, one frame a second, a key frame every twenty."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import BinaryIO

import av
import numpy as np

from eval.site.backdrop import Picture
from eval.site.scene import HEIGHT, WIDTH

FPS = 1
OPTIONS = {"preset": "veryfast", "crf": "33", "x264-params": "threads=1:keyint=20:min-keyint=20:scenecut=0:bframes=0"}


def encode(pictures: Iterable[Picture], target: BinaryIO | str) -> int:
    """Encode BGR pictures as an mp4 at one frame a second; returns the number of frames. One thread: same bytes each time."""
    count = 0
    with av.open(target, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=FPS, options=OPTIONS)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.thread_count = 1
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
            count += 1
        container.mux(stream.encode())
    return count


def decode_rgb(source: BinaryIO | str) -> Iterator[Picture]:
    """The frames of a clip as 360x640x3 uint8 RGB arrays, in order."""
    with av.open(source, "r") as container:
        for frame in container.decode(video=0):
            yield frame.to_ndarray(format="rgb24").astype(np.uint8, copy=False)
