"""The files of a site: the same bytes each time, times as the formats say, and no half-written output."""

from __future__ import annotations

import csv
import io
import json
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from eval.site import generate, writer
from eval.site.backdrop import make_backdrop
from eval.site.document_files import write_document
from eval.site.material import Material, gather
from eval.site.render import draw, finish
from eval.site.scene import HEIGHT, WIDTH, Frame, Person, Plume, Spill, Vehicle
from eval.site.tables import us_local
from eval.site.video import decode_rgb, encode


@pytest.fixture(scope="module")
def material() -> Material:
    return gather(2, 2)


def test_output_that_is_not_empty_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("keep")
    with pytest.raises(FileExistsError, match="not an empty folder"):
        generate(1, 1, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


@pytest.mark.parametrize(("seed", "days"), [(-1, 2), (1, 0), (1, 15)])
def test_seed_and_days_out_of_range_are_refused(tmp_path: Path, seed: int, days: int) -> None:
    with pytest.raises(ValueError, match="days 1 to 14"):
        generate(seed, days, tmp_path / "out")


def test_documents_have_the_same_bytes_each_time(material: Material, tmp_path: Path) -> None:
    for document in material.documents:
        first, second = tmp_path / Path(document.path).name, tmp_path / f"again-{Path(document.path).name}"
        write_document(document, first)
        write_document(document, second)
        assert first.read_bytes() == second.read_bytes(), document.path


def test_clip_frames_have_the_same_bytes_each_time(material: Material) -> None:
    clips = [io.BytesIO(), io.BytesIO()]
    for clip in clips:
        encode(writer.pictures(material.story.scripts[0], 3), clip)
    assert clips[0].getvalue() == clips[1].getvalue()
    clips[0].seek(0)
    frames = list(decode_rgb(clips[0]))
    assert [frame.shape for frame in frames] == [(HEIGHT, WIDTH, 3)] * 3


def test_clock_changes_every_second(material: Material) -> None:
    first, second = islice(writer.pictures(material.story.scripts[0], 2), 2)
    assert (first[-26:, :400] != second[-26:, :400]).any()


@pytest.mark.parametrize(
    "actor",
    [
        Person(300, 300, "yellow", "lime"),
        Vehicle("forklift", "red", 300, 300),
        Vehicle("truck", "blue", 300, 280),
        Plume("smoke", 300, 260, 150),
        Plume("fire", 300, 290, 80),
        Spill("oil", 300, 290, 150),
    ],
)
@pytest.mark.parametrize("night", [False, True])
def test_every_actor_changes_enough_pixels_to_be_seen(actor: Person, night: bool) -> None:
    backdrop = make_backdrop("yard", 5)
    empty, filled = (draw(Frame("yard", night=night, actors=actors), backdrop) for actors in ((), (actor,)))
    changed = (np.abs(empty.astype(int) - filled.astype(int)).max(axis=2) > 12).sum()
    assert changed > 800


def test_noise_keeps_the_picture(material: Material) -> None:
    backdrop = make_backdrop("hall", 1)
    frame = Frame("hall")
    plain = draw(frame, backdrop)
    assert np.abs(finish(plain, frame, 0).astype(int) - plain.astype(int)).mean() < 6


def test_description_names_what_exists(material: Material) -> None:
    told = writer.describe(material.story)
    zones, assets = {zone["id"] for zone in told["zones"]}, {asset["id"] for asset in told["assets"]}
    assert {asset["zone"] for asset in told["assets"]} <= zones
    assert {fed for asset in told["assets"] for fed in asset["feeds"]} <= assets
    assert {watched for camera in told["cameras"] for watched in camera["monitors"]} <= assets
    assert {sensor["file"] for sensor in told["sensors"]} == {one.sensor.file for one in material.series.values()}


def test_tables_are_written_with_their_own_kinds_of_time(material: Material, tmp_path: Path) -> None:
    writer.write_alerts(material.alerts, tmp_path)
    lines = [json.loads(line) for line in (tmp_path / "alerts/alerts.jsonl").read_text().splitlines()]
    assert [line["id"] for line in lines] == [alert.id for alert in material.alerts if not alert.legacy]
    assert all(line["raised"].endswith("Z") for line in lines)
    rows = list(csv.DictReader((tmp_path / "alerts/legacy_alarms.csv").open()))
    assert [row["raised"] for row in rows] == [us_local(alert.raised) for alert in material.alerts if alert.legacy]


def test_series_are_written_as_they_are_asked_about(material: Material, tmp_path: Path) -> None:
    writer.write_series(material.series, tmp_path)
    for series in material.series.values():
        rows = list(csv.reader((tmp_path / series.sensor.file).open()))[1:]
        assert [float(value) for _, value in rows] == [value for _, value in series.rows()]


def test_clip_names_tell_the_time_only_where_they_should(material: Material) -> None:
    for camera in material.story.world.cameras:
        for clip in material.story.world.clips(camera):
            assert (f"{clip.start:%Y%m%dT%H%M%SZ}" in clip.path) is (camera.clock == "name")
