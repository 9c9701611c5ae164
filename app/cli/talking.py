"""`watchfloor conversations`: list them, read one, delete one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from app.cli.common import as_json_option, clean, console, opened, print_json, verb
from retrieval.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.ports import Conversation


@click.command()
@click.argument("conversation_id", metavar="[ID]", required=False)
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="Most lines of the list.")
@click.option("--forget", is_flag=True, help="Delete the conversation and the answers given in it.")
@as_json_option
@click.pass_context
@verb
def conversations(ctx: click.Context, conversation_id: str | None, limit: int, forget: bool, as_json: bool) -> None:
    """List your conversations, or print the one with this ID."""
    from app.wire import as_json as plain
    from app.wire import conversation_out

    if forget and conversation_id is None:
        raise InputError("which one? Give the id of the conversation to delete")
    with opened(ctx) as (service, principal):
        if conversation_id is None:
            talks = service.conversations(principal, limit)
        elif forget:
            service.forget_conversation(conversation_id, principal)
        else:
            talks = [service.conversation(conversation_id, principal)]
    if forget:
        _say({"forgotten": conversation_id}, f"{conversation_id} is deleted", as_json)
    elif as_json:
        shown = [plain(conversation_out(talk)) for talk in talks]
        print_json({"conversations": shown} if conversation_id is None else shown[0])
    elif conversation_id is None:
        _paint_list(talks)
    else:
        _paint_one(talks[0])


def _say(value: dict[str, object], words: str, as_json: bool) -> None:
    if as_json:
        print_json(value)
    else:
        click.echo(words)


def _paint_list(talks: Sequence[Conversation]) -> None:
    from retrieval.times import iso

    if not talks:
        click.echo("no conversations yet; begin one with `watchfloor ask --conversation new QUESTION`")
    for talk in talks:
        click.echo(clean(f"{talk.id}  {iso(talk.last_at)[:16]}Z  {talk.count:3} asked  {talk.title}"))


def _paint_one(talk: Conversation) -> None:
    from rich.text import Text

    out = console()
    for turn in talk.turns:
        out.print(Text(clean(turn.question), style="bold"))
        if turn.resolved:
            out.print(Text(clean(f"  understood as: {turn.resolved}"), style="dim"))
        out.print(Text(clean(f"  {turn.verdict}: {turn.reply}" if turn.reply else f"  {turn.verdict}")))
