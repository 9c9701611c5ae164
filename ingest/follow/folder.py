"""A watched folder → the catalog."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote_to_bytes

from ingest.follow.look import Look, look_at
from ingest.follow.marks import Marks
from ingest.follow.port import Round, summed
from ingest.follow.quiet import Quiet
from ingest.follow.waking import Waker
from ingest.media_types import BY_ENDING, STRUCTURED
from ingest.naming import ON_DISK
from ingest.objects.taking import GONE, KNOWN, LEFT, PASSING, REFUSED, TAKEN, WAITS, Ingest, Outcome, Told
from ingest.video.start import is_sidecar
from retrieval.errors import InputError, UpstreamError
from retrieval.ids import content_hash
from retrieval.ports import Held, Receipt, Unit

INGESTER = "folder@1"
# files given to one ingest: between two, it is seen what else came
_TOGETHER = 100


class Closing(Protocol):
    """The catalog, as far as ending what is gone needs it."""

    def held_below(self, tenant: str, start: str) -> dict[str, Held]: ...

    def commit(self, unit: Unit) -> Receipt: ...


class FolderFollower:
    """A file is taken once nobody has written to it for `quiet_s` seconds, and again when it changes. `clock` is monotonic, in seconds.

    `closing` is given where the evidence of removed files is to end. Without it, it stays: recorders remove old footage to make room, and
    what it showed remains true. A folder that is away, or empty all at once, is taken for a missing mount and closes nothing.
    """

    def __init__(
        self,
        root: Path,
        ingest: Ingest,
        marks: Marks,
        tenant: str,
        closing: Closing | None,
        exclude: Sequence[Path],
        quiet: tuple[float, Callable[[], float]],
    ) -> None:
        self.target = str(root)
        self._root, self._ingest, self._marks, self._tenant = root, ingest, marks, tenant
        self._closing, self._exclude = closing, tuple(exclude)
        self._quiet, self._absent, self._clock = Quiet(quiet[0]), Quiet(quiet[0]), quiet[1]
        self._waker = Waker(root)
        self._shape = ""

    def watching(self) -> str:
        return self._waker.told()

    def wait(self, seconds: float, stop: threading.Event) -> None:
        self._waker.wait(seconds, stop)

    def round(self) -> Round:
        """Raises UpstreamError also where the folder is away."""
        if not self._root.is_dir():
            raise UpstreamError(f"{self._root} is not there; waiting for it to be mounted or made again")
        look = look_at(self._root, self._exclude)
        done = self._noted(look)
        quiet = self._quiet.settled(
            {str(path): mark for path, mark in (look.marks | look.sites).items()}, self._clock()
        )
        fresh = [path for path, mark in look.marks.items() if done.get(self._marks.name(path.as_uri())) != mark]
        ready = [path for path in fresh if str(path) in quiet and all(str(site) in quiet for site in look.sites)]
        took = summed(self._take(sorted(ready, key=_order), look))
        closed, leaving, note = self._close(look)
        shut = f"{look.shut[0]} cannot be listed" if look.shut else ""
        unready = len(fresh) - len(ready) + leaving
        return took._replace(
            closed=closed,
            waiting=took.waiting + unready,
            note="; ".join(filter(None, (note, took.note, shut))),
            soon=bool(unready),
        )

    def _noted(self, look: Look) -> Mapping[str, str]:
        """What was done counts only under the same site descriptions and readers: else everything is looked into again."""
        sites = sorted((str(path), mark) for path, mark in look.sites.items())
        self._shape = content_hash(self._ingest.shape(), *(part for site in sites for part in site))
        return self._marks.read(self._shape)

    def _take(self, paths: Sequence[Path], look: Look) -> Iterator[Outcome]:
        for start in range(0, len(paths), _TOGETHER):
            some = paths[start : start + _TOGETHER]
            told = self._told([path for path in some if not is_sidecar(path)])
            outcomes = [_outcome(path.as_uri(), told.get(path.as_uri())) for path in some]
            # a file that went away meanwhile was not read; should it come back as it was, it is still to be taken
            done = {
                self._marks.name(outcome.uri): look.marks[path]
                for path, outcome in zip(some, outcomes, strict=True)
                if outcome.status != WAITS and (outcome.status != LEFT or path.exists())
            }
            self._marks.change(self._shape, done)
            yield from outcomes

    def _told(self, paths: Sequence[Path]) -> dict[str, Told]:
        """What an ingest says of these files. One that went away since the look keeps none of the others from being read."""
        if not paths:
            return {}
        try:
            return self._ingest.take(paths, ON_DISK)
        except InputError as problem:
            if type(problem) is not InputError:
                raise
            half = len(paths) // 2
            return {**self._told(paths[:half]), **self._told(paths[half:])} if half else {}

    def _close(self, look: Look) -> tuple[int, int, str]:
        """How many sources were closed, how many may be at the next look (programs write anew what they have just removed), and why
        others are not."""
        if self._closing is None:
            return 0, 0, ""
        held = self._closing.held_below(self._tenant, self._root.as_uri() + "/")
        standing = {uri for uri, each in held.items() if each.content_hash != GONE}
        gone = [uri for uri in standing if look.gone(_path(uri))]
        if gone and not look.marks:
            return (
                0,
                0,
                f"{self._root} is empty all at once: {len(gone)} sources are not taken for removed until a file is there again",
            )
        away = self._absent.settled(dict.fromkeys(gone, "gone"), self._clock())
        if away:
            # before they are closed: what is closed and comes back as it was, is to be taken again
            self._marks.change(self._shape, {}, {self._marks.name(uri) for uri in away})
        for uri in away:
            self._closing.commit(Unit(self._tenant, uri, GONE, INGESTER))
        return len(away), len(gone) - len(away), ""


def _order(path: Path) -> tuple[int, str]:
    """As in an ingest: tables come first, since they name what is mentioned later."""
    return (0 if BY_ENDING.get(path.suffix.lower()) in STRUCTURED else 1, str(path))


def _path(uri: str) -> Path:
    return Path(unquote_to_bytes(uri.removeprefix("file://")).decode("utf-8", "surrogateescape"))


def _outcome(uri: str, told: Told | None) -> Outcome:
    """`told` is None for what an ingest leaves alone: sidecars, a site's encoder."""
    if told is None:
        return Outcome(uri, LEFT)
    if told.status == "rejected":
        return Outcome(uri, WAITS if told.code in PASSING else REFUSED, told.code, told.reason)
    return Outcome(uri, TAKEN if told.status == "ingested" else KNOWN)
