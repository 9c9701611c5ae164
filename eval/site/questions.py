"""All questions of a seed, numbered, and the six that a demonstration asks."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from eval.questions import Question
from eval.site.material import Material
from eval.site.questions_data import alert_questions, figure_questions, order_questions
from eval.site.questions_text import insufficient_questions, join_questions, passage_questions
from eval.site.questions_video import frame_questions, not_observed_questions, not_recorded_questions

DEMO_KINDS = ("frame", "passage", "figure", "join", "not_observed", "not_recorded")


def build_questions(material: Material) -> list[Question]:
    """Every question with its truth, in a fixed order, with ids such as `frame-03`."""
    makers = (
        passage_questions,
        frame_questions,
        figure_questions,
        alert_questions,
        order_questions,
        join_questions,
        not_observed_questions,
        not_recorded_questions,
        insufficient_questions,
    )
    return _numbered([question for make in makers for question in make(material)])


def _numbered(questions: Sequence[Question]) -> list[Question]:
    """Give ids by kind, and let a paraphrase name the id of what it words differently instead of its text."""
    counts: dict[str, int] = {}
    ids: dict[str, str] = {}
    found: list[Question] = []
    for question in questions:
        counts[question.kind] = counts.get(question.kind, 0) + 1
        name = f"{question.kind}-{counts[question.kind]:02d}"
        ids.setdefault(question.question, name)
        first = ids[question.paraphrase_of] if question.paraphrase_of else None
        found.append(msgspec.structs.replace(question, id=name, paraphrase_of=first))
    return found


def demo_questions(questions: Sequence[Question]) -> list[Question]:
    """One answered question each of video, report, series and join, one not observed, one not recorded."""
    return [
        next(question for question in questions if question.kind == kind and _plain(question)) for kind in DEMO_KINDS
    ]


def _plain(question: Question) -> bool:
    return question.verdict in ("answered", question.kind)
