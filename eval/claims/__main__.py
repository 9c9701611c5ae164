"""`python -m eval.claims`: scripted right and wrong claims against the product's verifier."""

from __future__ import annotations

import json
from pathlib import Path

import click

from eval.claims.scoring import SETS, Judged
from retrieval.errors import WatchfloorError


@click.command()
@click.option("--site", type=click.Path(path_type=Path), help="Folder of a site, ingested where there is no store.")
@click.option("--store", type=click.Path(path_type=Path), help="Data directory that the site was ingested into.")
@click.option("--set", "name", type=click.Choice(sorted(SETS)), default="tuning", show_default=True)
@click.option("--seed", type=int, default=1, show_default=True)
@click.option(
    "--n", type=click.IntRange(1), default=500, show_default=True, help="So many right and so many wrong ones."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--show-wrong", is_flag=True, help="Print every claim that was judged wrongly.")
def main(site: Path | None, store: Path | None, name: str, seed: int, n: int, as_json: bool, show_wrong: bool) -> None:
    """Make right and wrong claims, have each judged, and print what was kept and what slipped through."""
    from eval.claims.running import run_site

    try:
        found, judged = run_site(name, site or Path(), store, seed, n)
    except WatchfloorError as error:
        raise click.ClickException(str(error)) from error
    ill = [one for one in judged if not one.well]
    if as_json:
        listed = {"failing": [_plain(one) for one in ill]} if show_wrong else {}
        click.echo(json.dumps(found | listed, ensure_ascii=False))
        return
    click.echo(json.dumps({k: found[k] for k in ("set", "seed", "metrics")}))
    for table in ("by_mutation", "by_kind"):
        for key, figures in found[table].items():
            click.echo(f"  {key:20} {json.dumps(figures)}")
    for one in ill if show_wrong else ():
        _show(one)


def _plain(one: Judged) -> dict[str, object]:
    claim = one.claim
    return {"text": claim.text, "evidence": claim.evidence, "right": claim.right, "mutation": claim.mutation,
            "kind": claim.kind, "base": claim.base, "why": one.why}  # fmt: skip


def _show(one: Judged) -> None:
    claim = one.claim
    head = "RIGHT, not kept" if claim.right else f"WRONG ({claim.mutation}), supported"
    click.echo(f"{head} [{claim.kind}] {claim.text}")
    click.echo(f"    cites {', '.join(claim.evidence)}; {one.why}")
    if not claim.right:
        click.echo(f"    made from: {claim.base}")


if __name__ == "__main__":
    main()
