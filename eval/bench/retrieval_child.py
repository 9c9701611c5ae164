"""`python -m eval.bench.retrieval_child WHAT FOLDER`: one of our own measurements over the material and stores in FOLDER."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import click

from eval.bench import retrieval_adding, retrieval_finding, retrieval_memory, retrieval_sizes
from eval.bench.children import tell
from eval.bench.retrieval_data import load
from eval.bench.retrieval_places import Places
from eval.bench.retrieval_rounds import Plan


class Wanted(NamedTuple):
    places: Places
    storage: str
    rounds: int


def _finding(wanted: Wanted) -> dict[str, Any]:
    material = load(wanted.places.material)
    return retrieval_finding.run(wanted.places.store, material, wanted.storage, Plan(wanted.rounds), tell)


def _memory(wanted: Wanted) -> dict[str, Any]:
    return retrieval_memory.run(wanted.places.store, load(wanted.places.material), wanted.storage, tell)


def _adding(wanted: Wanted) -> dict[str, Any]:
    both = (wanted.places, wanted.places.small)
    stores, materials = (both[0].store, both[1].store), (load(both[0].material), load(both[1].material))
    return retrieval_adding.run(stores, materials, wanted.rounds, tell)


def _building(wanted: Wanted) -> dict[str, Any]:
    return retrieval_sizes.building(wanted.places.store, wanted.storage, tell)


def _starting(wanted: Wanted) -> dict[str, Any]:
    return retrieval_sizes.starting(wanted.places.store, load(wanted.places.material), wanted.storage, tell)


WHAT: dict[str, Callable[[Wanted], dict[str, Any]]] = {
    "finding": _finding,
    "memory": _memory,
    "adding": _adding,
    "building": _building,
    "starting": _starting,
}


@click.command()
@click.argument("what", type=click.Choice([*WHAT]))
@click.argument("folder", type=click.Path(path_type=Path, exists=True))
@click.option("--storage", default="", help="How vectors are kept; as it ships where none is named.")
@click.option("--rounds", type=click.IntRange(1), default=5)
def main(what: str, folder: Path, storage: str, rounds: int) -> None:
    """Measure WHAT and print it."""
    click.echo(json.dumps(WHAT[what](Wanted(Places(folder), storage, rounds))))


if __name__ == "__main__":
    main()
