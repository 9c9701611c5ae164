"""Answers and hits for people at a terminal. Nothing of the evidence is read as markup or as terminal control."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from app.cli.common import clean, console
from app.ports import Found
from app.words import locator_words, one_line, short_id, source_name, span_words, when
from retrieval.ports import Explained
from retrieval.types import Answer, Citation, Claim, Support, Verdict

if TYPE_CHECKING:
    from rich.console import Console

_COLOURS = {
    Verdict.ANSWERED: "green",
    Verdict.PARTIAL: "yellow",
    Verdict.CONFLICT: "yellow",
    Verdict.NOT_OBSERVED: "cyan",
    Verdict.NOT_RECORDED: "red",
    Verdict.INSUFFICIENT: "magenta",
    Verdict.REFUSED: "red",
}


def paint_answer(answer: Answer) -> None:
    """Verdict, claims with citations, timeline, coverage, and what was degraded."""
    out = console()
    verdict = Text(answer.verdict.value.replace("_", " "), style=f"bold {_COLOURS[answer.verdict]}")
    sure = "" if answer.confidence is None else f"  (confidence {answer.confidence:.2f})"
    out.print(Text.assemble(verdict, sure))
    if answer.resolved:
        out.print(Text(f"understood as: {clean(answer.resolved)}", style="dim"))
    for number, claim in enumerate(answer.claims, 1):
        _paint_claim(out, number, claim)
    if answer.timeline:
        out.print(_timeline(answer))
    _paint_lines(out, "Coverage", [_coverage_line(note.status, note.text) for note in answer.coverage])
    _paint_lines(out, "Degraded", list(answer.degraded))
    total = answer.timings_ms.get("total")
    spent = "" if total is None else f", {total:.0f} ms"
    talk = f", {answer.conversation}" if answer.conversation else ""
    out.print(Text(f"{answer.id}: {answer.model}, sequence {answer.sequence}{spent}{talk}", style="dim"))


def _paint_claim(out: Console, number: int, claim: Claim) -> None:
    why = f": {claim.why}" if claim.why else ""
    flag = "" if claim.support is Support.SUPPORTED else f" ({claim.support.value}{clean(why)})"
    seen = "" if claim.sighting is None else f" [second look: {claim.sighting.value}]"
    out.print(Text(f"{number}. {clean(claim.text)}{flag}{seen}"))
    for figure in claim.recomputed:
        out.print(Text(f"   recomputed: {clean(figure)}", style="dim"))
    for cited in claim.citations:
        out.print(Text(f"   {citation_line(cited)}", style="dim"))
        if cited.quote and cited.quote.strip() != claim.text.strip():
            out.print(Text(f"     “{clean(one_line(cited.quote))}”", style="dim italic"))


def citation_line(cited: Citation) -> str:
    """[ev_0123456789] CAM-07.mp4, frame at 2026-03-04 02:10:05 UTC (00:05 in the clip)."""
    where = locator_words(cited.locator, cited.valid)
    return clean(f"[{short_id(cited.evidence)}] {source_name(cited.source)}, {where}")


def _timeline(answer: Answer) -> Table:
    table = Table(title="Timeline", title_justify="left", box=None, pad_edge=False)
    for name in ("when", "kind", "what", "evidence"):
        table.add_column(name, no_wrap=name in ("kind", "evidence"))
    for item in answer.timeline:
        what = clean(one_line(item.text, 160))
        table.add_row(Text(span_words(item.valid)), item.kind.value, Text(what), short_id(item.evidence))
    return table


def _coverage_line(status: str, text: str) -> str:
    return f"{'!' if status == 'gap' else '·'} {clean(text)}"


def _paint_lines(out: Console, title: str, lines: Sequence[str]) -> None:
    if lines:
        out.print(Text(title, style="bold"))
    for line in lines:
        out.print(Text(f"  {clean(line)}"))


def paint_hits(found: Found) -> None:
    """One line a hit and the beginning of its text, then what was left out."""
    out = console()
    if not found.hits:
        out.print("nothing found")
    for number, hit in enumerate(found.hits, 1):
        piece = hit.evidence
        where = f"{source_name(piece.source)}, {locator_words(piece.locator, piece.valid)}"
        out.print(Text(clean(f"{number:2}. [{short_id(piece.id)}] {piece.kind.value}: {where}")))
        channels = ", ".join(f"{name} {rank}" for name, rank in sorted(hit.channels.items()))
        out.print(Text(clean(f"    {one_line(piece.text)}"), style="dim"))
        out.print(Text(f"    {when(piece.valid)}; score {hit.score:.4f} ({channels})", style="dim"))
    _paint_lines(out, "Degraded", found.degraded)


def paint_explained(told: Sequence[Explained]) -> None:
    """One line a space that was searched, and why so."""
    out = console()
    for one in told:
        counts = f"{one.passing} of {one.total} pass, {one.compared} compared for the best {one.k}"
        out.print(Text(clean(f"{one.space}: {one.plan}; {counts}, {one.ms:.2f} ms")))
        out.print(Text(clean(f"    {one.why}"), style="dim"))
