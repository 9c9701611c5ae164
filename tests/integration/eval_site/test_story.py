"""The story of a seed is one truth: the same each time, and the same in pictures, tables, documents and questions."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.questions import Expected, Question
from eval.site.captions import LABELS, caption, choose_facts, facts, phrases
from eval.site.documents import loss_words
from eval.site.incidents import Incident
from eval.site.material import ALERTS, LEGACY_ALARMS, ORDERS, Material, gather
from eval.site.questions import DEMO_KINDS, build_questions, demo_questions
from eval.site.scene import FLOOR_TOP, Frame, Pallet, Person, Vehicle, attributes
from eval.site.scripts import Act, Script, frame_at, sightings
from eval.site.world import ZONE, build_world, rng_for

KINDS = {"passage", "frame", "figure", "alert", "workorder", "join", "not_observed", "not_recorded", "insufficient"}


@pytest.fixture(scope="module")
def material() -> Material:
    return gather(3, 3)


@pytest.fixture(scope="module")
def questions(material: Material) -> list[Question]:
    return build_questions(material)


def test_same_seed_gives_the_same_truth(material: Material, questions: list[Question]) -> None:
    again = gather(3, 3)
    assert again == material
    assert msgspec.json.encode(build_questions(again)) == msgspec.json.encode(questions)


def test_another_seed_gives_another_story(material: Material) -> None:
    assert build_world(4, 3) != material.story.world


def test_enough_questions_of_every_kind(questions: list[Question]) -> None:
    kinds = Counter(question.kind for question in questions)
    assert set(kinds) == KINDS
    assert min(kinds.values()) >= 5
    assert len(questions) >= 60
    assert len({question.id for question in questions}) == len(questions)


def test_answering_everything_stays_under_six_in_ten(questions: list[Question]) -> None:
    assert sum(question.verdict == "answered" for question in questions) / len(questions) <= 0.56


def test_two_days_are_enough_for_sixty_questions() -> None:
    assert len(build_questions(gather(5, 2))) >= 60


def test_demo_asks_one_of_each(questions: list[Question]) -> None:
    assert [question.kind for question in demo_questions(questions)] == list(DEMO_KINDS)


def test_paraphrases_name_a_question_with_the_same_truth(questions: list[Question]) -> None:
    by_id = {question.id: question for question in questions}
    paraphrases = [question for question in questions if question.paraphrase_of]
    assert len(paraphrases) >= 5
    for question in paraphrases:
        first = by_id[question.paraphrase_of or ""]
        assert (first.verdict, first.evidence, first.figures) == (question.verdict, question.evidence, question.figures)


def test_every_expected_piece_exists(material: Material, questions: list[Question]) -> None:
    for question in questions:
        for piece in (*question.evidence, *question.acceptable):
            assert _exists(material, piece), (question.question, piece)


def _exists(material: Material, piece: Expected) -> bool:
    if piece.source.startswith("cameras/"):
        clips = {clip.path: clip for clip in material.story.world.recordings if clip.made}
        clip = clips[piece.source]
        return piece.start is not None and piece.end is not None and clip.start < piece.end and piece.start < clip.end
    if piece.source in (ALERTS, LEGACY_ALARMS):
        legacy = piece.source == LEGACY_ALARMS
        return any(alert.id == piece.key and alert.legacy is legacy for alert in material.alerts)
    if piece.source == ORDERS:
        return any(order.id == piece.key for order in material.orders)
    if piece.source.startswith("sensors/"):
        series = next(one for one in material.series.values() if one.sensor.file == piece.source)
        return bool(piece.start and piece.end and series.between(piece.start, piece.end))
    document = next(one for one in material.documents if one.path == piece.source)
    pages = document.pages if piece.page is None else (document.pages[piece.page - 1],)
    text = " ".join(paragraph for page in pages for paragraph in page)
    return all(word.lower() in text.lower() for word in piece.contains)


def test_unanswerable_questions_cite_nothing(questions: list[Question]) -> None:
    for question in questions:
        if question.verdict in ("not_observed", "not_recorded", "insufficient"):
            assert not question.evidence
        else:
            assert question.evidence


def test_not_observed_really_is_not_there(material: Material, questions: list[Question]) -> None:
    for question in (one for one in questions if one.kind == "not_observed"):
        for piece in question.acceptable:
            seen = [
                s
                for s in material.story.sights
                if s.recording.path == piece.source and s.attribute in question.attributes
            ]
            assert not seen, question.question


def test_the_outage_is_one_planned_clip_beside_a_made_one(material: Material) -> None:
    lost = [clip for clip in material.story.world.recordings if not clip.made]
    assert len(lost) == 1
    assert any(
        clip.end == lost[0].start and clip.camera == lost[0].camera
        for clip in material.story.world.recordings
        if clip.made
    )
    assert material.story.outage.recording == lost[0]


def test_an_incident_is_one_time_in_every_medium(material: Material) -> None:
    for incident in material.story.incidents:
        alert = next(alert for alert in material.alerts if alert.incident is incident)
        assert alert.raised == incident.raised
        if incident.seen and incident.plot.attribute:
            seen = [
                s
                for s in material.story.sights
                if s.recording is incident.recording and s.attribute == incident.plot.attribute
            ]
            assert any(
                s.start <= incident.seen[0] + timedelta(seconds=1) and s.end >= incident.seen[1] for s in seen
            ), incident
        if incident.sensor and incident.sensor.limit:
            _assert_crosses(material, incident, incident.sensor.limit)


def _assert_crosses(material: Material, incident: Incident, limit: float) -> None:
    assert incident.sensor is not None
    rows = material.series[incident.sensor.id].between(incident.begins, incident.cleared)
    first = next(when for when, value in rows if value > limit)
    assert abs(first - incident.raised) <= timedelta(minutes=1)
    assert max(value for _, value in rows) == pytest.approx(incident.peak, abs=0.02)


def test_log_and_report_disagree_only_where_a_conflict_is_asked(material: Material) -> None:
    for incident in material.story.incidents:
        said, found = loss_words(incident)
        assert (said != found) is (incident.plot.kind in ("leak", "motor fire"))


def test_series_have_no_limit_passed_without_an_incident(material: Material) -> None:
    for series in material.series.values():
        if series.sensor.limit is None:
            continue
        spans = [
            (i.begins, i.cleared + timedelta(minutes=40))
            for i in material.story.incidents
            if i.asset == series.sensor.asset
        ]
        over = [when for when, value in series.rows() if value > series.sensor.limit]
        assert all(any(start <= when <= end for start, end in spans) for when in over), series.sensor.id


@given(st.floats(-50, 690), st.floats(FLOOR_TOP + 30, 345), st.booleans(), st.booleans())
def test_hat_and_no_hat_exclude_each_other_for_one_person(x: float, y: float, hat: bool, vest: bool) -> None:
    person = Person(x, y, "yellow" if hat else None, "lime" if vest else None)
    seen = attributes(Frame("hall", actors=(person,)))
    assert ("person" in seen) is (("person with hard hat" in seen) != ("person without hard hat" in seen))
    assert not {"person with hard hat", "person without hard hat"} <= seen


@given(st.integers(0, 400), st.integers(1, 190), st.floats(-700, 700))
def test_sightings_agree_with_the_frames(begin: int, length: int, travel: float) -> None:
    clip = build_world(1, 1).recordings[0]
    acts = (Act(Vehicle("forklift", "red", 320, 290), begin, begin + length, travel), Act(Pallet(200, 300), 0, 50))
    script = Script(clip, False, acts, ((10, 20),))
    for sight in sightings([script]):
        start, end = (int((moment - clip.start).total_seconds()) for moment in (sight.start, sight.end))
        assert 0 <= start < end <= 600
        for second in (start, (start + end) // 2, end - 1):
            assert sight.attribute in attributes(frame_at(script, second))
        assert end == 600 or sight.attribute not in attributes(frame_at(script, end))


@given(st.integers(0, 2**32))
def test_captions_state_only_what_holds(seed: int) -> None:
    rng = rng_for(seed, "caption")
    held = facts(Frame("yard", rain=True, actors=(Person(300, 300, None, "lime"),)))
    stated = choose_facts(rng, held)
    assert held.issuperset(stated)
    text = caption(rng, stated)
    assert all(any(phrase in text for phrase in phrases(fact)) for fact in stated)


def test_every_attribute_has_words_for_and_against() -> None:
    for label in LABELS:
        assert not set(phrases(label)) & set(phrases(f"not {label}"))


@pytest.mark.parametrize("seed", range(6))
def test_recorded_days_keep_one_offset(seed: int) -> None:
    world = build_world(seed, 5)
    assert len({datetime.combine(world.day(i), datetime.min.time(), ZONE).utcoffset() for i in range(6)}) == 1
    assert all(clip.start.tzinfo is UTC for clip in world.recordings)
