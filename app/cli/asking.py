"""`watchfloor ask` and `watchfloor search`."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import click

from app.cli.common import as_json_option, opened, print_json, settings_of, verb


@click.command()
@click.argument("question")
@click.option("--asked-at", metavar="TIME", help="Anchor of relative times, e.g. 2026-03-04T08:00:00Z (default: now).")
@click.option("--as-of", metavar="TIME", help="Answer from what was known then.")
@click.option("--deadline", type=float, metavar="SECONDS", help="Longest time for the answer.")
@click.option(
    "--picture",
    "pictures",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    multiple=True,
    help="A picture the question is about; may be repeated.",
)
@click.option("--about", multiple=True, metavar="ID", help="Evidence the question points at; may be repeated.")
@click.option("--conversation", metavar="ID", help='The conversation it belongs to; "new" begins one.')
@as_json_option
@click.pass_context
@verb
def ask(  # noqa: PLR0913 - click gives every option as an argument
    ctx: click.Context,
    question: str,
    asked_at: str | None,
    as_of: str | None,
    deadline: float | None,
    pictures: tuple[Path, ...],
    about: tuple[str, ...],
    conversation: str | None,
    as_json: bool,
) -> None:
    """Answer QUESTION (or "-": read it from standard input) with claims, citations, timeline and coverage."""
    from app.cli.paint import paint_answer
    from app.cli.recall import expand, remember
    from app.ports import Ask
    from app.unwire import deadline_in, parse_time
    from app.wire import answer_json

    data_dir = settings_of(ctx).data_dir
    # not by the fields of a request: what is wrong is named as the option it came by
    asked = Ask(
        question=sys.stdin.read() if question == "-" else question,
        asked_at=time.time_ns() // 1000 if asked_at is None else parse_time(asked_at, "--asked-at"),
        as_of=None if as_of is None else parse_time(as_of, "--as-of"),
        deadline_s=deadline_in(deadline, "--deadline"),
        pictures=tuple(path.read_bytes() for path in pictures),
        about=tuple(expand(data_dir, id_) for id_ in about),
        conversation=conversation,
    )
    with opened(ctx) as (service, principal):
        answer = service.ask(asked, principal)
    if as_json:
        print_json(answer_json(answer))
        return
    remember(data_dir, [cited.evidence for claim in answer.claims for cited in claim.citations])
    paint_answer(answer)


@click.command()
@click.argument("text")
@click.option("-k", type=int, default=10, show_default=True, help="Most hits.")
@click.option("--kind", "kinds", multiple=True, help="frame, passage, alert, window, transcript, row; may be repeated.")
@click.option("--entity", "entities", multiple=True, help="Entity id, e.g. CAM-07; may be repeated.")
@click.option("--start", metavar="TIME", help="Only what happened after this, e.g. 2026-03-04T02:00:00Z.")
@click.option("--end", metavar="TIME", help="Only what happened before this.")
@click.option("--as-of", metavar="TIME", help="Only what was known then.")
@click.option(
    "--explain", is_flag=True, help="Also tell how vectors and words were searched: how many pass, which way, why."
)
@as_json_option
@click.pass_context
@verb
def search(  # noqa: PLR0913 - click gives every option as an argument
    ctx: click.Context,
    text: str,
    k: int,
    kinds: tuple[str, ...],
    entities: tuple[str, ...],
    start: str | None,
    end: str | None,
    as_of: str | None,
    explain: bool,
    as_json: bool,
) -> None:
    """Find evidence for TEXT, best first."""
    from app.unwire import query_in
    from app.wire import SearchFields, hits_json

    query = query_in(SearchFields(text=text, k=k, kinds=kinds, entities=entities, start=start, end=end, as_of=as_of))
    with opened(ctx) as (service, principal):
        found = service.find(query, principal)
        told = service.explain(query, principal) if explain else None
    if as_json:
        print_json(hits_json(found, told))
        return
    from app.cli.paint import paint_explained, paint_hits
    from app.cli.recall import remember

    remember(settings_of(ctx).data_dir, [hit.evidence.id for hit in found.hits])
    paint_hits(found)
    paint_explained(told or [])
