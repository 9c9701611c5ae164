"""A short clip that a browser plays; runs in the sandbox's child (worker "ingest.video.cut:clip"); imports av, cv2 and numpy.

The original's own pictures are copied, not encoded again, where they are H.264 and a keyframe stands close before the start. Else the
kept frames are shown one after the other, each for as long as it stands for, as VP8 in WebM.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

import av
import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

from retrieval.errors import SourceRejected

COPIED, DRAWN = "video/mp4", "video/webm"
_COPYABLE = frozenset({"yuv420p", "yuvj420p"})
_TICK = Fraction(1, 1000)
_LARGEST = 200 << 20


class Still(msgspec.Struct, frozen=True):
    """A kept frame as JPEG, shown from `ms` of the clip on."""

    ms: int
    jpeg: bytes


class CutOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What to cut: [start, end) in ms of media time. `path` is the original, or "" where it may not or cannot be used.

    `stills` are shown where it is not copied, over `shown_ms` in all. A copy begins at most `lead_ms` early; what is
    longer than `longest_ms` is not copied.
    """

    path: str
    demuxer: str
    start_ms: int
    end_ms: int
    stills: tuple[Still, ...]
    shown_ms: int
    lead_ms: int = 3000
    longest_ms: int = 60_000
    long_side: int = 960


class Cut(msgspec.Struct, frozen=True):
    """The clip and its media type. It shows media time from `start_ms` on."""

    media_type: str
    data: bytes
    start_ms: int


def clip(args: dict[str, Any]) -> Iterator[Cut]:
    """Yield one Cut. Raises SourceRejected: unreadable, where neither way gives a picture."""
    order = msgspec.convert(args, CutOrder)
    short = order.end_ms - order.start_ms <= order.longest_ms
    yield (_copied(order) if order.path and short else None) or _drawn(order)


def _copied(order: CutOrder) -> Cut | None:
    """The original's packets; None where they cannot be played, or begin too far before the start."""
    try:
        with av.open(order.path, format=order.demuxer or None, options={"protocol_whitelist": "file"}) as source:
            stream = source.streams.video[0]
            if stream.codec_context.name != "h264" or stream.codec_context.pix_fmt not in _COPYABLE:
                return None
            first = next(source.decode(stream))
            origin = float(first.time or 0.0) * 1000
            # a little later than asked: a seek goes to the keyframe at or before, and rounding must not take it one further back
            source.seek(
                int(Fraction(round(origin + order.start_ms) + 1, 1000) / (stream.time_base or _TICK)), stream=stream
            )
            return _muxed(source, stream, origin, order)
    except (av.error.FFmpegError, OSError, IndexError, StopIteration):
        return None


def _muxed(source: Any, stream: Any, origin: float, order: CutOrder) -> Cut | None:
    out, began, shift = io.BytesIO(), -1.0, 0
    end = order.end_ms
    with av.open(out, "w", format="mp4") as target:
        copy = target.add_stream_from_template(stream)
        for packet in source.demux(stream):
            if packet.pts is None or packet.dts is None:
                continue
            at = float(packet.pts * packet.time_base) * 1000 - origin
            if began < 0:
                began, shift = at, packet.dts
                if not packet.is_keyframe or order.start_ms - at > order.lead_ms:
                    return None
            if at >= end and packet.is_keyframe:
                break
            packet.pts, packet.dts, packet.stream = packet.pts - shift, packet.dts - shift, copy
            target.mux(packet)
            if out.tell() > _LARGEST:
                return None
            if float(packet.dts * packet.time_base) * 1000 + began >= end:
                break
    return Cut(COPIED, out.getvalue(), max(0, round(began))) if began >= 0 else None


def _drawn(order: CutOrder) -> Cut:
    pictures = _pictures(order.stills, order.long_side)
    if not pictures:
        raise SourceRejected("no frame of this moment can be shown")
    height, width = pictures[0][1].shape[:2]
    out, first = io.BytesIO(), order.stills[0].ms
    pace = order.shown_ms / max(1, order.end_ms - order.start_ms)
    with av.open(out, "w", format="webm") as target:
        stream = target.add_stream("libvpx", rate=25, options={"deadline": "realtime", "cpu-used": "8", "b": "1M"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.time_base = _TICK
        for ms, picture in [*pictures, (max(order.end_ms - 40, pictures[-1][0] + 40), pictures[-1][1])]:
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
            frame.pts, frame.time_base = round((ms - first) * pace), _TICK
            target.mux(stream.encode(frame))
        target.mux(stream.encode())
    return Cut(DRAWN, out.getvalue(), first)


def _pictures(stills: Sequence[Still], long_side: int) -> list[tuple[int, NDArray[np.uint8]]]:
    """Decoded BGR pictures of one size, both sides even."""
    found: list[tuple[int, NDArray[np.uint8]]] = []
    size: tuple[int, int] | None = None
    for still in stills:
        picture = cv2.imdecode(np.frombuffer(still.jpeg, np.uint8), cv2.IMREAD_COLOR)
        if picture is None:
            continue
        if size is None:
            height, width = picture.shape[:2]
            scale = min(1.0, long_side / max(width, height))
            size = max(2, round(width * scale / 2) * 2), max(2, round(height * scale / 2) * 2)
        found.append((still.ms, np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)))
    return found
