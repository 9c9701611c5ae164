"""`python -m eval.bench.peers ENGINE FOLDER`: one other library over the same material, in a process of its own with its own control.

Run by the Python of the environment that scripts/peers-env makes (`make bench-peers`). Prints one line of JSON; progress goes to
standard error. Each library is used as its documentation shows, once as it comes and once as well as it can be made to filter.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import click

from eval.bench.retrieval_data import Material, load
from eval.bench.retrieval_memory import anonymous_bytes
from eval.bench.retrieval_rounds import Plan, Scan, Way, measure

# takes the material and a folder of its own; gives its ways
Builder = Callable[[Material, Path], Sequence[Way]]


class Engine(NamedTuple):
    """A library: its distribution, and which of our modules drives it."""

    distribution: str
    module: str
    function: str


ENGINES = {
    "hnswlib": Engine("hnswlib", "eval.bench.peers_graphs", "hnswlib"),
    "usearch": Engine("usearch", "eval.bench.peers_graphs", "usearch"),
    "langchain": Engine("langchain-community", "eval.bench.peers_stores", "langchain"),
    "lancedb-flat": Engine("lancedb", "eval.bench.peers_stores", "lancedb_flat"),
    "lancedb-ann": Engine("lancedb", "eval.bench.peers_stores", "lancedb_ann"),
    "chroma": Engine("chromadb", "eval.bench.peers_stores", "chroma"),
}


def run(name: str, material: Material, plan: Plan, progress: Callable[[int, int, str], None]) -> dict[str, Any]:
    """{engine, version, build_s, grown_mib, scan_p50_ms, ways}."""
    engine = ENGINES[name]
    builder: Builder = getattr(import_module(engine.module), engine.function)
    with TemporaryDirectory(prefix="watchfloor-peer-") as folder:
        before, started = anonymous_bytes(), time.perf_counter()
        progress(0, plan.rounds, f"{name} builds")
        ways = builder(material, Path(folder))
        built = time.perf_counter() - started
        grown = (anonymous_bytes() - before) / 2**20
        found = measure(ways, material, Scan(material), plan, progress)
    return {
        "engine": name,
        "version": version(engine.distribution),
        "build_s": round(built, 1),
        "grown_mib": round(grown, 1),
        **found,
    }


def installed(name: str) -> bool:
    """Whether this Python has the library."""
    try:
        version(ENGINES[name].distribution)
    except PackageNotFoundError:
        return False
    return True


@click.command()
@click.argument("engine", type=click.Choice([*ENGINES]))
@click.argument("folder", type=click.Path(path_type=Path, exists=True))
@click.option("--rounds", type=click.IntRange(1), default=5)
@click.option("--budget", type=click.FloatRange(0), default=2.0, help="Seconds a filter may take in a round.")
def main(engine: str, folder: Path, rounds: int, budget: float) -> None:
    """Measure ENGINE over the material in FOLDER."""

    def tell(done: int, total: int, what: str) -> None:
        click.echo(f"{done}/{total} {what}", err=True)

    if not installed(engine):
        click.echo(json.dumps({"engine": engine, "skipped": f"{ENGINES[engine].distribution} is not installed"}))
        return
    click.echo(json.dumps(run(engine, load(folder), Plan(rounds, budget), tell)))


if __name__ == "__main__":
    main()
