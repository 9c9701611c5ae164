"""A mistake of our own, met at the edge of one thing that is read: told as its rejection, so that it stops nothing else."""

from __future__ import annotations

from retrieval.errors import SourceRejected

FAULT = "fault"


def fault(what: str, problem: Exception) -> SourceRejected:
    """The rejection of a file, a clip or a message in whose reading our own code failed."""
    told = f"a mistake in Watchfloor's reader, not in the {what} ({type(problem).__name__}: {problem})"
    return SourceRejected(told, kind=FAULT)
