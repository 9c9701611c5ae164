"""`watchfloor bench`: benchmarks, run on purpose. Joins the command line through the entry-point group."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
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
@click.option("--sources", type=click.IntRange(1), default=20, show_default=True, help="Sources of each rhythm.")
@click.option("--days", type=click.IntRange(9), default=63, show_default=True, help="Days that each is heard.")
@as_json_option
@verb
def silence(sources: int, days: int, as_json: bool) -> None:
    """False alarms of silence over simulated rhythms, and how late a real silence is told."""
    from eval.bench.silence import Sizes, run

    found = run(Sizes(sources, days), _teller())
    if as_json:
        print_json(found)


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


@bench.command()
@click.option("--cameras", type=click.IntRange(1, 8), default=3, show_default=True, help="Cameras, each a server.")
@click.option("--minutes", type=click.FloatRange(1), default=30.0, show_default=True, help="How long they are watched.")
@click.option(
    "--every", type=click.FloatRange(30), default=180.0, show_default=True, help="Seconds between faults of one."
)
@click.option("--folder", type=_FOLDER, required=True, help="Where clips and store are made; give an empty one.")
@as_json_option
@verb
def live(cameras: int, minutes: float, every: float, folder: Path, as_json: bool) -> None:
    """Live cameras cut, stalled and frozen: memory, disk, coverage beside what ran, and how soon each fault is told."""
    from eval.bench.live import Sizes, run_bench

    found = run_bench(Sizes(cameras, minutes, every), folder, _teller())
    if as_json:
        print_json(found)
    else:
        _paint_bars(found)


@bench.command()
@click.option(
    "--kind", type=click.Choice(["duckdb", "snowflake"]), default="duckdb", show_default=True, help="What is read."
)
@click.option("--rows", type=click.IntRange(100), default=300_000, show_default=True, help="Rows of the table.")
@click.option("--kills", type=click.IntRange(0), default=5, show_default=True, help="How often the pull is killed.")
@click.option("--vectors", is_flag=True, help="Rows get vectors too.")
@click.option("--seed", type=int, default=7, show_default=True, help="Where it is killed.")
@click.option("--folder", type=_FOLDER, required=True, help="Where table and stores are made; give an empty one.")
@as_json_option
@verb
def warehouse(kind: str, rows: int, kills: int, vectors: bool, seed: int, folder: Path, as_json: bool) -> None:
    """A large table is pulled, killed on the way again and again, and must end as the table is. Fails unless it does.

    Snowflake is a server of its protocol on this machine, and needs the Python that scripts/snowflake-env makes.
    """
    from eval.bench.warehouse import measure

    found = measure(folder, kind, rows, kills, vectors, seed)
    if as_json:
        print_json(found)
    else:
        console().print(clean("\n".join(f"{name}: {value}" for name, value in found.items())))
    if not (found["equal"] and found["late_row_found"]):
        raise SystemExit(1)


@bench.command()
@click.option("--rate", type=click.IntRange(10), default=200, show_default=True, help="Events a second.")
@click.option("--minutes", type=click.FloatRange(0.2), default=10.0, show_default=True, help="For how long.")
@click.option(
    "--backlog", type=click.IntRange(500), default=6_000, show_default=True, help="Messages of a poison round."
)
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True, help="Rounds of the poison test.")
@click.option("--folder", type=_FOLDER, required=True, help="Where the stores are made; give an empty one.")
@as_json_option
@verb
def stream(rate: int, minutes: float, backlog: int, rounds: int, folder: Path, as_json: bool) -> None:
    """Events on a bus: how long until each is found, whether that grows, and what broken messages cost."""
    from eval.bench.stream import Sizes, run_bench

    found = run_bench(Sizes(rate, minutes, backlog, rounds), folder, _teller())
    if as_json:
        print_json(found)
    else:
        _paint_bars(found)


@bench.command()
@click.option("--n", type=click.IntRange(2_000), default=200_000, show_default=True, help="Pieces of evidence.")
@click.option(
    "--words", type=click.IntRange(500), default=50_000, show_default=True, help="Texts asked by their words."
)
@click.option("--rounds", type=click.IntRange(1), default=5, show_default=True, help="Rounds of each measurement.")
@click.option("--storage", default="quantised", show_default=True, help="Vectors kept so are measured too; '' = none.")
@click.option(
    "--peer", "engines", multiple=True, help="Only these libraries beside ours; 'none' = none.  [default: all]"
)
@click.option("--peers-env", type=_FOLDER, default=Path(".peers-venv"), show_default=True, help="`make bench-peers`.")
@click.option("--folder", type=_FOLDER, help="Where vectors and stores are kept for the next run.  [default: nowhere]")
@as_json_option
@verb
def retrieval(engines: tuple[str, ...], peers_env: Path, folder: Path | None, as_json: bool, **sizes: Any) -> None:
    """Finding under filters, adding, words and memory, beside a flat scan and beside other libraries."""
    from eval.bench.retrieval import Sizes, chosen, run
    from eval.bench.retrieval_paint import paint

    found = run(Sizes(**sizes), folder, chosen(engines, peers_env), _teller())
    if as_json:
        print_json(found)
    else:
        paint(found)
        _paint_bars(found)


@bench.command()
@click.option("--rows", default="100000", show_default=True, help="Numbers of pieces, with commas between them.")
@click.option(
    "--storage", "storages", multiple=True, help="How vectors are kept, again for each.  [default: as it ships]"
)
@click.option("--folder", type=_FOLDER, help="Where stores are kept for the next run.  [default: nowhere]")
@as_json_option
@verb
def sizes(rows: str, storages: tuple[str, ...], folder: Path | None, as_json: bool) -> None:
    """What stores of several sizes cost to build, to start, to hold and to ask; each line is on standard error as soon as there is one."""
    from eval.bench.retrieval_paint import paint_sizes
    from eval.bench.retrieval_sizes import counts, run

    found = run(counts(rows), storages or ("",), folder, _teller(), partial(print_json, err=True))
    if as_json:
        print_json(found)
    else:
        paint_sizes(found)


@bench.command()
@click.option(
    "--goal",
    "only",
    multiple=True,
    help="Only these: flat, likely, filters, text, clip, nvdec, vlm, video.  [default: all]",
)
@click.option(
    "--vectors", type=click.IntRange(10_000), multiple=True, help="Sizes of stores.  [default: 1000000 and 10000000]"
)
@click.option("--clip", help="Weights of CLIP ViT-B/32: a file or a checkpoint folder.  [default: random, for speed]")
@click.option("--model-url", help="Endpoint of a vLLM with a vision-language model, for the goal vlm.")
@click.option("--dry-run", is_flag=True, help="The same code at toy sizes with a fake GPU: no figure means anything.")
@click.option("--folder", type=_FOLDER, required=True, help="Where clips and stores are made, kept for the next run.")
@as_json_option
@verb
def gpu(
    only: tuple[str, ...], vectors: tuple[int, ...], dry_run: bool, folder: Path, as_json: bool, **more: Any
) -> None:
    """Vectors, encoders, video and a model's caches on a GPU, beside this machine's processor.

    Each goal's figures are on standard error as soon as there are some.
    """
    from eval.bench.gpu import paint, run_bench
    from eval.bench.gpu_work import SIZES, Work

    work = Work(folder=str(folder), vectors=vectors or SIZES, **more)
    found = run_bench(work.toy() if dry_run else work, only, _teller(), partial(print_json, err=True))
    if as_json:
        print_json(found)
    else:
        paint(found)
        if not dry_run:
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
