"""A corrected report supersedes and never overwrites: asked as of yesterday, everything is as it was known yesterday."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
from click.testing import CliRunner
from litestar.testing import TestClient

from app.cli.main import main
from app.http.app import create_app
from app.http.context import Options
from app.settings import load
from app.wiring import build
from retrieval.catalog import Catalog
from retrieval.ports import Unit
from retrieval.types import Entity, EntityType, Evidence, Filter, Kind, Link, LinkType, Principal, Query, RowKey

PLAIN = {f"WATCHFLOOR_ENCODERS__{name}": "off" for name in ("IMAGE", "DETECTOR", "SPEECH")}
ME = Principal("default")
QUESTION = "Which part replaced the mechanical seal of pump P-101?"
SITE = """
site: {id: northgate, name: Northgate, timezone: UTC}
zones: [{id: zone-a, name: Zone A}]
assets: [{id: P-101, name: Pump P-101, type: pump, zone: zone-a}]
"""
REPORT = "# Incident report\n\nMaria Okafor replaced the mechanical seal of pump P-101 with part {}.\n"


class Corrected(NamedTuple):
    """A store whose only report was corrected: when it had not been yet, and what was held then."""

    data: Path
    before: str
    held: list[Evidence]


def call(data: Path, *words: str) -> Any:
    done = CliRunner(env=PLAIN).invoke(main, ["--data-dir", str(data), *words], prog_name="watchfloor")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def corrected(tmp_path_factory: pytest.TempPathFactory) -> Corrected:
    folder = tmp_path_factory.mktemp("corrected")
    site, data = folder / "site", folder / "data"
    site.mkdir()
    (site / "site.yaml").write_text(SITE)
    (site / "incident.md").write_text(REPORT.format("S-4410"))
    call(data, "ingest", "--json", str(site))
    with closing(Catalog(data / "catalog.sqlite3")) as catalog:
        held = catalog.scan(Filter(), ME)
    before = datetime.fromtimestamp(time.time(), UTC).isoformat()
    (site / "incident.md").write_text(REPORT.format("S-4499"))
    call(data, "ingest", "--json", str(site))
    return Corrected(data, before, held)


def parts(found: Any) -> set[str]:
    """Which of the two parts it speaks of."""
    told = json.dumps(found)
    return {part for part in ("S-4410", "S-4499") if part in told}


def test_nothing_is_overwritten(corrected: Corrected) -> None:
    at = int(datetime.fromisoformat(corrected.before).timestamp() * 1e6)
    with closing(Catalog(corrected.data / "catalog.sqlite3")) as catalog:
        then, now = catalog.scan(Filter(as_of=at), ME), catalog.scan(Filter(), ME)
    assert [msgspec.structs.replace(piece, superseded_at=None) for piece in then] == corrected.held
    assert parts([piece.text for piece in then]) == {"S-4410"} and parts([piece.text for piece in now]) == {"S-4499"}
    assert all(piece.superseded_at is not None and piece.superseded_at > at for piece in then)
    assert {piece.id for piece in then}.isdisjoint(piece.id for piece in now)


def test_over_the_command_line(corrected: Corrected) -> None:
    then = ("--as-of", corrected.before)
    assert parts(call(corrected.data, "ask", "--json", QUESTION)["claims"]) == {"S-4499"}
    answer = call(corrected.data, "ask", "--json", QUESTION, *then)
    assert answer["verdict"] == "answered" and parts(answer) == {"S-4410"}
    cited = {each["evidence"] for claim in answer["claims"] for each in claim["citations"]}
    assert cited <= {piece.id for piece in corrected.held}
    assert parts(call(corrected.data, "search", "--json", "part of the seal")) == {"S-4499"}
    assert parts(call(corrected.data, "search", "--json", "part of the seal", *then)) == {"S-4410"}


@pytest.fixture(scope="module")
def http(corrected: Corrected) -> Iterator[Any]:
    service = build(load(data_dir=corrected.data, encoders={"image": "off", "detector": "off", "speech": "off"}))
    app = create_app(service, ME, Options(data_dir=corrected.data))
    with TestClient(app, base_url="http://127.0.0.1") as client:
        yield client
    service.close()


def post(http: Any, route: str, **fields: Any) -> Any:
    reply = http.post(f"/v1/{route}", json=fields)
    assert reply.status_code in (200, 201), reply.text
    return reply.json()


def test_over_http(corrected: Corrected, http: Any) -> None:
    assert parts(post(http, "ask", question=QUESTION)["claims"]) == {"S-4499"}
    answer = post(http, "ask", question=QUESTION, as_of=corrected.before)
    assert answer["verdict"] == "answered" and parts(answer) == {"S-4410"}
    assert datetime.fromisoformat(answer["as_of"]) == datetime.fromisoformat(corrected.before)
    assert parts(post(http, "search", text="part of the seal")) == {"S-4499"}
    assert parts(post(http, "search", text="part of the seal", as_of=corrected.before)) == {"S-4410"}
    nothing = post(http, "ask", question=QUESTION, as_of="2001-01-01T00:00:00Z")
    assert nothing["verdict"] != "answered" and not parts(nothing)


def test_in_a_conversation(corrected: Corrected, http: Any) -> None:
    first = post(http, "ask", question=QUESTION, as_of=corrected.before, conversation="new")
    talk = first["conversation"]
    again = post(http, "ask", question="Who replaced it?", as_of=corrected.before, conversation=talk)
    assert "Maria Okafor" in json.dumps(again["claims"]) and parts(again) <= {"S-4410"}
    assert parts(post(http, "ask", question=QUESTION, conversation=talk)["claims"]) == {"S-4499"}
    # what was answered then stays what it was
    turns = http.get(f"/v1/conversations/{talk}").json()
    assert parts(turns["turns"][0]) == {"S-4410"}


# --- the site as it was ---


def _pump(id_: str, name: str) -> Entity:
    return Entity(id=id_, type=EntityType.ASSET, name=name, tenant="t")


def _moved(house: Any, camera_at: str, name: str) -> None:
    """The camera watches one pump, later the other."""
    entities = [_pump("P-1", name), _pump("P-2", "Second"), _pump("CAM", "Camera")]
    link = Link(camera_at, LinkType.MONITORED_BY, "CAM", "t")
    house.catalog.commit(told("site.yaml", f"{camera_at} {name}", entities=entities, links=[link]))
    house.projector.catch_up()


def told(source: str, content: str, **more: Any) -> Unit:
    return Unit("t", f"file:///site/{source}", content, "test", **more)


@pytest.fixture
def moved(house: Any) -> tuple[Any, int]:
    """A house whose camera was moved from P-1 to P-2, and a time before that."""
    for pump in ("P-1", "P-2"):
        house.put(house.piece(f"{pump}.md", Kind.PASSAGE, RowKey("t", pump), f"about {pump}", on=(pump,)))
    _moved(house, "P-1", "First")
    before = time.time_ns() // 1000
    _moved(house, "P-2", "Feed pump")
    return house, before


def test_the_graph_is_walked_as_it_was(moved: tuple[Any, int]) -> None:
    house, before = moved
    found = []
    for as_of in (None, before):
        hits = house.searcher.search(Query(text="CAM", channels=("graph",), filter=Filter(as_of=as_of)), house.me)
        found.append([hit.evidence.text for hit in hits])
    assert found == [["about P-2"], ["about P-1"]]


def test_the_site_is_told_as_it_was(moved: tuple[Any, int]) -> None:
    house, before = moved
    names = [[e.name for e in house.catalog.entities(house.me, as_of)] for as_of in (before, None)]
    assert names == [["Camera", "First", "Second"], ["Camera", "Feed pump", "Second"]]
    assert [link.source for link in house.catalog.links(house.me, before)] == ["P-1"]
    (near,) = house.catalog.neighbours(["CAM"], 1, house.me, before)
    assert (near.entity, near.via) == ("P-1", ("monitored_by",))
    site = house.tools.premises.of(house.me, before).site
    assert site.entities["P-1"].name == "First"


def test_who_may_see_what_was_is_as_it_is_today(house: Any) -> None:
    entity = _pump("P-9", "Quiet pump")
    house.catalog.commit(told("site.yaml", "1", entities=[entity]))
    before = time.time_ns() // 1000
    secret = msgspec.structs.replace(entity, labels=("hr",))
    house.catalog.commit(told("site.yaml", "2", entities=[secret]))
    assert house.catalog.entities(house.me, before) == []
    assert [e.id for e in house.catalog.entities(Principal("t", labels=("hr",)), before)] == ["P-9"]
