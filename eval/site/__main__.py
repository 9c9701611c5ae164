"""`python -m eval.site --seed N --days D --out DIR`: generate a sample site and its questions."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from eval.site import generate


def main() -> int:
    """Generate, with progress on standard error and the summary on standard output."""
    parser = argparse.ArgumentParser(prog="python -m eval.site", description="generate a sample site and its questions")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--days", type=int, default=3)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    try:
        made = generate(
            given.seed,
            given.days,
            given.out,
            lambda done, total, path: print(f"{done}/{total} {path}", file=sys.stderr),
        )
    except (ValueError, FileExistsError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{made.name}: {made.clips} clips, {made.documents} documents, {made.question_count} questions")
    print(f"{made.size / 1e6:.1f} MB in {made.site}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
