"""A clip all the way in: decoded, read, looked at, embedded, committed and found, by the product's own wiring."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import msgspec

from app.principals import local_principal
from app.settings import load
from app.wiring import build
from eval.bench.footage import BEGAN, CAMERA
from eval.site.checkpoint_folder import default_folder
from retrieval.errors import InputError

_SITE = """site: {{id: bench, name: Bench}}
image_encoder: {encoder}
cameras:
  - {{id: {camera}, name: Yard, fixed: true}}
sources:
  - {{match: "*.mp4", camera: {camera}}}
"""


class Journey(msgspec.Struct, frozen=True, kw_only=True):
    """`wall_s` is the second ingest of a clip of this length in one process: by then every model is loaded. `eyes` looked."""

    seconds: int
    wall_s: float
    first_wall_s: float
    evidence: dict[str, int]
    eyes: str

    @property
    def times_real_time(self) -> float:
        return self.seconds / self.wall_s


def travel(clip: Path, seconds: int, folder: Path) -> Journey:
    """Ingest the clip twice, as two recordings, into a fresh store. Raises InputError where it is refused."""
    root = folder / "journey"
    shutil.rmtree(root, ignore_errors=True)
    encoder = root / "site" / "encoder"
    shutil.copytree(default_folder(), encoder)
    (root / "site" / "site.yaml").write_text(_SITE.format(encoder="encoder", camera=CAMERA), encoding="utf-8")
    settings = load(data_dir=root / "store")
    service, walls = build(settings), []
    try:
        for day in (BEGAN.day, BEGAN.day + 1):
            path = root / "site" / f"{CAMERA}_202603{day:02}T021000Z.mp4"
            shutil.copy(clip, path)
            began = time.perf_counter()
            summary = service.ingest([root / "site"], local_principal(settings), None)
            walls.append(time.perf_counter() - began)
            if summary.rejected:
                raise InputError(f"the clip was refused: {summary.rejected[0]['reason']}")
    finally:
        service.close()
    return Journey(
        seconds=seconds,
        first_wall_s=walls[0],
        wall_s=walls[1],
        evidence=summary.evidence_by_kind,
        eyes=summary.notes[0],
    )
