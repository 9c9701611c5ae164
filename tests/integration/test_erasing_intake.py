"""What was erased does not come back with the next ingest, nor do its bytes: not through files, uploads or a bus."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from PIL import Image

from app.jobs.taking import IngestJob
from ingest.media_types import IMAGES
from ingest.outcome import ERASED
from ingest.pipeline import Pipeline
from ingest.ports import Batch, Draft, Item
from ingest.stream.feeds import Feed
from ingest.stream.intake import Intake
from ingest.stream.message import Message
from retrieval.adapters.folder_blobs import FolderBlobs
from retrieval.catalog import Catalog
from retrieval.catalog.database import Database
from retrieval.catalog.erasures import ErasureBook
from retrieval.erasure.values import Erasure, Target
from retrieval.fakes import HashTextEncoder
from retrieval.types import Filter, FrameAt, Kind, Principal

ANN = Principal("t", "ann")


class PictureReader:
    """One frame a picture; `read` is what it has read so far."""

    name = "pictures"

    def __init__(self, version: str = "1") -> None:
        self.version, self.taken = version, list[str]()

    def accepts(self, item: Item) -> bool:
        return item.media_type in IMAGES

    def read(self, item: Item, tenant: str) -> Iterator[Batch]:
        self.taken.append(item.path.name)
        for at in range(2):
            media = item.path.read_bytes() + bytes([at])
            yield Batch([Draft(Kind.FRAME, FrameAt(at), f"{item.path.stem} {at}", media=media, media_type="image/png")])


class Shop(NamedTuple):
    catalog: Catalog
    book: ErasureBook
    folder: Path

    @property
    def blobs(self) -> FolderBlobs:
        return FolderBlobs(self.folder / "blobs")

    def take(self, path: Path, reader: PictureReader) -> Any:
        pipeline = Pipeline(self.catalog, self.blobs, [reader], HashTextEncoder(), None, lambda: 1)
        return pipeline.run([path], "t")

    def erase(self, **target: Any) -> None:
        """Hidden, removed, and its blobs too."""
        made = self.book.hide(Target(**target), ANN)
        assert isinstance(made, Erasure)
        traces = self.book.traces(made)
        assert all(self.blobs.forget("t", key) for key in traces.media)
        self.book.remove(made, {id_ for id_, _ in traces.ids})

    def kept(self) -> int:
        return len([path for path in (self.folder / "blobs").rglob("*") if len(path.name) == 64])

    def texts(self) -> list[str]:
        return sorted(each.text for each in self.catalog.scan(Filter(), ANN))


@pytest.fixture
def shop(tmp_path: Path, store_at: Callable[[Path], Path]) -> Iterator[Shop]:
    where = store_at(tmp_path / "catalog.db")
    made = Shop(Catalog(where), ErasureBook(Database(where)), tmp_path)
    yield made
    made.book.close()
    made.catalog.close()


def picture(path: Path) -> Path:
    data = io.BytesIO()
    Image.new("RGB", (8, 8), path.stem).save(data, "PNG")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.getvalue())
    return path


def test_an_erased_source_is_refused_before_it_is_read(shop: Shop) -> None:
    red, blue = picture(shop.folder / "files" / "red.png"), picture(shop.folder / "files" / "blue.png")
    shop.take(shop.folder / "files", PictureReader())
    assert (shop.kept(), len(shop.texts())) == (4, 4)
    shop.erase(sources=(red.as_uri(),))
    copy = shop.folder / "files" / "copy.png"
    copy.write_bytes(red.read_bytes())
    again = PictureReader("2")
    summary = shop.take(shop.folder / "files", again)
    assert {each.source: each.code for each in summary.rejected} == {red.as_uri(): ERASED, copy.as_uri(): ERASED}
    assert again.taken == [blue.name] and shop.texts() == ["blue 0", "blue 1"] and shop.kept() == 2
    for _ in range(4):  # refused however often it was tried, and then allowed
        shop.take(red, PictureReader("3"))
    shop.book.allow(ANN, [red.as_uri()], [])
    assert shop.take(red, PictureReader("3")).ingested == 1
    assert shop.texts() == ["blue 0", "blue 1", "red 0", "red 1"]


def test_an_erased_piece_does_not_bring_its_picture_back(shop: Shop) -> None:
    red = picture(shop.folder / "red.png")
    shop.take(red, PictureReader())
    first = next(each for each in shop.catalog.scan(Filter(), ANN) if each.text == "red 0")
    shop.erase(evidence=(first.id,))
    assert shop.take(red, PictureReader("2")).ingested == 1
    assert (shop.texts(), shop.kept()) == (["red 1"], 1)


def test_an_upload_of_what_was_erased_is_not_kept(shop: Shop) -> None:
    data = shop.folder / "data"
    first, second = picture(data / "uploads" / "one" / "red.png"), picture(data / "uploads" / "two" / "red.png")
    pipeline = Pipeline(shop.catalog, shop.blobs, [PictureReader()], HashTextEncoder(), None, lambda: 1)
    job = IngestJob(shop.catalog, data, lambda: pipeline, _House())
    assert job.run([first.parent], ANN, None).ingested == 1
    shop.erase(sources=(first.as_uri(),))
    elsewhere = picture(shop.folder / "red.png")
    for path in (second, elsewhere):
        assert [each["code"] for each in job.run([path], ANN, None).rejected] == [ERASED]
    assert not second.exists() and elsewhere.exists()


def test_a_message_of_what_was_erased_leaves_nothing(shop: Shop) -> None:
    def alarm(rev: int) -> Message:
        body = {"id": "AL-1", "rev": rev, "message": "Kowalczykova fell", "raised_at": "2026-03-04T02:41:00Z"}
        return Message("alarms", "", json.dumps(body).encode())

    feeds = {"alarms": Feed(topic="a", id="id", version="rev")}
    intake = Intake(shop.catalog, shop.blobs, HashTextEncoder(), "t", feeds)
    assert intake.take([alarm(1)]).stored == 1
    (piece,) = shop.catalog.scan(Filter(), ANN)
    shop.erase(sources=(piece.source,))
    refused = intake.take([alarm(1), alarm(2)])
    assert {dead.code for dead in refused.dead} == {ERASED} and refused.stored == 0
    assert shop.kept() == 0 and [each.code for each in shop.catalog.rejections(ANN)] == [ERASED]
    shop.book.allow(ANN, [piece.source], [])
    assert shop.catalog.rejections(ANN) == []
    assert intake.take([alarm(2)]).stored == 1


class _House:
    """No encoders to tell of."""

    def renew(self) -> None: ...

    def eyes(self) -> str:
        return "no eyes"

    def ears(self) -> str:
        return "no ears"
