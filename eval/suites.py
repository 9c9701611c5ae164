"""Suites that bring their own data and their own way of measuring. Each is imported when it is run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from retrieval.errors import InputError

Progress = Callable[[int, int, str], None]


class Wanted(NamedTuple):
    """What a run is given on the command line."""

    suite: str
    site_dir: Path | None
    data_dir: Path | None
    out_dir: Path | None
    progress: Progress | None
    claim_set: str
    seed: int

    @property
    def data(self) -> Path:
        """Raises InputError where there is none."""
        return needed(self.data_dir, "--data")


def needed(folder: Path | None, option: str) -> Path:
    """Raises InputError where it is no folder."""
    if folder is None or not folder.is_dir():
        raise InputError(f"this suite needs {option} DIR; {folder or 'none'} is not a folder")
    return folder


def _retrieval(wanted: Wanted) -> dict[str, Any]:
    from eval import retrieval_suites

    progress = wanted.progress
    tell = (lambda what, done, total: progress(done, total, what)) if progress else None
    return retrieval_suites.run(wanted.suite, wanted.data, tell)


def _grounding(wanted: Wanted) -> dict[str, Any]:
    from eval import grounding

    return grounding.run(wanted.data, wanted.progress)


def _sentences(wanted: Wanted) -> dict[str, Any]:
    from eval import sentences

    return sentences.run(wanted.suite, wanted.data, wanted.progress)


def _speech(wanted: Wanted) -> dict[str, Any]:
    from eval import speech

    return speech.run(wanted.data, wanted.progress)


def _anomalies(wanted: Wanted) -> dict[str, Any]:
    from eval.anomaly import nab, skab

    run = nab.run if wanted.suite == "nab" else skab.run
    return run(wanted.data, wanted.progress)


def _entities(wanted: Wanted) -> dict[str, Any]:
    from eval.entities import running

    return running.run(wanted.data, wanted.progress)


def _clocks(wanted: Wanted) -> dict[str, Any]:
    from eval.clocks import running

    return running.run(wanted.seed, wanted.data_dir, wanted.progress)


def _eyes(wanted: Wanted) -> dict[str, Any]:
    from eval.eyes import presence, tuxpaint

    run = presence.run if wanted.suite == "presence" else tuxpaint.run
    return run(wanted.data, wanted.progress)


def _moments(wanted: Wanted) -> dict[str, Any]:
    from eval.moments import running

    return running.run(wanted.seed, wanted.out_dir, wanted.progress)


def _claims(wanted: Wanted) -> dict[str, Any]:
    from eval.claims import running

    store = wanted.out_dir / "store" if wanted.out_dir else None
    site = needed(wanted.site_dir, "--site")
    return running.run_site(wanted.claim_set, site, store, wanted.seed, progress=wanted.progress)[0]


OTHERS: Mapping[str, Callable[[Wanted], dict[str, Any]]] = {
    "cranfield": _retrieval,
    "xquad": _retrieval,
    "claims": _claims,
    "grounding": _grounding,
    "xquad-answers": _sentences,
    "hotpotqa-answers": _sentences,
    "speech": _speech,
    "nab": _anomalies,
    "skab": _anomalies,
    "entities": _entities,
    "clocks": _clocks,
    "presence": _eyes,
    "tuxpaint": _eyes,
    "moments": _moments,
}
