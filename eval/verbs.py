"""`watchfloor eval`: make a sample site, run a suite. Joins the command line through the entry-point group."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from app.cli.common import as_json_option, clean, console, print_json, verb

_FOLDER = click.Path(path_type=Path, file_okay=False)


@click.group(name="eval")
def evaluation() -> None:
    """Generate sample sites and measure answers and retrieval."""


@evaluation.command()
@click.option("--seed", type=int, default=7, show_default=True, help="The same seed gives the same site.")
@click.option(
    "--days", type=click.IntRange(1, 14), default=3, show_default=True, help="How many days the site records."
)
@click.option("--out", type=_FOLDER, required=True, help="Receives site/ (to ingest) and truth/ (never ingested).")
@as_json_option
@verb
def site(seed: int, days: int, out: Path, as_json: bool) -> None:
    """Generate a sample site with its true story and questions."""
    import msgspec

    from eval.site import generate
    from retrieval.errors import InputError

    try:
        with _bar("clips") as progress:
            made = generate(seed, days, out, progress)
    except (ValueError, FileExistsError) as error:
        raise InputError(str(error)) from error
    if as_json:
        print_json({"seed": seed, "days": days, "out": out.as_posix(), **msgspec.to_builtins(made, enc_hook=str)})
    else:
        click.echo(f"{made.name}: {made.clips} clips, {made.documents} documents in {made.site}")
        click.echo(f"{made.question_count} questions in {made.questions}")


@evaluation.command()
@click.argument("suite")
@click.option("--site", "site_dir", type=_FOLDER, help="Folder written by `eval site`.")
@click.option("--data", "data_dir", type=_FOLDER, help="Folder of the suite's own data.")
@click.option("--out", "out_dir", type=_FOLDER, help="Receives the report (html with plots).")
@click.option("--set", "claim_set", default="tuning", show_default=True, help="Which scripted claims (suite claims).")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed gives the same claims or clips.")
@as_json_option
@verb
def run(
    suite: str,
    site_dir: Path | None,
    data_dir: Path | None,
    out_dir: Path | None,
    claim_set: str,
    seed: int,
    as_json: bool,
) -> None:
    """Run SUITE and print its metrics.

    Suites: site, cases, blind, cranfield, xquad, claims, grounding, xquad-answers, hotpotqa-answers, speech, nab, skab,
    entities, clocks, presence, tuxpaint, moments.
    """
    from eval.runner import run as run_suite

    with _bar(suite) as progress:
        found = run_suite(suite, site_dir, data_dir, out_dir, progress, claim_set, seed)
    if as_json:
        print_json(found)
    elif "by_mutation" in found:
        _paint_claims(found)
    else:
        _paint(found)


@evaluation.command()
@click.option("--seed", type=int, default=7, show_default=True, help="The same seed gives the same site.")
@click.option(
    "--days", type=click.IntRange(1, 14), default=2, show_default=True, help="How many days the site records."
)
@click.option("--out", type=_FOLDER, required=True, help="Receives the site, its truth and its store.")
@as_json_option
@verb
def demo(seed: int, days: int, out: Path, as_json: bool) -> None:
    """Make the sample site, ingest it, and ask it six questions; fails unless all six verdicts are right."""
    from app.principals import local_principal
    from app.settings import load
    from app.wiring import build
    from eval import demo as show

    settings = load(data_dir=out / "watchfloor-data")
    with _bar("site") as progress:
        folder = show.make_site(out, seed, days, progress)
    service = build(settings)
    try:
        with _bar("ingest") as progress:
            summary = show.ingest(service, folder, local_principal(settings), progress)
        shown = show.ask_all(service, out, local_principal(settings))
    finally:
        service.close()
    _show(summary, shown, as_json)


@evaluation.command()
@click.option("--fit", required=True, multiple=True, metavar="SOURCE", help="Answers to fit on; see below.")
@click.option("--test", multiple=True, metavar="SOURCE", help="Answers to test on, beside each suite on the others.")
@click.option("--data", "data_dir", type=_FOLDER, help="Folder of the data of cases and blind.")
@click.option("--name", default="fitted", show_default=True, help="Name of the calibration, as answers give it.")
@click.option("--method", type=click.Choice(["logistic", "isotonic"]), default="logistic", show_default=True)
@click.option("--risk", type=click.FloatRange(0, 1, True, True), default=0.1, show_default=True, help="Stated risk.")
@click.option("--seed", type=int, default=1, show_default=True, help="Of the bootstrap.")
@click.option("--out", type=_FOLDER, required=True, help="Receives calibration.json, summary.json, plots, report.html.")
@as_json_option
@verb
def calibrate(out: Path, as_json: bool, **given: Any) -> None:
    """Fit the confidence of answers on answers whose truth is known.

    A SOURCE is the folder of a report (`eval run … --out`), used as it stands; the folder of a site (`eval site`), or the word cases
    or blind, asked anew and kept below OUT. Where a model worded the answers (WATCHFLOOR_MODEL__BASE_URL was set), it is calibrated,
    else the evidence brief. OUT/calibration.json, copied into a data directory, is used there.
    """
    from eval.calibrate.painting import paint
    from eval.calibrate.running import Wanted
    from eval.calibrate.running import run as run_calibration

    with _bar("calibrate") as progress:
        found = run_calibration(Wanted(**given), out, progress)
    if as_json:
        print_json(found)
    else:
        paint(found, out)


def _show(summary: Any, shown: list[Any], as_json: bool) -> None:
    from app.cli.paint import paint_answer
    from app.wire import answer_json

    right = sum(one.right for one in shown)
    if as_json:
        print_json({"questions": len(shown), "right": right, "answers": [answer_json(one.answer) for one in shown]})
    else:
        click.echo(f"ingested {summary.ingested}, unchanged {summary.unchanged}, rejected {len(summary.rejected)}")
        for one in shown:
            click.echo("")
            paint_answer(one.answer)
        click.echo(f"\n{right} of {len(shown)} verdicts are the expected ones")
    # the expected verdicts are the brief's; a model's words may carry an answer less far, which is shown and is no failure
    if right != len(shown) and not any(one.answer.usage for one in shown):
        sys.exit(1)


@contextmanager
def _bar(name: str) -> Iterator[Callable[[int, int, str], None]]:
    """A progress bar on stderr; told (done, total, what)."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn(name),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[at]}"),
    )
    with Progress(*columns, console=console(err=True)) as bar:
        task = bar.add_task(name, total=None, at="")
        yield lambda done, total, at: bar.update(task, completed=done, total=total, at=clean(str(at))[-40:])


def _paint(found: dict[str, Any]) -> None:
    from rich.table import Table

    table = Table(title=f"{found['suite']}: {found['n']} {found.get('items', 'questions')}", title_justify="left")
    kinds = found.get("by_kind") or {}
    for name in ("metric", "all", *kinds):
        table.add_column(name)
    for name, value in found["metrics"].items():
        cells = [_number(metrics.get(name)) if isinstance(metrics, dict) else "" for metrics in kinds.values()]
        table.add_row(name, _number(value), *cells)
    console().print(table)
    spent = ", ".join(f"{name} {_number(value)}" for name, value in (found.get("latency_ms") or {}).items())
    click.echo(f"latency in ms: {spent}")


def _paint_claims(found: dict[str, Any]) -> None:
    from rich.table import Table

    metrics = found["metrics"]
    click.echo(
        f"claims ({found['set']}, seed {found['seed']}): {_number(metrics['right_kept'])} of {metrics['right']} right ones "
        f"kept, {metrics['wrong_supported']} of {metrics['wrong']} wrong ones supported"
    )
    table = Table("kind of claim", "right", "kept", "wrong", "supported")
    for kind, figures in found["by_kind"].items():
        cells = (figures[name] for name in ("right", "right_kept", "wrong", "wrong_supported"))
        table.add_row(kind, *map(_number, cells))
    console().print(table)
    table = Table("mutation", "wrong", "supported")
    for mutation, figures in found["by_mutation"].items():
        table.add_row(mutation, str(figures["n"]), str(figures["supported"]))
    console().print(table)


def _number(value: Any) -> str:
    return f"{value:.3f}" if isinstance(value, float) else "" if value is None else str(value)
