"""Right claims about work orders in other people's words."""

from __future__ import annotations

import random
from collections.abc import Mapping
from itertools import combinations

from eval.claims import slots as s
from eval.claims import voices_slots as v
from eval.claims.right_tables import fields, micros, order_slots
from eval.claims.types import ScriptedClaim, Slot
from eval.claims.world import World
from retrieval.types import Evidence, Kind

ORDER = (
    "Job {order} was logged for {asset} at {opened} on {day}.",
    "At {opened} on {day}, somebody opened {order} on {asset}.",
    "{order} is a ticket for {asset}, created at {opened}.",
    "The ticket on {asset} numbered {order} dates from {day}.",
    "Opening time of {order}: {opened}, {day}.",
    "{order} | {asset} | {priority} | {status}",
    "{asset}: job {order}, {priority} priority, {status}.",
    "A job of {priority} priority for {asset}, {order}, was created on {day}.",
    "The job on {asset}, {order}, carries {priority} priority.",
    "{order}, logged on {day}, is rated {priority}.",
    "Its priority is {priority}, its status {status}: that is {order} on {asset}.",
    "Ticket {order}, which was created for {asset} on {day}, is {status}.",
    "Currently {status}: order {order} for {asset}, opened at {opened}.",
    "{order} asks for the following: “{description}”.",
    "“{description}” is the task set down in {order}.",
    "Created on {day} at {opened}, {order} has {asset} as its asset.",
    "Work on {asset} was requested at {opened} under {order}.",
    "There is a job on {asset}, {order}. It was reported at {opened}.",
)  # fmt: skip
TASK = (
    "{order} was opened for {task} on {asset}.",
    "The purpose of job {order} on {asset} is {task}.",
    "On {day}, a ticket for {task} on {asset} was created ({order}).",
    "{task}: that is what {order} is about, on {asset}.",
    "A job was logged at {opened} on {day} for {task} on {asset}.",
    "{order} ({asset}) covers {task}; its priority is {priority}.",
)
CLOSED = (
    "{order} was completed at {closed}.",
    "At {closed} on {closed_day}, {order} on {asset} was signed off.",
    "The job was opened at {opened} and finished at {closed} ({order}, {asset}).",
    "From {opened} until {closed}, {order} was open.",
    "Between opening and closing {order} on {asset}, {lasted} passed.",
    "Job {order} took {lasted}.",
    "{lasted} after it had been opened, {order} was closed.",
    "The ticket for {asset}, {order}, was closed out {lasted} after its creation.",
    "Opened at {opened}, {order} was done by {until}.",
    "{order} stayed open for {lasted} and was closed on {closed_day}.",
    "{order} on {asset} is finished: closed at {closed} on {closed_day}.",
    "Turnaround of {order} on {asset}: {lasted}.",
    "{order}: opened {opened}, closed {closed}.",
    "{order} was not closed before {until}.",
    "{order} on {asset} is no longer open.",
    "The order that was closed at {closed} on {asset} is {order}.",
    "{order} for {asset} has been closed since {closed} on {closed_day}.",
    "The closing time entered for {order} is {closed}.",
)  # fmt: skip
OPEN = (
    "{order} has not been closed yet.",
    "No closing time has been entered for {order} on {asset}.",
    "{order}, opened on {day}, is still open.",
    "Job {order} on {asset} remains open.",
    "Since {opened} on {day}, {order} has been open.",
    "Still outstanding on {asset}: ticket {order}.",
    "The ticket for {asset} ({order}) has yet to be completed.",
    "{asset} has an unfinished job, {order}, with {priority} priority.",
)
FIXED = (
    "{order} records that {fix}.",
    "On {asset}, {fix}; the job was {order}.",
    "{fix} on {asset} (see {order}).",
    "What was done on {asset} under {order}: {fix}.",
    "The description of {order} says that {fix}.",
)
ORDERED = (
    "{first} on {asset_a} is the older of the two jobs, {second} on {asset_b} the newer.",
    "{second} was created after {first}.",
    "{first} ({asset_a}) had already been opened when {second} ({asset_b}) was logged.",
    "First {asset_a} got its job, {first}; {second} for {asset_b} followed.",
    "{apart} lay between the opening of {order_a} and that of {order_b}.",
    "{second} on {asset_b} was opened {apart} later than {first} on {asset_a}.",
    "The ticket for {asset_a} ({first}) came before the one for {asset_b} ({second}).",
)
COUNTED = (
    "{count} of the {all} jobs {listed} {verb} {status}.",
    "Looking at {listed}: {count} {verb} {status}.",
    "Among the {all} tickets {listed}, {count} {verb} {status}.",
    "{listed} are {all} orders, of which {count} {verb} {status}.",
)
# what an order's description says, its asset left out → nouns for it
TASKS: Mapping[str, tuple[str, ...]] = {
    "Replace drive-end bearing": ("replacement of the drive-end bearing", "replacing the drive-end bearing"),
    "Repair leak and clean bund": ("repairing the leak and cleaning the bund", "leak repair and bund cleaning"),
    "Change drive motor": ("changing the drive motor", "a change of the drive motor"),
    "Repair gate drive": ("repair of the gate drive", "repairing the gate drive"),
    "Inspect cooling water": ("an inspection of the cooling water", "inspecting the cooling water"),
    "Reseal junction box": ("resealing the junction box",),
    "Tension conveyor belt": ("tensioning the conveyor belt",),
    "Realign post sensor": ("realignment of the post sensor", "realigning the post sensor"),
    "Calibrate pressure transmitter": (
        "calibration of the pressure transmitter",
        "calibrating the pressure transmitter",
    ),
    "Take oil sample": ("taking an oil sample",),
    "Replace worn idler rollers": ("replacement of worn idler rollers", "replacing the worn idler rollers"),
    "Check coupling guard": ("a check of the coupling guard", "checking the coupling guard"),
    "Grease gate rollers": ("greasing the gate rollers", "greasing of the gate rollers"),
    "Inspect vent filter": ("inspection of the vent filter", "inspecting the vent filter"),
}


def orders(world: World) -> list[Evidence]:
    """The rows that are work orders."""
    return [e for e in world.of_kind[Kind.ROW] if {"id", "asset", "opened", "priority"} <= fields(e).keys()]


def slots_of(row: Evidence, voice: v.Voice, rng: random.Random) -> dict[str, Slot]:
    """What there is to say of a work order."""
    slots, told = order_slots(row, voice, rng), fields(row)
    task = told["description"].partition(": ")[0].partition(f" on {told['asset']}")[0]
    if task in TASKS:
        slots["task"] = s.name("task", rng.choice(TASKS[task]), task)
    if "closed" in slots:
        slots["until"] = v.moment(slots["closed"])
        slots["lasted"] = v.duration((slots["closed"].value - slots["opened"].value) / 1e6, rng)
    return slots


def order(world: World, rng: random.Random) -> ScriptedClaim | None:
    """One work order: opened, closed, status, what for, how long."""
    one = rng.choice(orders(world))
    slots = slots_of(one, v.Voice(world.zone, rng), rng)
    groups = [(True, ORDER), (True, TASK), (True, FIXED), (True, CLOSED), (slots["status"].text == "open", OPEN)]
    return v.tell("order", groups, slots, (one,), rng)


def two_orders(world: World, rng: random.Random) -> ScriptedClaim | None:
    """Which of two work orders of different assets was opened first."""
    pairs = [p for p in combinations(orders(world), 2) if fields(p[0])["asset"] != fields(p[1])["asset"]]
    two = sorted(rng.choice(pairs), key=lambda e: micros(fields(e)["opened"]))
    voice = v.Voice(world.zone, rng)
    a, b = (slots_of(e, voice, rng) for e in two)
    apart = (b["opened"].value - a["opened"].value) / 1e6
    if apart < 120:
        return None
    slots = v.marked(a, "a") | v.marked(b, "b") | {"first": a["order"], "second": b["order"]}
    return v.tell("order order", [(True, ORDERED)], slots | {"apart": v.duration(apart, rng)}, two, rng)


def order_count(world: World, rng: random.Random) -> ScriptedClaim | None:
    """How many of the cited work orders are open, or closed."""
    rows = rng.sample(orders(world), rng.choice((3, 3, 4)))
    status = rng.choice(("open", "closed"))
    met = sum(fields(e)["status"] == status for e in rows)
    if not 0 < met < len(rows):
        return None
    slots = {"count": s.count(met, rng), "all": s.name("total", s.write_count(len(rows), "word"))}
    slots |= {"status": s.name("status", status)}
    slots |= {f"order_{n}": s.name("order", fields(e)["id"]) for n, e in enumerate(rows)}
    verb = "is" if met == 1 else "are"
    return v.tell("order count", [(True, [_spelled(t, len(rows), verb) for t in COUNTED])], slots, rows, rng)


def _spelled(template: str, rows: int, verb: str) -> str:
    """The template with its list written out, a place for each order."""
    listed = ", ".join(f"{{order_{n}}}" for n in range(rows - 1)) + f" and {{order_{rows - 1}}}"
    return template.replace("{listed}", listed).replace("{verb}", verb)
