"""What the decoders of pictures and of sound share; runs in the sandbox's child and imports av only."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import av

from retrieval.errors import SourceRejected

_MOST_DAMAGED = 100
_RIFF_SLACK = 1024


class Packets:
    """Frames of the packets of one stream that decode; damaged packets are counted and passed over. `what` is decoded, in words."""

    def __init__(self, what: str) -> None:
        self._what = what
        self.damaged = 0

    def frames(
        self, container: Any, stream: Any, chosen: Callable[[Any], Sequence[Any]] = lambda packet: (packet,)
    ) -> Iterator[Any]:
        """Of the packets `chosen` when one is read, in order. Raises SourceRejected: truncated, where more than a hundred are damaged."""
        packets = container.demux(stream)
        while True:
            try:
                packet = next(packets, None)
                if packet is None:
                    return
                for each in chosen(packet):
                    yield from each.decode()
            except av.error.FFmpegError:
                self.damaged += 1
                if self.damaged > _MOST_DAMAGED:
                    raise SourceRejected(f"too much of the {self._what} is damaged", kind="truncated") from None


def refuse_short_riff(head: bytes, size: int, what: str) -> None:
    """A RIFF file (AVI, WAV) states the size of its first chunk (0 or all ones in a recording never closed); FFmpeg plays what is there.

    `head` are its first 8 bytes. Raises SourceRejected: truncated.
    """
    stated = int.from_bytes(head[4:8], "little")
    if head.startswith(b"RIFF") and 0 < stated < 0xFFFFFFFF and size + _RIFF_SLACK < stated + 8:
        raise SourceRejected(f"the {what} is cut off: {size} of {stated + 8} bytes are there", kind="truncated")
