"""Footage and sound whose headers promise what nobody could decode."""

from __future__ import annotations

import io
import struct
from typing import Any

import av
from PIL import Image


def mp4_of_thirty_years() -> bytes:
    """Two frames, and boxes that say a frame a second for 10⁹ seconds (ISO/IEC 14496-12, 8.4.2 and 8.6.1.2)."""
    data = bytearray(_clip(64, 64, 2, 1))
    # in both headers the time scale stands twelve bytes behind the version, the duration behind it
    for box in (b"mvhd", b"mdhd"):
        struct.pack_into(">II", data, data.index(box) + 16, 1, 10**9)
    struct.pack_into(">I", data, data.index(b"tkhd") + 24, 10**9)
    struct.pack_into(">III", data, data.index(b"stts") + 8, 1, 10**9, 1)
    return bytes(data)


def mp4_larger_than_a_wall() -> bytes:
    """One frame of 16,384 × 8,192 pixels: a few kilobytes, 200 MB once decoded."""
    return _clip(16_384, 8_192, 1, 1)


def mp4_of_many_slices() -> bytes:
    """A frame made of 100,000 slices that hold nothing but their headers."""
    made = io.BytesIO()
    source: Any = av.open(io.BytesIO(_clip(64, 64, 1, 1)))
    with source, av.open(made, "w", format="mp4") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is None:
                continue
            swollen = av.Packet(b"\0\0\0\x04\x41\x9a\x00\x80" * 100_000)
            swollen.pts, swollen.dts, swollen.time_base, swollen.stream = (
                packet.pts,
                packet.dts,
                packet.time_base,
                stream,
            )
            swollen.is_keyframe = True
            target.mux(swollen)
    return made.getvalue()


def mkv_of_nested_elements() -> bytes:
    """Groups of tags within tags, 50,000 deep and each of unknown size (EBML, RFC 8794, 6.2)."""
    head = bytes.fromhex("1a45dfa3") + b"\x8b" + bytes.fromhex("4282") + b"\x88matroska"
    segment = bytes.fromhex("18538067") + b"\x01" + b"\xff" * 7
    return (
        head + segment + (bytes.fromhex("1254c367") + b"\x01" + b"\xff" * 7) * 50_000 + bytes.fromhex("67c8") + b"\x80"
    )


def wav_that_says_four_gigabytes() -> bytes:
    """A header for 4 GB of samples in 16 channels at 192 kHz, and hardly any behind it."""
    kind = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 16, 192_000, 192_000 * 32, 32, 16)
    return b"RIFF\xff\xff\xff\xffWAVE" + kind + b"data" + struct.pack("<I", 0xFFFFFFF0) + bytes(4096)


def wav_of_a_sample_a_second() -> bytes:
    """Forty thousand samples at one a second: eleven hours of sound in 80 kB."""
    kind = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, 1, 2, 2, 16)
    data = bytes(80_000)
    return b"RIFF" + struct.pack("<I", 36 + len(data)) + b"WAVE" + kind + b"data" + struct.pack("<I", len(data)) + data


def ogg_that_ends_at_once() -> bytes:
    """The first bytes of an Ogg page and nothing behind them (RFC 3533, 6)."""
    return b"OggS\0\x02" + bytes(12)


def _clip(width: int, height: int, frames: int, rate: int) -> bytes:
    made = io.BytesIO()
    picture: Any = av.VideoFrame
    with av.open(made, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=rate, options={"preset": "ultrafast", "threads": "1"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for _ in range(frames):
            container.mux(stream.encode(picture.from_image(Image.new("RGB", (width, height)))))
        container.mux(stream.encode())
    return made.getvalue()
