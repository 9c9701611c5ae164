"""The demonstration: make the sample site, ingest it, ask it six questions, and say whether every verdict is the expected one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from app.ports import Advance, Ask, IngestSummary, Service
from eval.questions import Question, read_questions
from eval.site import generate
from retrieval.times import to_micros
from retrieval.types import Answer, Principal

Progress = Callable[[int, int, str], None]


class Shown(NamedTuple):
    """One question of the demonstration with its answer."""

    question: Question
    answer: Answer

    @property
    def right(self) -> bool:
        return self.question.verdict == self.answer.verdict.value


def make_site(out: Path, seed: int, days: int, progress: Progress) -> Path:
    """The folder to ingest; a site that is already there is used as it is."""
    if not (out / "truth" / "demo.jsonl").is_file():
        generate(seed, days, out, progress)
    return out / "site"


def ingest(service: Service, site: Path, principal: Principal, progress: Progress) -> IngestSummary:
    """Ingest the site, telling each source as it is acknowledged."""

    def tell(advance: Advance) -> None:
        progress(advance.done, advance.total, advance.source.rpartition("/")[2])

    return service.ingest([site], principal, tell)


def ask_all(service: Service, out: Path, principal: Principal) -> list[Shown]:
    """The six questions with their answers."""
    questions = read_questions(out / "truth" / "demo.jsonl")
    return [
        Shown(q, service.ask(Ask(question=q.question, asked_at=to_micros(q.asked_at)), principal)) for q in questions
    ]
