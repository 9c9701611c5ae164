"""`watchfloor jobs`: list ingests, look at one, stop it, go on with it, and work them off."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from app.cli.common import as_json_option, clean, opened, print_json, verb
from app.cli.stopping import stopped_by_signals

if TYPE_CHECKING:
    from app.jobs.job import Job


@click.group(invoke_without_command=True)
@as_json_option
@click.pass_context
def jobs(ctx: click.Context, as_json: bool) -> None:
    """Ingests as jobs: `list` them (also without a word), `show`, `cancel` or `resume` one, `work` them off."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(listed, as_json=as_json)
    elif as_json:
        raise click.UsageError(f"--json goes behind the word: watchfloor jobs {ctx.invoked_subcommand} --json")


@jobs.command("list")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="Most lines of the list.")
@as_json_option
@click.pass_context
@verb
def listed(ctx: click.Context, limit: int = 50, as_json: bool = False) -> None:
    """The newest first."""
    with opened(ctx) as (service, principal):
        found = service.jobs.listed(principal, limit)
    if as_json:
        print_json({"jobs": [plain(job) for job in found]})
        return
    for job in found:
        click.echo(clean(line(job)))
    if not found:
        click.echo("no jobs yet; `watchfloor ingest --background PATHS` queues one")


@jobs.command()
@click.argument("job_id", metavar="ID")
@as_json_option
@click.pass_context
@verb
def show(ctx: click.Context, job_id: str, as_json: bool) -> None:
    """One job, and what became of each of its sources."""
    with opened(ctx) as (service, principal):
        job = service.jobs.one(job_id, principal)
    if as_json:
        print_json(plain(job, whole=True))
        return
    click.echo(clean(line(job)))
    for path in job.paths:
        click.echo(clean(f"  of {path}"))
    for source in job.sources:
        why = f": {source.reason} ({source.code})" if source.reason else ""
        click.echo(clean(f"  {source.status} {source.source}{why}"))


@jobs.command()
@click.argument("job_id", metavar="ID")
@as_json_option
@click.pass_context
@verb
def cancel(ctx: click.Context, job_id: str, as_json: bool) -> None:
    """Stop a job before its next commit. What is committed stays; `resume` goes on from there."""
    with opened(ctx) as (service, principal):
        say(service.jobs.cancel(job_id, principal), as_json)


@jobs.command()
@click.argument("job_id", metavar="ID")
@as_json_option
@click.pass_context
@verb
def resume(ctx: click.Context, job_id: str, as_json: bool) -> None:
    """Queue a cancelled or failed job again, to go on where it stopped."""
    with opened(ctx) as (service, principal):
        say(service.jobs.resume(job_id, principal), as_json)


@jobs.command()
@click.option("--until-done", is_flag=True, help="End when no job is left.")
@as_json_option
@click.pass_context
@verb
def work(ctx: click.Context, until_done: bool, as_json: bool) -> None:
    """Work jobs off, one at a time, until stopped. A running server does so by itself."""
    with opened(ctx, local=True) as (service, _), stopped_by_signals(insisted=False) as stop:
        # the source in hand is given up, and its job goes back into the queue
        service.work(stop, lambda job: say(job, as_json), lasting=not until_done)


def say(job: Job, as_json: bool) -> None:
    if as_json:
        print_json(plain(job))
    else:
        click.echo(clean(line(job)))


def plain(job: Job, *, whole: bool = False) -> object:
    """A job as JSON."""
    from app.jobs.wire import job_out
    from app.wire import as_json

    return as_json(job_out(job, whole=whole))


def line(job: Job) -> str:
    """What it is about and how it is, in one line."""
    from retrieval.times import iso

    counts = ", ".join(f"{count} {status}" for status, count in job.counts.items())
    far = f"{job.done} of {job.total}" if job.total else "not begun"
    tries = f", taken up {job.attempts} times" if job.attempts > 1 else ""
    at = f", at {job.source.rsplit('/', 1)[-1]}" if job.source else ""
    told = f" ({counts})" if counts else ""
    cause = f": {job.reason} ({job.code})" if job.code else ""
    whose = f" by {job.by}" if job.by else ""
    return f"{job.id}  {iso(job.created_at)[:19]}Z  {job.state:10}  {far}{told}{at}{tries}{whose}{cause}"
