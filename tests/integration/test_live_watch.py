"""A whole watch over a real RTSP server that is frozen, stalled, cut and started again: what is kept, told, examined and answered."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import av
import pytest
from PIL.Image import Image

from app.answer.absence import silence
from app.answer.views import View
from app.http.serve import free_port
from app.settings import Settings, load
from app.wiring import Parts
from app.wiring_live import Change, Standing, cameras_check, watching
from eval.bench.rtsp import CameraServer, installed, wait_for, write_clip
from ingest.ports import Detection
from ingest.video.playback import GONE
from retrieval.errors import StoreBusy
from retrieval.fakes import HashTextEncoder
from retrieval.intervals import covered, union
from retrieval.types import Box, Evidence, Filter, Interval, Kind, Layer, Principal, Verdict

pytestmark = pytest.mark.skipif(
    not installed(), reason="GStreamer's RTSP server is missing: run scripts/test-servers as root"
)
ANN = Principal("default", "ann")
SECOND = 1_000_000
CAMERA = "CAM-01"


class Guard:
    """Sees people, of whom there are none."""

    name = "guard 1"
    able = {"person": 0.1}
    weak: dict[str, float] = {}
    aliases: dict[str, str] = {}

    def detect(self, images: Sequence[Image]) -> list[list[Detection]]:
        return [[] for _ in images]


class Blind:
    """Reads nothing."""

    name = "no text"

    def lines(self, image: Image) -> list[tuple[str, Box]]:
        return []


class Small(Parts):
    """The product's wiring with parts that load at once."""

    @cached_property
    def _text(self) -> Any:
        return HashTextEncoder()

    @cached_property
    def _image(self) -> Any:
        return None

    @cached_property
    def _detectors(self) -> Any:
        return (Guard(),)

    @cached_property
    def _ocr(self) -> Any:
        return Blind()


class Watched(NamedTuple):
    """What came of it. `faults` are the times (µs) in which the camera sent nothing that moved."""

    parts: Parts
    settings: Settings
    faults: dict[str, Interval]
    ran: Interval
    changes: list[Change]
    last: Standing


def now() -> int:
    return time.time_ns() // 1000


class Site:
    """A camera that is broken and mended, and what the watch tells of it."""

    def __init__(self, server: CameraServer) -> None:
        self.server, self.changes, self.standings = server, list[Change](), list[Standing]()
        self.faults: dict[str, Interval] = {}

    def state(self) -> str:
        mine = [change.state for change in self.changes if change.camera == CAMERA]
        return mine[-1] if mine else ""

    def recorded(self) -> None:
        assert wait_for(lambda: self.state() == "recording", 20), self.changes

    def fault(self, kind: str) -> None:
        begun = now()
        self._to(kind)
        assert wait_for(lambda: self.state() != "recording", 9), f"{kind} was not noticed"
        time.sleep(max(0.0, 3.0 - (now() - begun) / SECOND))
        self._back(kind)
        self.faults[kind] = Interval(begun, now())
        self.recorded()
        time.sleep(2)

    def _to(self, kind: str) -> None:
        {"cut": self.server.cut, "stall": self.server.stall}.get(kind, lambda: self.server.order(kind))()

    def _back(self, kind: str) -> None:
        {"cut": self.server.start, "stall": self.server.go_on}.get(kind, lambda: self.server.order("run"))()


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    folder = tmp_path_factory.mktemp("watch")
    site = Site(CameraServer(write_clip(folder / "camera.units", 5, 5), free_port("127.0.0.1")).start())
    config = folder / "cameras.yaml"
    config.write_text(
        f"cameras:\n  {CAMERA}: {{url: '{site.server.url}', stall_s: 2, frozen_s: 2, segment_s: 3}}\n"
        f"  CAM-02: {{url: 'rtsp://127.0.0.1:{free_port('127.0.0.1')}/camera', examine: false}}\n"
    )
    settings = load(data_dir=folder / "store")
    parts, stop = Small(settings), threading.Event()
    made = watching(parts, settings, config, site.changes.append)
    running = threading.Thread(target=made.watch.run, args=(stop, made.folder, site.standings.append, 1.0))
    running.start()
    try:
        site.recorded()
        begun = now()
        time.sleep(3.5)
        for kind in ("freeze", "stall", "cut"):
            site.fault(kind)
        ended = now()
    finally:
        stop.set()
        running.join(30)
        made.lock.release()
        site.server.cut()
    yield Watched(parts, settings, site.faults, Interval(begun, ended), site.changes, site.standings[-1])
    parts.close()


def spans(watched: Watched, layer: Layer) -> list[Interval]:
    return union(c.valid for c in watched.parts.book.coverage(ANN, [CAMERA], layer) if c.valid)


def test_what_went_wrong_is_told_in_words_and_in_time(watched: Watched) -> None:
    states = {change.state: change for change in watched.changes if change.camera == CAMERA}
    assert {"recording", "frozen", "stalled"} <= set(states)
    assert {"ended", "refused", "unreachable"} & set(states)
    assert states["frozen"].at - watched.faults["freeze"].t0 < 10 * SECOND
    assert states["stalled"].at - watched.faults["stall"].t0 < 10 * SECOND
    assert "same picture" in states["frozen"].why and "nothing came for 2 s" in states["stalled"].why
    away = [change for change in watched.changes if change.camera == "CAM-02"]
    assert {change.state for change in away} == {"refused"} and len(away) == 1


def test_coverage_is_what_ran_and_no_fault_is_told_as_recorded(watched: Watched) -> None:
    recorded = spans(watched, Layer.RECORDED)
    for kind, fault in watched.faults.items():
        inside = Interval(fault.t0 + SECOND, fault.t1)
        assert covered(recorded, inside) == 0.0, kind
    times = sorted(watched.faults.values())
    # from when it was recorded again, which the watch told, to the next fault there is no gap
    for change in (c for c in watched.changes if c.camera == CAMERA and c.state == "recording"):
        end = min((fault.t0 for fault in times if fault.t0 > change.at), default=watched.ran.t1)
        assert covered(recorded, Interval(change.at, end - SECOND)) == 1.0


def test_few_rows_tell_of_many_clips(watched: Watched) -> None:
    clips = watched.last.cameras[CAMERA].recorded
    told = watched.parts.book.coverage(ANN, [CAMERA], Layer.RECORDED)
    assert clips > len(told) and len(told) <= len(watched.faults) + 2


def test_silence_means_what_it_should(watched: Watched) -> None:
    coverage = watched.parts.book.coverage(ANN, [CAMERA])
    view = View(CAMERA, "Camera 1", coverage, [])
    cut = watched.faults["cut"]
    assert silence(["person"], [view], Interval(cut.t0 + SECOND, cut.t1)).verdict is Verdict.NOT_RECORDED
    examined = max(spans(watched, Layer.EXAMINED), key=lambda span: span.t1 - span.t0)
    seen = silence(["person"], [view], examined)
    assert seen.verdict is Verdict.NOT_OBSERVED and "miss rate 10%" in seen.looked
    assert silence(["dragon"], [view], examined).verdict is Verdict.INSUFFICIENT


def test_what_is_kept_are_clips_that_play_and_evidence_at_its_time(watched: Watched) -> None:
    clips = sorted((watched.settings.data_dir / "live" / CAMERA).glob("*.mp4"))
    assert len(clips) == watched.last.cameras[CAMERA].recorded
    for clip in clips:
        with av.open(str(clip)) as container:
            assert sum(1 for _ in container.decode(video=0)) >= 2
    recorded = spans(watched, Layer.RECORDED)
    frames = pictures(watched)
    assert frames and all(f.valid and covered(recorded, Interval(f.valid.t0, f.valid.t0)) for f in frames)
    assert {mention.entity for frame in frames for mention in frame.entities} == {CAMERA}


def pictures(watched: Watched) -> list[Evidence]:
    return watched.parts.book.scan(Filter(kinds=(Kind.FRAME,)), ANN)


def test_playback_is_the_recording_and_says_so_when_that_is_gone(watched: Watched) -> None:
    frame = pictures(watched)[0]
    played = watched.parts.moments.clip(watched.parts.moments.of(frame, None, ANN))
    assert (played.media_type, played.note) == ("video/mp4", "")
    ring = watched.settings.data_dir / "live" / CAMERA
    ring.rename(ring.with_name("gone"))
    try:
        other = next(f for f in reversed(pictures(watched)) if f.source != frame.source)
        played = watched.parts.moments.clip(watched.parts.moments.of(other, None, ANN))
        assert (played.media_type, played.note) == ("video/webm", GONE)
    finally:
        ring.with_name("gone").rename(ring)


def test_a_restart_tells_nothing_twice_and_doctor_says_how_the_cameras_are(watched: Watched) -> None:
    before = watched.parts.book.sequence()
    check = cameras_check(watched.settings.data_dir)
    assert check.state == "degraded" and "CAM-02 refused" in check.detail
    config = watched.settings.data_dir.parent / "cameras.yaml"
    with watching(watched.parts, watched.settings, config, lambda _: None).lock, pytest.raises(StoreBusy):
        watching(watched.parts, watched.settings, config, lambda _: None)
    assert watched.parts.book.sequence() == before
    assert cameras_check(watched.settings.data_dir / "nowhere").state == "off"
