"""The seeded sample site: a generated plant, the true story behind it, and the questions that story answers."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

__all__ = ["SiteSummary", "generate"]


@dataclass(frozen=True, slots=True)
class SiteSummary:
    """What was generated: the site folder with its size in bytes, and the questions file beside it."""

    site: Path
    questions: Path
    name: str
    clips: int
    documents: int
    question_count: int
    size: int


def generate(seed: int, days: int, out: Path, progress: Callable[[int, int, str], None] | None = None) -> SiteSummary:
    """Write OUT/site (to be ingested) and OUT/truth (never ingested), the same bytes for the same seed and days.

    `progress` is called as (clips done, clips in all, path). Everything is written beside OUT first and moved into place
    at the end, so that OUT is either whole or as it was.

    Raises ValueError for a seed below 0 or days outside 1..14, and FileExistsError where OUT is not an empty folder.
    """
    from eval.questions import write_questions  # the drawing and document libraries are slow to import
    from eval.site import writer
    from eval.site.material import gather
    from eval.site.questions import build_questions, demo_questions

    if seed < 0 or not 1 <= days <= 14:
        raise ValueError(f"seed must be 0 or more and days 1 to 14, not seed {seed} and days {days}")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise FileExistsError(f"{out} is not an empty folder; name another or empty it first")
    out.parent.mkdir(parents=True, exist_ok=True)
    material = gather(seed, days)
    questions = build_questions(material)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as scratch:
        site, truth = Path(scratch) / "site", Path(scratch) / "truth"
        site.mkdir()
        truth.mkdir()
        writer.write_site(material, site, progress)
        write_questions(truth / "questions.jsonl", questions)
        write_questions(truth / "demo.jsonl", demo_questions(questions))
        out.mkdir(exist_ok=True)
        site.rename(out / "site")
        truth.rename(out / "truth")
    size = sum(path.stat().st_size for path in (out / "site").rglob("*") if path.is_file())
    return SiteSummary(
        out / "site",
        out / "truth" / "questions.jsonl",
        material.story.world.name,
        len(material.story.scripts),
        len(material.documents),
        len(questions),
        size,
    )
