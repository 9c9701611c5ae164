"""`watchfloor bench sizes`: what a store of so many pieces costs to build, to start, to hold and to ask, measured and not reckoned."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from app.http.serve import collect_rarely, one_blas_thread
from app.wiring_store import StoreRooms
from eval.bench.answer import percentile
from eval.bench.children import ChildFailed, Python, run_child
from eval.bench.machine import facts
from eval.bench.retrieval_data import FILTERS, Material
from eval.bench.retrieval_finding import Ours, settle
from eval.bench.retrieval_memory import anonymous_bytes
from eval.bench.retrieval_places import Places
from eval.bench.retrieval_rounds import recall
from eval.bench.retrieval_store import prepared, settings_at
from eval.bench.talking import now
from retrieval.catalog import system_clock
from retrieval.errors import BadQuery, InputError
from retrieval.ports import Projection
from retrieval.projector import Projector

Progress = Callable[[int, int, str], None]
Line = dict[str, Any]
_CHILD, _FEWEST = "eval.bench.retrieval_child", 1_000


class Row(NamedTuple):
    """One line of the table: how many pieces, and how their vectors are kept ("" = as it ships)."""

    rows: int
    storage: str


def counts(text: str) -> list[int]:
    """Numbers of pieces out of "100000,1000000". Raises BadQuery."""
    try:
        found = [int(each) for each in text.split(",")]
    except ValueError as error:
        raise BadQuery(f"--rows is {text!r}; give numbers with commas between them, e.g. 100000,1000000") from error
    if min(found) < _FEWEST:
        raise BadQuery(f"--rows is {text!r}; the smallest store that is measured has {_FEWEST} pieces")
    return found


def run(
    rows: Sequence[int],
    storages: Sequence[str],
    folder: Path | None,
    progress: Progress,
    measured: Callable[[Line], None],
) -> dict[str, Any]:
    """{bench, machine, table, skipped}. With a folder, stores are kept there by their size. Raises InputError where it holds others.

    `measured` is told each line of the table as soon as there is one: larger stores take hours, and what ends meanwhile keeps the others.
    """
    if folder is None:
        with TemporaryDirectory(prefix="watchfloor-sizes-") as made:
            return run(rows, storages, Path(made), progress, measured)
    table: list[Line] = []
    skipped: dict[str, str] = {}
    for count in rows:
        places = Places(folder / f"{count}")
        committed = round(prepared(places, count, progress).commit_s, 1)
        for row in (Row(count, storage) for storage in storages):
            line = _line_or_why(places, row, progress)
            if isinstance(line, str):
                skipped[f"{count} {row.storage}".strip()] = line
            else:
                table.append({**row._asdict(), "commit_s": committed, **line})
                measured(table[-1])
    return {"bench": "sizes", "machine": facts(), "table": table, "skipped": skipped}


def _line_or_why(places: Places, row: Row, progress: Progress) -> Line | str:
    try:
        return _line(places, row.storage, progress)
    except ChildFailed as error:
        return str(error)


def _line(places: Places, storage: str, progress: Progress) -> Line:
    arguments = [str(places.folder), "--storage", storage]
    built = run_child(Python(), _CHILD, ["building", *arguments], progress)
    started = run_child(Python(), _CHILD, ["starting", *arguments], progress)
    projections = places.store / "projections" / settings_at(places.store, storage).instance
    disk = {"catalog": _mib(places.store.glob("catalog.sqlite3*"))}
    disk |= {part.name: _mib([part, *part.rglob("*")]) for part in sorted(projections.iterdir())}
    return {**built, **started, "disk_mib": {name: mib for name, mib in disk.items() if mib}}


def building(store: Path, storage: str, progress: Progress) -> dict[str, Any]:
    """Seconds that each index takes from the catalog anew, that vectors settle after it, and that their snapshot takes."""
    one_blas_thread()
    rooms = StoreRooms(settings_at(store, storage))
    try:
        took = {
            "vectors_s": _timed(lambda: _anew(rooms, rooms.vectors, progress)),
            "settle_s": _timed(lambda: settle(rooms, progress)),
            "words_s": _timed(lambda: _anew(rooms, rooms.words, progress)),
            "graph_s": _timed(lambda: _anew(rooms, rooms.graph, progress)),
        }
        # what an index has followed already costs the snapshot nothing
        return took | {"snapshot_s": _timed(rooms.follower.renew)}
    finally:
        rooms.close()


def starting(store: Path, material: Material, storage: str, progress: Progress) -> dict[str, Any]:
    """As a server begins: seconds from the process's own start to the first answer; then memory and times of searching (ms)."""
    import psutil

    one_blas_thread()
    collect_rarely()
    rooms = StoreRooms(settings_at(store, storage))
    try:
        # a server would have imported all of it, and holds it whatever the size of its store
        rooms.vectors.spaces(), rooms.book.sequence()
        before, began = anonymous_bytes(), now()
        rooms.follower.catch_up(lambda name, done, total: progress(done, total, name))
        ours = Ours(rooms)
        ours.search(material.queries[0], "none", -1)
        answered = now()
        whole = time.time() - psutil.Process().create_time()
        settle(rooms, progress)
        times = {name: _times(ours, material, name) for name in FILTERS}
        grown = anonymous_bytes() - before
        found = {name: round(recall(ours.search, material, name), 4) for name in FILTERS}
        loaded = rooms.follower.standing().loaded
    finally:
        rooms.close()
    return {
        "start_s": round(whole, 1),
        "open_s": round(answered - began, 1),
        "from_snapshot": loaded > 0,
        "memory_mib": round(grown / 2**20),
        "memory_over_raw": round(grown / material.vectors.nbytes, 3),
        "times_ms": times,
        "recall": found,
    }


def _anew(rooms: StoreRooms, part: Projection, progress: Progress) -> None:
    """Raises InputError where it cannot be built."""
    part.reset()
    follower = Projector(rooms.book, (part,), system_clock)
    failed = follower.catch_up(lambda name, done, total: progress(done, total, name))
    if failed:
        raise InputError(f"{part.name} could not be built: {failed}")


def _timed(work: Callable[[], object]) -> float:
    """Seconds."""
    started: float = now()
    work()
    return round(now() - started, 1)


def _times(ours: Ours, material: Material, name: str) -> dict[str, float]:
    """p50 and p95 of one pass over all queries, the second."""
    took: list[float] = []
    for _ in range(2):
        took = []
        for query, value in zip(material.queries, material.values[name], strict=True):
            started = now()
            ours.hits(query, name, value)
            took.append((now() - started) * 1e3)
    return {"p50": round(percentile(took, 50), 3), "p95": round(percentile(took, 95), 3)}


def _mib(paths: Iterable[Path]) -> float:
    return round(sum(path.stat().st_size for path in paths if path.is_file()) / 2**20, 1)
