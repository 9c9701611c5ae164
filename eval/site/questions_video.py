"""Questions that the cameras answer: what was seen, what was watched and not there, and what nobody recorded."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, time, timedelta
from itertools import pairwise

from eval.questions import Question
from eval.site.material import Material, ask, camera_words, clip_span, incident_acceptable, place_words, span_words
from eval.site.scripts import Sighting
from eval.site.world import Camera, Recording, local

SURE_SECONDS = 20  # a sighting shorter than this is no ground for a question
NOUNS: dict[str, tuple[str, ...]] = {
    "person": ("anyone", "a worker", "a person"),
    "person without hard hat": (
        "anyone without a hard hat",
        "a person without a helmet",
        "someone not wearing a hard hat",
    ),
    "person with hard hat": ("someone wearing a hard hat", "a worker with a helmet"),
    "hi-vis vest": ("someone in a hi-vis vest", "a worker in a safety vest"),
    "forklift": ("a forklift", "a lift truck"),
    "red forklift": ("a red forklift",),
    "blue forklift": ("a blue forklift",),
    "yellow forklift": ("a yellow forklift",),
    "truck": ("a truck", "a lorry"),
    "pallet": ("a pallet", "a pallet of boxes"),
    "smoke": ("smoke", "any smoke"),
    "fire": ("fire", "any flames"),
    "spill": ("a spill on the floor", "a puddle"),
    "open door": ("an open door", "the roller door standing open"),
}
# Asked first, one of each: what the checkpoint's card tells well apart. Hard hats hang on a few pixels and come late.
FRAME_ORDER = (
    *("fire", "spill", "smoke", "forklift", "truck", "hi-vis vest", "open door", "blue forklift", "red forklift"),
    *("person without hard hat", "yellow forklift", "person", "pallet", "person with hard hat"),
)
ABSENT = (
    *("fire", "smoke", "truck", "forklift", "spill", "red forklift", "blue forklift", "hi-vis vest", "person"),
    *("yellow forklift", "open door", "person without hard hat"),
)


def frame_questions(material: Material, count: int = 11) -> list[Question]:
    """Questions about something one camera did see; every sighting in the asked span is expected evidence."""
    rng = material.rng("frame")
    by_name: dict[str, list[Sighting]] = {}
    for sight in material.story.sights:
        if sight.attribute in NOUNS and (sight.end - sight.start).total_seconds() >= SURE_SECONDS:
            by_name.setdefault(sight.attribute, []).append(sight)
    chosen: list[Sighting] = []
    for round_ in range(3):
        for name in FRAME_ORDER:
            sights = [sight for sight in by_name.get(name, []) if all(sight is not other for other in chosen)]
            if len(chosen) < count and len(sights) > (0 if round_ == 0 else 1):
                chosen.append(rng.choice(sights))
    return [_frame_question(material, rng, sight, index) for index, sight in enumerate(chosen)]


def _frame_question(material: Material, rng: random.Random, sight: Sighting, index: int) -> Question:
    clip, noun = sight.recording, rng.choice(NOUNS[sight.attribute])
    window = span_words(rng, material, clip.start, clip.end)
    camera, place = camera_words(rng, clip.camera), place_words(rng, clip.camera)
    forms = (
        f"Did {camera} see {noun} {window}?",
        f"Was there {noun} {place} {window}?",
        f"Does the footage show {noun} {place} {window}?",
        f"When was there {noun} {place} {window}?",
        f"At what time did {camera} see {noun} {window}?",
        f"Show me {noun} {place} {window}.",
    )
    same = [other for other in material.story.sights if other.attribute == sight.attribute and other.recording is clip]
    long = [other for other in same if (other.end - other.start).total_seconds() >= 5]
    evidence = [clip_span(clip, other.start, other.end) for other in long]
    acceptable = [clip_span(clip, other.start, other.end) for other in same if other not in long]
    for incident in material.story.incidents:
        if incident.recording is clip and incident.plot.attribute == sight.attribute:
            acceptable += incident_acceptable(incident)
    return ask(
        material,
        "frame",
        forms[index % len(forms)],
        evidence=evidence,
        acceptable=acceptable,
        attributes=(sight.attribute,),
    )


def not_observed_questions(material: Material, count: int = 12) -> list[Question]:
    """Questions about a span a camera recorded without a break and in which the thing asked for was not there."""
    rng = material.rng("not observed")
    free = [(name, span) for name in ABSENT for span in _covered(material) if not _seen(material, name, span)]
    rng.shuffle(free)
    found: list[Question] = []
    for turn in range(count):
        name = ABSENT[turn % len(ABSENT)]
        choice = next((pair for pair in free if pair[0] == name), free[0])
        free.remove(choice)
        found.append(_absent_question(material, rng, *choice, turn))
    return found


def _absent_question(
    material: Material, rng: random.Random, name: str, clips: tuple[Recording, ...], turn: int
) -> Question:
    camera, noun = clips[0].camera, rng.choice(NOUNS[name])
    window = span_words(rng, material, clips[0].start, clips[-1].end)
    forms = (
        f"Did {camera_words(rng, camera)} see {noun} {window}?",
        f"Was there {noun} {place_words(rng, camera)} {window}?",
        f"Is there any footage of {noun} {place_words(rng, camera)} {window}?",
    )
    acceptable = [clip_span(clip, clip.start, clip.end) for clip in clips]
    return ask(
        material, "not_observed", forms[turn % len(forms)], "not_observed", acceptable=acceptable, attributes=(name,)
    )


def _covered(material: Material) -> Iterator[tuple[Recording, ...]]:
    """Every single clip, and every run of two clips back to back."""
    for camera in material.story.world.cameras:
        clips = material.story.world.clips(camera)
        yield from ((clip,) for clip in clips)
        yield from ((one, two) for one, two in pairwise(clips) if one.end == two.start)


def _seen(material: Material, name: str, clips: tuple[Recording, ...]) -> bool:
    """Whether the camera saw it in these clips, or anything that a viewer could take for it."""
    alike = {"smoke": ("smoke", "fire"), "fire": ("fire", "smoke")}.get(name, (name,))
    return any(
        sight.attribute in alike and any(sight.recording is clip for clip in clips) for sight in material.story.sights
    )


def not_recorded_questions(material: Material, count: int = 10) -> list[Question]:
    """Questions about a camera's place at a time for which that camera has no recording: the outage, or off its hours."""
    rng = material.rng("not recorded")
    names = ("person", "forklift", "smoke", "truck", "person without hard hat", "spill", "open door")
    lost = material.story.outage.recording
    spans = [(lost.camera, lost.start, lost.end)] * 2
    while len(spans) < count:
        camera = rng.choice(material.story.world.cameras)
        start = _quiet_start(material, rng)
        end = start + timedelta(minutes=rng.choice((10, 20, 30)))
        if not any(clip.start < end and start < clip.end for clip in material.story.world.clips(camera)):
            spans.append((camera, start, end))
    return [_unrecorded_question(material, rng, rng.choice(names), span, turn) for turn, span in enumerate(spans)]


def _quiet_start(material: Material, rng: random.Random) -> datetime:
    world = material.story.world
    return local(
        world.day(rng.randrange(world.days)), time(rng.choice((7, 8, 9, 18, 19, 20, 22, 23)), rng.choice((0, 10, 20)))
    ).astimezone(material.story.outage.recording.start.tzinfo)


def _unrecorded_question(
    material: Material, rng: random.Random, name: str, span: tuple[Camera, datetime, datetime], turn: int
) -> Question:
    camera, start, end = span
    noun, window = rng.choice(NOUNS[name]), span_words(rng, material, start, end)
    forms = (
        f"Did {camera_words(rng, camera)} see {noun} {window}?",
        f"Was there {noun} {place_words(rng, camera)} {window}?",
        f"What did {camera_words(rng, camera)} show {window}?",
        f"Does the footage show {noun} {place_words(rng, camera)} {window}?",
    )
    text = forms[turn % len(forms)]
    return ask(material, "not_recorded", text, "not_recorded", attributes=(name,) if noun in text else ())
