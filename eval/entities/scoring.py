"""How spans that were found are compared with labelled ones: to the letter, by overlap, and with what they were taken for.

The overlap measure gives half a credit, as in SemEval-2013 task 9 (Segura-Bedmar et al., "SemEval-2013 Task 9: Extraction of
Drug-Drug Interactions from Biomedical Texts") and in OMIn's "weak" figures, but each span counts once at most.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from eval.entities.gold import Span, outermost

Table = NDArray[np.int64]


class Tally(NamedTuple):
    """What was counted in one text."""

    labelled: int  # spans
    found: int  # spans, whatever they were taken for
    exact: int  # found spans that are labelled to the letter
    partial: int  # further found spans that overlap a labelled one left over
    outer: int  # labelled spans inside no other
    outer_exact: int
    taken: int  # pairs of a found span and a kind: a name of two kinds makes two
    right: int  # pairs that are labelled


class Scores(NamedTuple):
    """Each in [0, 1]; precision is NaN where nothing was found, recall where nothing is labelled, F1 where neither."""

    precision: float
    recall: float
    f1: float


def tally(gold: Sequence[Span], said: Sequence[Span]) -> Tally:
    """Compare the spans of one text. `said` may hold a place several times, once for each kind it may be."""
    labelled = {span[:2] for span in gold}
    found = sorted({span[:2] for span in said})
    outer = {span[:2] for span in outermost(tuple(gold))}
    right = labelled & set(found)
    return Tally(
        len(labelled), len(found), len(right), _overlapping(sorted(labelled - right), [s for s in found if s not in right]),
        len(outer), len(outer & right), len(set(said)), len(set(said) & set(gold)),
    )  # fmt: skip


def exact(table: Table) -> Scores:
    """Over the sums of tallies, shape (texts, 8)."""
    told = total(table)
    return scores(told.exact, told.found, told.labelled)


def overlap(table: Table) -> Scores:
    """To the letter for a whole credit, by overlap for half a one."""
    told = total(table)
    return scores(told.exact + told.partial / 2, told.found, told.labelled)


def outer(table: Table) -> Scores:
    """Against the labelled spans inside no other: what a finder that gives no nested spans could reach in full."""
    told = total(table)
    return scores(told.outer_exact, told.found, told.outer)


def linked(table: Table) -> Scores:
    """To the letter and of the right kind."""
    told = total(table)
    return scores(told.right, told.taken, told.labelled)


def scores(right: float, found: int, labelled: int) -> Scores:
    nan = float("nan")
    return Scores(
        right / found if found else nan,
        right / labelled if labelled else nan,
        2 * right / (found + labelled) if found + labelled else nan,
    )


def total(table: Table) -> Tally:
    """The sums over texts."""
    return Tally(*map(int, table.sum(axis=0)))


def _overlapping(labelled: list[tuple[int, int]], found: list[tuple[int, int]]) -> int:
    """How many found spans overlap a labelled one, first come, each labelled one used once."""
    count = 0
    for start, end in found:
        met = next((span for span in labelled if span[0] < end and start < span[1]), None)
        if met:
            labelled.remove(met)
            count += 1
    return count
