"""A bucket of moto's server, followed by the command, told of by events, and played back: the real parts, models and all."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from click.testing import CliRunner

from app.cli.main import main
from app.jobs.job import Job
from app.settings import Settings, load
from app.wiring import build
from ingest.objects.s3 import Access
from retrieval.catalog import Catalog
from retrieval.errors import SourceRejected
from retrieval.types import Filter, Kind, Principal, Query

ME = Principal("default")


@pytest.fixture
def bucket(owner: Any) -> Iterator[Any]:
    """The owner of the bucket "plant", which is empty."""

    def empty() -> None:
        for each in list(owner.list_objects("plant", recursive=True)):
            owner.remove_object("plant", each.object_name)

    empty()
    yield owner
    empty()


@pytest.fixture
def settings(moto: Access, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    given = {"ENDPOINT_URL": moto.endpoint_url, "REGION": moto.region, "KEY_ID": moto.key_id, "SECRET": moto.secret}
    for name, value in given.items():
        monkeypatch.setenv(f"WATCHFLOOR_OBJECTS__{name}", value)
    monkeypatch.setenv("WATCHFLOOR_OBJECTS__PREFIXES", '["s3://plant/north/"]')
    monkeypatch.setenv("WATCHFLOOR_ENCODERS__SPEECH", "off")
    return load(data_dir=tmp_path / "store")


def put(owner: Any, key: str, data: bytes | str) -> None:
    from io import BytesIO

    body = data.encode() if isinstance(data, str) else data
    owner.put_object("plant", key, BytesIO(body), len(body))


@pytest.fixture
def follow(settings: Settings) -> Callable[[str], list[dict[str, Any]]]:
    """Run `follow --once --json` and give its lines."""

    def run(place: str) -> list[dict[str, Any]]:
        arguments = ["--data-dir", str(settings.data_dir), "follow", place, "--once", "--json"]
        done = CliRunner().invoke(main, arguments, catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return [json.loads(line) for line in done.stdout.splitlines()]

    return run


def texts(settings: Settings, as_of: int | None = None) -> dict[str, str]:
    catalog = Catalog(settings.data_dir / "catalog.sqlite3")
    try:
        return {each.source: each.text for each in catalog.scan(Filter(as_of=as_of), ME)}
    finally:
        catalog.close()


def test_a_prefix_is_taken_in_by_its_listing_and_by_its_events(
    bucket: Any, settings: Settings, follow: Callable[[str], list[dict[str, Any]]]
) -> None:
    put(bucket, "north/log one.md", "Pump P-101 tripped at 02:01.")
    put(bucket, "north/old.md", "Fan F-2 stopped.")
    put(bucket, "south/log.md", "Not followed.")
    assert follow("s3://plant/north/")[-1]["taken"] == 2
    assert set(texts(settings)) == {"s3://plant/north/log%20one.md", "s3://plant/north/old.md"}
    (job,) = _jobs(settings)
    assert (job.state, job.counts, job.by[:7]) == ("done", {"ingested": 2}, "follow-") and set(job.paths) == set(
        texts(settings)
    )
    assert follow("s3://plant/north/")[-1]["taken"] == 0
    assert len(_jobs(settings)) == 1
    # replaced, deleted, and one more
    then = _now(settings)
    put(bucket, "north/log one.md", "Pump P-101 runs again.")
    bucket.remove_object("plant", "north/old.md")
    last = follow("s3://plant/north/")[-1]
    assert (last["taken"], last["closed"]) == (1, 1)
    assert texts(settings) == {"s3://plant/north/log%20one.md": "Pump P-101 runs again."}
    assert texts(settings, then)["s3://plant/north/old.md"] == "Fan F-2 stopped."
    _by_events(bucket, settings)


def _by_events(bucket: Any, settings: Settings) -> None:
    service = build(settings)
    try:
        put(bucket, "north/new.md", "Valve V-7 leaks.")
        event = _event("north/new.md")
        assert service.notified(event, ME).stored == 1
        assert service.notified(event, ME).known == 1
        with pytest.raises(SourceRejected, match="in none of the prefixes"):
            service.notified(_event("south/log.md"), ME)
        assert service.search(Query(text="valve leaks"), ME)[0].evidence.source == "s3://plant/north/new.md"
        bucket.remove_object("plant", "north/new.md")
        assert service.notified(event, ME).stored == 1
        check = next(each for each in service.checks() if each.name == "objects")
        assert check.state == "ok" and "s3://plant/north/" in check.detail
    finally:
        service.close()
    assert set(texts(settings)) == {"s3://plant/north/log%20one.md"}


def _jobs(settings: Settings) -> list[Job]:
    service = build(settings)
    try:
        return list(service.jobs.listed(ME))
    finally:
        service.close()


def _event(key: str) -> bytes:
    about = {"bucket": {"name": "plant"}, "object": {"key": key.replace(" ", "+")}}
    return json.dumps({"Records": [{"eventName": "ObjectCreated:Put", "s3": about}]}).encode()


def _now(settings: Settings) -> int:
    catalog = Catalog(settings.data_dir / "catalog.sqlite3")
    try:
        return max(each.recorded_at for each in catalog.scan(Filter(), ME))
    finally:
        catalog.close()


def film(path: Path) -> bytes:
    """Ten seconds of H.264 in which a square comes and goes."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=5, options={"g": "5"})
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        for n in range(50):
            picture = np.full((120, 160, 3), 60, dtype=np.uint8)
            if 15 <= n < 35:
                picture[30:90, 40:100] = 220
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        out.mux(stream.encode())
    return path.read_bytes()


def test_a_clip_of_a_bucket_plays_from_its_recording_fetched_again_when_it_is_not_kept(
    bucket: Any, settings: Settings, follow: Callable[[str], list[dict[str, Any]]], tmp_path: Path
) -> None:
    put(bucket, "north/CAM-01_20260410T021000Z.mp4", film(tmp_path / "film.mp4"))
    assert follow("s3://plant/north/")[-1]["taken"] == 1
    kept = settings.data_dir / "cache" / "objects"
    clips = settings.data_dir / "cache" / "clips"
    service = build(settings)
    try:
        frame = service._parts.book.scan(Filter(kinds=(Kind.FRAME,)), ME)[-1]
        (recording,) = kept.iterdir()
        cut = service.clip(frame.id, ME)
        assert cut.media_type == "video/mp4"
        whole = cut.path.read_bytes()
        _forget(clips)
        recording.unlink()
        # the same bytes: again cut from the recording
        assert service.clip(frame.id, ME).path.read_bytes() == whole and recording.exists()
        _forget(clips)
        recording.unlink()
        put(bucket, "north/CAM-01_20260410T021000Z.mp4", b"another")
        # it is another object now: what was kept of the first is played
        shown = service.clip(frame.id, ME)
        assert shown.media_type == "video/webm" and not recording.exists()
    finally:
        service.close()


def _forget(folder: Path) -> None:
    for each in folder.iterdir():
        each.unlink()


def test_a_followed_bucket_that_is_not_there_is_said_to_be_so(settings: Settings, moto: Access) -> None:
    arguments = ["--data-dir", str(settings.data_dir), "follow", "s3://nobody/", "--once", "--json"]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 1 and "NoSuchBucket" in done.stdout and moto.secret not in done.stdout
