"""What causes and repairs are called by people who tell of them, with the false twins of each wording by mutation."""

from __future__ import annotations

from eval.claims.held_slots import word
from eval.claims.held_words import Wordings

# what an investigation or a log gives as the cause, as a clause
CAUSES: Wordings = {
    "the grease line to the drive-end bearing was blocked": (
        word(
            "the grease line to the drive-end bearing was blocked",
            negation="the grease line to the drive-end bearing was not blocked",
            roles="the drive-end bearing was blocking the grease line",
            added="the grease line to the drive-end bearing was blocked with hardened soap",
        ),
        word(
            "the drive-end bearing's grease line was blocked", negation="the drive-end bearing's grease line was clear"
        ),
    ),
    "the outer race of the drive-end bearing had spalled": (
        word(
            "the outer race of the drive-end bearing had spalled",
            negation="the outer race of the drive-end bearing had not spalled",
            name="the inner race of the drive-end bearing had spalled|the outer race of the non-drive-end bearing had spalled",
        ),
        word(
            "the drive-end bearing's outer race had spalled",
            added="the drive-end bearing's outer and inner race had spalled",
        ),
    ),
    "the coupling had been left misaligned after the last overhaul": (
        word(
            "the coupling had been left misaligned after the last overhaul",
            negation="the coupling had been left well aligned after the last overhaul",
            roles="the coupling had been left misaligned before the last overhaul",
            added="the coupling had been left misaligned by a contractor after the last overhaul",
        ),
        word(
            "the last overhaul had left the coupling misaligned",
            roles="the last overhaul had corrected a misaligned coupling",
        ),
    ),
    "a flange gasket on the outlet line had perished": (
        word(
            "a flange gasket on the outlet line had perished",
            negation="no flange gasket on the outlet line had perished",
            name="a flange gasket on the inlet line had perished",
        ),
        word(
            "the outlet line had a perished flange gasket",
            quantifier="every flange gasket on the outlet line had perished",
        ),
    ),
    "the sample valve had been left half open": (
        word(
            "the sample valve had been left half open",
            negation="the sample valve had not been left open",
            quantifier="the sample valve had been left fully open",
            added="a contractor had left the sample valve half open",
        ),
        word(
            "someone had left the sample valve half open",
            roles="someone had left the sample valve half closed and locked",
        ),
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
        word("the motor housing had filled up with dust inside", roles="the motor housing had lost its dust seal"),
    ),
    "the motor overload relay had been set too high": (
        word(
            "the motor overload relay had been set too high",
            negation="the motor overload relay had been set correctly",
            roles="the motor overload relay had been set too low",
        ),
        word(
            "too high a setting had been given to the motor overload relay",
            roles="too low a setting had been given to the motor overload relay",
        ),
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
        word(
            "the gate's chain had come off its sprocket", added="the gate's chain had come off its sprocket and snapped"
        ),
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
        word(
            "somebody had closed the cooling water valve by mistake",
            added="somebody had closed the cooling water valve on purpose",
        ),
    ),
    "water had entered the transmitter junction box": (
        word(
            "water had entered the transmitter junction box",
            negation="no water had entered the transmitter junction box",
            added="rain water had entered the transmitter junction box through a cracked lid",
        ),
        word(
            "water had got into the transmitter junction box",
            roles="water had leaked out of the transmitter junction box",
        ),
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
        word(
            "replaced the drive-end bearing",
            negation="did not replace the drive-end bearing",
            name="replaced the non-drive-end bearing",
        ),
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
        word(
            "dried the junction box and sealed it again", added="dried the junction box, rewired it and sealed it again"
        ),
    ),
    "tensioned the belt": (
        word("tensioned the belt", negation="did not tension the belt", roles="slackened the belt"),
    ),
    "realigned the post sensor": (
        word(
            "realigned the post sensor",
            negation="did not realign the post sensor",
            added="realigned and rewired the post sensor",
        ),
    ),
}
