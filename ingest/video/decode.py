"""The decoder: runs in the sandbox's child (worker "ingest.video.decode:frames") and imports av, numpy and cv2 only.

Damage is told apart: an index that cannot be read or a clip that ends well before its announced length is truncated.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import cv2
import msgspec

from ingest.packets import refuse_short_riff
from ingest.video.messages import Closed, Message, Opened, Order
from ingest.video.plan import plan
from ingest.video.steady import stands_still
from ingest.video.thinning import Encoder, Thinning
from retrieval.errors import SourceRejected

_MISSING = 0.9
_SLACK_MS = 1500


def frames(args: dict[str, Any]) -> Iterator[Message]:
    """Yield Opened, Kept…, Closed. Raises SourceRejected (truncated, too_large, unreadable)."""
    cv2.setNumThreads(1)  # clips are decoded side by side, each on a core of its own
    yield from thinned(msgspec.convert(args, Order))


def thinned(order: Order, pictures: Encoder | None = None) -> Iterator[Message]:
    """The same of an order; `pictures` makes of a frame what is kept (by default a JPEG)."""
    _refuse_cut_off(order.path)
    with open_clip(order.path, order.demuxer) as container:
        opened = describe(container, order)
        yield opened
        thinning = Thinning(order, opened, container, lambda: open_clip(order.path, order.demuxer), pictures)
        yield from thinning.kept()
    closed = thinning.closed()
    _refuse_short(opened, closed)
    yield closed


def _refuse_short(opened: Opened, closed: Closed) -> None:
    if not closed.decoded:
        raise SourceRejected("no frame could be decoded", kind="truncated")
    if opened.announced_ms and closed.length_ms < opened.announced_ms * _MISSING - _SLACK_MS:
        said, got = opened.announced_ms / 1000, closed.length_ms / 1000
        raise SourceRejected(f"the clip is cut off: {got:.1f} s of {said:.1f} s could be decoded", kind="truncated")


def open_clip(path: str, demuxer: str = "") -> Any:
    """The container, to be closed. Raises SourceRejected: truncated, unreadable, no_video."""
    try:
        container = av.open(path, format=demuxer or None, options={"protocol_whitelist": "file"})
    except av.error.InvalidDataError as error:
        raise SourceRejected(f"the index of the clip cannot be read ({error.strerror})", kind="truncated") from error
    except (av.error.FFmpegError, OSError) as error:
        # the library's own words carry the path
        raise SourceRejected(f"the clip cannot be opened ({error.strerror})") from error
    if not container.streams.video:
        container.close()
        raise SourceRejected("the file has no video in it", kind="no_video")
    return container


def _refuse_cut_off(path: str) -> None:
    """What the container's own bytes say. A GIF announces no length, but its last byte is the trailer 0x3B (GIF89a §27), perhaps
    padded with zeros; an AVI is a RIFF file."""
    with Path(path).open("rb") as file:
        head = file.read(8)
        size = file.seek(0, 2)
        file.seek(max(0, size - 64))
        tail = file.read().rstrip(b"\0")
    if head.startswith(b"GIF8") and not tail.endswith(b"\x3b"):
        raise SourceRejected("the animation is cut off: its last bytes are missing", kind="truncated")
    refuse_short_riff(head, size, "clip")


def describe(container: Any, order: Order) -> Opened:
    """What the clip says of itself, and how it will be looked through. Raises SourceRejected: too_large, truncated."""
    stream = container.streams.video[0]
    sampling = order.sampling
    if stream.width * stream.height > sampling.max_pixels:
        raise SourceRejected(f"the picture is too large: {stream.width}x{stream.height}", kind="too_large")
    if not stream.width or not stream.height:
        raise SourceRejected("the picture has no size", kind="truncated")
    announced = _announced_ms(container, stream)
    fixed = _stands_still(order) if order.fixed is None else order.fixed
    chosen = plan(container, announced, fixed, sampling)
    return Opened(
        width=stream.width,
        height=stream.height,
        announced_ms=announced,
        step_ms=chosen.step_ms,
        fixed=fixed,
        codec=stream.codec_context.name,
        made=container.metadata.get("creation_time", ""),
        sound=bool(container.streams.audio),
        keys=chosen.keys,
    )


def _stands_still(order: Order) -> bool:
    """Probed on another way into the file: the one in hand stays at its start."""
    with open_clip(order.path, order.demuxer) as container:
        return stands_still(container, container.streams.video[0])


def _announced_ms(container: Any, stream: Any) -> int:
    if stream.duration:
        return int(stream.duration * stream.time_base * 1000)
    return int(container.duration / 1000) if container.duration else 0
