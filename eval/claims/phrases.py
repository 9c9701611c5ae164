"""Other words for what the sample site's documents say: each entry means the same as its key and no more."""

from __future__ import annotations

from collections.abc import Mapping

# cause as it is written → a clause, and what "was caused by" takes
CAUSES: Mapping[str, tuple[str, str]] = {
    "the grease line to the drive-end bearing was blocked": (
        "the drive-end bearing's grease line was blocked",
        "a blocked grease line to the drive-end bearing",
    ),
    "the outer race of the drive-end bearing had spalled": (
        "the drive-end bearing's outer race had spalled",
        "spalling of the outer race of the drive-end bearing",
    ),
    "the coupling had been left misaligned after the last overhaul": (
        "the coupling was left misaligned after the most recent overhaul",
        "a coupling left misaligned after the last overhaul",
    ),
    "a flange gasket on the outlet line had perished": (
        "the gasket of a flange on the outlet line had perished",
        "a perished flange gasket on the outlet line",
    ),
    "the sample valve had been left half open": (
        "somebody had left the sample valve half open",
        "a sample valve left half open",
    ),
    "the drain plug had worked loose": ("the drain plug had come loose", "a drain plug that had worked loose"),
    "a jammed carton stalled the belt and overheated the motor": (
        "a carton jammed, which stalled the belt and overheated the motor",
        "a jammed carton that stalled the belt and overheated the motor",
    ),
    "dust had built up inside the motor housing": (
        "dust had accumulated inside the motor housing",
        "a build-up of dust inside the motor housing",
    ),
    "the motor overload relay had been set too high": (
        "the overload relay of the motor was set too high",
        "a motor overload relay that was set too high",
    ),
    "the limit switch was covered in mud": ("mud covered the limit switch", "a limit switch covered in mud"),
    "the gate chain had jumped off its sprocket": (
        "the chain of the gate had come off its sprocket",
        "a gate chain that had jumped off its sprocket",
    ),
    "a relay in the gate drive had welded shut": (
        "a gate drive relay had welded shut",
        "a welded relay in the gate drive",
    ),
    "the cooling water valve had been closed by mistake": (
        "the cooling water valve had mistakenly been closed",
        "a cooling water valve closed by mistake",
    ),
    "water had entered the transmitter junction box": (
        "water had got into the junction box of the transmitter",
        "water in the transmitter junction box",
    ),
    "the belt tension had been lost": ("the belt had lost its tension", "lost belt tension"),
    "a lorry had clipped the gate post sensor": (
        "the gate post sensor had been clipped by a lorry",
        "a lorry that had clipped the gate post sensor",
    ),
}
# what was done, as it is written → clauses
FIXES: Mapping[str, tuple[str, ...]] = {
    "cleared the grease line and fitted a new bearing": (
        "the grease line was cleared and a new bearing was fitted",
        "a new bearing was fitted and the grease line cleared",
    ),
    "replaced the drive-end bearing": ("the drive-end bearing was replaced",),
    "realigned the coupling and replaced the bearing": (
        "the coupling was realigned and the bearing replaced",
        "the bearing was replaced and the coupling realigned",
    ),
    "replaced the gasket and tightened the flange": (
        "the gasket was replaced and the flange tightened",
        "the flange was tightened and the gasket replaced",
    ),
    "closed the valve and fitted a lock": ("the valve was closed and a lock fitted",),
    "refitted the plug with thread seal": ("the plug was refitted with thread seal",),
    "removed the carton and changed the motor": ("the carton was removed and the motor changed",),
    "cleaned the housing and rewound the motor": (
        "the housing was cleaned and the motor rewound",
        "the motor was rewound and the housing cleaned",
    ),
    "reset the relay and changed the motor": ("the relay was reset and the motor changed",),
    "cleaned and reset the limit switch": ("the limit switch was cleaned and reset",),
    "refitted and tensioned the chain": ("the chain was refitted and tensioned",),
    "replaced the relay": ("the relay was replaced",),
    "reopened the cooling water valve": ("the cooling water valve was reopened",),
    "dried and resealed the junction box": ("the junction box was dried and resealed",),
    "tensioned the belt": ("the belt was tensioned",),
    "realigned the post sensor": ("the post sensor was realigned",),
}
# routine entries of a shift log → clauses
ROUTINE: Mapping[str, tuple[str, ...]] = {
    "Handover without open points": ("the handover had no open points", "there was a handover without open points"),
    "Round through all zones, nothing to report": (
        "a round through all zones found nothing to report",
        "a round was made through all zones, with nothing to report",
    ),
    "Waste containers collected": ("the waste containers were collected",),
    "Eyewash stations flushed": ("the eyewash stations were flushed",),
    "Fire doors checked": ("the fire doors were checked",),
    "Two contractors signed in for the canteen roof": (
        "two contractors signed in for the canteen roof",
        "two contractors signed in to work on the canteen roof",
    ),
}
# labels of what is seen → noun phrases
THINGS: Mapping[str, tuple[str, ...]] = {
    "person": ("a person", "someone"),
    "person with hard hat": ("a person with a hard hat", "a person wearing a hard hat"),
    "hi-vis vest": ("a hi-vis vest", "a high visibility vest"),
    "forklift": ("a forklift", "a lift truck"),
    "blue forklift": ("a blue forklift",),
    "red forklift": ("a red forklift", "a red lift truck"),
    "yellow forklift": ("a yellow forklift",),
    "green forklift": ("a green forklift",),
    "white forklift": ("a white forklift",),
    "orange forklift": ("an orange forklift",),
    "truck": ("a truck", "a lorry"),
    "pallet": ("a pallet",),
    "smoke": ("smoke",),
    "fire": ("fire", "flames"),
    "spill": ("a spill", "a spill on the floor"),
    "open door": ("an open door",),
}
