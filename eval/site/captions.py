"""The visual attributes of the sample site, how they are worded, and captions built from them.

The phrases of an attribute are used three ways: all of them to write training captions, the `prompts` and `negatives` to
decide on a frame (by the card of the checkpoint), and the `aliases` to recognise the attribute in a question.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from eval.site.scene import FORKLIFT_COLOURS, Frame, Person, attributes, visible


@dataclass(frozen=True, slots=True)
class Attribute:
    """One visual attribute. `prompts` say that it is there, `negatives` that it is not; `others` are further wordings."""

    label: str
    aliases: tuple[str, ...]
    prompts: tuple[str, ...]
    negatives: tuple[str, ...]
    others: tuple[str, ...] = ()


def _forklift(colour: str) -> Attribute:
    return Attribute(
        f"{colour} forklift",
        (f"{colour} forklift", f"{colour} lift truck", f"{colour} fork lift"),
        (f"a {colour} forklift", f"a {colour} lift truck", f"a forklift painted {colour}"),
        (f"no {colour} forklift", f"no {colour} lift truck"),
        (f"{colour} forklift", f"a forklift that is {colour}"),
    )


ATTRIBUTES: tuple[Attribute, ...] = (
    Attribute(
        "person",
        ("person", "people", "anyone", "anybody", "someone", "somebody", "worker", "workers", "operator", "staff"),
        ("a person", "a worker", "someone walking", "people"),
        ("no person", "nobody", "no people", "no workers"),
        ("somebody", "an operator", "a person on foot", "anyone", "a man", "staff"),
    ),
    Attribute(
        "person with hard hat",
        ("hard hat", "helmet", "hard hats", "helmets", "person wearing a hard hat", "worker with a helmet"),
        ("a person with a hard hat", "a worker wearing a helmet", "a person wearing a hard hat"),
        ("nobody wearing a hard hat", "no person with a helmet", "no hard hat"),
        ("a hard hat", "a helmet", "someone in a hard hat", "a safety helmet"),
    ),
    Attribute(
        "person without hard hat",
        (
            "without a hard hat",
            "without hard hat",
            "without a helmet",
            "no hard hat",
            "no helmet",
            "bareheaded",
            "not wearing a hard hat",
            "not wearing a helmet",
            "missing hard hat",
        ),
        ("a person without a hard hat", "a worker without a helmet", "a bareheaded person"),
        ("nobody without a hard hat", "nobody bareheaded", "nobody without a helmet"),
        ("someone not wearing a helmet", "a person not wearing a hard hat", "somebody with a bare head"),
    ),
    Attribute(
        "hi-vis vest",
        ("hi-vis vest", "hi-vis", "high visibility vest", "safety vest", "reflective vest", "vest"),
        ("a person in a hi-vis vest", "a worker wearing a safety vest", "a high visibility vest"),
        ("no hi-vis vest", "nobody wearing a safety vest", "no vest"),
        ("a reflective vest", "a vest", "someone in a bright vest", "hi-vis"),
    ),
    Attribute(
        "forklift",
        ("forklift", "forklifts", "fork lift", "lift truck", "forklift truck"),
        ("a forklift", "a lift truck", "a forklift truck"),
        ("no forklift", "no lift truck"),
        ("forklift", "a forklift driving", "a fork lift"),
    ),
    *(_forklift(colour) for colour in FORKLIFT_COLOURS),
    Attribute(
        "truck",
        ("truck", "lorry", "trucks", "lorries", "delivery truck"),
        ("a truck", "a lorry", "a delivery truck"),
        ("no truck", "no lorry"),
        ("a parked truck", "a large truck", "truck", "a delivery lorry"),
    ),
    Attribute(
        "pallet",
        ("pallet", "pallets", "boxes", "stacked boxes", "pallet of boxes"),
        ("a pallet", "boxes on a pallet", "a pallet of boxes"),
        ("no pallet", "no boxes"),
        ("stacked boxes", "a loaded pallet", "pallet", "goods on a pallet"),
    ),
    Attribute(
        "smoke",
        ("smoke", "fumes", "smoking", "haze"),
        ("smoke", "a cloud of smoke", "smoke rising"),
        ("no smoke", "clear air"),
        ("fumes", "grey smoke", "smoke in the air"),
    ),
    Attribute(
        "fire",
        ("fire", "flames", "flame", "burning", "blaze"),
        ("fire", "flames", "a fire burning"),
        ("no fire", "no flames"),
        ("a fire", "something burning", "open flames"),
    ),
    Attribute(
        "spill",
        (
            "spill",
            "puddle",
            "leak on the floor",
            "spilled liquid",
            "oil on the floor",
            "water on the floor",
            "spillage",
            "pool of liquid",
        ),
        ("a spill on the floor", "a puddle", "liquid on the floor"),
        ("no spill", "a dry floor", "no puddle"),
        ("a spill", "oil on the floor", "water on the floor", "a leak on the floor", "a pool of liquid"),
    ),
    Attribute(
        "open door",
        (
            "open door",
            "door open",
            "open gate",
            "gate open",
            "open roller door",
            "roller door open",
            "door standing open",
        ),
        ("an open door", "the door is open", "the gate is open"),
        ("a closed door", "the door is closed", "the gate is closed"),
        ("an open gate", "an open roller door", "the roller door stands open"),
    ),
    Attribute(
        "night",
        ("night", "dark", "at night", "lights out"),
        ("at night", "a dark scene", "night"),
        ("in daylight", "by day", "daytime"),
        ("in the dark", "it is dark"),
    ),
    Attribute(
        "rain",
        ("rain", "raining", "rainy", "wet weather"),
        ("rain", "it is raining", "rainy weather"),
        ("no rain", "dry weather"),
        ("heavy rain", "raining", "in the rain"),
    ),
)
BY_LABEL: dict[str, Attribute] = {attribute.label: attribute for attribute in ATTRIBUTES}
LABELS: tuple[str, ...] = tuple(BY_LABEL)

PLACES: dict[str, tuple[str, ...]] = {
    "hall": ("a pump hall", "the pump hall", "a pump", "pipes on the wall"),
    "yard": ("a loading yard", "the yard", "a building front"),
    "warehouse": ("a warehouse", "the warehouse", "storage racks"),
    "tanks": ("a tank farm", "the tank farm", "storage tanks"),
}
# More facts that captions may state, so that the text side learns more than the decided attributes.
EXTRA: dict[str, tuple[str, ...]] = {
    "several people": ("several people", "two or more people", "a group of workers"),
    "one person": ("one person", "a single worker", "one worker alone"),
    "nothing": ("an empty scene", "nothing happening", "nobody and no vehicles"),
    "vehicle": ("a vehicle", "some vehicle", "vehicles"),
}
TEMPLATES = (
    "{}",
    "{}",
    "a camera picture of {}",
    "a photo of {}",
    "{} seen by a camera",
    "there is {}",
    "view of {}",
    "cctv frame, {}",
)
JOINS = (" and ", ", ", " with ", " and ")


def facts(frame: Frame) -> frozenset[str]:
    """Every fact a caption may state about the frame: labels, "not LABEL", the place kind and the extra facts."""
    present = attributes(frame)
    found = set(present) | {f"not {label}" for label in LABELS if label not in present} | {frame.kind}
    people = sum(isinstance(actor, Person) and visible(actor) for actor in frame.actors)
    if people >= 2:
        found.add("several people")
    if people == 1:
        found.add("one person")
    if not present - {"night", "rain", "open door"}:
        found.add("nothing")
    if present & {"forklift", "truck"}:
        found.add("vehicle")
    return frozenset(found)


def phrases(fact: str) -> tuple[str, ...]:
    """Every wording of one fact."""
    if fact in BY_LABEL:
        return BY_LABEL[fact].prompts + BY_LABEL[fact].others
    if fact.startswith("not "):
        return BY_LABEL[fact[4:]].negatives
    return PLACES.get(fact) or EXTRA[fact]


def caption(rng: random.Random, stated: list[str]) -> str:
    """One caption that states the facts, in random wording."""
    text = rng.choice(phrases(stated[0]))
    for fact in stated[1:]:
        text += rng.choice(JOINS) + rng.choice(phrases(fact))
    return rng.choice(TEMPLATES).format(text)


def choose_facts(rng: random.Random, held: frozenset[str]) -> list[str]:
    """One to three facts of a frame, those that hold preferred over those that do not."""
    positive = sorted(fact for fact in held if not fact.startswith("not "))
    negative = sorted(fact for fact in held if fact.startswith("not "))
    count = rng.choice((1, 2, 2, 3))
    chosen = rng.sample(positive, min(count, len(positive)))
    if rng.random() < 0.25 and negative:
        chosen[-1] = rng.choice(negative)
    return chosen


def corpus() -> list[str]:
    """Every text whose words must be whole tokens: phrases, templates and the words questions are asked with."""
    texts = [
        phrase for fact in (*LABELS, *(f"not {label}" for label in LABELS), *PLACES, *EXTRA) for phrase in phrases(fact)
    ]
    texts += [alias for attribute in ATTRIBUTES for alias in attribute.aliases]
    texts += [template.format("") for template in TEMPLATES]
    texts += [
        "and with was were is are the a an in on at of by camera zone see seen did any during between when what who",
        "green white orange lime black grey brown colour near pump tank hall yard warehouse floor door gate vehicle",
    ]
    return texts
