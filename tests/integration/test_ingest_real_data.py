"""Real tables, series, reports and manuals, through the whole pipeline into a catalog."""

import os
import time
from pathlib import Path

import pytest

from ingest.pipeline import Pipeline
from ingest.reports.reader import ReportReader
from ingest.tables.reader import TableReader
from retrieval.adapters.folder_blobs import FolderBlobs
from retrieval.catalog.store import Catalog
from retrieval.times import iso
from retrieval.types import Filter, Kind, Principal

DATA = Path(os.environ.get("WATCHFLOOR_TEST_DATA", Path(__file__).parents[2].parent / "shared" / "data"))
ME = Principal("t")
pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif(not DATA.is_dir(), reason="the real data is not here (WATCHFLOOR_TEST_DATA)"),
]


@pytest.fixture
def ingest(tmp_path):
    catalog = Catalog(tmp_path / "catalog.db")

    def run(*names):
        readers = [TableReader(catalog.site), ReportReader()]
        pipeline = Pipeline(
            catalog, FolderBlobs(tmp_path / "blobs"), readers, None, None, lambda: 2_000_000_000_000_000
        )
        return pipeline.run([DATA / name for name in names], "t"), catalog

    yield run
    catalog.close()


def test_asset_tables(ingest):
    began = time.monotonic()
    summary, catalog = ingest("assetops/data")
    assert summary.rejected == () and summary.ingested == 16
    assert summary.evidence_by_kind["alert"] == 1466 + 541 and summary.evidence_by_kind["row"] == 10933
    assert time.monotonic() - began < 90  # about 15 s on an idle machine
    chillers = {e.id: e for e in catalog.entities(ME)}
    assert chillers["CWC04013"].name == "Chiller 13" and len(chillers) == 11
    first = catalog.scan(Filter(kinds=(Kind.ALERT,), entities=("CWC04701",)), ME, 5000)[0]
    assert first.data["fields"]["rule_id"].startswith("RUL")
    june = catalog.scan(Filter(kinds=(Kind.WINDOW,), entities=("CWC04006",)), ME, 5000)
    assert {e.locator.series for e in june} >= {"tonnage", "chiller_6_tonnage"}
    assert iso(min(e.valid.t0 for e in june)).startswith("2020-06-01")
    unread, _ = ingest("assetops/data")
    assert unread.unchanged == 16


def test_reports_narratives_and_manuals(ingest):
    summary, catalog = ingest("reports/mybinder", "reports/osha", "pdf")
    codes = {Path(r.source).suffix: r.code for r in summary.rejected}
    assert codes == {".png": "unknown_type"}  # pictures have their own reader
    passages = catalog.scan(Filter(kinds=(Kind.PASSAGE,)), ME, 10_000)
    assert len([e for e in passages if e.source.endswith("accidents.jsonl")]) == 1600
    for path in (DATA / "reports/mybinder").glob("*.md"):
        text = path.read_text()
        pieces = [e for e in passages if e.source == path.as_uri()]
        assert pieces and all(text[e.locator.start : e.locator.end] == e.text for e in pieces)
    hub = next(e for e in passages if e.source.endswith("2017-09-27-hub-403.md"))
    assert iso(hub.valid.t0) == "2017-09-27T00:00:00Z"
    pages = [e for e in passages if e.source.endswith(".pdf")]
    assert all(0 <= e.locator.box[0] < e.locator.box[2] <= 1 and len(e.text) <= 1000 for e in pages)


def test_series(ingest):
    summary, catalog = ingest("sensor/NAB")
    assert [r.code for r in summary.rejected] == ["unknown_shape"]  # windows: lists of pairs of times
    windows = catalog.scan(Filter(kinds=(Kind.WINDOW,)), ME, 10_000)
    temperature = [e for e in windows if "machine_temperature" in e.source]
    assert 24 <= len(temperature) <= 300 and any(e.data["anomalies"] for e in temperature)
    assert sum(e.data["count"] for e in temperature) == 22695
    assert max(e.data["max"] for e in temperature) == pytest.approx(108.5105428)
