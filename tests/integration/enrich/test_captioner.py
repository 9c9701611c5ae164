"""Runs over a real catalog and a scripted model: budgets, going on, other models, failures, labels, what is gone."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from app.enrich.captioner import INTERRUPTED, Step, Wish
from app.model.endpoint import ModelRefused
from app.model.fakes import ABLE, ScriptedModel
from app.model.port import Part, Picture
from retrieval.errors import BadSettings, ModelUnavailable
from retrieval.fakes import HashTextEncoder
from retrieval.ports import Unit
from retrieval.types import Entity, EntityType, Filter, Kind, Principal, Query

from .conftest import SECOND, Studio, always, reply


def test_each_moment_gets_one_caption_that_words_find(studio: Studio) -> None:
    moving = [studio.frame("a.mp4", n, 1 + n // 2, changed=0.1 * n) for n in range(4)]
    studio.house.put(*moving)
    made = studio.run()
    assert (made.moments, made.captioned, made.failed, made.left, made.stopped) == (2, 2, 0, 0, "")
    assert {e.data["frame"] for e in studio.captions()} == {moving[1].id, moving[3].id}
    (hit, *_) = studio.house.searcher.search(Query(text="who carries a ladder"), studio.house.me)
    assert hit.evidence.id in {e.id for e in studio.captions()}
    assert {"text", "words"} <= set(hit.channels)
    assert studio.house.blobs.get("t", hit.evidence.media or "").startswith(b"\xff\xd8")
    assert [(s.done, s.total, s.name) for s in studio.steps] == [(1, 2, "a.mp4"), (2, 2, "a.mp4")]


def test_the_model_is_shown_the_one_frame_small_and_nothing_of_the_evidence(studio: Studio) -> None:
    studio.clip("a.mp4", 1)
    studio.run()
    ((text, picture),) = studio.model.asked
    assert isinstance(picture, Picture) and picture.media_type == "image/jpeg"
    assert isinstance(text, str) and "CAM-07" not in text and '"readable_text"' in text


def test_a_second_run_asks_nothing(studio: Studio) -> None:
    studio.clip("a.mp4", 3)
    studio.run()
    sequence = studio.house.catalog.sequence()
    again = studio.run()
    assert (again.already, again.captioned, again.left) == (3, 0, 0)
    assert studio.shown == 3 and studio.house.catalog.sequence() == sequence


@pytest.mark.parametrize("at_once", [1, 3])
def test_a_budget_of_frames_is_kept_and_gone_on_with(studio: Studio, at_once: int) -> None:
    studio.clip("a.mp4", 7)
    first = studio.run(frames=3, at_once=at_once)
    assert (first.captioned, first.left, first.stopped) == (3, 4, "the budget of frames is spent")
    assert studio.shown == 3
    second = studio.run(frames=10, at_once=at_once)
    assert (second.already, second.captioned, second.left, second.stopped) == (3, 4, 0, "")
    assert studio.shown == 7 and len(studio.captions()) == 7


def test_failing_frames_count_against_the_budget(studio: Studio) -> None:
    studio.clip("a.mp4", 4)
    studio.model = ScriptedModel(always("no json"))
    made = studio.run(frames=2)
    assert (made.captioned, made.failed, made.left) == (0, 2, 4) and studio.shown == 2 and made.broke


def test_a_budget_of_tokens_begins_no_further_frame(studio: Studio) -> None:
    studio.clip("a.mp4", 5)
    one = studio.run(frames=1)
    cost = one.prompt_tokens + one.completion_tokens
    assert one.prompt_tokens > 64 and one.completion_tokens >= 1
    made = studio.run(tokens=cost + 1)
    assert (made.captioned, made.left, made.stopped) == (2, 2, "the budget of tokens is spent")
    assert made.prompt_tokens + made.completion_tokens == 2 * cost


def test_time_that_is_up_ends_the_run_and_fails_nothing(studio: Studio) -> None:
    studio.clip("a.mp4", 3)

    def slow(parts: Sequence[Part], schema: dict[str, Any]) -> Iterator[str]:
        if studio.shown > 1:
            while True:
                time.sleep(0.005)
                yield ""
        yield reply()

    studio.model = ScriptedModel(slow)
    made = studio.run(seconds=0.6)
    assert (made.failed, made.stopped, made.broke) == (0, "the time is up", False) and made.left >= 2
    studio.model = ScriptedModel(always(reply()))
    assert studio.run().captioned == made.left


def test_one_frame_that_fails_does_not_stop_the_rest(studio: Studio) -> None:
    frames = studio.clip("a.mp4", 4)

    def script(parts: Sequence[Part], schema: dict[str, Any]) -> Iterator[str]:
        if studio.shown == 2:
            raise ModelRefused("the picture was refused")
        yield "nonsense" if studio.shown == 3 else reply()

    studio.model = ScriptedModel(script)
    made = studio.run()
    assert (made.captioned, made.failed, made.left, made.broke) == (2, 2, 2, False)
    # late moments come first
    assert [row["evidence"] for row in made.failures] == [frames[2].id, frames[1].id]
    assert "refused" in made.failures[0]["reason"] and "schema" in made.failures[1]["reason"]
    studio.model = ScriptedModel(always(reply()))
    assert studio.run().captioned == 2


def test_a_picture_that_cannot_be_read_is_told_and_the_rest_goes_on(studio: Studio) -> None:
    damaged, missing, _ = studio.clip("a.mp4", 3)
    Path(studio.house.blobs.path("t", damaged.media or "")).write_bytes(b"not a picture")
    Path(studio.house.blobs.path("t", missing.media or "")).unlink()
    made = studio.run()
    assert (made.captioned, made.failed) == (1, 2) and studio.shown == 1
    assert all("cannot be read" in row["reason"] for row in made.failures)


def test_a_model_that_is_down_is_waited_for_and_comes_back(studio: Studio) -> None:
    studio.clip("a.mp4", 5)

    def script(parts: Sequence[Part], schema: dict[str, Any]) -> Iterator[str]:
        if 2 <= studio.shown <= 5:
            raise ModelUnavailable("the model's endpoint cannot be reached")
        yield reply()

    studio.model = ScriptedModel(script)
    studio.guard = {"failures": 2, "cool_down_s": 0.005}
    made = studio.run(again_s=0.02)
    # the first failure fails its frame; from the second on the breaker is open, and the frame is tried until the model is back
    assert (made.captioned, made.failed, made.stopped) == (4, 1, "")


def test_a_model_that_stays_down_ends_the_run(studio: Studio) -> None:
    studio.clip("a.mp4", 9)

    def script(parts: Sequence[Part], schema: dict[str, Any]) -> Iterator[str]:
        if studio.shown > 2:
            raise ModelUnavailable("the model's endpoint cannot be reached")
        yield reply()

    studio.model = ScriptedModel(script)
    studio.guard = {"failures": 2, "cool_down_s": 0.001}
    made = studio.run(again_s=0.002)
    assert (made.captioned, made.failed, made.left) == (2, 1, 7) and made.broke
    assert made.stopped.startswith("model: the model's endpoint cannot be reached")
    studio.model, studio.guard = ScriptedModel(always(reply())), {}
    assert studio.run().captioned == 7


def test_an_interrupt_keeps_what_is_done(studio: Studio) -> None:
    studio.clip("a.mp4", 4)

    def interrupt(step: Step) -> None:
        raise KeyboardInterrupt

    made = studio.captioner(studio.model).run(studio.house.me, Wish(), interrupt)
    assert (made.captioned, made.left, made.stopped, made.interrupted) == (1, 3, INTERRUPTED, True)
    assert len(studio.captions()) == 1
    assert studio.run().captioned == 3


def test_another_model_and_another_prompt_caption_anew_and_supersede(studio: Studio) -> None:
    studio.clip("a.mp4", 2)
    studio.run()
    (old, _) = studio.captions()
    studio.named("other/model")
    assert studio.run().captioned == 2
    made = studio.captions()
    assert {e.provenance.models["caption"] for e in made} == {"other/model"} and len(made) == 2
    assert all(e.text.startswith("caption by other/model, not checked") for e in made)
    assert old.id not in studio.house.catalog.get([old.id], studio.house.me)
    assert studio.house.catalog.get([old.id], studio.house.me, as_of=old.recorded_at)
    studio.prompted(2)
    assert studio.run().captioned == 2
    assert {e.provenance.models["prompt"] for e in studio.captions()} == {"caption@v2"}
    hits = studio.house.searcher.search(Query(text="man ladder sees", k=50), studio.house.me)
    assert {h.evidence.id for h in hits if h.evidence.kind is Kind.PASSAGE} == {e.id for e in studio.captions()}


def test_another_encoder_embeds_anew_without_asking_the_model(studio: Studio) -> None:
    studio.clip("a.mp4", 2)
    studio.run()
    before = {e.id for e in studio.captions()}
    studio.house.encoder = HashTextEncoder(128)
    again = studio.run()
    assert (again.already, again.captioned) == (2, 0) and studio.shown == 2
    assert {e.id for e in studio.captions()} == before
    spaces = {space for _, space, _ in studio.house.catalog.embeddings(list(before))}
    assert spaces == {"text:hash-256", "text:hash-128"}


def test_a_caption_is_seen_by_whom_its_frame_is_seen_by(studio: Studio) -> None:
    studio.house.put(studio.frame("hr.mp4", 1, 1, labels=("hr",)), studio.frame("a.mp4", 1, 1))
    assert studio.run().captioned == 2
    assert [e.source.partition("#")[0] for e in studio.captions()] == ["file:///site/a.mp4"]
    query = Query(text="man carries ladder", k=50)
    mine = studio.house.searcher.search(query, studio.house.me)
    assert not any("hr.mp4" in h.evidence.source for h in mine)
    cleared = Principal("t", labels=("hr",))
    assert len(studio.captions(cleared)) == 2
    assert any("hr.mp4#" in h.evidence.source for h in studio.house.searcher.search(query, cleared))


def test_what_is_blurred_is_left_out_unless_it_is_asked_for(studio: Studio) -> None:
    studio.house.put(
        studio.frame("hidden.mp4", 1, 1, on=("CAM-08",)), studio.frame("a.mp4", 1, 1),
        entities=[
            Entity(id="CAM-07", type=EntityType.CAMERA, name="Camera 7", tenant="t"),
            Entity(id="CAM-08", type=EntityType.CAMERA, name="Camera 8", tenant="t", facts={"blur": ["face"]}),
        ],
    )  # fmt: skip
    made = studio.run()
    assert (made.moments, made.hidden, made.captioned, made.left) == (2, 1, 1, 0)
    assert studio.run(blurred_too=True).captioned == 1


def test_only_the_sources_that_are_meant(studio: Studio) -> None:
    studio.clip("a.mp4", 1)
    studio.clip("b.mp4", 2)
    made = studio.run(pattern="b.*")
    assert (made.moments, made.captioned) == (2, 2)
    assert {e.source.partition("#")[0] for e in studio.captions()} == {"file:///site/b.mp4"}


def test_a_clip_that_is_read_again_takes_its_captions_with_it(studio: Studio) -> None:
    frames = studio.clip("a.mp4", 2)
    studio.run()
    kept, fresh = frames[0], studio.frame("a.mp4", 9, 2, text="another frame")
    studio.house.catalog.commit(Unit("t", kept.source, "other bytes", "test", [kept, fresh]))
    studio.house.projector.catch_up()
    assert [e.data["frame"] for e in studio.captions()] == [kept.id]
    hits = studio.house.searcher.search(Query(text="man carries ladder", k=50), studio.house.me)
    assert {h.evidence.data["frame"] for h in hits if h.evidence.kind is Kind.PASSAGE} == {kept.id}
    made = studio.run()
    assert (made.already, made.captioned) == (1, 1)


def test_a_frame_that_goes_while_the_model_looks_is_no_failure(studio: Studio) -> None:
    (frame,) = studio.clip("a.mp4", 1)

    def script(parts: Sequence[Part], schema: dict[str, Any]) -> Iterator[str]:
        fresh = studio.frame("a.mp4", 5, 1)
        studio.house.catalog.commit(Unit("t", frame.source, "other bytes", "test", [fresh]))
        yield reply()

    studio.model = ScriptedModel(script)
    made = studio.run()
    assert (made.captioned, made.gone, made.failed, made.left) == (0, 1, 0, 0) and studio.captions() == []


def test_a_clip_that_is_still_being_read_is_left_alone(studio: Studio) -> None:
    frame = studio.frame("a.mp4", 1, 1)
    studio.house.catalog.commit(Unit("t", frame.source, "bytes", "test", [frame], closes=False))
    assert studio.run().moments == 0
    studio.house.catalog.commit(Unit("t", frame.source, "bytes", "test", []))
    assert studio.run().captioned == 1


def test_without_eyes_nothing_begins_and_it_is_said_what_to_set(studio: Studio) -> None:
    studio.clip("a.mp4", 1)
    studio.named("blind/model", images=0)
    with pytest.raises(BadSettings, match=r"blind/model sees no pictures.*WATCHFLOOR_MODEL__NAME"):
        studio.run()
    with pytest.raises(BadSettings, match="WATCHFLOOR_MODEL__BASE_URL"):
        studio.captioner(None).run(studio.house.me, Wish())
    studio.model = ScriptedModel(always(reply()), ModelUnavailable("the model's endpoint cannot be reached"))
    with pytest.raises(ModelUnavailable, match="cannot be reached"):
        studio.run()
    assert studio.house.catalog.audit_trail(studio.house.me) == []


def test_a_run_is_in_the_audit_without_content(studio: Studio) -> None:
    studio.clip("a.mp4", 1)
    studio.run()
    (entry,) = studio.house.catalog.audit_trail(studio.house.me)
    assert entry.action == "enrich captions" and entry.detail["captioned"] == 1
    assert "ladder" not in msgspec.json.encode(entry.detail).decode()


def test_a_server_that_counts_no_tokens_is_reckoned(studio: Studio) -> None:
    class Uncounted(ScriptedModel):
        def stream(self, *given: Any) -> Any:
            return (piece._replace(usage=None) for piece in super().stream(*given))

    studio.clip("a.mp4", 1)
    studio.model = Uncounted(always(reply()), ABLE)
    made = studio.run()
    assert made.prompt_tokens > 1369 and made.completion_tokens > 10


def test_the_latest_moments_with_something_in_them_are_first(studio: Studio) -> None:
    frames = [
        studio.frame("a.mp4", 1, 1, why="floor"),
        studio.frame("a.mp4", 2, 2, detections=[{"label": "person", "score": 0.9}]),
        studio.frame("b.mp4", 3, 1),
    ]
    studio.house.put(*frames)
    studio.run(frames=2)
    assert {e.data["frame"] for e in studio.captions()} == {frames[1].id, frames[2].id}
    assert all(e.valid and e.valid.seconds == SECOND / 1e6 for e in studio.captions())
    assert len(studio.house.catalog.scan(Filter(kinds=(Kind.FRAME,)), studio.house.me)) == 3
