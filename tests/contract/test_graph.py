"""Every Graph: in memory, LadybugDB, and the neo4j driver against a real Bolt server."""

import secrets
import select
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import retrieval.adapters.ladybug_graph as ladybug_graph_module
from retrieval.adapters.ladybug_graph import LadybugGraph
from retrieval.adapters.neo4j_graph import Neo4jGraph
from retrieval.cypher_graph import Step
from retrieval.errors import BadQuery, BadSettings, GraphUnavailable, ProjectionError, StoreBusy
from retrieval.fakes import MemoryGraph, MemoryLog
from retrieval.ports import LogEntry, Neighbour, Projected
from retrieval.queries import Statements, load, parse
from retrieval.types import (
    Entity,
    EntityType,
    Evidence,
    Interval,
    Kind,
    Link,
    LinkType,
    Mention,
    Principal,
    Provenance,
    Relation,
    RowKey,
)

ME = Principal("acme")
GUARD = Principal("acme", labels=("security",))
BOLT_STARTS_WITHIN_S = 60  # it takes about 6 s on an idle machine


def make(id_: str, *entities: str, t0: int | None = 0, **more: object) -> Evidence:
    fields: dict[str, object] = {
        "tenant": "acme",
        "source": "file:///a",
        "kind": Kind.ALERT,
        "locator": RowKey("t", id_),
        "text": id_,
        "provenance": Provenance("test"),
        "valid": None if t0 is None else Interval(t0, t0 + 5),
        "entities": tuple(Mention(entity, Relation.MENTIONS) for entity in entities),
    }
    return Evidence(id=id_, **(fields | more))


def entity(id_: str, *labels: str, tenant: str = "acme") -> Entity:
    return Entity(id=id_, type=EntityType.ASSET, name=id_, tenant=tenant, labels=labels)


def link(source: str, type_: LinkType, target: str, *labels: str, tenant: str = "acme") -> Link:
    return Link(source, type_, target, tenant, labels)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def bolt(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bolt")
    port, password = free_port(), secrets.token_hex(8)
    log = (folder / "log").open("w")
    script = Path(__file__).with_name("bolt_server.py")
    server = subprocess.Popen(
        [sys.executable, str(script), str(free_port()), str(port), str(folder / "root"), password],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
        cwd=folder,  # it writes its own logs where it stands
    )
    try:
        if not wait_for_line(server, "READY", BOLT_STARTS_WITHIN_S):
            pytest.fail(f"no Bolt server: {(folder / 'log').read_text()[-2000:]}")
        drain = threading.Thread(target=server.stdout.read, daemon=True)
        drain.start()
        yield {"uri": f"bolt://127.0.0.1:{port}", "user": "root", "password": password, "database": "watchfloor"}
    finally:
        server.stdin.close()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        log.close()


def wait_for_line(process, word: str, seconds: float) -> bool:
    until = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < until:
        if select.select([process.stdout], [], [], 0.2)[0] and word in process.stdout.readline():
            return True
    return False


@pytest.fixture(scope="module")
def neo4j_graph(bolt):
    graph = Neo4jGraph(**bolt)
    yield graph
    graph.close()


@pytest.fixture(scope="module")
def ladybug_graph(tmp_path_factory):
    graph = LadybugGraph(tmp_path_factory.mktemp("ladybug") / "graph.db")
    yield graph
    graph.close()


@pytest.fixture(params=["memory", "ladybug", "neo4j"])
def graph(request):
    found = MemoryGraph() if request.param == "memory" else request.getfixturevalue(f"{request.param}_graph")
    found.reset()
    return found


@pytest.fixture
def log():
    return MemoryLog()


def follow(graph, log):
    graph.apply(log.log(graph.applied(), 10_000), log)


def plant(log):
    entities = [entity("P-1"), entity("ZONE-B"), entity("CAM-7"), entity("VAULT", "security"), entity("SITE")]
    links = [
        link("P-1", LinkType.LOCATED_IN, "ZONE-B"),
        link("ZONE-B", LinkType.MONITORED_BY, "CAM-7"),
        link("ZONE-B", LinkType.PART_OF, "SITE"),
        link("ZONE-B", LinkType.FEEDS, "VAULT"),
    ]
    log.describe("acme", entities, links)


def test_neighbours_go_both_ways_and_say_how(graph, log):
    plant(log)
    follow(graph, log)
    assert graph.neighbours(["P-1"], 1, ME) == [Neighbour("ZONE-B", 1, ("located_in",))]
    assert graph.neighbours(["CAM-7"], 2, ME) == [
        Neighbour("ZONE-B", 1, ("monitored_by",)),
        Neighbour("P-1", 2, ("monitored_by", "located_in")),
        Neighbour("SITE", 2, ("monitored_by", "part_of")),
    ]


def test_seeds_are_left_out_and_unknown_ones_find_nothing(graph, log):
    plant(log)
    follow(graph, log)
    found = graph.neighbours(["P-1", "ZONE-B"], 2, ME)
    assert [n.entity for n in found] == ["CAM-7", "SITE"]
    assert {n.hops for n in found} == {1}
    assert graph.neighbours(["P-404"], 2, ME) == []
    assert graph.neighbours([], 2, ME) == []


@pytest.mark.parametrize("hops", [0, 3])
def test_other_hops_are_refused(graph, hops):
    with pytest.raises(BadQuery):
        graph.neighbours(["P-1"], hops, ME)


def test_labels_hide_entities_links_and_what_lies_behind(graph, log):
    entities = [entity("A"), entity("HIDDEN", "security"), entity("B"), entity("C")]
    links = [
        link("A", LinkType.FEEDS, "HIDDEN"),
        link("HIDDEN", LinkType.FEEDS, "B"),
        link("A", LinkType.PART_OF, "C", "security"),
    ]
    log.describe("acme", entities, links)
    follow(graph, log)
    assert graph.neighbours(["A"], 2, ME) == []
    assert graph.neighbours(["HIDDEN"], 1, ME) == []
    assert [n.entity for n in graph.neighbours(["A"], 2, GUARD)] == ["C", "HIDDEN", "B"]


def test_evidence_most_recent_first_unknown_times_last(graph, log):
    log.add([make("old", "P-1", t0=10), make("undated", "P-1", t0=None), make("new", "P-1", t0=90), make("x", "P-2")])
    follow(graph, log)
    assert graph.evidence(["P-1"], ME) == ["new", "old", "undated"]
    assert graph.evidence(["P-1"], ME, limit=1) == ["new"]
    assert graph.evidence(["P-1"], ME, limit=0) == []
    assert graph.evidence([], ME) == []


def test_each_relation_counts_and_an_id_comes_once(graph, log):
    mentions = tuple(Mention("P-1", relation) for relation in Relation)
    log.add([make("all", entities=(*mentions, Mention("P-2", Relation.MEASURES)))])
    follow(graph, log)
    assert graph.evidence(["P-1", "P-2"], ME) == ["all"]


def test_evidence_labels(graph, log):
    log.add([make("open", "P-1", t0=1), make("closed", "P-1", labels=("security", "hr"))])
    follow(graph, log)
    assert graph.evidence(["P-1"], ME) == ["open"]
    assert graph.evidence(["P-1"], GUARD) == ["open", "closed"]
    log.relabel("acme", "closed", ())
    follow(graph, log)
    assert graph.evidence(["P-1"], ME) == ["open", "closed"]


def test_as_of_sees_what_was_known_then(graph, log):
    log.add([make("first", "P-1")], recorded_at=100)
    log.close("acme", ["first"], superseded_at=200)
    log.add([make("second", "P-1")], recorded_at=200)
    follow(graph, log)
    at = {t: graph.evidence(["P-1"], ME, as_of=t) for t in (99, 100, 199, 200)}
    assert at == {99: [], 100: ["first"], 199: ["first"], 200: ["second"]}
    assert graph.evidence(["P-1"], ME) == ["second"]


def test_tenants_do_not_meet(graph, log):
    plant(log)
    log.describe("other", [entity("P-1", tenant="other"), entity("X", tenant="other")], [])
    log.add([make("mine", "P-1")])
    log.add([make("theirs", "P-1", tenant="other")])
    follow(graph, log)
    other = Principal("other", labels=("security",))
    assert graph.evidence(["P-1"], ME) == ["mine"]
    assert graph.evidence(["P-1"], other) == ["theirs"]
    assert graph.neighbours(["P-1"], 2, other) == []


def test_a_row_that_was_another_tenants_is_taken_over(graph, log):
    """As where the catalog was put back to a copy, and others wrote on."""
    (row,) = log.add([make("theirs", "P-1", "P-2", tenant="other")])
    follow(graph, log)
    again = MemoryLog()
    assert again.add([make("mine", "P-1")]) == [row]
    graph.apply([LogEntry(graph.applied() + 1, "acme", ("mine",), (), False, removes=False)], again)
    assert (graph.evidence(["P-1"], ME), graph.evidence(["P-1", "P-2"], Principal("other"))) == (["mine"], [])
    assert graph.rows() == {row}


def test_a_site_described_again_replaces_the_one_before(graph, log):
    plant(log)
    log.add([make("e", "P-1")])
    log.describe("acme", [entity("P-1"), entity("NEW")], [link("P-1", LinkType.FEEDS, "NEW")])
    follow(graph, log)
    assert graph.neighbours(["P-1"], 2, ME) == [Neighbour("NEW", 1, ("feeds",))]
    assert graph.evidence(["P-1"], ME) == ["e"]


def test_removed_evidence_is_gone_and_rows_follow(graph, log):
    first, second = log.add([make("a", "P-1"), make("b", "P-1")])
    follow(graph, log)
    assert graph.rows() == {first, second}
    log.remove("acme", ["a"])
    follow(graph, log)
    assert graph.evidence(["P-1"], ME) == ["b"]
    assert graph.rows() == {second}


def test_applying_twice_changes_nothing_and_reset_empties(graph, log):
    plant(log)
    log.add([make("a", "P-1", "CAM-7")])
    log.close("acme", ["a"], superseded_at=50)
    entries = log.log(0)
    graph.apply(entries, log)
    once = (graph.neighbours(["P-1"], 2, GUARD), graph.evidence(["P-1"], ME, as_of=20), graph.rows(), graph.applied())
    graph.apply(entries, log)
    graph.apply(entries[:1], log)
    assert once == (
        graph.neighbours(["P-1"], 2, GUARD),
        graph.evidence(["P-1"], ME, as_of=20),
        graph.rows(),
        graph.applied(),
    )
    assert graph.applied() == 3
    graph.reset()
    assert (graph.applied(), graph.rows(), graph.evidence(["P-1"], ME, as_of=20)) == (0, set(), [])
    assert graph.neighbours(["P-1"], 2, GUARD) == []


def test_text_of_any_kind_is_only_ever_a_value(graph, log):
    nasty = "P-1'}) DETACH DELETE n //\\ $x `\"\n"
    log.describe("acme", [entity(nasty), entity("Z")], [link(nasty, LinkType.FEEDS, "Z", "it's")])
    log.add(
        [
            make(
                "e",
                nasty,
                labels=(
                    "it's",
                    '"',
                ),
            )
        ]
    )
    follow(graph, log)
    me = Principal("acme", labels=("it's",))
    assert graph.neighbours(["Z"], 1, me) == [Neighbour(nasty, 1, ("feeds",))]
    assert graph.evidence([nasty], me) == ["e"]


NAMES = st.sampled_from("ABCDE")
LABELS = st.sets(st.sampled_from(["x", "y"]), max_size=1).map(tuple)
LINKS = st.lists(st.tuples(NAMES, st.sampled_from(list(LinkType)), NAMES, LABELS), max_size=8)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(links=LINKS, hidden=st.sets(NAMES, max_size=2), seeds=st.sets(NAMES, min_size=1, max_size=2))
def test_ladybug_walks_as_the_dictionaries_do(ladybug_graph, links, hidden, seeds):
    log, oracle = MemoryLog(), MemoryGraph()
    entities = [entity(name, *(["x"] if name in hidden else [])) for name in "ABCDE"]
    log.describe("acme", entities, [link(s, type_, t, *labels) for s, type_, t, labels in links])
    for graph in (oracle, ladybug_graph):
        graph.reset() if graph is oracle else None
        graph.apply(log.log(0), log)
    for principal in (ME, Principal("acme", labels=("x",))):
        for hops in (1, 2):
            expected = oracle.neighbours(sorted(seeds), hops, principal)
            assert ladybug_graph.neighbours(sorted(seeds), hops, principal) == expected


ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.sampled_from("AB"), st.sets(st.sampled_from(["P-1", "P-2"])), LABELS),
        st.tuples(st.sampled_from(["close", "remove", "follow"]), st.sampled_from("AB")),
        st.tuples(st.just("relabel"), st.sampled_from("AB"), LABELS),
    ),
    max_size=14,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=ACTS)
def test_ladybug_holds_what_the_dictionaries_do_wherever_it_follows(ladybug_graph, acts):
    log, oracle = MemoryLog(), MemoryGraph()
    ladybug_graph.reset()
    for act, name, *told in [*acts, ("follow", "A")]:
        if act == "add":
            log.add([make(name, *sorted(told[0]), labels=told[1], t0=ord(name))])
        elif act == "relabel":
            log.relabel("acme", name, told[0])
        elif act == "follow":
            for graph in (oracle, ladybug_graph):
                follow(graph, log)
        else:
            getattr(log, act)("acme", [name])
    assert ladybug_graph.rows() == set(log.evidence())
    for principal, as_of in product((ME, Principal("acme", labels=("x",))), (None, *range(log.sequence() + 1))):
        asked = ["P-1", "P-2"], principal, 200, as_of
        assert ladybug_graph.evidence(*asked) == oracle.evidence(*asked)


def test_ladybug_keeps_its_place_on_disk(tmp_path, log):
    log.add([make("a", "P-1")])
    graph = LadybugGraph(tmp_path / "g.db")
    follow(graph, log)
    graph.close()
    again = LadybugGraph(tmp_path / "g.db")
    assert (again.applied(), again.evidence(["P-1"], ME)) == (1, ["a"])
    again.close()


def test_ladybug_open_elsewhere_is_busy(tmp_path):
    graph = LadybugGraph(tmp_path / "g.db")
    with pytest.raises(StoreBusy):
        LadybugGraph(tmp_path / "g.db")
    graph.close()
    LadybugGraph(tmp_path / "g.db").close()


def test_one_thread_may_open_ladybug_and_another_close_it(tmp_path):
    with ThreadPoolExecutor(1) as other:
        graph = other.submit(LadybugGraph, tmp_path / "g.db").result()
    graph.close()
    LadybugGraph(tmp_path / "g.db").close()


def test_ladybug_damaged_is_said_so_and_mended_by_fresh(tmp_path):
    (tmp_path / "g.db").write_bytes(b"not a database" * 1000)
    with pytest.raises(ProjectionError):
        LadybugGraph(tmp_path / "g.db")
    graph = LadybugGraph(tmp_path / "g.db", fresh=True)
    assert graph.applied() == 0
    graph.close()


def test_ladybug_a_failed_write_leaves_nothing_half_done(tmp_path):
    graph = LadybugGraph(tmp_path / "g.db")
    node = {"row": 1, "id": "a", "labels": ["*"], "t0": 0, "recorded_at": 1, "superseded_at": 2}
    good = Step("add_evidence", {"rows": [node], "tenant": "acme"})
    with pytest.raises(GraphUnavailable):
        graph._write([good, Step("add_evidence", {"rows": [node | {"t0": "noon"}], "tenant": "acme"})])
    assert graph.rows() == set()
    graph._write([good])
    assert graph.rows() == {1}
    graph.close()


def test_ladybug_takes_changes_without_end(tmp_path, log, monkeypatch):
    """Changes that are not in the file yet fill the buffer: unnoticed, some three thousand small ones ended all writing."""
    monkeypatch.setattr(ladybug_graph_module, "_BUFFER", 64 * 2**20)
    monkeypatch.setattr(ladybug_graph_module, "_UNTIL", 24 * 2**20)
    log.add([make(f"p{n}", "P-1") for n in range(20)])
    graph = LadybugGraph(tmp_path / "g.db")
    for n in range(600):
        log.relabel("acme", f"p{n % 20}", ("x",) if n % 40 < 20 else ())
        follow(graph, log)
    assert graph.evidence(["P-1"], ME) == sorted(f"p{n}" for n in range(20))
    graph.close()


def test_neo4j_unreachable_or_refused_is_typed(bolt):
    with pytest.raises(GraphUnavailable):
        Neo4jGraph(f"bolt://127.0.0.1:{free_port()}", "root", "x", timeout_s=1)
    with pytest.raises(GraphUnavailable):
        Neo4jGraph(**(bolt | {"password": "wrong"}), timeout_s=2)
    with pytest.raises(BadSettings):
        Neo4jGraph("http://127.0.0.1", "root", "x")


@pytest.mark.parametrize("dialect", ["ladybug", "neo4j"])
def test_statements_bind_the_tenant(dialect):
    text = load(dialect)._text
    free = {name for name in text if name.startswith("schema_")} | {"rows", "applied", "save_applied", "wipe"}
    # what is held is compared with the catalog, of every tenant at once
    free |= {"held_evidence", "held_relations", "held_entities", "held_links", "owners"}
    # a row is one piece's in the catalog: whatever had its number before, of whichever tenant, gives way
    free |= {"known_rows", "clear_relations", "clear_relations_of"}
    assert all("$tenant" in body for name, body in text.items() if name not in free)


@pytest.mark.parametrize("text", ["RETURN 1", "// name: a\nX\n// name: a\nY\n", "// name: a\n\n// name: b\nX"])
def test_a_loose_query_file_is_refused(text):
    with pytest.raises(ValueError, match=r"section"):
        parse(text)


def test_a_gap_left_open_is_refused():
    statements = Statements({"hang": "CREATE (e)-[:<<relation>>]->(n)"})
    with pytest.raises(ValueError, match="relation"):
        statements.get("hang", LinkType.FEEDS)
    assert statements.get("hang", Relation.MEASURES) == "CREATE (e)-[:MEASURES]->(n)"


def test_what_it_holds_is_what_it_says_it_should(graph, log):
    """Marks of every node and edge, for reconciling; rows that are forgotten come back by being applied again."""
    plant(log)
    rows = log.add([make("a", "P-1", "CAM-7"), make("b"), make("c", "P-1", labels=("security",), t0=None)])
    log.close("acme", ["b"])
    follow(graph, log)

    def wanted():
        page = [Projected(row, item) for row, item in log.evidence().items()]
        marks = [*graph.expected(page, log), *graph.expected_site("acme", *log.site("acme"))]
        return sorted((mark for mark in marks if mark[1]), key=str)

    def held():
        return sorted((mark for mark in graph.marks() if mark[1]), key=str)

    assert held() == wanted() and len(wanted()) > len(rows)
    graph.forget([rows[0], 404])
    assert [mark for mark in wanted() if mark not in held()] == [mark for mark in wanted() if mark[0] == rows[0]]
    graph.apply([LogEntry(graph.applied(), "acme", ("a",), (), False)], log)
    assert held() == wanted()
