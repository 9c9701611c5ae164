"""`watchfloor erase`, `hold` and `retention` over a real data directory: files of all sorts, and what is left of them."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from click.testing import CliRunner

from app.cli.main import main
from app.settings import load
from app.wiring import Parts
from retrieval.catalog import Catalog
from retrieval.errors import BadSettings
from retrieval.ids import content_hash, evidence_id
from retrieval.ports import Unit
from retrieval.types import CharSpan, Coverage, Evidence, Filter, FrameAt, Interval, Kind, Layer, Principal, Provenance

ME = Principal("default")
NOTE = "The seal was replaced by Kowalczykova under permit 4711-00-93-B on that night."


class Ran(NamedTuple):
    code: int
    out: str

    @property
    def json(self) -> Any:
        (only,) = self.out.splitlines()
        return json.loads(only)


class Place(NamedTuple):
    """A folder of files, a data directory, and how to call the command on it, in this process."""

    files: Path
    data: Path

    def call(self, *words: str, **more: str) -> Ran:
        given = {"WATCHFLOOR_ENCODERS__IMAGE": "off", "WATCHFLOOR_ENCODERS__DETECTOR": "off", **more}
        command = ["--data-dir", str(self.data), *words]
        done = CliRunner(env=given).invoke(main, command, prog_name="watchfloor", catch_exceptions=False)
        return Ran(done.exit_code, done.stdout)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """An empty store of one's own."""
    return Place(tmp_path / "files", tmp_path / "data")


@pytest.fixture
def noted(place: Place) -> Any:
    """Two notes taken in as text, without models: one of them to be erased."""
    place.files.mkdir()
    place.data.mkdir()
    for name, text in (("night.md", NOTE), ("day.md", "The bearing was greased with lithium.")):
        (place.files / name).write_text(text)
    with_catalog(place, lambda catalog: [take(catalog, path) for path in sorted(place.files.iterdir())])
    return place


def with_catalog(place: Place, work: Any) -> Any:
    catalog = Catalog(place.data / "catalog.sqlite3")
    try:
        return work(catalog)
    finally:
        catalog.close()


def take(catalog: Catalog, path: Path, **more: Any) -> Evidence:
    key, uri, text = catalog.tenant_key("default"), path.as_uri(), more.pop("text", "") or path.read_text()
    locator = more.pop("locator", CharSpan(0, len(text)))
    kind = more.pop("kind", Kind.PASSAGE)
    id_ = evidence_id(key, uri, locator, text)
    coverage = more.pop("coverage", ())
    piece = Evidence(
        id=id_,
        tenant="default",
        source=uri,
        kind=kind,
        locator=locator,
        text=text,
        provenance=Provenance("test"),
        **more,
    )
    catalog.commit(Unit("default", uri, content_hash(uri, text), "test", [piece], coverage=coverage))
    return piece


def test_erase_says_what_goes_asks_and_proves_it(noted: Place, tmp_path: Path) -> None:
    night, receipt = str(noted.files / "night.md"), tmp_path / "receipt.json"
    dry = noted.call("erase", "--source", night, "--dry-run", "--json")
    assert dry.json["would_erase"]["evidence"] == 1
    assert noted.call("erase", "--source", night).code != 0, "nobody said yes"
    assert noted.call("erase", "--source", night, "--json").code == 2
    done = noted.call("erase", "--source", night, "--yes", "--receipt", str(receipt), "--json")
    assert done.code == 0 and done.json["erasure"]["state"] == "purged", done
    assert stat.S_IMODE(receipt.stat().st_mode) == stat.S_IMODE((noted.data / "receipts.key").stat().st_mode) == 0o600
    told = noted.call("erase", "verify", str(receipt), "--json")
    assert (told.code, told.json["absent"], told.json["needles"]["id"]) == (0, True, 1)
    assert not [path for path in noted.data.rglob("*") if path.is_file() and b"Kowalczykova" in path.read_bytes()]
    assert [each.text for each in with_catalog(noted, lambda c: c.scan(Filter(), ME))] == [
        "The bearing was greased with lithium."
    ]
    (noted.data / "notes.txt").write_text("said Kowalczykova")
    found = noted.call("erase", "verify", str(receipt))
    assert found.code == 1 and "FOUND notes.txt: a word at byte 5" in found.out
    (noted.data / "notes.txt").unlink()
    trail = [entry for entry in noted_trail(noted) if entry.action in ("erase", "erasure receipt")]
    assert len(trail) == 2 and "night" not in str(trail) and "ev_" not in str(trail)
    listed = noted.call("erase", "list", "--json").json
    assert [each["state"] for each in listed["erasures"]] == ["receipted"] and len(listed["key"]) == 64


def test_a_receipt_with_its_salt_is_never_written_over(noted: Place, tmp_path: Path) -> None:
    receipt, own = tmp_path / "receipt.json", tmp_path / "mine.json"
    made = noted.call("erase", "--source", str(noted.files / "night.md"), "--yes", "--receipt", str(receipt), "--json")
    salted, id_ = receipt.read_text(), made.json["erasure"]["id"]
    again = noted.call("erase", "receipt", id_, "--receipt", str(receipt))
    assert again.code == 2 and receipt.read_text() == salted and json.loads(salted)["salt"]
    own.write_text("somebody's")
    assert noted.call("erase", "receipt", "er_none", "--receipt", str(own)).code != 0
    assert noted.call("erase", "receipt", id_, "--receipt", str(own)).code == 2
    assert noted.call("erase", "--source", str(noted.files / "day.md"), "--yes", "--receipt", str(own)).code == 2
    assert own.read_text() == "somebody's" and len(with_catalog(noted, lambda c: c.scan(Filter(), ME))) == 1


def test_a_hold_says_what_it_keeps_and_means_links_by_their_own_name(noted: Place) -> None:
    night = noted.files / "night.md"
    link = noted.files / "link.md"
    link.symlink_to(night)
    with_catalog(noted, lambda catalog: take(catalog, link, text="by its own name"))
    placed = noted.call("hold", "place", "--source", str(link), "--why", "court", "--json")
    assert (placed.json["sources"], placed.json["keeps"]) == ([link.as_uri()], 1)
    assert "keeps: 1" in noted.call("hold", "place", "--source", str(night), "--why", "court").out
    assert "keeps: 0; check" in noted.call("hold", "place", "--source", str(night) + "x", "--why", "court").out
    assert noted.call("erase", "--source", str(link), "--yes").code != 0


def noted_trail(place: Place) -> list[Any]:
    return list(with_catalog(place, lambda catalog: catalog.audit_trail(ME)))


def test_what_was_erased_is_taken_in_again_only_when_that_is_said(noted: Place, tmp_path: Path) -> None:
    night = noted.files / "night.md"
    noted.call("erase", "--source", str(night), "--yes", "--receipt", str(tmp_path / "r"))
    with pytest.raises(Exception, match="erase again"):
        with_catalog(noted, lambda catalog: take(catalog, night))
    assert "not erased" in noted.call("erase", "again", "--source", str(noted.files / "day.md")).out
    assert noted.call("erase", "again", "--source", str(night), "--json").json["allowed"] > 0
    with_catalog(noted, lambda catalog: take(catalog, night))
    verified = noted.call("erase", "verify", str(tmp_path / "r"))
    assert verified.code == 1 and "FOUND catalog.sqlite3" in verified.out


def test_files_of_a_source_go_and_those_of_others_stay(place: Place, tmp_path: Path) -> None:
    data = place.data
    upload, live = data / "uploads" / "one", data / "live" / "CAM-01"
    for folder in (upload, live, data / "cache" / "charts", data / "cache" / "clips"):
        folder.mkdir(parents=True)
    clip, other = upload / "clip.mp4", live / "CAM-01_20261126T140000Z-123_15000ms.mp4"
    for path in (clip, other, other.with_name(other.name + ".json"), data / "cache" / "clips" / "x.mp4"):
        path.write_bytes(b"picture of somebody")
    parts = Parts(load(data_dir=data))
    try:
        keys = [parts.blobs.put("default", f"frame {n}".encode(), "image/jpeg") for n in range(3)]
        frames = [(clip, 0, keys[0]), (clip, 1, keys[1]), (other, 0, keys[1]), (other, 1, keys[2])]
        # one source at a time has one revision: both frames of it in one unit
        made = {
            path: [frame(parts.book, path, n, key) for at, n, key in frames if at == path] for path in (clip, other)
        }
        for path, pieces in made.items():
            parts.book.commit(Unit("default", path.as_uri(), f"hash {path}", "test", pieces))
        gone = made[clip][0]
        (data / "cache" / "charts" / f"{gone.id}.1.png").write_bytes(b"chart")
        (data / "shown.json").write_text(json.dumps([gone.id, made[other][0].id]))
    finally:
        parts.close()
    done = place.call("erase", "--source", clip.as_uri(), "--yes", "--receipt", str(tmp_path / "r"), "--json")
    assert done.code == 0, done
    counts = json.loads((tmp_path / "r").read_text())["receipt"]["counts"]
    assert (counts["blobs"], counts["originals"]) == (1, 1)
    assert not clip.exists() and not upload.exists() and other.exists()
    assert not list((data / "cache").rglob("*.*")) and json.loads((data / "shown.json").read_text()) == [
        made[other][0].id
    ]
    left = sorted(path.name for path in (data / "blobs").rglob("*") if len(path.name) == 64)
    assert left == sorted([keys[1], keys[2]])
    place.call("erase", "--entity", "nobody", "--yes")
    done = place.call("erase", "--source", other.as_uri(), "--yes", "--receipt", str(tmp_path / "q"))
    assert done.code == 0 and not list(live.iterdir()) and not [p for p in (data / "blobs").rglob("*") if p.is_file()]


def frame(catalog: Catalog, path: Path, n: int, key: str) -> Evidence:
    locator = FrameAt(n * 1000, n * 1000 + 500)
    id_ = evidence_id(catalog.tenant_key("default"), path.as_uri(), locator, key)
    made = {"tenant": "default", "source": path.as_uri(), "kind": Kind.FRAME, "locator": locator, "media": key}
    return Evidence(id=id_, text=f"frame {n} of {path.name}", provenance=Provenance("test"), **made)


def test_rules_take_what_is_old_and_holds_keep_it(place: Place, tmp_path: Path) -> None:
    place.data.mkdir()

    def fill(catalog: Catalog) -> None:
        for n, kind in enumerate((Kind.ALERT, Kind.ALERT, Kind.ROW)):
            take(catalog, Path(f"/site/{n}"), text=f"event number {n} of the day", kind=kind, valid=Interval(n, n + 1))
        for until in (5, 9):
            told = Coverage(
                source="CAM", subject="CAM", tenant="default", layer=Layer.RECORDED, valid=Interval(0, until)
            )
            catalog.commit(Unit("default", "CAM", f"{until}", "live", coverage=[told]))

    with_catalog(place, fill)
    rules = {"WATCHFLOOR_RETENTION__ALERT": "1h", "WATCHFLOOR_RETENTION__BY": "valid"}
    shown = place.call("retention", **rules)
    assert "alert (from when it was valid): 1h" in shown.out and "superseded coverage: 90d" in shown.out
    held = place.call("hold", "place", "--source", "file:///site/1", "--why", "claim 17", "--json").json
    assert place.call("retention", "--run", "--json", **rules).json == {
        "erased": {"alert": 1},
        "coverage": 0,
        "held": 1,
    }
    texts = [each.text for each in with_catalog(place, lambda c: c.scan(Filter(), ME))]
    assert texts == ["event number 1 of the day", "event number 2 of the day"]
    assert f"{held['id']} by local" in place.call("hold").out
    place.call("hold", "release", held["id"])
    assert place.call("retention", "--run", "--json", **rules).json == {
        "erased": {"alert": 1},
        "coverage": 0,
        "held": 0,
    }
    listed = place.call("erase", "list", "--json").json["erasures"]
    assert [each["state"] for each in listed] == ["receipted"] * 2
    assert place.call("erase", "receipt", listed[0]["id"], "--receipt", str(tmp_path / "rule.json")).code == 0
    proof = place.call("erase", "verify", str(tmp_path / "rule.json"))
    assert proof.code == 1 and "a rule's receipt holds no commitments" in proof.out, proof.out
    assert json.loads((tmp_path / "rule.json").read_text())["receipt"]["what"].endswith("kept for 1h")
    old = ("erase", "--older-than", "1h", "--dry-run", "--json")
    assert place.call(*old, "--by", "valid", "--kind", "row").json["would_erase"]["by_kind"] == {"row": 1}
    assert place.call(*old, "--kind", "row").json["would_erase"]["evidence"] == 0
    # by when it was recorded it is young
    by = rules | {"WATCHFLOOR_RETENTION__BY": "recorded", "WATCHFLOOR_RETENTION__ROW": "1h"}
    assert place.call("retention", "--run", "--json", **by).json["erased"] == {}


@pytest.mark.parametrize("given", ["soon", "0d", "30", "-1d", "99999999d"])
def test_an_age_that_is_none_is_refused(given: str) -> None:
    with pytest.raises(BadSettings, match=r"retention\.frame"):
        load(retention={"frame": given})


def test_an_answer_as_of_what_was_aged_out_says_so(house: Any) -> None:
    from app.ports import Ask
    from app.service import Watchfloor
    from retrieval.catalog.database import Database
    from retrieval.catalog.erasures import ErasureBook

    day = round(timedelta(days=1).total_seconds() * 1e6)
    for until in (1, 2):
        told = Coverage(source="CAM", subject="CAM", tenant="t", layer=Layer.RECORDED, valid=Interval(0, until))
        house.catalog.commit(Unit("t", "CAM", f"{until}", "live", coverage=[told]))
    book = ErasureBook(Database(house.folder / "catalog.db"))
    floor = 2_000_000_000_000_000
    assert book.drop_coverage("t", floor) == 1
    book.close()
    service = Watchfloor(_Parts(house))
    for as_of, said in ((floor - day, True), (floor + day, False), (None, False)):
        answer = service.ask(Ask(question="What did CAM see?", asked_at=floor, as_of=as_of), house.me)
        assert any("superseded" in each for each in answer.degraded) is said


class _Parts:
    """As much of the parts as one question needs."""

    def __init__(self, house: Any) -> None:
        from app.conversation.memory import Conversations

        self.book, self.answerer, self.follower = house.catalog, house.brief, house.projector
        self.conversations = Conversations(house.catalog, lambda *_: None, 4000)  # type: ignore[arg-type,return-value]

    def __getattr__(self, name: str) -> Iterator[None]:
        raise AttributeError(name)
