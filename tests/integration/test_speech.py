"""Real voices through the whole way in, and an answer that cites what was said."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
import pytest
from PIL import Image

from app.http.media import media_response
from app.ports import Ask
from app.service import Watchfloor
from app.settings import load
from app.wiring import build
from eval.speech import decoded, no_speech, word_edits
from ingest.audio.listener import Ears, sound_of
from ingest.audio.messages import RATE
from ingest.audio.reader import AudioReader
from ingest.audio.turns import NOT_TOLD_APART, wav
from ingest.audio.voice import SileroVoice
from ingest.audio.whisper import FasterWhisper, packaged
from ingest.media_types import media_type
from ingest.ports import Batch, Draft, Item, SourcePolicy
from ingest.video.reader import VideoReader
from retrieval.errors import SourceRejected
from retrieval.times import to_micros
from retrieval.types import Answer, ClipSpan, Coverage, Interval, Kind, Layer, Mention, Principal, Relation, Verdict

DATA = Path(os.environ.get("WATCHFLOOR_TEST_DATA", Path(__file__).parents[2] / "../shared/data"))
AUDIO = DATA / "audio"
pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif(not AUDIO.is_dir(), reason="the real data is not here (WATCHFLOOR_TEST_DATA)"),
    pytest.mark.skipif(not packaged(), reason="the extra [speech] is not installed"),
]
START = to_micros(datetime(2026, 3, 4, 2, 10, tzinfo=UTC))
MENU = "press 1 to list users currently in the conference 2 to kick all non-administrator users"


@pytest.fixture(scope="module")
def ears() -> Ears:
    return Ears(SileroVoice(), FasterWhisper())


class Heard(NamedTuple):
    drafts: list[Draft]
    coverage: list[Coverage]

    @property
    def text(self) -> str:
        return " ".join(draft.text for draft in self.drafts)


def _read(reader: AudioReader | VideoReader, path: Path, policy: SourcePolicy | None = None) -> Heard:
    item = Item(path, path.as_uri(), path.name, media_type(path), "0", policy or SourcePolicy())
    batches: list[Batch] = list(reader.read(item, "t"))
    return Heard([d for b in batches for d in b.drafts], [c for b in batches for c in b.coverage])


def _transcripts(folder: str) -> dict[str, str]:
    lines = (AUDIO / folder / "transcripts.tsv").read_text(encoding="utf-8").splitlines()
    return dict(line.split("\t")[:2] for line in lines)  # type: ignore[arg-type]


@pytest.mark.parametrize("folder", ["ljspeech", "asterisk"])
def test_the_words_of_real_clips_are_written_down(ears: Ears, folder: str) -> None:
    wrong = words = 0
    for name, said in _transcripts(folder).items():
        edits, count = word_edits(said, _read(AudioReader(ears), AUDIO / folder / f"{name}.wav").text)
        wrong, words = wrong + sum(edits), words + count
    assert words > 80 and wrong / words <= 0.15, f"{wrong} of {words}"


def test_the_error_rate_counts_as_is_known() -> None:
    assert word_edits("The pump has tripped.", "the pump has tripped") == ((0, 0, 0), 4)
    assert word_edits("the pump has tripped", "the big pump tripping") == ((1, 1, 1), 4)
    assert word_edits("press one", "Press 1!") == ((0, 0, 0), 2)
    assert word_edits("stop", "") == ((0, 1, 0), 1)


def _encoded(target: Path, codec: str, rate: int, layout: str = "mono", container: str | None = None) -> Path:
    """The first LJSpeech clip under another codec."""
    with av.open(str(AUDIO / "ljspeech/LJ001-0001.wav")) as source, av.open(str(target), "w", format=container) as out:
        stream: Any = out.add_stream(codec, rate=rate, layout=layout)
        kind = stream.codec_context.codec.audio_formats[0].name
        resampler = av.AudioResampler(kind, layout, rate, stream.codec_context.frame_size or None)
        for frame in [*source.decode(audio=0), None]:
            for part in resampler.resample(frame):
                out.mux(stream.encode(part))
        out.mux(stream.encode(None))
    return target


@pytest.mark.parametrize(
    ("name", "codec", "rate", "layout", "container"),
    [
        ("call.ulaw", "pcm_mulaw", 8_000, "mono", "mulaw"),
        ("call.alaw", "pcm_alaw", 8_000, "mono", "alaw"),
        ("ulaw.wav", "pcm_mulaw", 8_000, "stereo", None),
        ("a.mp3", "libmp3lame", 22_050, "mono", None),
        ("a.m4a", "aac", 44_100, "stereo", None),
        ("a.ogg", "libopus", 48_000, "stereo", None),
        ("a.flac", "flac", 16_000, "mono", None),
    ],
)
def test_formats_that_recorders_write(
    ears: Ears, tmp_path: Path, name: str, codec: str, rate: int, layout: str, container: str | None
) -> None:
    heard = _read(AudioReader(ears), _encoded(tmp_path / name, codec, rate, layout, container))
    edits, words = word_edits(_transcripts("ljspeech")["LJ001-0001"], heard.text)
    assert sum(edits) / words <= 0.15, heard.text


def test_gsm_frames_are_decoded_without_a_header(ears: Ears, tmp_path: Path) -> None:
    path = tmp_path / "call.gsm"
    path.write_bytes((b"\xd0" + bytes(32)) * 150)  # GSM 06.10: frames of 33 bytes and 20 ms that begin with 0xD
    heard = _read(AudioReader(ears), path)
    assert heard.drafts == [] and heard.coverage[0].span_ms == (0, 3000)


def test_nothing_is_told_of_silence_and_noise(ears: Ears, tmp_path: Path) -> None:
    found = no_speech(AudioReader(ears), tmp_path, 20)
    assert (found["stated"], found["unsure"]) == (0, 0) and len(found["sounds"]) == 8
    assert _read(VideoReader(ears=ears), DATA / "video/bgs_video.avi").text.count("You") == 0


def test_turns_stand_at_their_time(ears: Ears, tmp_path: Path) -> None:
    clips = [decoded(AUDIO / f"asterisk/{name}.wav") for name in ("vm-mailboxfull", "conf-invalidpin")]
    quiet = np.zeros(30 * RATE, np.float32)
    path = tmp_path / "RADIO-3_20260304T021000Z.wav"
    path.write_bytes(wav(np.concatenate([quiet, clips[0], quiet, quiet, clips[1], quiet])))
    first, second = _read(AudioReader(ears), path).drafts
    late = 90_000 + clips[0].size * 1000 // RATE
    assert isinstance(first.locator, ClipSpan) and isinstance(second.locator, ClipSpan)
    assert abs(first.locator.ms - 30_000) < 400 and abs(second.locator.ms - late) < 400
    assert first.valid == Interval(START + first.locator.ms * 1000, START + first.locator.end_ms * 1000)
    assert "mailbox" in first.text.lower() and "conference" in second.text.lower()
    assert first.mentions == (Mention("RADIO-3", Relation.OBSERVED_AT),) and NOT_TOLD_APART in first.notes


def _film(path: Path, clip: str, seconds: int = 6, delay_s: float = 2.0) -> Path:
    """A grey film whose sound begins `delay_s` after its first picture."""
    samples = np.rint(decoded(AUDIO / clip) * 32767).astype(np.int16)
    with av.open(str(path), "w") as out:
        picture: Any = out.add_stream("libx264", rate=5)
        picture.width, picture.height, picture.pix_fmt = 320, 192, "yuv420p"
        track: Any = out.add_stream("aac", rate=RATE, layout="mono")
        for _ in range(5 * seconds):
            out.mux(picture.encode(av.VideoFrame.from_image(Image.new("RGB", (320, 192), (90, 90, 90)))))
        out.mux(picture.encode(None))
        sound = av.AudioFrame.from_ndarray(samples[None], "s16", "mono")
        sound.sample_rate, sound.pts = RATE, int(delay_s * RATE)
        resampler = av.AudioResampler("fltp", "mono", RATE, 1024)
        for frame in [sound, None]:
            for part in resampler.resample(frame):
                out.mux(track.encode(part))
        out.mux(track.encode(None))
    return path


def test_the_sound_of_a_film_shares_its_clock(ears: Ears, tmp_path: Path) -> None:
    heard = _read(
        VideoReader(ears=ears), _film(tmp_path / "CAM-07_20260304T021000Z.mp4", "asterisk/conf-invalidpin.wav")
    )
    (said,) = (d for d in heard.drafts if d.kind is Kind.TRANSCRIPT)
    assert isinstance(said.locator, ClipSpan) and abs(said.locator.ms - 2_000) < 500
    assert said.valid and said.valid.t0 == START + said.locator.ms * 1000
    assert said.mentions == (Mention("CAM-07", Relation.OBSERVED_AT),)
    layers = [(c.subject, c.layer, c.by) for c in heard.coverage]
    assert layers == [
        (sound_of("CAM-07"), Layer.RECORDED, ""),
        (sound_of("CAM-07"), Layer.EXAMINED, ears.name),
        ("CAM-07", Layer.RECORDED, ""),
    ]
    assert heard.coverage[1].able == ears.transcriber.able


def test_a_film_is_read_without_ears_and_with_a_broken_track(ears: Ears, tmp_path: Path) -> None:
    path = _film(tmp_path / "a.mkv", "asterisk/conf-invalidpin.wav")
    assert {d.kind for d in _read(VideoReader(), path).drafts} == {Kind.FRAME}
    assert VideoReader(ears=ears).version != VideoReader().version
    data = path.read_bytes()
    path.write_bytes(data.replace(b"A_AAC", b"A_XXX"))
    heard = _read(VideoReader(ears=ears), path)
    assert {d.kind for d in heard.drafts} == {Kind.FRAME}
    sounds = [c for c in heard.coverage if c.subject == sound_of(path.as_uri())]
    assert [(c.layer, c.span_ms) for c in sounds] in ([(Layer.RECORDED, (0, 6000))], [])


def test_a_film_without_pictures_is_a_recording(ears: Ears, tmp_path: Path) -> None:
    path = _encoded(tmp_path / "2026-03-04_02-10-00Z.mp4", "aac", 44_100)
    heard = _read(VideoReader(ears=ears), path)
    assert "printing" in heard.text.lower() and heard.drafts[0].valid and heard.drafts[0].valid.t0 >= START
    assert {c.layer for c in heard.coverage} == {Layer.RECORDED, Layer.EXAMINED}


def test_without_ears_a_recording_is_recorded_and_not_examined() -> None:
    heard = _read(AudioReader(), AUDIO / "dlstreamer_how_are_you_doing.wav")
    assert heard.drafts == []
    (record,) = heard.coverage
    assert (record.layer, record.span_ms, record.able) == (Layer.RECORDED, (0, 3405), {})


def test_a_playlist_named_as_a_recording_opens_nothing(ears: Ears, tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    path.write_text(f"#EXTM3U\n#EXTINF:1,\n{(AUDIO / 'dlstreamer_how_are_you_doing.wav').as_uri()}\n")
    with pytest.raises(SourceRejected):
        _read(AudioReader(ears), path)


class Asked(NamedTuple):
    service: Watchfloor
    me: Principal
    report: Any

    def ask(self, question: str) -> Answer:
        return self.service.ask(Ask(question=question, asked_at=START + 86_400_000_000), self.me)


SITE = """
site: {id: yard, name: Yard, timezone: Europe/Madrid}
zones: [{id: zone-a, name: Conference room}]
sources: [{match: "calls/*", labels: []}]
"""


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    folder = tmp_path_factory.mktemp("speech")
    calls = folder / "site" / "calls"
    calls.mkdir(parents=True)
    (folder / "site" / "site.yaml").write_text(SITE)
    quiet = np.zeros(20 * RATE, np.float32)
    menu = decoded(AUDIO / "asterisk/conf-adminmenu-menu8.wav")
    (calls / "20260304T021000Z.wav").write_bytes(wav(np.concatenate([quiet, menu, quiet])))
    (calls / "nothing.wav").write_bytes(wav(quiet))
    settings = load(data_dir=folder / "data", encoders={"image": "off", "detector": "off"})
    service = build(settings)
    me = Principal(settings.tenant)
    try:
        yield Asked(service, me, service.ingest([folder / "site"], me))
    finally:
        service.close()


def test_an_answer_cites_what_was_said_at_its_second(asked: Asked) -> None:
    assert asked.report.evidence_by_kind["transcript"] >= 2 and asked.report.rejected == ()
    answer = asked.ask("What should I press to kick all non-administrator users?")
    assert answer.verdict is Verdict.ANSWERED
    claim = answer.claims[0]
    (cited,) = claim.citations
    assert "kick" in claim.text and cited.kind is Kind.TRANSCRIPT and isinstance(cited.locator, ClipSpan)
    assert abs(cited.locator.ms - 20_000) < 500
    assert cited.valid and abs(cited.valid.t0 - (START + 20_000_000)) < 500_000


def test_what_is_cited_can_be_played_over_http(asked: Asked) -> None:
    (cited,) = asked.ask("What should I press to kick all non-administrator users?").claims[0].citations
    media = asked.service.media(cited.evidence, asked.me)
    response = media_response(media, {"range": "bytes=0-43"})
    assert response.status_code == 206 and response.headers["content-type"] == "audio/wav"
    assert response.headers["content-disposition"] == "inline"
    assert isinstance(cited.locator, ClipSpan)
    path = media.path.with_suffix(".wav")
    path.write_bytes(media.path.read_bytes())
    room = decoded(path).size / RATE - (cited.locator.end_ms - cited.locator.ms) / 1000
    assert 0 <= room <= 0.31, "what is cited, and a breath on both sides"
    edits, words = word_edits(MENU, asked.service.evidence(cited.evidence, asked.me).text)
    assert sum(edits) / words <= 0.15


def test_the_house_says_what_listens(asked: Asked) -> None:
    name = "whisper:tiny.en@1a5afae0"
    assert any(
        check.name == "speech" and check.state == "ok" and name in check.detail for check in asked.service.checks()
    )
    assert any(note.startswith(f"ears: {name}") for note in asked.report.notes)
