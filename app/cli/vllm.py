"""`watchfloor vllm`: the command line that serves a model, printed or run."""

from __future__ import annotations

import os
import shlex
import subprocess

import click

from app.cli.common import as_json_option, print_json, verb
from app.model.vllm import CommandLine, Machine, below_floor, command_line
from app.settings import inherited
from retrieval.errors import BadSettings


@click.command()
@click.option("--memory", type=click.IntRange(1), default=24, show_default=True, help="Memory of one GPU, in GB.")
@click.option("--gpus", type=click.IntRange(1), default=1, show_default=True, help="GPUs in one machine.")
@click.option("--machines", type=click.IntRange(1), default=1, show_default=True, help="Machines, joined by Ray.")
@click.option("--model", help="Another model than the one that fits.")
@click.option("--host", default="127.0.0.1", show_default=True, help="A private address to listen on.")
@click.option("--port", type=click.IntRange(1, 65535), default=8001, show_default=True)
@click.option("--run", "runs", is_flag=True, help="Check the installed vLLM's version and start it.")
@as_json_option
@verb
def vllm(  # noqa: PLR0913 - click gives every option as an argument
    memory: int, gpus: int, machines: int, model: str | None, host: str, port: int, runs: bool, as_json: bool
) -> None:
    """Print the vLLM command line for a machine, with the reasons; never one that the world can reach."""
    made = command_line(Machine(memory, gpus, machines), host, port, model)
    if runs:
        _run(made)
    elif as_json:
        print_json({"command": list(made.words), "environment": made.environment, "reasons": list(made.reasons)})
    else:
        click.echo("\n".join(f"# {reason}" for reason in made.reasons))
        click.echo(shell(made))


def shell(made: CommandLine) -> str:
    """A command line to paste; variables of the environment before it."""
    before = [f'{name}="{value}"' if "$" in value else f"{name}={value}" for name, value in made.environment.items()]
    return " ".join([*before, shlex.join(made.words)])


def _run(made: CommandLine) -> None:
    """Become the server. Raises BadSettings where vLLM is not installed, too old, or its key is not set."""
    try:
        told = subprocess.run(["vllm", "--version"], capture_output=True, text=True, timeout=120, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        raise BadSettings(
            "vLLM does not start here; install it with `pip install vllm` on a machine with a GPU"
        ) from error
    why = below_floor(told.stdout.split()[-1] if told.stdout.split() else "")
    environment = inherited({name: value for name, value in made.environment.items() if "$" not in value})
    missing = [name for name in made.environment if not environment.get(name)]
    if why or missing:
        raise BadSettings(why or f"set {missing[0]} first: others can reach this address")
    os.execvpe(made.words[0], made.words, environment)  # noqa: S606 - the words are ours, no shell reads them
