"""What ingest can be tried with where no process need be started."""

from __future__ import annotations

from collections.abc import Generator
from importlib import import_module
from pathlib import Path
from typing import TypeVar

import msgspec

T = TypeVar("T")


class InProcess:
    """A `warm.Worker` that reads in this very process, without caps; what is said crosses as msgpack all the same."""

    def read_as(self, kind: type[T], worker: str, path: Path, owner: str) -> Generator[T, None, None]:
        """Raises SourceRejected, and whatever else the worker raises."""
        module, _, function = worker.partition(":")
        decoder = msgspec.msgpack.Decoder(kind)
        for message in getattr(import_module(module), function)({"path": str(path)}):
            yield decoder.decode(msgspec.msgpack.encode(message))
