"""`watchfloor enrich`: what is made out of evidence afterwards."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from app.cli.common import as_json_option, clean, console, log_to_stderr, print_json, settings_of, verb

if TYPE_CHECKING:
    from app.enrich.captioner import Step, Summary

_INTERRUPTED = 130


@click.command()
@click.argument("what", type=click.Choice(["captions"]))
@click.option("--budget", type=click.IntRange(1), metavar="N", help="Frames to ask about at most.")
@click.option(
    "--tokens", type=click.IntRange(1), metavar="N", help="Tokens to spend, about; no frame is begun beyond them."
)
@click.option("--minutes", type=click.FloatRange(0, min_open=True), metavar="M", help="Time to take at most.")
@click.option("--source", "pattern", metavar="PATTERN", help='Only clips of this name, e.g. "CAM-02_*".')
@click.option("--blurred-too", is_flag=True, help="Also cameras whose policy blurs people, faces or plates.")
@click.option(
    "--at-once",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Frames with the model at a time, up to model.concurrency.",
)
@as_json_option
@click.pass_context
@verb
def enrich(  # noqa: PLR0913 - click gives every option as an argument
    ctx: click.Context, what: str, budget: int | None, tokens: int | None, minutes: float | None, pattern: str | None,
    blurred_too: bool, at_once: int, as_json: bool,
) -> None:  # fmt: skip
    """Make more of what was taken in. captions: the configured vision-language model describes one frame of every moment.

    A run that was broken off is gone on with by the next one. May run beside a server. Ends with 1 when the model let it down.
    """
    log_to_stderr()
    from app.enrich.captioner import Wish
    from app.principals import local_principal
    from app.wiring import Parts
    from app.wiring_captions import captioner

    settings = settings_of(ctx)
    seconds = None if minutes is None else 60 * minutes
    wish = Wish(budget, tokens, seconds, pattern, blurred_too, min(at_once, settings.model.concurrency))
    parts = Parts(settings)
    try:
        with _bar(hidden=as_json) as progress:
            summary = captioner(parts, settings).run(local_principal(settings), wish, progress)
    finally:
        parts.close()
    if as_json:
        from app.wire import as_json as plain

        print_json(plain(summary))
    else:
        _paint(summary)
    sys.exit(_INTERRUPTED if summary.interrupted else int(summary.broke))


@contextmanager
def _bar(hidden: bool) -> Iterator[Callable[[Step], None]]:
    """A bar on stderr: done of total, rate, remaining time, failed."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[failed]} failed"),
    )
    bar = Progress(*columns, console=console(err=True), disable=hidden)
    task = bar.add_task("captions", total=None, failed=0)

    def progress(step: Step) -> None:
        # a command that cannot begin says why in one line, without a bar above it
        bar.start()
        bar.update(task, completed=step.done, total=step.total, description=clean(step.name)[-32:], failed=step.failed)

    try:
        yield progress
    finally:
        if bar.live.is_started:
            bar.stop()


def _paint(summary: Summary) -> None:
    out = console()
    left = f"{summary.left} left" + (f" ({summary.stopped})" if summary.stopped else "")
    out.print(
        clean(f"{summary.captioned} captioned by {summary.model} ({summary.prompt}), {summary.failed} failed, {left}")
    )
    out.print(
        f"{summary.moments} moments: {summary.already} had a caption, {summary.hidden} left out because they are blurred"
    )
    tokens = f"{summary.prompt_tokens} tokens in, {summary.completion_tokens} out"
    out.print(f"{tokens}, {summary.seconds:.0f} s")
    for row in summary.failures:
        out.print(clean(f"  failed {row['source']} {row['evidence']}: {row['reason']}"))
