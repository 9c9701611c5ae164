"""The `watchfloor` command. Verbs are loaded when they are named, so that `--help` is quick.

Other packages add verbs through the entry-point group "watchfloor.verbs" (click commands).
"""

from __future__ import annotations

import importlib
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import NamedTuple

import click

GROUP = "watchfloor.verbs"


class Verb(NamedTuple):
    """Where a verb lives, and its line in `--help` (kept here so that help loads nothing)."""

    module: str
    attribute: str
    line: str


VERBS = {
    "ingest": Verb("app.cli.taking", "ingest", "Take in files and folders."),
    "follow": Verb("app.cli.following", "follow", "Take in what appears in a folder or a bucket, until stopped."),
    "jobs": Verb("app.cli.jobs", "jobs", "List, stop, go on with and work off ingests."),
    "listen": Verb("app.cli.listening", "listen", "Take in what a message bus brings, until stopped."),
    "cameras": Verb("app.cli.cameras", "cameras", "Record and examine live cameras, until stopped."),
    "quality": Verb("app.cli.quality", "quality", "Say who delivers what, how late, and who is silent."),
    "pull": Verb("app.cli.pulling", "pull", "Take in rows of a warehouse: Snowflake, DuckDB, parquet."),
    "dead": Verb("app.cli.dead", "dead", "List messages of a bus that could not be read, or try them again."),
    "ask": Verb("app.cli.asking", "ask", "Answer a question, with claims and citations."),
    "conversations": Verb("app.cli.talking", "conversations", "List, read and delete conversations."),
    "search": Verb("app.cli.asking", "search", "Find evidence."),
    "show": Verb("app.cli.showing", "show", "Play a piece of evidence back."),
    "doctor": Verb("app.cli.house", "doctor", "Say how every part is."),
    "serve": Verb("app.cli.house", "serve", "Serve HTTP on this machine."),
    "reindex": Verb("app.cli.house", "reindex", "Throw the indexes away and rebuild them."),
    "reconcile": Verb("app.cli.house", "reconcile", "Compare indexes with the catalog and repair them."),
    "snapshot": Verb("app.cli.house", "snapshot", "Write the index in memory to disk, for the next start."),
    "erase": Verb("app.cli.erasing", "erase", "Erase evidence for good, with a receipt; verify one."),
    "hold": Verb("app.cli.holding", "hold", "Legal holds: what must be kept."),
    "retention": Verb("app.cli.holding", "retention", "How long evidence is kept; apply the rules."),
    "enrich": Verb("app.cli.enriching", "enrich", "Make more of evidence: captions of frames."),
    "stats": Verb("app.cli.house", "stats", "Count asks, verdicts and acceptance."),
    "vllm": Verb("app.cli.vllm", "vllm", "Print the command line that serves a model with vLLM."),
    "feedback": Verb("app.cli.house", "feedback", "Say whether an answer was accepted."),
}


class Verbs(click.Group):
    """A group whose commands are imported when they are needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*VERBS, *sorted(added())]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in VERBS:
            verb = VERBS[cmd_name]
            return _command(getattr(importlib.import_module(verb.module), verb.attribute))
        entry = added().get(cmd_name)
        return None if entry is None else _command(entry.load())

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = [(name, verb.line) for name, verb in VERBS.items()]
        rows += [(name, f"see `watchfloor {name} --help`") for name in sorted(added())]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def added() -> dict[str, EntryPoint]:
    """Verbs of other packages, by name; one of ours is never replaced."""
    return {entry.name: entry for entry in entry_points(group=GROUP) if entry.name not in VERBS}


def _command(found: object) -> click.Command:
    if not isinstance(found, click.Command):
        raise click.ClickException(f"{found!r} is not a click command")
    return found


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--config", type=click.Path(path_type=Path, dir_okay=False), help="Settings file (toml).")
@click.option(
    "--data-dir", type=click.Path(path_type=Path, file_okay=False), help="The directory that holds all state."
)
@click.version_option(package_name="watchfloor", prog_name="watchfloor")
@click.pass_context
def main(ctx: click.Context, config: Path | None, data_dir: Path | None) -> None:
    """Questions about operations, answered with claims bound to evidence that can be played back."""
    ctx.obj = {"config": config, "data_dir": data_dir}
