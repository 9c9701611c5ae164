"""The decoder of sound, called in this process: rates, layouts, gaps and damage. (In its child: tests/integration/test_speech.py.)"""

from __future__ import annotations

import io
import wave
from pathlib import Path

import av
import numpy as np
import pytest

from ingest.audio.decode import sound
from ingest.audio.messages import RATE, Sound, SoundClosed, SoundOpened
from retrieval.errors import SourceRejected

TONE_HZ = 1_000


def _wav(path: Path, rate: int, channels: int = 1, hertz: float = TONE_HZ, seconds: float = 3.0) -> Path:
    time = np.arange(int(rate * seconds)) / rate
    tone = np.rint(0.5 * 32767 * np.sin(2 * np.pi * hertz * time)).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.repeat(tone, channels).tobytes())
    return path


def _read(path: Path, demuxer: str = "wav", **order: object) -> tuple[SoundOpened, list[Sound], SoundClosed]:
    opened, *blocks, closed = sound({"path": str(path), "demuxer": demuxer, **order})
    assert isinstance(opened, SoundOpened) and isinstance(closed, SoundClosed)
    return opened, [block for block in blocks if isinstance(block, Sound)], closed


def _samples(blocks: list[Sound]) -> np.ndarray:
    return np.frombuffer(b"".join(block.pcm for block in blocks), "<i2") / 32768


@pytest.mark.parametrize(("rate", "channels"), [(8_000, 1), (11_025, 2), (16_000, 1), (44_100, 2), (48_000, 6)])
def test_every_rate_and_layout_becomes_mono_at_16_khz(tmp_path: Path, rate: int, channels: int) -> None:
    opened, blocks, closed = _read(_wav(tmp_path / "a.wav", rate, channels))
    samples = _samples(blocks)
    assert (opened.rate, opened.channels, opened.announced_ms) == (rate, channels, 3000)
    assert abs(samples.size - 3 * RATE) <= RATE // 100 and abs(closed.decoded_ms - 3000) <= 10
    middle = samples[RATE : 2 * RATE]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(middle.size)))
    assert int(np.argmax(spectrum)) == TONE_HZ
    # six equal channels are more than full scale together; they are mixed down, never wrapped around
    assert 0.3 <= np.abs(middle).max() <= 1.0


def test_what_16_khz_cannot_hold_is_filtered_out(tmp_path: Path) -> None:
    _, blocks, _ = _read(_wav(tmp_path / "a.wav", 48_000, hertz=15_000))
    assert np.sqrt(np.mean(_samples(blocks)[RATE:-RATE] ** 2)) < 0.5 / np.sqrt(2) / 100, "40 dB down"


def test_blocks_follow_on_each_other(tmp_path: Path) -> None:
    _, blocks, _ = _read(_wav(tmp_path / "a.wav", 8_000), block_ms=500)
    assert [block.ms for block in blocks] == list(range(0, 3000, 500))
    assert all(len(block.pcm) == RATE for block in blocks[:-1])


def _with_gap(path: Path, gap_s: float, container: str) -> Path:
    """Two seconds of tone, a gap in the stamps, two seconds more."""
    with av.open(str(path), "w", format=container) as out:
        stream = out.add_stream("pcm_s16le", rate=8_000, layout="mono")
        for n in range(20):
            time = np.arange(n * 1600, (n + 1) * 1600) / 8_000
            frame = av.AudioFrame.from_ndarray(
                np.rint(16_000 * np.sin(2 * np.pi * 500 * time)).astype(np.int16)[None], "s16", "mono"
            )
            frame.sample_rate, frame.pts = 8_000, n * 1600 + (int(gap_s * 8_000) if n >= 10 else 0)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(("gap_s", "starts"), [(0.0, [0]), (0.2, [0]), (5.0, [0, 7000])])
def test_a_gap_is_no_silence(tmp_path: Path, gap_s: float, starts: list[int]) -> None:
    _, blocks, closed = _read(_with_gap(tmp_path / "a.mka", gap_s, "matroska"), "matroska")
    assert [block.ms for block in blocks] == starts
    assert closed.decoded_ms == 4000


def test_headerless_telephone_sound(tmp_path: Path) -> None:
    path = tmp_path / "a.ulaw"
    path.write_bytes(bytes(range(256)) * 100)
    opened, blocks, _ = _read(path, "mulaw", raw_rate=8_000)
    assert (opened.codec, opened.rate) == ("pcm_mulaw", 8_000)
    assert abs(_samples(blocks).size - 2 * 25_600) <= 64


def _pieces(data: bytes, share: float) -> bytes:
    return data[: int(len(data) * share)]


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (lambda whole: _pieces(whole, 0.5), "truncated"),
        (lambda whole: whole[:44], "truncated"),
        (lambda whole: b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", "truncated"),
        (lambda whole: b"\0" * 5_000, "truncated"),
    ],
)
def test_what_is_no_whole_recording_is_refused(tmp_path: Path, make: object, kind: str) -> None:
    path = _wav(tmp_path / "a.wav", 8_000)
    path.write_bytes(make(path.read_bytes()))  # type: ignore[operator]
    with pytest.raises(SourceRejected) as caught:
        _read(path)
    assert caught.value.kind == kind, caught.value.reason


def test_a_recording_never_closed_is_read(tmp_path: Path) -> None:
    path = _wav(tmp_path / "a.wav", 8_000)
    data = bytearray(path.read_bytes())
    data[4:8] = data[40:44] = b"\xff" * 4
    path.write_bytes(data)
    assert abs(_read(path)[2].decoded_ms - 3000) <= 10


def test_a_recording_that_never_ends_is_refused(tmp_path: Path) -> None:
    """By what its header says, and where that says nothing by what comes out."""
    for path, demuxer in (
        (_wav(tmp_path / "a.wav", 8_000), "wav"),
        (_with_gap(tmp_path / "a.mka", 0, "matroska"), "matroska"),
    ):
        with pytest.raises(SourceRejected) as caught:
            _read(path, demuxer, longest_ms=2_000)
        assert caught.value.kind == "too_large"


def test_no_sound_in_it(tmp_path: Path) -> None:
    empty = io.BytesIO()
    with wave.open(empty, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8_000)
    (tmp_path / "a.wav").write_bytes(empty.getvalue())
    with pytest.raises(SourceRejected) as caught:
        _read(tmp_path / "a.wav")
    assert caught.value.kind == "empty"
