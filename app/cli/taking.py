"""`watchfloor ingest`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.cli.common import as_json_option, clean, console, opened, print_json, verb
from app.cli.jobs import say

if TYPE_CHECKING:
    from app.ports import Advance, IngestSummary


def _chosen(ctx: click.Context, option: click.Parameter, value: str | None) -> None:
    """An option over the setting of its name; an address of Ray alone asks for Ray."""
    if value is None:
        return
    given = _given(ctx)
    asked = {"engine": value} if option.name == "engine" else {"engine": "ray", "ray_address": value} | given
    ctx.obj = {**(ctx.obj or {}), "settings": {"ingest": {**given, **asked}}}


def _given(ctx: click.Context) -> dict[str, str]:
    """The settings of ingest that options have set."""
    given: dict[str, str] = (ctx.obj or {}).get("settings", {}).get("ingest", {})
    return given


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--report",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for the run's data quality, as json and as a page.",
)
@click.option("--again", is_flag=True, help="Try sources of PATHS again that were given up after three tries.")
@click.option("--background", is_flag=True, help="Only queue it: a server, or `watchfloor jobs work`, does the work.")
@click.option(
    "--engine",
    type=click.Choice(["local", "ray"]),
    callback=_chosen,
    expose_value=False,
    help="What reads; without it as the setting ingest.engine says.",
)
@click.option(
    "--ray-address", callback=_chosen, expose_value=False, help="Head of a Ray cluster; without it Ray is started here."
)
@as_json_option
@click.pass_context
@verb
def ingest(
    ctx: click.Context, paths: tuple[Path, ...], report: Path | None, again: bool, background: bool, as_json: bool
) -> None:
    """Take in files and folders: video, pictures, reports, sensor series, alerts, work orders.

    A source that fails three times with the same content is given up: it is named in the summary and not read again until it changes.

    Ends with 0 when anything was ingested or was known already, else with 2.
    """
    from app.wire import report_json, summary_json
    from retrieval.errors import InputError

    for path in paths:
        if not os.path.exists(path):  # noqa: PTH110 - False for a name that no system takes, where Path.exists raises
            raise InputError(f"{path} does not exist; nothing was ingested; give files or folders")

    def acknowledge(step: Advance) -> None:
        if step.report is not None:
            print_json(report_json(step.report))

    whole = [path.resolve() for path in paths]
    if background and (report is not None or _given(ctx)):
        raise InputError("whoever does the work reads and reports as its own settings say: --background takes no other")
    if report is not None:
        _prepare(report.resolve(), whole)
    with opened(ctx, local=again or bool(_given(ctx))) as (service, principal):
        if again:
            service.release(principal, whole)
        if background:
            say(service.jobs.submit(whole, principal), as_json)
            return
        if as_json:
            summary = service.ingest(whole, principal, acknowledge)
            print_json(summary_json(summary))
        else:
            with _bar() as progress:
                summary = service.ingest(whole, principal, progress)
            _paint(summary)
    if report is not None:
        _write_quality(report, summary, as_json)
    sys.exit(0 if summary.ingested or summary.unchanged else 2)


def _prepare(folder: Path, taken: list[Path]) -> None:
    """Make the report's folder. Raises InputError where it cannot be made, or lies in what is taken in: a report is no evidence."""
    from retrieval.errors import InputError

    if any(folder.is_relative_to(path) for path in taken):
        raise InputError(f"the report would become evidence in {folder}; give a folder outside of what is ingested")
    with _writing(folder):
        folder.mkdir(parents=True, exist_ok=True)


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    """Raises InputError where something cannot be written."""
    from retrieval.errors import InputError

    try:
        yield
    except OSError as problem:
        raise InputError(f"the report cannot be written to {folder}: {problem.strerror}") from problem


def _write_quality(folder: Path, summary: IngestSummary, quiet: bool) -> None:
    """quality.json and quality.html. Raises InputError where the folder cannot be written."""
    import msgspec

    from app.quality_page import page
    from retrieval.errors import InputError

    if not summary.quality:
        raise InputError(
            "the server that took the files in gives no report of their quality; it is of an older version"
        )
    with _writing(folder):
        (folder / "quality.json").write_bytes(msgspec.json.format(msgspec.json.encode(summary.quality)))
        (folder / "quality.html").write_text(page(summary.quality), encoding="utf-8")
    if not quiet:
        console().print(clean(f"data quality: {folder / 'quality.html'}"))


@contextmanager
def _bar() -> Iterator[Callable[[Advance], None]]:
    """A bar on stderr: done of total, rate, remaining time, rejected."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[rejected]} rejected"),
    )
    bar = Progress(*columns, console=console(err=True))
    task = bar.add_task("ingest", total=None, rate="", rejected=0)
    rejected = 0

    def progress(step: Advance) -> None:
        nonlocal rejected
        # a command that cannot begin says why in one line, without a bar above it
        bar.start()
        rejected += step.report is not None and step.report.status == "rejected"
        speed = bar.tasks[0].speed
        name = clean(step.source.rsplit("/", 1)[-1])[-32:]
        rate = f"{speed:.1f}/s" if speed else ""
        bar.update(task, completed=step.done, total=step.total, description=name, rate=rate, rejected=rejected)

    try:
        yield progress
    finally:
        if bar.live.is_started:
            bar.stop()


def _paint(summary: IngestSummary) -> None:
    out = console()
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(summary.evidence_by_kind.items())) or "no evidence"
    counts = f"{summary.ingested} ingested, {summary.unchanged} unchanged, {len(summary.rejected)} rejected"
    out.print(f"{counts}; {kinds}; sequence {summary.sequence}")
    for row in summary.rejected:
        out.print(clean(f"  rejected {row['source']}: {row['reason']} ({row['code']})"))
    for note in summary.notes:
        out.print(clean(f"  note: {note}"))
