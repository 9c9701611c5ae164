"""`watchfloor pull`."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.cli.common import as_json_option, clean, console, log_to_stderr, print_json, settings_of, verb
from app.cli.stopping import stopped_by_signals

if TYPE_CHECKING:
    from app.wiring_warehouse import Pulling, Turn, Turning


@click.command()
@click.argument("warehouse", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--every", type=click.FloatRange(1.0), help="Pull again and again, so many seconds apart, until stopped.")
@click.option(
    "--full", is_flag=True, help="Compare every column, also where the mapping compares key and watermark only."
)
@click.option("--allow-loss", is_flag=True, help="Go on where more than half of a table's rows are gone.")
@as_json_option
@click.pass_context
@verb
def pull(ctx: click.Context, warehouse: Path, every: float | None, full: bool, allow_loss: bool, as_json: bool) -> None:
    """Take in rows of a warehouse: alerts, work orders and other records, from Snowflake, DuckDB or parquet files.

    WAREHOUSE is a yaml file: the connection, and for each mapping its table, its key and which column tells what. Blocks of rows are
    compared with what is held, by count and hash; those that differ are read, so that late, changed and deleted rows are found. Stopped
    at any point it goes on where it was. May run beside a server, which finds what comes within a second.
    """
    log_to_stderr()
    from app.wiring import Parts
    from app.wiring_warehouse import Pulling, Turning

    settings = settings_of(ctx)
    parts = Parts(settings)
    tell = _json if as_json else _line
    try:
        # what is read is stored first; a second signal ends it at once, but for a statement that DuckDB is at
        with stopped_by_signals(insisted=True) as stop:
            turn = Turning(told=tell, progress=_progress(stop), thorough=full, allow_loss=allow_loss)
            pulling = Pulling(parts, settings, warehouse)
            well = pulling.turn(turn)
            while every is not None and not stop.wait(every):
                _patiently(pulling, turn)
    finally:
        parts.close()
    if not well and every is None:
        sys.exit(1)


def _patiently(pulling: Pulling, turn: Turning) -> None:
    """One more turn; a store that is busy is there again at the next."""
    from retrieval.errors import StoreError

    try:
        pulling.turn(turn)
    except StoreError as problem:
        console(err=True).print(clean(f"WAITING: {problem}"))


def _progress(stop: threading.Event) -> Callable[[str, int, int], None]:
    """Called whenever something has been stored, which is where a pull may well end."""

    def tell(mapping: str, done: int, expected: int) -> None:
        if stop.is_set():
            sys.exit(0)
        if expected and sys.stderr.isatty():
            click.echo(f"\r{mapping}: {done:,} of {expected:,} rows", nl=done >= expected, err=True)

    return tell


def _json(turn: Turn) -> None:
    known = {"mapping": turn.mapping, "trouble": turn.trouble, "took_s": round(turn.took_s, 3)}
    print_json(known if turn.pulled is None else {**turn.pulled._asdict(), **known})


def _line(turn: Turn) -> None:
    if turn.pulled is None:
        console(err=True).print(clean(f"{turn.mapping}: FAILED: {turn.trouble}"))
        return
    now = turn.pulled
    out = console()
    read = f"{now.differed:,} of {now.blocks:,} blocks differed"
    out.print(
        clean(
            f"{now.mapping}: {now.rows:,} rows; {read}, {now.read:,} rows read: {now.added:,} new, {now.closed:,} closed, "
            f"{now.refused:,} refused; newest {now.through or 'unknown'}; {turn.took_s:.1f} s"
        )
    )
    for note in now.notes:
        out.print(clean(f"  note: {note}"))
