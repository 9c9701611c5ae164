"""Conversations in the catalog, and a store that was made before there were any."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, text

import retrieval.catalog
from retrieval.catalog import Catalog
from retrieval.catalog.talks import Talk
from retrieval.errors import ConversationNotFound, EvidenceNotFound
from retrieval.types import Answer, Principal, Verdict

ANN, BOB = Principal("t", "ann"), Principal("t", "bob")
STRANGER = Principal("other", "ann")
MIGRATIONS = Path(retrieval.catalog.__file__).parent / "migrations"


def given_answer(id_: str, question: str = "What happened?") -> Answer:
    return Answer(
        id=id_,
        question=question,
        verdict=Verdict.INSUFFICIENT,
        confidence=None,
        claims=(),
        timeline=(),
        coverage=(),
        as_of=7,
        sequence=1,
        model="m",
    )


@pytest.fixture
def catalog(store_at: Callable[[Path], Path], tmp_path: Path) -> Catalog:
    ticks = itertools.count(1000)
    return Catalog(store_at(tmp_path / "catalog.db"), lambda: next(ticks))


def tell(catalog: Catalog, talk: str, *answers: str, who: Principal = ANN) -> None:
    for n, id_ in enumerate(answers):
        catalog.record_ask(given_answer(id_, f"question {id_}"), who, None, Talk(talk, 10 * n, begins=n == 0))


def test_turns_come_in_order_and_the_latest_conversation_first(catalog: Catalog) -> None:
    tell(catalog, "cv_1", "a", "b", "c")
    tell(catalog, "cv_2", "d")
    line, turns = catalog.conversation("cv_1", ANN)
    assert (line.title, line.turns) == ("question a", 3) and line.began_at < line.last_at
    assert [(at, answer.id) for at, answer in turns] == [(0, "a"), (10, "b"), (20, "c")]
    assert [one.id for one in catalog.conversations(ANN)] == ["cv_2", "cv_1"]
    catalog.record_ask(given_answer("e"), ANN, None, Talk("cv_1", 40))
    assert [one.id for one in catalog.conversations(ANN, 1)] == ["cv_1"]


@pytest.mark.parametrize("who", [BOB, STRANGER])
def test_nobody_else_finds_it(catalog: Catalog, who: Principal) -> None:
    tell(catalog, "cv_1", "a")
    assert catalog.conversations(who) == []
    for id_ in ("cv_1", "cv_none"):
        for act in (catalog.conversation, catalog.forget_conversation):
            with pytest.raises(ConversationNotFound):
                act(id_, who)
        with pytest.raises(ConversationNotFound):
            catalog.record_ask(given_answer("z"), who, None, Talk(id_, 0))
    assert catalog.conversation("cv_1", ANN)[0].turns == 1
    with pytest.raises(EvidenceNotFound):
        catalog.answer("z", ANN)


def test_what_is_forgotten_is_gone_with_its_answers(catalog: Catalog) -> None:
    tell(catalog, "cv_1", "a", "b")
    tell(catalog, "cv_2", "c")
    catalog.record_feedback("a", True, "good", ANN)
    catalog.forget_conversation("cv_1", ANN)
    assert [one.id for one in catalog.conversations(ANN)] == ["cv_2"]
    for id_ in ("a", "b"):
        with pytest.raises(EvidenceNotFound):
            catalog.answer(id_, ANN)
    assert catalog.answer("c", ANN).id == "c" and catalog.stats(ANN)["asks"] == 1
    with pytest.raises(ConversationNotFound):
        catalog.record_ask(given_answer("late"), ANN, None, Talk("cv_1", 0))


@pytest.mark.parametrize(("limit", "ids"), [(2, ["b", "c"]), (9, ["a", "b", "c"]), (0, [])])
def test_the_last_turns_come_in_order(catalog: Catalog, limit: int, ids: list[str]) -> None:
    tell(catalog, "cv_1", "a", "b", "c")
    assert [answer.id for _, answer in catalog.last_turns("cv_1", ANN, limit)] == ids
    with pytest.raises(ConversationNotFound):
        catalog.last_turns("cv_1", BOB, limit)


def test_the_last_turns_are_the_last_one_may_see(catalog: Catalog) -> None:
    tell(catalog, "cv_1", "a", "b")
    catalog.record_ask(given_answer("c"), Principal("t", "ann", labels=("ops",)), None, Talk("cv_1", 5))
    assert [answer.id for _, answer in catalog.last_turns("cv_1", ANN, 2)] == ["a", "b"]


def test_answers_given_under_labels_one_has_lost_are_left_out(catalog: Catalog) -> None:
    ops = Principal("t", "ann", labels=("ops",))
    tell(catalog, "cv_1", "a", who=ops)
    catalog.record_ask(given_answer("b"), ANN, None, Talk("cv_1", 5))
    assert [answer.id for _, answer in catalog.conversation("cv_1", ops)[1]] == ["a", "b"]
    assert [answer.id for _, answer in catalog.conversation("cv_1", ANN)[1]] == ["b"]


def test_a_store_of_the_first_revision_is_upgraded_and_keeps_its_answers(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(MIGRATIONS))
        command.upgrade(config, "0001")
        connection.execute(
            text("INSERT INTO asks VALUES ('a', 't', 'ann', 1, 'insufficient', 'm', 1, NULL)"),
        )
        connection.execute(text("INSERT INTO answers VALUES ('a', '[]', :body)"), {"body": OLD_BODY})
    engine.dispose()
    catalog = Catalog(path)
    assert catalog.answer("a", ANN).question == "What happened?"
    tell(catalog, "cv_1", "b")
    assert catalog.conversations(ANN)[0].turns == 1
    catalog.close()


# as it was written before answers had prompts, features or conversations
OLD_BODY = (
    '{"id":"a","question":"What happened?","verdict":"insufficient","confidence":null,"claims":[],"timeline":[],"coverage":[],'
    '"as_of":7,"sequence":1,"model":"m","degraded":[],"timings_ms":{}}'
)
