import io
import json
from functools import partial
from pathlib import Path

import msgspec
import pytest
from PIL import Image

from app.jobs.taking import IngestJob
from ingest.begun import CODE, REASON, Begun, Mark
from ingest.fakes import InProcess
from ingest.fault import FAULT
from ingest.media_types import IMAGES
from ingest.pipeline import Pipeline
from ingest.ports import Batch, Draft
from ingest.reports.reader import ReportReader
from ingest.tables.reader import TableReader
from retrieval.adapters.folder_blobs import FolderBlobs
from retrieval.catalog.store import Catalog
from retrieval.errors import EncoderUnavailable, InputError, SourceRejected, StoreError
from retrieval.fakes.encoders import HashImageEncoder, HashTextEncoder
from retrieval.types import CharSpan, Filter, FrameAt, Kind, Principal

SITE = """
site: {id: northgate, name: Northgate, timezone: Europe/Madrid}
zones: [{id: zone-a, name: Zone A}]
assets: [{id: P-101, name: Pump P-101, type: pump, zone: zone-a}]
sensors: [{id: P-101-VIB, name: vibration, unit: mm/s, quantity: vibration, asset: P-101, file: sensors/vib.csv}]
sources: [{match: "hr/*", labels: [hr]}]
"""
ME = Principal("t", labels=("hr",))


class PagesReader:
    """Reads txt files page by page; a page that says BROKEN cannot be read, at MISTAKE it fails, one that says SAME twice is one piece."""

    name = "pages"
    version = "1"

    def accepts(self, item):
        return item.media_type == "text/plain"

    def read(self, item, tenant):
        for number, page in enumerate(item.path.read_text().split("\f")):
            if page == "BROKEN":
                raise SourceRejected("page cannot be read", kind="truncated")
            if page == "MISTAKE":
                page = str(1 // 0)
            at = 0 if page == "SAME" else number
            yield Batch([Draft(Kind.PASSAGE, CharSpan(at, at + 1), page)])


class PictureReader:
    name = "pictures"
    version = "1"

    def accepts(self, item):
        return item.media_type in IMAGES

    def read(self, item, tenant):
        yield Batch(
            [Draft(Kind.FRAME, FrameAt(0), "red", media=item.path.read_bytes(), media_type="image/png", embed="")]
        )


class DownEncoder(HashTextEncoder):
    def encode(self, texts):
        if any("poison" in text for text in texts):
            raise EncoderUnavailable("the encoder is down")
        return super().encode(texts)


@pytest.fixture
def shop(tmp_path, store_at):
    (tmp_path / "state").mkdir()
    catalog = Catalog(store_at(tmp_path / "state" / "catalog.db"))
    readers = [PagesReader(), PictureReader(), TableReader(catalog.site, InProcess()), ReportReader()]

    def run(*paths, text=None, progress=None, begun=None):
        encoder = text or HashTextEncoder()
        pipeline = Pipeline(
            catalog,
            FolderBlobs(tmp_path / "blobs"),
            readers,
            encoder,
            HashImageEncoder(),
            lambda: 1_780_000_000_000_000,
        )
        return pipeline.run(list(paths), "t", progress, begun=begun)

    catalog.run, catalog.folder, catalog.readers = run, tmp_path / "in", readers
    catalog.folder.mkdir()
    yield catalog
    catalog.close()


def put(folder, name, content):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def held(catalog, **filters):
    return catalog.scan(Filter(**filters), ME)


def test_a_site_goes_in_whole_and_the_second_time_changes_nothing(shop):
    put(shop.folder, "site.yaml", SITE)
    put(shop.folder, "sensors/vib.csv", "timestamp,value\n2026-03-04 00:00:00,1\n2026-03-04 00:01:00,2\n")
    put(
        shop.folder,
        "alerts.json",
        '[{"id": "A-1", "asset": "P-101", "severity": "high", "raised": "2026-03-04 02:41"}]',
    )
    put(shop.folder, "notes/a.md", "# Log\n\nThe pump P101 was loud.\n")
    put(shop.folder, "hr/b.md", "# File\n\nAna was late.\n")
    lines = []
    first = shop.run(shop.folder, progress=lambda *line: lines.append(line))
    assert (first.ingested, first.unchanged, first.rejected) == (5, 0, ())
    assert first.evidence_by_kind == {"alert": 1, "passage": 2, "window": 1} and first.sequence == shop.sequence()
    assert (
        [line[0] for line in lines] == [0, 1, 1, 2, 2, 3, 3, 4, 4, 5]
        and lines[0][3] is None
        and lines[1][3].status == "ingested"
    )
    (window,), (alert,) = held(shop, kinds=(Kind.WINDOW,)), held(shop, kinds=(Kind.ALERT,))
    assert window.text.startswith("P-101-VIB vibration") and window.valid.t0 % 3_600_000_000 == 0
    assert "P-101" in {m.entity for m in alert.entities} and alert.valid.t0 == 1772588460000000
    by_name = {Path(e.source).name: e for e in held(shop, kinds=(Kind.PASSAGE,))}
    assert [m.entity for m in by_name["a.md"].entities] == ["P-101"] and by_name["b.md"].labels == ("hr",)
    assert shop.scan(Filter(sources=(by_name["b.md"].source,)), Principal("t")) == []
    again = shop.run(shop.folder)
    assert (again.ingested, again.unchanged, again.sequence) == (0, 5, 0) and shop.sequence() == first.sequence


def test_what_shapes_the_reading_makes_it_read_again(shop):
    put(shop.folder, "site.yaml", SITE)
    put(shop.folder, "alerts.json", '[{"id": "A-1", "raised": "2026-03-04 02:41"}]')
    put(shop.folder, "a.md", "text")
    shop.run(shop.folder)
    put(shop.folder, "site.yaml", SITE.replace("Europe/Madrid", "UTC"))
    assert shop.run(shop.folder).ingested == 3
    (alert,) = held(shop, kinds=(Kind.ALERT,))
    assert alert.valid.t0 == 1772592060000000
    assert shop.run(shop.folder, text=HashTextEncoder(32)).ingested == 2


def test_bad_files_are_reported_and_the_rest_goes_on(shop):
    put(shop.folder, "good.md", "fine")
    put(shop.folder, "blob.bin", "x")
    put(shop.folder, "zero.png", "")
    put(
        shop.folder,
        "broken.csv",
        "timestamp,value\n2026-03-04 00:00:00,1\n2026-03-04 00:01:00,2\n2026-03-04 00:02:00,x\n",
    )
    (shop.folder / "gone.md").symlink_to(shop.folder / "nowhere.md")
    put(shop.folder, "poison.md", "poison")
    summary = shop.run(shop.folder, text=DownEncoder())
    reasons = {Path(r.source).name: r.code for r in summary.rejected}
    assert reasons == {
        "blob.bin": "unknown_type", "zero.png": "empty", "broken.csv": "broken_row", "gone.md": "unreadable",
        "poison.md": "encoder_unavailable",
    }  # fmt: skip
    assert summary.ingested == 1 and [e.text for e in held(shop)] == ["fine"]
    assert "line 4" in next(r.reason for r in summary.rejected if r.code == "broken_row")


def test_a_mistake_in_a_reader_is_told_and_the_rest_goes_on(shop, caplog):
    put(shop.folder, "a.txt", "one\fMISTAKE")
    put(shop.folder, "b.txt", "two")
    summary = shop.run(shop.folder)
    (report,) = summary.rejected
    assert report.code == FAULT and "ZeroDivisionError" in report.reason and report.tried
    assert [e.text for e in held(shop)] == ["two"]
    assert "Traceback" in caplog.text and "a.txt" in caplog.text


def test_a_source_that_breaks_halfway_leaves_nothing_and_keeps_what_was_there(shop):
    path = put(shop.folder, "p.txt", "one\ftwo")
    shop.run(path)
    put(shop.folder, "p.txt", "one\fnew\fBROKEN")
    put(shop.folder, "q.txt", "other\fBROKEN")
    summary = shop.run(shop.folder)
    assert {r.code for r in summary.rejected} == {"truncated"}
    assert sorted(e.text for e in held(shop)) == ["one", "two"]
    put(shop.folder, "p.txt", "one\fnew")
    assert shop.run(path).evidence_by_kind == {"passage": 2}
    assert sorted(e.text for e in held(shop)) == ["new", "one"]


def test_an_interrupted_source_is_read_again_from_its_start(shop):
    path = put(shop.folder, "p.txt", "one\ftwo\fthree")
    commit = shop.commit

    def dies(unit):
        if unit.closes:
            raise StoreError("power cut")
        return commit(unit)

    shop.commit = dies
    with pytest.raises(StoreError):
        shop.run(path)
    shop.commit = commit
    assert not shop.state("t", path.as_uri()).whole
    assert shop.run(path).ingested == 1 and shop.state("t", path.as_uri()).whole
    assert sorted(e.text for e in held(shop)) == ["one", "three", "two"]


def test_the_same_thing_twice_is_one_piece_and_ids_are_the_tenants_own(shop):
    path = put(shop.folder, "p.txt", "SAME\fSAME")
    assert shop.run(path).evidence_by_kind == {"passage": 1}


def test_vectors_of_texts_and_frames(shop):
    out = io.BytesIO()
    Image.new("RGB", (8, 8), (200, 30, 30)).save(out, "PNG")
    put(shop.folder, "red.png", out.getvalue())
    put(shop.folder, "a.md", "# Pump\n\nloud")
    shop.run(shop.folder)
    ids = [e.id for e in held(shop)]
    spaces = sorted(space for _, space, _ in shop.embeddings(ids))
    assert spaces == ["image:colours-4", "text:hash-64"]
    frame = next(e for e in held(shop) if e.kind is Kind.FRAME)
    assert frame.media is not None and frame.provenance.ingester == "pictures"


def test_assets_of_tables_are_matched_by_name(shop):
    put(
        shop.folder,
        "a.csv",
        "equipment_id,equipment_name,rule_id,start_time\nCWC04009,Chiller 9,R1,2026-03-04T00:00:00Z\n",
    )
    put(shop.folder, "b.csv", "timestamp,KPI,asset_name,anomaly_score\n2026-03-04T00:00:00Z,Load,chiller 9,.9\n")
    put(shop.folder, "c.md", "Chiller-9 was serviced.")
    shop.run(shop.folder)
    entities, _ = shop.site("t")
    assert [(e.id, e.name) for e in entities] == [("CWC04009", "Chiller 9")]
    assert {tuple(m.entity for m in e.entities) for e in held(shop)} == {("CWC04009",)}


def test_a_name_known_first_takes_the_later_id_as_an_alias(shop):
    put(shop.folder, "a.csv", "timestamp,KPI,asset_name,anomaly_score\n2026-03-04T00:00:00Z,Load,chiller 9,.9\n")
    put(
        shop.folder,
        "b.csv",
        "equipment_id,equipment_name,rule_id,start_time\nCWC04009,Chiller 9,R1,2026-03-04T00:00:00Z\n",
    )
    shop.run(shop.folder)
    entities, _ = shop.site("t")
    assert [(e.id, e.aliases) for e in entities] == [("chiller 9", ("CWC04009",))]
    assert {m.entity for e in held(shop) for m in e.entities} == {"chiller 9"}


def test_times_after_now_are_noted(shop):
    put(shop.folder, "a.json", '[{"id": "A-1", "raised": "2030-03-04T02:41:00Z"}]')
    assert "after now" in shop.run(shop.folder).notes[0]


def test_missing_and_empty_paths(shop):
    with pytest.raises(InputError):
        shop.run(shop.folder)
    with pytest.raises(InputError):
        shop.run(shop.folder / "gone")


def test_evidence_is_plain_data(shop):
    put(shop.folder, "v.csv", "timestamp,value\n2026-03-04 00:00:00,1\n")
    shop.run(shop.folder)
    (window,) = held(shop)
    assert json.loads(msgspec.json.encode(window))["data"]["count"] == 1


class CountedReader(PagesReader):
    """Notes what it was asked to read."""

    def __init__(self):
        self.asked = []

    def read(self, item, tenant):
        self.asked.append(item.name)
        yield from super().read(item, tenant)


class HastyReader(PagesReader):
    """Finds out that a file cannot be read before it gives a first batch: its `read` is no generator."""

    def read(self, item, tenant):
        if "BROKEN" in item.path.read_text():
            raise SourceRejected("no list of records", kind="unknown_shape")
        return super().read(item, tenant)


def test_a_reader_that_refuses_at_once_stops_nothing_else(shop):
    shop.readers[0] = HastyReader()
    put(shop.folder, "a.txt", "BROKEN")
    put(shop.folder, "b.txt", "fine")
    summary = shop.run(shop.folder)
    assert summary.ingested == 1
    assert [(row.code, row.reason) for row in summary.rejected] == [("unknown_shape", "no list of records")]


def noted(shop):
    """Run, and remember rejections as the ingest job does."""
    job = IngestJob(shop, shop.folder.parent / "state", lambda: Ran(shop.run), House())
    return job.run([shop.folder], Principal("t"), None)


class Ran:
    def __init__(self, run):
        self._run = run

    def run(self, paths, tenant, tell, exclude, begun, **more):
        return self._run(*paths, progress=tell, begun=begun)


class House:
    def renew(self):
        pass

    def eyes(self):
        return "eyes: off"

    def ears(self):
        return "ears: off"


def test_what_fails_three_times_is_given_up_and_stops_nothing(shop):
    shop.readers[0] = counted = CountedReader()
    put(shop.folder, "poison.txt", "one\fBROKEN")
    for n in range(5):
        put(shop.folder, f"good{n}.txt", f"page {n}")
        summary = noted(shop)
        assert summary.ingested == 1
        codes = [row["code"] for row in summary.rejected]
        assert codes == (["truncated"] if n < 3 else ["quarantined"])
    assert counted.asked.count("poison.txt") == 3
    (row,) = summary.rejected
    assert row["reason"] == "given up after 3 tries (truncated): page cannot be read"
    assert [(r.code, r.tries) for r in shop.rejections(ME)] == [("truncated", 3)]


def test_what_was_in_hand_when_the_process_died_counts_as_a_try(shop):
    """A mark that was never taken away, as a kill leaves it."""
    path = put(shop.folder, "poison.txt", "one\fBROKEN")
    tried = shop.run(shop.folder).rejected[0].tried
    marks = Begun(shop.folder.parent / "state" / "begun")
    for _ in range(3):
        marks.begin(Mark("t", path.as_uri(), tried))
        for mark in marks.left():
            shop.record_rejection(mark.tenant, mark.source, CODE, REASON, mark.tried)
    (row,) = noted(shop).rejected
    assert row["code"] == "quarantined" and "killed, or out of memory" in row["reason"]
    assert marks.left() == [], "what was ended leaves no mark"


@pytest.mark.parametrize("mend", ["content", "release"])
def test_what_was_given_up_is_tried_again_when_it_changes_or_is_released(shop, mend):
    shop.readers[0] = counted = CountedReader()
    path = put(shop.folder, "poison.txt", "one\fBROKEN")
    for _ in range(4):
        noted(shop)
    if mend == "content":
        path.write_text("one\ftwo")
        assert noted(shop).ingested == 1 and shop.rejections(ME) == []
    else:
        assert shop.release("t", [(shop.folder.parent / "elsewhere").as_uri()]) == 0
        assert shop.release("t", [shop.folder.as_uri()]) == 1
        assert noted(shop).rejected[0]["code"] == "truncated"
    assert counted.asked.count("poison.txt") == 4


def test_a_part_that_is_down_is_not_the_sources_fault(shop):
    put(shop.folder, "a.txt", "poison")
    for _ in range(5):
        job = IngestJob(shop, shop.folder.parent / "state", lambda: Ran(partial(shop.run, text=DownEncoder())), House())
        (row,) = job.run([shop.folder], Principal("t"), None).rejected
        assert row["code"] != "quarantined"
