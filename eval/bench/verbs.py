"""`watchfloor bench`: benchmarks, run on purpose. Joins the command line through the entry-point group."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from app.cli.common import as_json_option, clean, console, print_json, verb

_FOLDER = click.Path(path_type=Path, file_okay=False)


@click.group(name="bench")
def bench() -> None:
    """Measure what answering costs; ratios within one run."""


@bench.command()
@click.option("--n", type=click.IntRange(1000), default=200_000, show_default=True, help="Pieces of evidence.")
@click.option(
    "--store", type=_FOLDER, required=True, help="Where the measured store is built, and kept for the next run."
)
@click.option("--rounds", type=click.IntRange(1), default=5, show_default=True, help="Rounds of seventy questions.")
@click.option(
    "--images", type=click.IntRange(0, 8), default=4, show_default=True, help="Pictures the stub takes; 0 = none."
)
@as_json_option
@verb
def answer(n: int, store: Path, rounds: int, images: int, as_json: bool) -> None:
    """Everything but the models against one flat scan; our proxy against the model asked directly."""
    from eval.bench.answer import Sizes, run

    found = run(Sizes(n, rounds, images), store, _teller())
    if as_json:
        print_json(found)
    else:
        _paint(found)


@bench.command()
@click.option("--seconds", type=click.IntRange(40), default=60, show_default=True, help="Length of the clips.")
@click.option("--rounds", type=click.IntRange(1), default=5, show_default=True, help="Rounds of each measurement.")
@click.option("--folder", type=_FOLDER, required=True, help="Where the clips are made, and kept for the next run.")
@as_json_option
@verb
def ingest(seconds: int, rounds: int, folder: Path, as_json: bool) -> None:
    """Keyframing against bare decoding, two clips at once, and a clip all the way in against real time."""
    from eval.bench.ingest import Sizes, run_bench

    found = run_bench(Sizes(seconds, rounds), folder, _teller())
    if as_json:
        print_json(found)
    else:
        _paint_bars(found)


def _teller() -> Callable[[int, int, str], None]:
    """A line on standard error whenever what is done changes, and every tenth of it."""
    last: list[tuple[str, int]] = []

    def tell(done: int, total: int, what: str) -> None:
        at = (f"{total}", 10 * done // max(total, 1))
        if at not in last[-1:]:
            last[:] = [at]
            click.echo(f"{done}/{total} {clean(what)[-60:]}", err=True)

    return tell


def _paint(found: dict[str, Any]) -> None:
    from rich.table import Table

    table = Table("kind", "questions", "asked the model", "p50 ms", "p95 ms")
    for kind, of in found["path"]["by_kind"].items():
        cells = (of["n"], of["asked_the_model"], f"{of['p50_ms']:.1f}", f"{of['p95_ms']:.1f}")
        table.add_row(kind, *map(str, cells))
    console().print(table)
    path, proxy = found["path"], found["proxy"]
    click.echo(f"one flat scan: {_told(path['scan_p50_ms'])} ms; the whole path, p95: {_told(path['p95_ms'])} ms")
    click.echo(
        f"{proxy['at_once']} at once: {_told(proxy['ours_per_s'])} replies/s, direct {_told(proxy['direct_per_s'])}"
    )
    _paint_bars(found)
    click.echo(f"{found['store']['n']} pieces")


def _paint_bars(found: dict[str, Any]) -> None:
    from rich.table import Table

    bars, machine = Table("bar", "limit", "found", "met"), found["machine"]
    for name, bar in found["bars"].items():
        bars.add_row(name, f"{bar['bar']:g}", f"{bar['found']:.3f}", "yes" if bar["met"] else "no")
    console().print(bars)
    click.echo(f"{machine['cores']} cores, {machine['cpu']}, load {machine['load_1m']}")


def _told(spread: dict[str, float]) -> str:
    return f"{spread['median']:.2f} (worst {spread['worst']:.2f})"
