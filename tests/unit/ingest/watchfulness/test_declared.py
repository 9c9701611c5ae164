"""How often something comes, as the files of feeds, cameras and warehouses say it."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.wiring_quality import cameras_declared, feeds_declared, mappings_declared
from ingest.live.cameras import read_cameras
from ingest.stream.feeds import read_feeds
from ingest.warehouse.mapping import read_warehouse
from ingest.watchfulness.ledger import Declared
from ingest.watchfulness.record import Way
from retrieval.errors import BadSettings

MINUTE = 60_000_000
FEEDS = "bus: mqtt://b\nfeeds: {alarms: {topic: a, expect_every: %s, about: S-101, labels: [ops]}, other: {topic: b}}"
CAMERAS = "cameras: {CAM-1: {url: 'rtsp://c/1', expect_every: %s}}"
WAREHOUSE = "name: plant\nconnection: {kind: duckdb}\nmappings: {rows: {table: t, key: [id], expect_every: %s}}"


def written(folder: Path, text: str) -> Path:
    file = folder / "file.yaml"
    file.write_text(text)
    return file


def test_each_kind_of_file_says_it(tmp_path: Path) -> None:
    feeds = feeds_declared(read_feeds(written(tmp_path, FEEDS % "5m")).feeds)
    assert feeds == {
        "feed:///alarms": Declared(5 * MINUTE, Way.FEED, "S-101", ("ops",)),
        "feed:///other": Declared(0, Way.FEED),
    }
    cameras = cameras_declared(read_cameras(written(tmp_path, CAMERAS % "2m")).cameras)
    assert cameras == {"CAM-1": Declared(2 * MINUTE, Way.CAMERA, "CAM-1")}
    mappings = mappings_declared(read_warehouse(written(tmp_path, WAREHOUSE % "1h")))
    assert mappings == {"warehouse:///plant/rows": Declared(60 * MINUTE, Way.MAPPING)}


def test_what_is_no_time_is_refused_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match=r"file\.yaml: feed 'alarms': expect_every 'soon' is no time"):
        read_feeds(written(tmp_path, FEEDS % "soon"))
    with pytest.raises(BadSettings, match=r"CAM-1: expect_every 'soon' is no time"):
        read_cameras(written(tmp_path, CAMERAS % "soon"))
    with pytest.raises(BadSettings, match="mapping rows: expect_every 'soon' is no time"):
        read_warehouse(written(tmp_path, WAREHOUSE % "soon"))


def test_a_camera_is_not_expected_more_often_than_it_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match="told every minute; expect_every must be 1m at least"):
        read_cameras(written(tmp_path, CAMERAS % "30s"))
