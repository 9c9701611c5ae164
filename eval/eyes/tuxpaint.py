"""Suite `tuxpaint`: 618 photos and clip art, each to be found by its English caption, through the whole of Watchfloor.

The pictures are taken in as any others under names that say nothing (their own give the answer away), then searched for. A picture is
found where it is among the first k; another with the same caption is a miss, as 88 captions have 200 of the pictures. The figures are
of search by its image channel, as it ranks. "all channels" is a search that says nothing of channels: there the few pictures in which
something was read or detected come before all others, whatever is asked, since text counts by rank and twice as much as pictures do.

The pictures fall into two halves by the parity of the SHA-256 of their names. The encoder's configuration (how pictures are framed,
the phrase around names, temperature, sharpness) was chosen on the first half, ranked among all pictures; so the second half is what to
expect. Its concepts were written from the names of the classes, after looking at seventy of the captions.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.ports import Service
from eval.resampling import interval
from retrieval.errors import InputError
from retrieval.types import Filter, Hit, Kind, Principal, Query

Progress = Callable[[int, int, str], None]
FOLDER = "image_caption/tuxpaint"
AT = (1, 5, 10)
_ABSENT = AT[-1] + 1


class Captioned(NamedTuple):
    """A picture's file and what it shows, in English."""

    path: Path
    caption: str

    @property
    def half(self) -> int:
        """0 for the half that was chosen on, 1 for the other."""
        return hashlib.sha256(self.path.name.encode()).digest()[-1] % 2


def run(data_dir: Path, progress: Progress | None = None) -> dict[str, Any]:
    """{suite, items, n, eyes, metrics, by_kind, ingest_ms, latency_ms}. Raises InputError where the pictures are missing or no eyes are
    installed."""
    from app.settings import load
    from app.wiring import build

    pictures = read(data_dir / FOLDER)
    with TemporaryDirectory(prefix="watchfloor-eval-") as folder:
        named = unnamed(pictures, Path(folder) / "pictures")
        settings = load(data_dir=Path(folder) / "store")
        service = build(settings)
        try:
            eyes = _eyes(service)
            principal = Principal(settings.tenant)
            began = time.perf_counter()
            _take_in(service, Path(folder) / "pictures", principal, progress)
            spent = (time.perf_counter() - began) * 1e3 / len(pictures)
            by_looks = Query(text="", channels=("image",), quick=True)
            alone, latency = places(service, pictures, named, principal, by_looks, progress)
            whole, _ = places(service, pictures, named, principal, Query(text=""), progress)
        finally:
            service.close()
    halves = np.array([each.half for each in pictures])
    return {
        "suite": "tuxpaint",
        "items": "pictures",
        "n": len(pictures),
        "eyes": eyes,
        "metrics": recalls(alone),
        "by_kind": {
            "half chosen on": recalls(alone[halves == 0]),
            "other half": recalls(alone[halves == 1]),
            "all channels": recalls(whole),
        },
        "ingest_ms": round(spent, 1),
        "latency_ms": dict(zip(("p50", "p95"), np.percentile(latency, [50, 95]).round(1).tolist(), strict=True)),
    }


def read(folder: Path) -> list[Captioned]:
    """The pictures of a folder with a captions.jsonl. Raises InputError."""
    try:
        lines = (folder / "captions.jsonl").read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise InputError(f"{folder} holds no captions: {error}") from error
    rows = [json.loads(line) for line in lines if line.strip()]
    return [Captioned(folder / row["image"], row["caption_en"]) for row in rows]


def unnamed(pictures: Sequence[Captioned], folder: Path) -> dict[str, int]:
    """Copy the pictures under numbers; source uri → index."""
    folder.mkdir(parents=True)
    numbered = {}
    for index, each in enumerate(pictures):
        copy = folder / f"{index:04}{each.path.suffix}"
        shutil.copyfile(each.path, copy)
        numbered[copy.resolve().as_uri()] = index
    return numbered


def places(
    service: Service,
    pictures: Sequence[Captioned],
    named: dict[str, int],
    principal: Principal,
    query: Query,
    progress: Progress | None = None,
) -> tuple[NDArray[np.int64], list[float]]:
    """(the place of each picture when its caption is asked for, 11 where it is not among the first 10; milliseconds of each search)."""
    from msgspec.structs import replace

    found, latency = [], []
    for index, each in enumerate(pictures):
        began = time.perf_counter()
        asked = replace(query, text=each.caption, filter=Filter(kinds=(Kind.FRAME,)), k=AT[-1])
        hits = service.search(asked, principal)
        latency.append((time.perf_counter() - began) * 1e3)
        found.append(place(hits, named, index))
        if progress:
            progress(index + 1, len(pictures), each.caption)
    return np.array(found, np.int64), latency


def place(hits: Sequence[Hit], named: dict[str, int], index: int) -> int:
    """From 1; 11 where it is not there."""
    ranked = [named.get(hit.evidence.source, -1) for hit in hits]
    return ranked.index(index) + 1 if index in ranked else _ABSENT


def recalls(found: NDArray[np.int64]) -> dict[str, float]:
    """{n, R@1, R@5, R@10, and the 95 % interval of R@10 by drawing captions anew}."""
    spread = interval(lambda chosen: float((found[chosen] <= AT[-1]).mean()), [0] * len(found))
    told = {f"R@{k}": float((found <= k).mean()) for k in AT}
    return {"n": len(found), **told, "R@10 low": spread.low, "R@10 high": spread.high}


def _eyes(service: Service) -> str:
    check = next(each for each in service.checks() if each.name == "image encoder")
    if check.state != "ok":
        raise InputError(f"this suite needs an image encoder: {check.detail}")
    return check.detail


def _take_in(service: Service, folder: Path, principal: Principal, progress: Progress | None) -> None:
    summary = service.ingest(
        [folder], principal, lambda step: progress(step.done, step.total, step.source) if progress else None
    )
    if summary.rejected:
        raise InputError(f"{len(summary.rejected)} pictures were refused, first: {summary.rejected[0]}")
