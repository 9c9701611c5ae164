"""What a plant's alarms, jobs, units and sights are called by people who tell of them, and what they are not.

Each original wording has others that a reader would take for the same, each with its own false twins by mutation.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from eval.claims.held_slots import word
from eval.claims.types import Slot

Wordings = Mapping[str, Sequence[Slot]]

UNITS: Wordings = {
    "mm/s": (
        word("mm/s", unit="m/s|cm/s|µm/s|mm/min"),
        word("millimetres per second", unit="metres per second|millimetres per minute"),
    ),
    "degC": (
        word("°C", unit="°F|K"),
        word("degrees Celsius", unit="degrees Fahrenheit|kelvin"),
        word("degC", unit="degF|K"),
    ),
    "%": (word("%", unit="m³|cm|bar"), word("percent", unit="litres|centimetres|per mille")),
    "A": (
        word("A", unit="mA|kA|V|kW"),
        word("amps", unit="volts|milliamps"),
        word("amperes", unit="kiloamperes|volts"),
    ),
    "bar": (word("bar", unit="mbar|kPa|psi|MPa"),),
}

# what an alert says, as a noun phrase
MESSAGES: Wordings = {
    "vibration above the trip limit, pump tripped": (
        word("vibration above the trip limit", negation="vibration that stayed below the trip limit"),
        word(
            "vibration above the trip limit, with the pump tripping",
            negation="vibration above the trip limit, without the pump tripping",
            added="vibration and temperature above the trip limit, with the pump tripping",
        ),
    ),
    "level falling without a transfer": (
        word(
            "a falling level with no transfer going on",
            negation="a falling level with a transfer going on",
            added="a falling level with no transfer going on and the outlet pump running",
        ),
        word("a level dropping without a transfer", negation="a level dropping during a transfer"),
    ),
    "motor current above limit, drive stopped": (
        word("motor current above its limit", negation="motor current within its limit"),
        word(
            "motor current above the limit and the drive stopping",
            negation="motor current above the limit without the drive stopping",
            added="motor current above the limit and the drive stopping after three failed restarts",
        ),
    ),
    "gate not closed within the allowed time": (
        word(
            "a gate that had not closed within the allowed time",
            negation="a gate that had closed within the allowed time",
        ),
        word("the gate failing to close in the time allowed", negation="the gate closing in the time allowed"),
    ),
    "bearing temperature above limit": (
        word("bearing temperature above the limit", negation="bearing temperature below the limit"),
        word("an overly high bearing temperature", added="an overly high bearing and winding temperature"),
    ),
    "level signal implausible": (
        word("an implausible level signal", negation="a plausible level signal"),
        word("a level signal that was not plausible", negation="a level signal that was plausible"),
    ),
    "motor current above limit": (
        word("motor current above its limit", negation="motor current within its limit"),
        word("a motor current beyond the limit", negation="a motor current not beyond the limit"),
    ),
    "gate drive fault": (
        word("a fault in the gate drive", added="a fault in the gate drive and its spare"),
        word("a gate drive fault", negation="a gate drive free of faults"),
    ),
    "winding fan failed to start": (
        word("a winding fan that failed to start", negation="a winding fan that started"),
        word("the winding fan not starting", negation="the winding fan starting"),
    ),
    "tap changer moved slowly": (
        word("a slow-moving tap changer", negation="a tap changer that moved quickly"),
        word("the tap changer moving slowly", negation="the tap changer not moving slowly"),
    ),
    "oil temperature sensor drift": (
        word("drift of the oil temperature sensor", added="drift of both oil temperature sensors"),
        word("a drifting oil temperature sensor", negation="an oil temperature sensor free of drift"),
    ),
    "low feed water": (
        word("low feed water", negation="ample feed water"),
        word("feed water running low", negation="feed water not running low"),
    ),
    "burner flame signal weak": (
        word("a weak burner flame signal", negation="a strong burner flame signal"),
        word("the burner's flame signal being weak", negation="the burner's flame signal not being weak"),
    ),
    "blowdown valve slow to close": (
        word("a blowdown valve that was slow to close", roles="a blowdown valve that was slow to open"),
        word("the blowdown valve closing slowly", negation="the blowdown valve not closing slowly"),
    ),
    "obstruction detected": (
        word("a detected obstruction", negation="no obstruction being detected", added="an obstruction by a vehicle"),
        word("an obstruction", negation="the absence of any obstruction"),
    ),
    "gate motor thermal trip": (
        word("a thermal trip of the gate motor", added="a second thermal trip of the gate motor"),
        word(
            "the gate motor tripping on thermal protection",
            negation="the gate motor not tripping on thermal protection",
        ),
    ),
    "emergency cord pulled": (
        word("a pulled emergency cord", negation="an emergency cord that had not been pulled"),
        word("someone pulling the emergency cord", negation="nobody pulling the emergency cord"),
    ),
    "belt misalignment": (
        word("misalignment of the belt", negation="correct alignment of the belt"),
        word("a misaligned belt", negation="a well-aligned belt", added="a misaligned and torn belt"),
    ),
    "seal water flow low": (
        word("low seal water flow", negation="normal seal water flow"),
        word("too little seal water flow", negation="sufficient seal water flow"),
    ),
    "suction strainer pressure drop high": (
        word(
            "a high pressure drop over the suction strainer", negation="no high pressure drop over the suction strainer"
        ),
        word(
            "a high pressure drop across the suction strainer",
            negation="a low pressure drop across the suction strainer",
        ),
    ),
    "vent filter clogged": (
        word("a clogged vent filter", negation="a clear vent filter"),
        word("clogging of the vent filter", added="clogging of the vent filter and the vent pipe"),
    ),
    "mixer stopped": (
        word("a stopped mixer", negation="a running mixer"),
        word("the mixer having stopped", negation="the mixer not having stopped"),
    ),
}

# what a work order is for, as a noun phrase
JOBS: Wordings = {
    "Replace drive-end bearing": (
        word("replacement of the drive-end bearing", name="replacement of the non-drive-end bearing"),
        word("replacing the drive-end bearing", roles="replacing the drive-end coupling"),
    ),
    "Repair leak and clean bund": (
        word("repair of a leak and cleaning of the bund", negation="repair of a leak without cleaning the bund"),
        word("repairing a leak and cleaning the bund", roles="cleaning a leak and repairing the bund"),
    ),
    "Change drive motor": (
        word("a change of the drive motor", name="a change of the drive gearbox"),
        word("changing the drive motor", quantifier="changing both drive motors"),
    ),
    "Repair gate drive": (
        word("repair of the gate drive", name="repair of the gate post"),
        word("repairing the gate drive", added="repairing the gate drive and repainting the gate"),
    ),
    "Inspect cooling water": (
        word("an inspection of the cooling water", name="an inspection of the seal water"),
        word("inspecting the cooling water", added="inspecting and treating the cooling water"),
    ),
    "Reseal junction box": (
        word("resealing of the junction box", name="resealing of the terminal box"),
        word("resealing the junction box", quantifier="resealing all junction boxes"),
    ),
    "Tension conveyor belt": (
        word("tensioning of the conveyor belt", name="replacement of the conveyor belt"),
        word("tensioning the conveyor belt", roles="slackening the conveyor belt"),
    ),
    "Realign post sensor": (
        word("realignment of the post sensor", name="realignment of the gate motor"),
        word("realigning the post sensor", quantifier="realigning both post sensors"),
    ),
    "Calibrate pressure transmitter": (
        word("calibration of the pressure transmitter", name="calibration of the level transmitter"),
        word("calibrating the pressure transmitter", quantifier="calibrating all pressure transmitters"),
    ),
    "Take oil sample": (
        word("taking an oil sample", quantifier="taking three oil samples", name="taking a water sample"),
        word("an oil sample", added="an oil sample and a full oil change"),
    ),
    "Replace worn idler rollers": (
        word("replacement of worn idler rollers", quantifier="replacement of all idler rollers"),
        word("replacing worn idler rollers", name="replacing worn drive rollers"),
    ),
    "Check coupling guard": (
        word("a check of the coupling guard", name="a check of the coupling alignment"),
        word("checking the coupling guard", added="checking and replacing the coupling guard"),
    ),
    "Grease gate rollers": (
        word("greasing of the gate rollers", negation="replacement rather than greasing of the gate rollers"),
        word("greasing the gate rollers", name="greasing the gate hinges"),
    ),
    "Inspect vent filter": (
        word("an inspection of the vent filter", name="an inspection of the drain valve"),
        word("inspecting the vent filter", added="inspecting and replacing the vent filter"),
    ),
}

# what a camera sees, as a noun phrase; the false twins are things that a frame of this label does not state
SEEN: Wordings = {
    "person": (word("a person", quantifier="a group of at least three people"), word("someone", quantifier="more than one person")),
    "hi-vis vest": (word("a hi-vis vest"), word("a high-visibility vest")),
    "person with hard hat": (word("a person wearing a hard hat"), word("someone in a hard hat")),
    "person without hard hat": (word("a person without a hard hat"), word("someone not wearing a hard hat")),
    "forklift": (word("a forklift", quantifier="a row of three forklifts"), word("a lift truck", quantifier="more than one lift truck")),
    "truck": (word("a truck", quantifier="a row of trucks"), word("a lorry", quantifier="more than one lorry")),
    "pallet": (word("a pallet", quantifier="a stack of at least four pallets"),),
    "smoke": (word("smoke", added="black smoke from an electrical cabinet"),),
    "fire": (word("fire", added="fire three metres high"), word("flames", added="flames reaching the roof")),
    "spill": (word("a spill", quantifier="more than one spill"), word("a spill on the floor", added="a spill of diesel on the floor")),
    "open door": (word("an open door", negation="a closed door"),),
    "rain": (word("rain", negation="dry weather"),),
}  # fmt: skip


def wording(table: Wordings, original: str, rng: random.Random) -> Slot | None:
    """One way of saying the original, or None where it is not in the table."""
    ways = table.get(original)
    return rng.choice(list(ways)) if ways else None
