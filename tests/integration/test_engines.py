"""Whatever reads, the catalog is the same: here, or spread over Ray's workers, which are processes of their own."""

from __future__ import annotations

import importlib.util
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from app.settings import Encoders, Settings
from app.settings import Ingest as IngestSettings
from app.wiring import Parts
from app.wiring_jobs import engine_of
from ingest.engine import Engine, LocalEngine
from ingest.engine_ray import RayEngine, broken
from ingest.outcome import Report, Summary
from ingest.pipeline import Pipeline
from ingest.ports import Batch, Draft, Item, Reader
from retrieval.adapters.folder_blobs import FolderBlobs
from retrieval.catalog import Catalog, system_clock
from retrieval.errors import BadSettings, EncoderUnavailable, LeaseLost, SourceRejected, UpstreamError
from retrieval.fakes.encoders import HashTextEncoder
from retrieval.types import CharSpan, Filter, Kind, Principal

ME = Principal("default")
needs_ray = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="the ray extra is not installed")


def ids_and_all(catalog: Catalog) -> dict[str, Any]:
    """All that a catalog says, in the order it was told; of time only what was read."""
    entries = catalog.log(0, 100_000)
    pieces = {piece.id: piece for piece in catalog.scan(Filter(), ME, 100_000)}
    vectors = {id_: [v.tobytes() for _, _, v in catalog.embeddings([id_])] for id_ in pieces}
    return {
        "log": [(entry.sequence, entry.evidence, entry.closed, entry.site) for entry in entries],
        "evidence": {i: (p.source, p.locator, p.kind, p.text, p.valid, p.entities, p.media, p.data, p.provenance)
                     for i, p in pieces.items()},
        "vectors": vectors,
        "coverage": sorted(str((c.source, c.subject, c.layer, c.valid, c.by, c.able)) for c in catalog.coverage(ME, [])),
        "entities": sorted(str(e) for e in catalog.entities(ME)),
        "links": sorted(str(link) for link in catalog.links(ME)),
        "sources": [(s.source, s.content_hash, s.ingester, s.whole) for s in catalog.sources(ME)],
    }  # fmt: skip


@needs_ray
def test_the_same_folder_through_ray_gives_the_same_catalog(
    place: Any, tmp_path: Path, store_at: Callable[[Path], Path]
) -> None:
    base = store_at(tmp_path / "base.sqlite3")
    keyed = Catalog(base)
    keyed.tenant_key("default")
    keyed.close()
    found = []
    for engine in ("local", "ray"):
        folder = tmp_path / engine
        folder.mkdir()
        (folder / "catalog.sqlite3").write_bytes(base.read_bytes())
        eyes = Encoders(image="off", detector="off", speech="off")
        parts = Parts(Settings(data_dir=folder, encoders=eyes, ingest=IngestSettings(engine=engine)))
        reading = engine_of(parts._settings)
        assert reading.name == engine
        encoder = HashTextEncoder()
        pipeline = Pipeline(parts.book, parts.blobs, parts.readers(), encoder, None, system_clock, reading)
        lines: list[tuple[int, int, str, str | None]] = []
        summary = pipeline.run(
            [place.files], "default", lambda *at, lines=lines: lines.append((*at[:3], at[3] and at[3].status))
        )
        assert summary.ingested == 8 and not summary.rejected
        found.append((ids_and_all(parts.book), lines, summary._replace(quality=None)))
        parts.close()
    assert found[0] == found[1]
    kinds = {kind for *_, kind in [(p[2],) for p in found[0][0]["evidence"].values()]}
    assert {Kind.FRAME, Kind.PASSAGE, Kind.WINDOW, Kind.ALERT, Kind.ROW} <= kinds


class Odd(Exception):
    """An exception that cannot leave its process."""

    def __init__(self, lock: Any) -> None:
        super().__init__("odd")
        self.lock = lock

    def __reduce__(self) -> Any:
        raise TypeError("not to be copied")


class Moody:
    """Reads a text a line at a time, and does what its first line says."""

    name, version = "moody", "1"

    def accepts(self, item: Item) -> bool:
        return item.path.suffix == ".txt"

    def read(self, item: Item, tenant: str) -> Iterator[Batch]:
        lines = item.path.read_text().splitlines()
        for n, line in enumerate(lines):
            yield Batch([Draft(Kind.PASSAGE, CharSpan(n, n + 1), line)])
        match lines[0]:
            case "die":
                os.kill(os.getpid(), signal.SIGKILL)
            case "refuse":
                raise SourceRejected("it is torn", kind="torn")
            case "slip":
                raise ValueError("a slip")
            case "gone":
                raise FileNotFoundError(2, "No such file or directory", "x")
            case "odd":
                raise Odd(self)


def moody() -> Sequence[Reader]:
    return [Moody()]


@pytest.fixture(scope="module")
def ray_here() -> Iterator[None]:
    """Ray of the tests' own for several engines; one that finds it started leaves it alone."""
    ray = pytest.importorskip("ray", reason="the ray extra is not installed")
    from ray import cloudpickle

    # readers of a test are no module that workers could import
    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    ray.init(
        num_cpus=2,
        include_dashboard=False,
        log_to_driver=False,
        object_store_memory=2**27,
        _node_ip_address="127.0.0.1",
    )
    yield
    ray.shutdown()


@pytest.fixture
def run(tmp_path: Path, store_at: Callable[[Path], Path]) -> Iterator[Callable[..., tuple[Catalog, Summary]]]:
    """run(engine, {name: text}, …): take texts in, into a catalog of the engine's own."""
    made: list[Catalog] = []

    def take(engine: Engine, texts: dict[str, str], **more: Any) -> tuple[Catalog, Summary]:
        folder = tmp_path / "in"
        folder.mkdir(exist_ok=True)
        for name, text in texts.items():
            (folder / f"{name}.txt").write_text(text)
        catalog = Catalog(store_at(tmp_path / f"{engine.name}{len(made)}.db"))
        made.append(catalog)
        blobs = FolderBlobs(tmp_path / "blobs")
        pipeline = Pipeline(catalog, blobs, moody(), None, None, system_clock, engine)
        return catalog, pipeline.run([folder], "default", **more)

    yield take
    for each in made:
        each.close()


def test_what_reading_suffers_is_told_alike(ray_here: None, run: Callable[..., tuple[Catalog, Summary]]) -> None:
    texts = {"a": "fine\nand more", "b": "refuse", "c": "slip", "d": "gone", "e": "fine"}
    told = [run(engine, texts)[1] for engine in (LocalEngine(), RayEngine(moody))]
    assert told[0].rejected == told[1].rejected and [r.code for r in told[0].rejected] == [
        "torn",
        "fault",
        "unreadable",
    ]
    assert [(s.ingested, s.evidence_by_kind) for s in told] == [(2, {"passage": 3})] * 2
    _, odd = run(RayEngine(moody), {"b": "odd"})
    assert "Odd: odd" in (odd.rejected[0].reason or "")


def test_a_source_that_kills_its_worker_is_refused_and_the_others_are_read(
    ray_here: None, run: Callable[..., tuple[Catalog, Summary]]
) -> None:
    catalog, summary = run(RayEngine(moody, workers=1), {"a": "fine", "b": "half of it", "c": "die", "d": "fine too"})
    (refused,) = summary.rejected
    assert (Path(refused.source).name, refused.code, bool(refused.tried)) == ("c.txt", "crashed", True)
    assert summary.ingested == 3 and all(state.whole for state in catalog.sources(ME))


def test_a_run_over_ray_is_stopped_between_commits(ray_here: None, run: Callable[..., tuple[Catalog, Summary]]) -> None:
    reports: list[Report] = []

    def tell(done: int, total: int, source: str, report: Report | None) -> None:
        if report is not None:
            reports.append(report)

    texts = dict.fromkeys("abcdef", "fine\n" * 5)
    catalog, summary = run(RayEngine(moody), texts, progress=tell, stop=lambda: len(reports) >= 2)
    assert summary.stopped and summary.ingested == 2 and len(catalog.sources(ME)) == 2


def test_what_stops_a_run_by_force_leaves_the_source_as_it_stands(run: Callable[..., tuple[Catalog, Summary]]) -> None:
    asked = []

    def stop() -> bool:
        asked.append(1)
        if len(asked) > 4:
            raise LeaseLost
        return False

    with pytest.raises(LeaseLost):
        run(LocalEngine(), {"a": "one\ntwo\nthree\nfour\nfive"}, stop=stop)


@needs_ray
def test_workers_that_cannot_read_are_said(ray_here: None, run: Callable[..., tuple[Catalog, Summary]]) -> None:
    def broken() -> Sequence[Reader]:
        raise ImportError("no module named x")

    for make, why in ((broken, "no module named x"), (list, "moody@1 is not what is installed there")):
        _, summary = run(RayEngine(make), {"a": "fine"})
        (refused,) = summary.rejected
        assert refused.code == "upstream" and why in (refused.reason or "") and not refused.tried


class Deserted(RayEngine):
    """A cluster that is away; each try to reach it is counted."""

    tries = 0

    def _start(self) -> bool:
        self.tries += 1
        raise UpstreamError("Ray cannot be reached at head:1: no answer")


@needs_ray
def test_a_cluster_that_is_away_is_waited_for_once(run: Callable[..., tuple[Catalog, Summary]]) -> None:
    engine = Deserted(moody, "head:1")
    _, summary = run(engine, {"a": "fine", "b": "fine", "c": "fine"})
    assert [(r.code, r.reason) for r in summary.rejected] == [
        ("upstream", "Ray cannot be reached at head:1: no answer")
    ] * 3
    assert engine.tries == 1


def test_without_ray_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(BadSettings, match=r"watchfloor\[ray\]"):
        RayEngine(moody)


@needs_ray
def test_no_password_is_sent_to_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pickle

    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "1")
    secret = {"password": "hush-1"}
    settings = Settings(
        data_dir=tmp_path, ingest=IngestSettings(engine="ray"), bus=secret, neo4j=secret, model={"api_key": "hush-2"},
        objects={"secret": "hush-3"}, slack={"bot_token": "hush-4"}, encoders=Encoders(detector="off"),
    )  # fmt: skip
    engine = engine_of(settings)
    assert isinstance(engine, RayEngine) and b"hush" in pickle.dumps(settings)
    assert b"hush" not in pickle.dumps(engine._make)
    (kept,) = engine._make.args  # type: ignore[attr-defined]  # a partial
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0", "it would report how it is used"
    assert kept.encoders.detector == "off" and kept.data_dir == tmp_path.resolve()


@pytest.mark.parametrize(
    "problem",
    [
        SourceRejected("torn", kind="cut"),
        UpstreamError("it is away"),
        EncoderUnavailable("no weights"),
        BadSettings("no such zone"),
        FileNotFoundError(2, "No such file or directory"),
        PermissionError(13, "Permission denied"),
        ValueError("a slip"),
        KeyError("name"),
        ZeroDivisionError("division by zero"),
    ],
    ids=lambda problem: type(problem).__name__,
)
def test_an_exception_of_ours_or_of_the_system_comes_as_it_was(problem: Exception) -> None:
    sent = broken(problem)
    assert all(isinstance(value, str | int) for value in sent)
    came = sent.problem()
    assert (type(came), str(came)) == (type(problem), str(problem))
    assert getattr(came, "kind", None) == getattr(problem, "kind", None)


def test_another_exception_comes_as_what_it_said() -> None:
    came = broken(type("Odd", (Exception,), {})("x")).problem()
    assert type(came) is RuntimeError and str(came) == "Odd: x"
    assert type(broken(UnicodeDecodeError("utf-8", b"\xff", 0, 1, "no")).problem()) is RuntimeError
