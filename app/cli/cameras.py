"""`watchfloor cameras`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.cli.common import as_json_option, clean, console, log_to_stderr, print_json, settings_of, verb
from app.cli.stopping import stopped_by_signals

if TYPE_CHECKING:
    from app.wiring_live import CameraStanding, Change, Standing


# a camera's own clock counts where it agrees with ours so far
_SKEWED_S = 2.0


@click.command()
@click.argument("file", metavar="CAMERAS", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--every", type=click.FloatRange(0.1), default=10.0, show_default=True, help="Seconds between two tellings."
)
@as_json_option
@click.pass_context
@verb
def cameras(ctx: click.Context, file: Path, every: float, as_json: bool) -> None:
    """Record live cameras (RTSP, HLS) into a ring of short clips and examine these, until stopped.

    CAMERAS is a yaml file: for each camera its url, and what is kept of all together. A stream that is cut, stalls or stands still is told,
    and begun anew. May run beside a server, which finds what comes within a second.
    """
    log_to_stderr()
    from app.wiring import Parts
    from app.wiring_live import watching

    settings = settings_of(ctx)
    parts = Parts(settings)
    try:
        made = watching(parts, settings, file, _change_json if as_json else _change_line)
        with made.lock, stopped_by_signals(insisted=False) as stop:
            _ready(made.cameras, made.folder, as_json)
            made.watch.run(stop, made.folder, _standing_json if as_json else _standing_lines, every)
    finally:
        parts.close()


def _ready(count: int, folder: Path, as_json: bool) -> None:
    if as_json:
        print_json({"watching": count, "folder": str(folder)})
    else:
        console().print(clean(f"watching {count} cameras, recording into {folder}; stop with ctrl-c"))


def _change_json(change: Change) -> None:
    print_json({"changed": change})


def _change_line(change: Change) -> None:
    from retrieval.times import to_datetime

    since = f"{to_datetime(change.since):%H:%M:%S} UTC"
    console().print(clean(f"{change.camera}: {change.state} since {since} ({change.why})"))


def _standing_json(standing: Standing) -> None:
    print_json(standing)


def _standing_lines(standing: Standing) -> None:
    out = console()
    for name, now in standing.cameras.items():
        out.print(clean(f"{name}: {_camera_words(now)}"))
    out.print(f"kept: {standing.clips} clips, {standing.size / 1e9:.2f} of {standing.most / 1e9:.2f} GB")
    if standing.trouble:
        out.print(clean(f"TROUBLE: {standing.trouble}"))


def _camera_words(now: CameraStanding) -> str:
    state = now.state if now.state == "recording" else f"{now.state.upper()} ({now.why})"
    behind = [f"{count} {what}" for what, count in _lacking(now).items() if count]
    if now.ahead_s is not None and abs(now.ahead_s) > _SKEWED_S:
        behind.append(f"its clock is {now.ahead_s:+.0f} s off and not used")
    return ", ".join([state, f"{now.recorded} clips recorded, {now.examined} examined", *behind])


def _lacking(now: CameraStanding) -> dict[str, int]:
    return {
        "waiting": now.waiting,
        "skipped for lack of time": now.skipped,
        "that cannot be examined": now.failed,
        "NOT KEPT": now.unkept,
    }
