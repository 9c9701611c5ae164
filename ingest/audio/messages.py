"""What the decoding child of sound is told and what it answers. Times are milliseconds of media time."""

from __future__ import annotations

import msgspec

RATE = 16_000
"""Samples a second of all decoded sound: what voice activity and transcribers take."""


class SoundOrder(msgspec.Struct, frozen=True):
    """The child's task. `demuxer` is the only FFmpeg format the file may be read as ("" = find out).

    `beside_video`: media time starts with the first picture, and a track that is shorter than announced is no fault; else it starts
    with the first sample. `raw_rate` is the sampling rate of formats without a header (0 = the header tells). `block_ms` is how much
    sound crosses at once, `longest_ms` the longest recording that is taken.
    """

    path: str
    demuxer: str = ""
    beside_video: bool = False
    raw_rate: int = 0
    block_ms: int = 10_000
    longest_ms: int = 25 * 3_600_000


class SoundOpened(msgspec.Struct, frozen=True, tag="opened"):
    """The file could be opened. `announced_ms` is the length its container states (0 = none), `made` its creation time (or "")."""

    codec: str
    rate: int
    channels: int
    announced_ms: int
    made: str


class Sound(msgspec.Struct, frozen=True, tag="sound"):
    """Samples from `ms` on: signed 16-bit little-endian, mono, 16 kHz. Blocks follow on each other unless the recording has a gap."""

    ms: int
    pcm: bytes


class SoundClosed(msgspec.Struct, frozen=True, tag="closed"):
    """The end: how much was decoded in all, and how many packets were damaged."""

    decoded_ms: int
    damaged: int


SoundMessage = SoundOpened | Sound | SoundClosed
