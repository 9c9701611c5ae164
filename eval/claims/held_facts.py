"""What the standing documents say (induction, permits, maintenance review), in other words, with the false twins of those."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from eval.claims.held_slots import count_slot, name_slot, word
from eval.claims.types import Slot
from eval.claims.world import World


class Fact(NamedTuple):
    """A sentence of a standing document: its pattern with named groups, ways of saying it, and the words those use."""

    pattern: re.Pattern[str]
    ways: Sequence[str]
    words: Mapping[str, Slot]

    def slots(self, match: re.Match[str], world: World, rng: random.Random) -> dict[str, Slot]:
        """The slots of a match: groups named for a kind of thing are names, numbers are counts, other groups stay as read."""
        found = dict(self.words)
        for name, value in match.groupdict().items():
            if name in ("asset", "permit"):
                found[name] = name_slot(name, value, world, rng)
            else:
                found[name] = count_slot(int(value)) if value.isdigit() else Slot(name, value, value)
        return found


FACTS = (
    Fact(
        re.compile(r"The muster point for every alarm is the (?P<place>[a-z ]+)\."),
        (
            "Everyone {musters} at the {place} {whenever} an alarm sounds.",
            "For {every} alarm the muster point {is_at} the {place}.",
            "The {place} {serves} as the muster point for {every} alarm.",
        ),
        {
            "musters": word("musters", negation="does not muster"),
            "whenever": word("whenever", quantifier="only after dark when|only when the second of"),
            "every": word("every", quantifier="only the fire|no"),
            "is_at": word("is", negation="is not"),
            "serves": word("serves", negation="does not serve", status="used to serve"),
        },
    ),
    Fact(
        re.compile(r"Radio channel (?P<channel>\d+) is kept for emergencies"),
        (
            "Radio channel {channel} {is_kept} for {purpose}.",
            "In an emergency the radio channel to use {is_it} {channel}.",
            "{purpose} {have} radio channel {channel} reserved for them.",
        ),
        {
            "is_kept": word("is kept free", negation="is not kept free", quantifier="and every channel below it is kept free"),
            "purpose": word("emergencies", name="maintenance talk|the shift handover|crane work"),
            "is_it": word("is", negation="is not", quantifier="is any but"),
            "have": word("have", negation="do not have", status="no longer have"),
        },
    ),
    Fact(
        re.compile(r"The speed limit for vehicles on the site is (?P<speed>\d+) km/h"),
        (
            "Vehicles on the site {may_drive} {speed} {unit}.",
            "The site speed limit {is_it} {speed} {unit} for {vehicles}.",
            "On site, {vehicles} {are_held} to {speed} {unit}.",
        ),
        {
            "may_drive": word("may drive at no more than", quantifier="must drive at least", roles="must overtake anything under"),
            "is_it": word("is", negation="is not"),
            "vehicles": word("vehicles", name="cyclists|overhead cranes", quantifier="forklifts only"),
            "are_held": word("are held", negation="are not held"),
            "unit": word("km/h", unit="mph|m/s|km/min"),
        },
    ),
    Fact(
        re.compile(r"The first aid room is room (?P<room>\d+) beside the control room"),
        (
            "First aid {is_in} room {room}, next to the {neighbour}.",
            "Room {room}, beside the {neighbour}, {is_it} the first aid room.",
        ),
        {
            "is_in": word("is in", negation="is not in", status="has moved out of"),
            "neighbour": word("control room", name="canteen|server room|locker room"),
            "is_it": word("is", negation="is not", status="was until last year"),
        },
    ),
    Fact(
        re.compile(r"A hard hat and a hi-vis vest are worn in every zone"),
        (
            "Hard hats and hi-vis vests {are_worn} in {all_zones}.",
            "In {all_zones} people {wear} a hard hat {and_} a hi-vis vest.",
        ),
        {
            "are_worn": word("are worn", negation="are not worn|need not be worn"),
            "all_zones": word("every zone", quantifier="no zone|all zones but the tank farm|only some of the zones"),
            "wear": word("wear", negation="do not wear"),
            "and_": word("and", negation="but not", quantifier="or"),
        },
    ),
    Fact(
        re.compile(r"Pedestrians keep to the marked walkways"),
        (
            "{pedestrians} {keep} to the marked walkways.",
            "The marked walkways {are} where {pedestrians} have to walk.",
        ),
        {
            "pedestrians": word("pedestrians", name="forklifts", quantifier="only visiting pedestrians"),
            "keep": word("keep", negation="do not have to keep", roles="keep vehicles"),
            "are": word("are", negation="are not"),
        },
    ),
    Fact(
        re.compile(r"Permits are valid for one shift"),
        ("A permit {is_valid} for {one} shift.", "{one_cap} shift {is_how} long a permit stays valid."),
        {
            "is_valid": word("is valid", negation="is not valid even", status="can be renewed"),
            "one": word("one", number="two|three", quantifier="at least one|more than one"),
            "one_cap": word("one", number="half a", quantifier="more than one"),
            "is_how": word("is how", negation="is not how"),
        },
    ),
    Fact(
        re.compile(r"Hot work permit (?P<permit>HW-\d+) was issued to (?P<firm>\w+) Services for the roof of the canteen"),
        (
            "Hot work permit {permit} {was_issued} {firm} Services.",
            "{firm} Services {holds} hot work permit {permit} for the {place}.",
            "Permit {permit} {covers} {hot} work on the {place}.",
        ),
        {
            "was_issued": word("was issued to", negation="was not issued to|was refused to", roles="was issued by"),
            "holds": word("holds", negation="does not hold", roles="checks others for", quantifier="alone, of three firms, holds"),
            "place": word("canteen roof", name="canteen floor|warehouse roof|boiler house roof"),
            "covers": word("covers", negation="does not cover", quantifier="covers more than"),
            "hot": word("hot", name="cold|electrical|lifting"),
        },
    ),
    Fact(
        re.compile(r"Entry into boiler (?P<asset>[A-Z]+-\d+) needs a confined space permit and a standby person"),
        (
            "To enter {asset}, a {confined} permit and a standby person {are_needed}.",
            "{asset} {may_be} entered without a {confined} permit and a standby person.",
            "A standby person {is_needed} for entry into {asset}, besides a {confined} permit.",
        ),
        {
            "confined": word("confined space", name="hot work|working-at-height|excavation"),
            "are_needed": word("are needed", negation="are not needed", quantifier="are needed, but only one of the two"),
            "may_be": word("may not be", negation="may be"),
            "is_needed": word("is needed", negation="is not needed", number="is one of three standby people needed"),
        },
    ),
    Fact(
        re.compile(r"The area is inspected one hour after hot work ends"),
        (
            "One hour {after} hot work {ends}, the area {is_inspected}.",
            "The area {is_inspected} an hour {after} the {end} of hot work.",
        ),
        {
            "after": word("after", roles="before"),
            "ends": word("ends", roles="begins"),
            "end": word("end", roles="start"),
            "is_inspected": word("is inspected", negation="is not inspected",
                status="may be released unseen", quantifier="is inspected at least twice"),
        },
    ),
    Fact(
        re.compile(r"The maintenance team booked (?P<hours>\d+) hours of planned work in the period"),
        (
            "In the period, maintenance {booked} {hours} {unit} of {planned} work.",
            "{hours} {unit} of {planned} work {were_booked} by the maintenance team in the period.",
        ),
        {
            "booked": word("booked", negation="did not book", quantifier="booked at least double the target of"),
            "planned": word("planned", name="unplanned|emergency|contracted"),
            "were_booked": word("were booked", negation="were not booked"),
            "unit": word("hours", unit="days|minutes|weeks"),
        },
    ),
    Fact(
        re.compile(r"No work order was older than its target"),
        (
            "{no_order} was older than its target.",
            "{all_orders} were within their target age.",
        ),
        {
            "no_order": word("not one work order", negation="a work order", quantifier="more than one work order"),
            "all_orders": word("all work orders", negation="not all work orders", quantifier="only the urgent work orders"),
        },
    ),
    Fact(
        re.compile(r"There are (?P<number>\d+) spare bearings of the pump type in the (?P<store>\w+) of the stores"),
        (
            "The stores {keep} {number} spare pump {bearings} in the {store}.",
            "{number} spare {bearings} of the pump type {lie} in the {store} of the stores.",
        ),
        {
            "keep": word("keep", negation="do not keep", quantifier="keep at least twice"),
            "bearings": word("bearings", name="seals|couplings"),
            "lie": word("lie", negation="do not lie", status="have been used up"),
        },
    ),
    Fact(
        re.compile(r"Pump (?P<asset>[A-Z]+-\d+) is greased with (?P<grease>\w+) (?P<grade>EP\d) every second week"),
        (
            "{asset} {is_greased} with {grease} {grade} every {second} week.",
            "Every {second} week {asset} {gets} {grease} {grade}.",
            "The grease {for_} {asset} {is_it} {grease} {grade}.",
        ),
        {
            "is_greased": word("is greased", negation="is not greased", quantifier="and every other pump is greased"),
            "second": word("second", number="third|fourth", quantifier="single"),
            "gets": word("gets", negation="does not get"),
            "for_": word("for", quantifier="for every bearing on site, not just"),
            "is_it": word("is", negation="is not|is anything but"),
        },
    ),
    Fact(
        re.compile(r"The flange bolts of tank (?P<asset>[A-Z]+-\d+) are tightened to (?P<torque>\d+) newton metres"),
        (
            "The flange bolts of {asset} {are_tightened} to {torque} {unit}.",
            "A torque of {torque} {unit} {applies} to the {flange} bolts on {asset}.",
        ),
        {
            "are_tightened": word("are tightened", negation="are not tightened", quantifier="and of all other tanks are tightened"),
            "applies": word("applies", negation="does not apply"),
            "flange": word("flange", name="manhole|foundation"),
            "unit": word("newton metres", unit="kilonewton metres|foot-pounds|newtons"),
        },
    ),
    Fact(
        re.compile(r"Torque values are checked with a calibrated wrench"),
        ("Torque values {are_checked} with a {calibrated} wrench.", "A {calibrated} wrench {is_used} to check torque values."),
        {
            "are_checked": word("are checked", negation="are not checked", quantifier="are all checked twice"),
            "calibrated": word("calibrated", negation="non-calibrated", name="pneumatic|hydraulic"),
            "is_used": word("is used", negation="is never used", roles="needs torque values"),
        },
    ),
)  # fmt: skip
OTHER_PARTS: Mapping[str, Sequence[str]] = {
    "place": ("north car park", "canteen forecourt", "east gatehouse", "main office", "loading yard"),
    "firm": ("Alder", "Birch", "Cedar", "Rowan"),
    "store": ("cabinet", "container", "shelf", "basement"),
    "grease": ("Lithium", "Polyurea", "Calcium"),
    "grade": ("EP0", "EP1", "EP2", "EP3"),
}
