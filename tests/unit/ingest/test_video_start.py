"""Where a clip's start comes from."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.ports import Item, SourcePolicy
from ingest.video.clock import Reading, Writing, clock_in, fit, without_clock
from ingest.video.start import find_start, from_name, is_sidecar
from retrieval.errors import SourceRejected
from retrieval.times import iso, to_micros

START = datetime(2026, 3, 4, 2, 10, tzinfo=UTC)


def read_clock(line: str, zone: tzinfo, dates: str) -> Reading | None:
    return clock_in([line], Writing(zone, dates))


def _item(path: Path, policy: SourcePolicy | None = None) -> Item:
    return Item(path, path.as_uri(), path.name, "video/mp4", "0", policy or SourcePolicy())


@pytest.mark.parametrize(
    ("stem", "camera"),
    [
        ("CAM-07_20260304T021000Z", "CAM-07"),
        ("2026-03-04_02-10-00", None),
        ("20260304_021000", None),
        ("20260304021000", None),
        ("dock 2026-03-04T02.10.00", "dock"),
        ("GATE_2_2026-03-04_031000"[:7] + "2026-03-04 03-10-00+0100", "GATE_2"),
        ("dock_1772590200", "dock"),
        ("dock_1772590200000", "dock"),
        ("video_20260304_021000", None),
        ("rec01-20260304T021000Z", None),
    ],
)
def test_file_names(stem: str, camera: str | None) -> None:
    start = from_name(stem, UTC, "UTC")
    assert start.at is not None
    assert (iso(start.at), start.camera) == ("2026-03-04T02:10:00Z", camera)


@pytest.mark.parametrize(
    "stem", ["opencv_vtest", "clip-1234", "20261399_999999", "report 2026-03-04", "v12345678901234567890"]
)
def test_names_without_a_time(stem: str) -> None:
    assert from_name(stem, UTC, "UTC").at is None


def test_zone_less_names_are_read_in_the_policys_zone_and_say_so(tmp_path: Path) -> None:
    start = find_start(_item(tmp_path / "CAM-1_20260304_031000.mp4", SourcePolicy(timezone="Europe/Berlin")))
    assert start.at == to_micros(START)
    assert start.notes == ("start time from the file name, read in Europe/Berlin",)


def test_sidecar_wins_and_policy_names_the_camera(tmp_path: Path) -> None:
    clip = tmp_path / "CAM-1_20250101T000000Z.mp4"
    clip.write_bytes(b"x")
    beside = tmp_path / "CAM-1_20250101T000000Z.mp4.json"
    beside.write_text('{"start": "2026-03-04T03:10:00", "camera": "CAM-9", "timezone": "Europe/Berlin"}')
    start = find_start(_item(clip))
    assert (start.at, start.how, start.camera) == (to_micros(START), "sidecar", "CAM-9")
    assert find_start(_item(clip, SourcePolicy(camera="CAM-2"))).camera == "CAM-2"
    assert is_sidecar(beside)


def test_alerts_beside_a_clip_are_no_sidecar(tmp_path: Path) -> None:
    (tmp_path / "night.mp4").write_bytes(b"x")
    alerts = tmp_path / "night.json"
    alerts.write_text('[{"time": "2026-03-04T02:10:00Z", "text": "trip"}]')
    assert not is_sidecar(alerts)
    alerts.write_text('{"start": "2026-03-04T02:10:00Z", "severity": 3}')
    assert not is_sidecar(alerts)
    lonely = tmp_path / "other.json"
    lonely.write_text('{"start": "2026-03-04T02:10:00Z", "camera": "CAM-1"}')
    assert not is_sidecar(lonely)


def test_a_sidecar_that_cannot_be_read_rejects_the_clip(tmp_path: Path) -> None:
    clip = tmp_path / "a.mp4"
    clip.write_bytes(b"x")
    (tmp_path / "a.json").write_text('{"start": "yesterday"}')
    with pytest.raises(SourceRejected, match="no ISO time"):
        find_start(_item(clip))


@pytest.mark.parametrize(
    ("line", "dates", "expected"),
    [
        ("CAM-07 2026-03-04 02:10:05 UTC", "iso", "2026-03-04T02:10:05Z"),
        ("CAM-072026-03-0402:10:05UTC", "iso", None),
        ("CAM 2026-03-0402:10:05UTC", "iso", "2026-03-04T02:10:05Z"),
        ("2026/03/04 02.10.05", "iso", "2026-03-04T02:10:05Z"),
        ("03/04/2026 02:10:05", "us", "2026-03-04T02:10:05Z"),
        ("04.03.2026 02:10:05", "eu", "2026-03-04T02:10:05Z"),
        ("03/04/2026 02:10:05", "iso", None),
        ("25/03/2026 02:10:05", "iso", "2026-03-25T02:10:05Z"),
        ("2026-03-04 03:10:05+01:00", "iso", "2026-03-04T02:10:05Z"),
        ("2026-02-30 02:10:05", "iso", None),
        ("02:10:05", "iso", None),
    ],
)
def test_clock_lines(line: str, dates: str, expected: str | None) -> None:
    found = read_clock(line, UTC, dates)
    assert (iso(found.at) if found else None) == expected


def test_the_clocks_digits_are_cut_out_of_a_line() -> None:
    assert without_clock("CAM-07 2026-03-04 02:10:00 UTC") == "CAM-07"
    assert without_clock("02:10:00") == ""
    assert without_clock("MAX 5 t") == "MAX 5 t"


def test_a_zone_less_clock_is_read_in_the_given_zone() -> None:
    found = read_clock("2026-03-04 03:10:05", ZoneInfo("Europe/Berlin"), "iso")
    assert found and iso(found.at) == "2026-03-04T02:10:05Z" and not found.zoned


def _readings(seconds: list[int], shown: list[int]) -> list[tuple[int, object]]:
    lines = [f"{START + timedelta(seconds=each):%Y-%m-%d %H:%M:%S} UTC" for each in shown]
    return [(at * 1_000_000, read_clock(line, UTC, "iso")) for at, line in zip(seconds, lines, strict=True)]


@given(st.integers(0, 10**6), st.sampled_from([0, 1, 2, 3]))
def test_one_misread_clock_in_five_does_no_harm(wrong: int, where: int) -> None:
    shown = [0, 10, 20, 30, 40]
    shown[where] = wrong
    found = fit(_readings([0, 10, 20, 30, 40], shown))  # type: ignore[arg-type]
    assert found is not None
    assert abs(found.start - to_micros(START)) <= 1_500_000


def test_clocks_that_disagree_or_run_at_another_pace_are_not_trusted() -> None:
    assert fit(_readings([0, 10, 20], [0, 900, 7000])) is None  # type: ignore[arg-type]
    assert fit(_readings([0, 10, 20, 30], [0, 100, 200, 300])) is None  # type: ignore[arg-type]
    assert fit([]) is None


def test_a_clock_shows_whole_seconds_so_the_latest_vote_wins() -> None:
    media = [0.0, 0.7, 1.4, 2.1]  # the clip really starts at .4 s past the second
    readings = [(round(at * 1e6), read_clock(f"2026-03-04 02:10:0{int(at + 0.4)} UTC", UTC, "iso")) for at in media]
    found = fit(readings)  # type: ignore[arg-type]
    assert found is not None
    assert 0 <= to_micros(START) + 400_000 - found.start <= 400_000
