"""`watchfloor eval run moments`: both parts, from one seed."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from eval.moments import brief, site
from eval.moments.site import Progress

DAYS, CLIPS = 1, 54


def run(seed: int, out: Path | None, progress: Progress | None = None) -> dict[str, Any]:
    """Metrics of both parts with what was missed; with `out`, the site and its store stay there for the next run."""
    with TemporaryDirectory(prefix="watchfloor-moments-") as scratch:
        folder = out or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        return _told(seed, site.run(seed, DAYS, folder, progress), brief.run(seed, CLIPS, Path(scratch)))


def _told(seed: int, of_site: dict[str, Any], of_brief: dict[str, Any]) -> dict[str, Any]:
    return {
        "suite": "moments",
        "seed": seed,
        "n": of_site["n"],
        "items": f"queries, and {of_brief['n']} clips with something small and brief",
        "metrics": {
            "r_at_1": of_site["r_at_1"],
            "r_at_1_as_ingested": of_site["r_at_1_as_ingested"],
            "brief_kept": of_brief["kept"],
            "brief_kept_for_change": of_brief["kept_for_change"],
        },
        "intervals": {"r_at_1": of_site["interval"], "brief_kept": of_brief["interval"]},
        "by_kind": of_site["by_attribute"],
        "brief_by_gop_s": of_brief["by_gop_s"],
        "missed": of_site["missed"],
        "lost": of_brief["lost"],
    }
