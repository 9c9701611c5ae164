"""What a plant's alarms, causes, repairs and jobs are called by people who tell of them, and what they are not.

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
    "A": (word("A", unit="mA|kA|V|kW"), word("amps", unit="volts|milliamps"), word("amperes", unit="kiloamperes|volts")),
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
        word("a gate that had not closed within the allowed time", negation="a gate that had closed within the allowed time"),
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
        word("the gate motor tripping on thermal protection", negation="the gate motor not tripping on thermal protection"),
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
        word("a high pressure drop over the suction strainer", negation="no high pressure drop over the suction strainer"),
        word("a high pressure drop across the suction strainer", negation="a low pressure drop across the suction strainer"),
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

# what an investigation or a log gives as the cause, as a clause
CAUSES: Wordings = {
    "the grease line to the drive-end bearing was blocked": (
        word(
            "the grease line to the drive-end bearing was blocked",
            negation="the grease line to the drive-end bearing was not blocked",
            roles="the drive-end bearing was blocking the grease line",
            added="the grease line to the drive-end bearing was blocked with hardened soap",
        ),
        word("the drive-end bearing's grease line was blocked", negation="the drive-end bearing's grease line was clear"),
    ),
    "the outer race of the drive-end bearing had spalled": (
        word(
            "the outer race of the drive-end bearing had spalled",
            negation="the outer race of the drive-end bearing had not spalled",
            name="the inner race of the drive-end bearing had spalled|the outer race of the non-drive-end bearing had spalled",
        ),
        word("the drive-end bearing's outer race had spalled", added="the drive-end bearing's outer and inner race had spalled"),
    ),
    "the coupling had been left misaligned after the last overhaul": (
        word(
            "the coupling had been left misaligned after the last overhaul",
            negation="the coupling had been left well aligned after the last overhaul",
            roles="the coupling had been left misaligned before the last overhaul",
            added="the coupling had been left misaligned by a contractor after the last overhaul",
        ),
        word("the last overhaul had left the coupling misaligned", roles="the last overhaul had corrected a misaligned coupling"),
    ),
    "a flange gasket on the outlet line had perished": (
        word(
            "a flange gasket on the outlet line had perished",
            negation="no flange gasket on the outlet line had perished",
            name="a flange gasket on the inlet line had perished",
        ),
        word("the outlet line had a perished flange gasket", quantifier="every flange gasket on the outlet line had perished"),
    ),
    "the sample valve had been left half open": (
        word(
            "the sample valve had been left half open",
            negation="the sample valve had not been left open",
            quantifier="the sample valve had been left fully open",
            added="a contractor had left the sample valve half open",
        ),
        word("someone had left the sample valve half open", roles="someone had left the sample valve half closed and locked"),
    ),
    "the drain plug had worked loose": (
        word(
            "the drain plug had worked loose",
            negation="the drain plug had not worked loose",
            added="the drain plug had worked loose under vibration",
        ),
        word("the drain plug had come loose", quantifier="all drain plugs had come loose"),
    ),
    "a jammed carton stalled the belt and overheated the motor": (
        word(
            "a jammed carton stalled the belt and overheated the motor",
            negation="a jammed carton stalled the belt without overheating the motor",
            roles="a jammed belt stalled the motor and overheated the carton|an overheated motor stalled the belt and jammed a carton",
            added="a jammed carton stalled the belt, overheated the motor and tore the belt",
        ),
        word(
            "the belt was stalled and the motor overheated by a jammed carton",
            roles="the carton was jammed and the belt stalled by an overheated motor",
        ),
    ),
    "dust had built up inside the motor housing": (
        word(
            "dust had built up inside the motor housing",
            negation="no dust had built up inside the motor housing",
            roles="dust had built up outside the motor housing",
        ),
        word("the motor housing had filled up with dust inside", roles="the motor housing had lost its dust seal")
    ),
    "the motor overload relay had been set too high": (
        word(
            "the motor overload relay had been set too high",
            negation="the motor overload relay had been set correctly",
            roles="the motor overload relay had been set too low",
        ),
        word("too high a setting had been given to the motor overload relay", roles="too low a setting had been given to the motor overload relay"),
    ),
    "the limit switch was covered in mud": (
        word(
            "the limit switch was covered in mud",
            negation="the limit switch was free of mud",
            added="the limit switch was covered in mud and had corroded",
        ),
        word("mud covered the limit switch", roles="the limit switch cover had sunk into the mud"),
    ),
    "the gate chain had jumped off its sprocket": (
        word(
            "the gate chain had jumped off its sprocket",
            negation="the gate chain had stayed on its sprocket",
            roles="the sprocket had jumped off the gate chain",
        ),
        word("the gate's chain had come off its sprocket", added="the gate's chain had come off its sprocket and snapped"),
    ),
    "a relay in the gate drive had welded shut": (
        word(
            "a relay in the gate drive had welded shut",
            negation="no relay in the gate drive had welded shut",
            roles="a relay in the gate drive had welded open",
        ),
        word("a gate drive relay had welded shut", quantifier="all gate drive relays had welded shut"),
    ),
    "the cooling water valve had been closed by mistake": (
        word(
            "the cooling water valve had been closed by mistake",
            negation="the cooling water valve had not been closed",
            roles="the cooling water valve had been opened by mistake",
            added="the cooling water valve had been closed by mistake by a contractor",
        ),
        word("somebody had closed the cooling water valve by mistake", added="somebody had closed the cooling water valve on purpose"),
    ),
    "water had entered the transmitter junction box": (
        word(
            "water had entered the transmitter junction box",
            negation="no water had entered the transmitter junction box",
            added="rain water had entered the transmitter junction box through a cracked lid",
        ),
        word("water had got into the transmitter junction box", roles="water had leaked out of the transmitter junction box"),
    ),
    "the belt tension had been lost": (
        word("the belt tension had been lost", negation="the belt tension had not been lost"),
        word("the belt had lost its tension", roles="the belt had been given too much tension"),
    ),
    "a lorry had clipped the gate post sensor": (
        word(
            "a lorry had clipped the gate post sensor",
            negation="no lorry had touched the gate post sensor",
            name="a forklift had clipped the gate post sensor",
        ),
        word("the gate post sensor had been clipped by a lorry", roles="the gate post had clipped a lorry's sensor"),
    ),
}

# what was done about it, in the past tense without its doer
FIXES: Wordings = {
    "cleared the grease line and fitted a new bearing": (
        word(
            "cleared the grease line and fitted a new bearing",
            negation="did not clear the grease line but fitted a new bearing",
            roles="cleared the bearing and fitted a new grease line",
            quantifier="cleared every grease line and fitted two new bearings",
        ),
    ),
    "replaced the drive-end bearing": (
        word("replaced the drive-end bearing", negation="did not replace the drive-end bearing", name="replaced the non-drive-end bearing"),
        word("put in a replacement for the drive-end bearing", name="put in a replacement for the drive-end coupling"),
    ),
    "realigned the coupling and replaced the bearing": (
        word(
            "realigned the coupling and replaced the bearing",
            negation="realigned the coupling without replacing the bearing",
            roles="replaced the coupling and realigned the bearing",
            quantifier="realigned the coupling and replaced both bearings",
        ),
    ),
    "replaced the gasket and tightened the flange": (
        word(
            "replaced the gasket and tightened the flange",
            negation="replaced the gasket but did not tighten the flange",
            roles="tightened the gasket and replaced the flange",
            quantifier="replaced every gasket and tightened the flange",
        ),
    ),
    "closed the valve and fitted a lock": (
        word(
            "closed the valve and fitted a lock",
            negation="closed the valve without fitting a lock",
            roles="opened the valve and removed a lock",
        ),
    ),
    "refitted the plug with thread seal": (
        word(
            "refitted the plug with thread seal",
            negation="refitted the plug without thread seal",
            added="refitted the plug with thread seal and a new washer",
        ),
        word("put the plug back with thread seal", negation="put the plug back without any thread seal"),
    ),
    "removed the carton and changed the motor": (
        word(
            "removed the carton and changed the motor",
            negation="removed the carton but did not change the motor",
            roles="changed the carton and removed the motor",
            quantifier="removed several cartons and changed the motor",
        ),
    ),
    "cleaned the housing and rewound the motor": (
        word(
            "cleaned the housing and rewound the motor",
            negation="cleaned the housing without rewinding the motor",
            added="cleaned the housing, rewound the motor and replaced its fan",
        ),
    ),
    "reset the relay and changed the motor": (
        word(
            "reset the relay and changed the motor",
            negation="reset the relay but left the motor unchanged",
            roles="changed the relay and reset the motor",
        ),
    ),
    "cleaned and reset the limit switch": (
        word(
            "cleaned and reset the limit switch",
            negation="cleaned the limit switch but did not reset it",
            quantifier="cleaned and reset both limit switches",
        ),
    ),
    "refitted and tensioned the chain": (
        word(
            "refitted and tensioned the chain",
            negation="refitted the chain without tensioning it",
            added="refitted, tensioned and lubricated the chain",
        ),
        word("put the chain back and tensioned it", negation="put the chain back but failed to tension it"),
    ),
    "replaced the relay": (
        word("replaced the relay", negation="did not replace the relay", quantifier="replaced all the relays"),
        word("changed the relay for another", negation="failed to change the relay"),
    ),
    "reopened the cooling water valve": (
        word(
            "reopened the cooling water valve",
            negation="did not reopen the cooling water valve",
            roles="closed the cooling water valve again",
            added="reopened and locked the cooling water valve",
        ),
        word("opened the cooling water valve again", negation="failed to open the cooling water valve again"),
    ),
    "dried and resealed the junction box": (
        word("dried and resealed the junction box", negation="dried the junction box but did not reseal it"),
        word("dried the junction box and sealed it again", added="dried the junction box, rewired it and sealed it again"),
    ),
    "tensioned the belt": (
        word("tensioned the belt", negation="did not tension the belt", roles="slackened the belt"),
    ),
    "realigned the post sensor": (
        word("realigned the post sensor", negation="did not realign the post sensor", added="realigned and rewired the post sensor"),
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
    "person": (word("a person", quantifier="a group of at least three people"), word("someone", quantifier="two people")),
    "hi-vis vest": (word("a hi-vis vest"), word("a high-visibility vest")),
    "person with hard hat": (word("a person wearing a hard hat"), word("someone in a hard hat")),
    "person without hard hat": (word("a person without a hard hat"), word("someone not wearing a hard hat")),
    "forklift": (word("a forklift", quantifier="three forklifts"), word("a lift truck", quantifier="several lift trucks")),
    "truck": (word("a truck", quantifier="a row of trucks"), word("a lorry", quantifier="two lorries")),
    "pallet": (word("a pallet", quantifier="at least four pallets"),),
    "smoke": (word("smoke", added="black smoke from an electrical cabinet"),),
    "fire": (word("fire", added="fire three metres high"), word("flames", added="flames reaching the roof")),
    "spill": (word("a spill", quantifier="several spills"), word("a spill on the floor", added="a spill of diesel on the floor")),
    "open door": (word("an open door", negation="a closed door"),),
    "rain": (word("rain", negation="dry weather"),),
}  # fmt: skip


def wording(table: Wordings, original: str, rng: random.Random) -> Slot | None:
    """One way of saying the original, or None where it is not in the table."""
    ways = table.get(original)
    return rng.choice(list(ways)) if ways else None
