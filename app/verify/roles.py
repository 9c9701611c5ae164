"""Who did what to whom: whether the arguments of a verb or a relation stand in the claim as they stand in the evidence."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import takewhile
from typing import NamedTuple

from app.verify.bench import Bench
from app.verify.reading import Kind, Part, Reading

_PREPOSITIONS = frozenset(
    "behind in_front_of ahead_of left_of right_of on_top_of under beneath beside into onto from to with by through towards "
    "for of in at on about near after before during without within between against around over above below".split()
)
_BE = frozenset("is are was were be been being got gets".split())
_COORDINATED = frozenset("and or plus".split())
# what a noun of doing ends in, "of" behind it
_DOING = re.compile(
    r"(?:ment|ation|tion|sion|ing|ance|age)s?$|^(?:repair|change|check|swap|exchange|overhaul|removal|renewal)s?$", re.I
)
# records that are named before their tag order nothing
_RECORDS = frozenset(["alarm", "order"])
_CLAUSE = frozenset("plus and but which who while when whereas because so then or that".split())
_ARTICLES = frozenset("a an the its his her their this that".split())
_ARGUMENT = (Kind.WORD, Kind.NAME, Kind.TAG)
_IRREGULAR = frozenset(
    "hit struck fed sent took gave drove ran left built rewound found sold bought led told met saw held cut drew threw caught "
    "brought taught won beat paid lent wrote sang ate fought kept put set shut broke hurt taken given driven written broken "
    "reset split cast burst fit hung wound tore froze chose swung bent dug stuck".split()
)
# moving a word from one of these slots to the other turns a statement round
_CONTRARY = tuple(
    frozenset(pair.split())
    for pair in ("agent patient", "patient with", "from to", "from into", "agent by", "agent to", "after before")
)
# what a thing has become by a deed: "welded shut"
_RESULTS = frozenset("shut open stuck loose free solid tight fast dry".split())
_PLACES = frozenset("on at in of near beside under inside within".split())
# who found a thing, and where, is not what was found
_FINDING = frozenset(["find", "notice"])
_REACH = 5


class Relation(NamedTuple):
    """A verb and what stands in its slots: "agent", "patient", "subject" (one of the two), or a preposition's name.

    `head` is the noun of what it is done to ("bearing" of "the drive-end bearing"); "" where it is done to nothing.
    """

    word: str
    slots: dict[str, frozenset[str]]
    head: str = ""

    @property
    def theme(self) -> frozenset[str]:
        """What the verb is done to, or its subject where it has no object."""
        return self.slots.get("patient") or self.slots.get("subject") or frozenset()

    @property
    def agent(self) -> frozenset[str]:
        return self.slots.get("agent", frozenset())


def relations(reading: Reading) -> list[Relation]:
    """Every verb-like word of a text with its arguments; a passive is turned round, an agent is carried over "and"."""
    found: list[Relation] = []
    agent: frozenset[str] = frozenset()
    passive = False
    bare: int | None = None
    lasting = False
    for clause, joint in _clauses(reading):
        joined = bool(joint)
        if not joined:
            agent, passive = frozenset(), False
        if joint in _COORDINATED and found and lasting and (more := _another_object(found[-1], clause)):
            found.append(more)
        lasting = any(
            p.kind is Kind.WORD and at and (_verb_like(clause, at) or _nominal(clause, at))
            for at, p in enumerate(clause)
        )
        lasting = lasting or (bool(clause) and clause[0].text.lower().endswith(("ed", "ing")))
        for at, part in enumerate(clause):
            if part.kind is Kind.WORD and _nominal(clause, at):
                found.append(_of_doing(clause, at))
            elif part.kind is Kind.WORD and _verb_like(clause, at):
                passive = _passive(clause, at) or (passive and joined and not _nouns(clause[at + 1 :]))
                made = _relation(clause, at, agent, passive)
                agent = made.agent or agent
                # "refitted and tensioned the chain": both are done to the chain
                if joined and at == 0 and bare is not None and "patient" in made.slots and not passive:
                    found[bare] = _with_object(found[bare], made.slots["patient"], made.head)
                found.append(made)
                bare = len(found) - 1 if at == len(clause) - 1 and not passive else None
    return found


def _another_object(relation: Relation, clause: Sequence[Part]) -> Relation | None:
    """ "…, and two seals": what stands behind "and" without a verb of its own is one more thing that the verb is done to."""
    verbs = (
        at for at, p in enumerate(clause) if p.kind is Kind.WORD and (_verb_like(clause, at) or _nominal(clause, at))
    )
    passive = "complement" in relation.slots
    if "patient" not in relation.slots or passive or next(verbs, None) is not None:
        return None
    if not clause or clause[0].text.lower() in _PREPOSITIONS or clause[0].kind is Kind.MOMENT:
        return None
    direct, head, _ = _behind(clause)
    return relation._replace(slots={**relation.slots, "patient": direct}, head=head) if direct else None


def _with_object(relation: Relation, patient: frozenset[str], head: str) -> Relation:
    slots = {name: words for name, words in relation.slots.items() if name != "subject"}
    return Relation(
        relation.word, {**slots, "agent": relation.slots.get("subject", frozenset()), "patient": patient}, head
    )


def _clauses(reading: Reading) -> Iterator[tuple[list[Part], str]]:
    """The clauses of a text, and the word or comma that joins each to the one before; "" behind a full stop."""
    held: list[Part] = []
    joint = ""
    for part in reading.parts:
        stop = part.kind is Kind.QUOTE or (part.kind is Kind.BREAK and part.key in ".!?;:\n")
        if stop or part.key == "," or part.text.lower() in _CLAUSE:
            yield held, joint
            held, joint = [], "" if stop else part.text.lower()
        elif part.kind is not Kind.BREAK:
            held.append(part)
    yield held, joint


def _verb_like(clause: Sequence[Part], at: int) -> bool:
    low = clause[at].text.lower()
    if low.endswith("ing"):
        return any(p.text.lower() in _BE for p in clause[max(0, at - 2) : at])
    if low in _RESULTS and at and clause[at - 1].text.lower().endswith("ed"):
        return False
    if low.endswith("ed") or low in _IRREGULAR:
        return at == 0 or not _describes(clause, at)
    if at == 0 and _commands(clause):
        return True
    return low.endswith("s") and at > 0 and at + 1 < len(clause) and clause[at - 1].kind in (Kind.NAME, Kind.TAG)


def _nominal(clause: Sequence[Part], at: int) -> bool:
    """Whether a noun or gerund names a deed, with what it is done to behind it: "replacement of …", "replacing the …"."""
    low, behind = clause[at].text.lower(), clause[at + 1].text.lower() if at + 1 < len(clause) else ""
    done = (
        low.endswith("ing")
        and behind in _ARTICLES
        and not any(p.text.lower() in _BE for p in clause[max(0, at - 2) : at])
    )
    return done or (behind == "of" and _DOING.search(low) is not None)


def _of_doing(clause: Sequence[Part], at: int) -> Relation:
    """What a deed named by a noun is done to; who does it is not said."""
    whom, head, slots = _behind(clause[at + 1 + (clause[at + 1].text.lower() == "of") :])
    return Relation(clause[at].key, {**slots, "patient": whom}, head)


def _commands(clause: Sequence[Part]) -> bool:
    """Whether a clause begins as an order does: a bare verb and what it is done to ("Realign coupling on P-101")."""
    if len(clause) < 2 or clause[1].kind not in _ARGUMENT or clause[0].text.lower().endswith(("s", "ly")):
        return False
    if clause[0].key in _RECORDS:
        return False
    # "Maintenance booked …" begins with who did it
    return not any(p.text.lower().endswith("ed") or p.text.lower() in _IRREGULAR | _BE for p in clause[1:4])


def _describes(clause: Sequence[Part], at: int) -> bool:
    """Whether a participle says what the next noun is like: "a welded relay", "are knitted garments", "of stained glass"."""
    before = clause[at - 1].text.lower()
    if before in _ARTICLES:
        return True
    noun = at + 1 < len(clause) and clause[at + 1].kind is Kind.WORD and not clause[at + 1].text.lower().endswith("ly")
    noun = noun and clause[at + 1].text.lower() not in _RESULTS
    return noun and (before in _BE or before in _PREPOSITIONS) and not any(p.text.lower() == "by" for p in clause[at:])


def _passive(clause: Sequence[Part], at: int) -> bool:
    if clause[at].text.lower().endswith("ing"):
        return False
    by = at + 1 < len(clause) and clause[at + 1].text.lower() == "by"
    return by or any(p.text.lower() in _BE for p in clause[max(0, at - 3) : at])


def _relation(clause: Sequence[Part], at: int, agent: frozenset[str], passive: bool) -> Relation:
    left = _subject(clause[:at])
    direct, head, slots = _behind(clause[at + 1 :])
    if passive:
        by = slots.pop("by", frozenset())
        whom = _head(list(takewhile(lambda p: p.text.lower() not in _BE, clause[:at])), left)
        result = {"result": direct} if direct and direct <= _RESULTS else {}
        return Relation(clause[at].key, {**slots, "agent": by, "patient": left, "complement": direct, **result}, whom)
    if direct and not direct <= _RESULTS:
        return Relation(clause[at].key, {**slots, "agent": left or agent, "patient": direct}, head)
    return Relation(clause[at].key, {**slots, "subject": left, **({"result": direct} if direct else {})})


def _head(parts: Sequence[Part], among: frozenset[str]) -> str:
    """The last noun of a phrase, which the others describe."""
    return next((p.key for p in reversed(parts) if p.kind is Kind.WORD and p.key in among), "")


def _subject(parts: Sequence[Part]) -> frozenset[str]:
    """The nouns before a verb that no preposition takes, from the last verb on."""
    held: set[str] = set()
    taken = False
    for at, part in enumerate(parts):
        low = part.text.lower()
        if part.kind is Kind.WORD and _verb_like(parts, at):
            held, taken = set(), False
        elif low in _PREPOSITIONS:
            taken = True
        elif low in ("the", "a", "an") and held == set():
            taken = False
        elif part.kind in _ARGUMENT and not taken:
            held.add(part.key)
        elif part.kind in _ARGUMENT and taken and part.kind is Kind.TAG:
            taken = False
    return frozenset(held) or _nouns(parts[-3:])


def _nouns(parts: Sequence[Part]) -> frozenset[str]:
    return frozenset(p.key for p in parts if p.kind in _ARGUMENT)


def _behind(parts: Sequence[Part]) -> tuple[frozenset[str], str, dict[str, frozenset[str]]]:
    """The words behind a verb: those before the first preposition, the last noun of these, and those behind each preposition."""
    direct: set[str] = set()
    slots: dict[str, set[str]] = {}
    held = direct
    for part in parts:
        low = re.sub(r"\s+", "_", part.text.lower())
        if low in _PREPOSITIONS:
            held = slots.setdefault(low, set())
        elif part.kind in _ARGUMENT:
            held.add(part.key)
    before = list(takewhile(lambda p: p.text.lower() not in _PREPOSITIONS | _BE, parts))
    return (
        frozenset(direct),
        _head(before, frozenset(direct)),
        {name: frozenset(words) for name, words in slots.items()},
    )


def swapped(bench: Bench) -> Iterator[str]:
    """Why the arguments of a verb or relation are exchanged against the evidence; nothing when they are not."""
    known = [r for s in bench.statements if s.sort in ("sentence", "computed", "record") for r in relations(s.reading)]
    for mine in relations(bench.claim):
        same = [r for r in known if r.word == mine.word]
        if same and all(_crossed(mine, r) for r in same):
            yield f"who and whom of “{mine.word}” are exchanged"
        elif same and _by_a_thing(bench, mine, same):
            yield f"who or what did “{mine.word}” is not told in what is cited"
        elif same and mine.word not in _FINDING and _misbound(bench, mine, same, known):
            yield f"“{mine.word}” is said of something else in what is cited"
    yield from _out_of_place(bench)
    yield from _for_another(bench)


def _for_another(bench: Bench) -> Iterator[str]:
    """What a thing is for: "the muster point for fires" where the evidence gives one for every alarm."""
    known = [pair for s in bench.statements if s.sort == "sentence" for pair in _purposes(s.reading)]
    for noun, mine in _purposes(bench.claim):
        theirs = [words for other, words in known if other == noun]
        if theirs and not any(_meet(bench, mine, words) for words in theirs):
            yield f"“{noun}” is for something else in what is cited"


def _purposes(reading: Reading) -> Iterator[tuple[str, frozenset[str]]]:
    """Each noun that "for" follows, with the words behind the "for"."""
    parts = reading.parts
    for at, part in enumerate(parts):
        near = parts[max(0, at - 4) : at + 4]
        if (
            part.text.lower() == "for"
            and at
            and parts[at - 1].kind is Kind.WORD
            and not _verb_like(near, min(at, 4) - 1)
        ):
            behind = takewhile(
                lambda p: p.kind in (*_ARGUMENT, Kind.LIGHT) and p.text.lower() not in _PREPOSITIONS | _BE,
                parts[at + 1 : at + 9],
            )
            words = frozenset(p.key for p in behind if p.kind in (Kind.WORD, Kind.NAME))
            if words:
                yield parts[at - 1].key, words


def _displaced(mine: Relation, theirs: Relation) -> bool:
    """Whether what the evidence says a verb of is only where it happened: "the line had perished at the gasket"."""
    ours, its = mine.theme, theirs.theme
    places = [words for slot, words in mine.slots.items() if slot in _PLACES]
    return bool(ours and its) and not ours & its and any(its <= words for words in places)


def _otherwise(mine: Relation, theirs: Relation) -> bool:
    """Whether a deed ended in another state than there: "welded open" for "welded shut"."""
    ours, its = mine.slots.get("result"), theirs.slots.get("result")
    return bool(ours and its) and ours != its


def _crossed(mine: Relation, theirs: Relation) -> bool:
    """Whether a word moved to the contrary slot, or two words changed places."""
    if _displaced(mine, theirs) or _otherwise(mine, theirs):
        return True
    moved = {
        (ours, slot)
        for ours, words in mine.slots.items()
        for word in words
        for slot, others in theirs.slots.items()
        if word in others and slot != ours and word not in theirs.slots.get(ours, frozenset())
    }
    if any(frozenset(pair) in _CONTRARY for pair in moved):
        return True
    return any((b, a) in moved for a, b in moved)


def _by_a_thing(bench: Bench, mine: Relation, same: Sequence[Relation]) -> bool:
    """Whether a thing that the evidence names beside a deed is made its doer: "the line to the bearing was blocked" has none."""
    doers = [w for w in mine.agent if not any(c.isdigit() for c in w)]
    nameless = all("complement" in r.slots and not r.agent for r in same)
    return bool(doers) and nameless and all(any(bench.knows(w, s.vocabulary) for s in bench.statements) for w in doers)


def _misbound(bench: Bench, mine: Relation, same: Sequence[Relation], known: Sequence[Relation]) -> bool:
    """Whether a verb is said of something, or by somebody, of whom the evidence says another verb."""
    others = [r for r in known if r.word != mine.word]
    themes = [r.theme and r.theme | r.slots.get("complement", frozenset()) for r in same]
    elsewhere = bool(mine.theme) and all(t and not _meet(bench, mine.theme, t) for t in themes)
    if elsewhere and any(_meet(bench, mine.theme, r.theme) for r in others):
        return True
    if _other_object(bench, mine, same, others) or _with_an_object(bench, mine, same):
        return True
    # "stalled by the motor" names who did it: another than the evidence names
    if (
        "complement" in mine.slots
        and mine.agent
        and all(r.agent and not _meet(bench, mine.agent, r.agent) for r in same)
    ):
        return True
    if not mine.agent or any(_meet(bench, mine.agent, r.agent | r.slots.get("subject", frozenset())) for r in same):
        return False
    # one who did another thing, or to whom another thing was done
    return any(_meet(bench, mine.agent, r.agent | r.theme) for r in others)


def _with_an_object(bench: Bench, mine: Relation, same: Sequence[Relation]) -> bool:
    """Whether a thing is put behind a verb that has none there: "pedestrians keep vehicles to …" for "pedestrians keep to …"."""
    alone = all("patient" not in r.slots and r.slots.get("subject") for r in same)
    if not mine.head or not alone or not all(_meet(bench, mine.agent, r.slots["subject"]) for r in same):
        return False
    here = frozenset(w for r in same for words in r.slots.values() for w in words)
    return not bench.knows(mine.head, here)


def _other_object(bench: Bench, mine: Relation, same: Sequence[Relation], others: Sequence[Relation]) -> bool:
    """Whether the very thing that a verb is done to is one to which the evidence has another verb done, and never this one."""
    # of a verb whose object was not made out in the evidence nothing is known
    if not mine.head or any("patient" in r.slots and not r.head for r in same):
        return False
    here = frozenset(w for r in same for words in r.slots.values() for w in words)
    there = frozenset(r.head for r in others if r.head)
    return not bench.knows(mine.head, here) and bench.knows(mine.head, there)


def _meet(bench: Bench, some: frozenset[str], others: frozenset[str]) -> bool:
    return bool(some & others) or any(bench.knows(w, others) for w in some)


_SIDED = re.compile(
    r"\b(behind|in front of|ahead of|left of|right of|on top of|underneath|beneath|inside|upstream of|downstream of|north of|south of|"
    r"east of|west of|(?:old|new|larg|small|high|low|hott|cool|fast|slow|long|short|bigg|great)er than|more than|less than|"
    r"reports? to|reported to|belongs? to|part of|parent of|supervisor of|depends on|relies on|instead of|rather than|feeds|fed|beside)\b",
    re.I,
)


def _out_of_place(bench: Bench) -> Iterator[str]:
    """Relations of place, rank and comparison: left and right must be as in the evidence."""
    for match in _SIDED.finditer(bench.claim.text):
        left, right = _sides(bench.claim, match.start(), match.end())
        for statement in bench.statements:
            for theirs in re.finditer(re.escape(match[0]), statement.reading.text, re.I):
                before, behind = _sides(statement.reading, theirs.start(), theirs.end())
                if left & behind - before and right & before - behind and match[0].lower() != "beside":
                    yield f"what stands before and behind “{match[0]}” is exchanged"
                    return


def _sides(reading: Reading, start: int, end: int) -> tuple[frozenset[str], frozenset[str]]:
    before = [p for p in reading.parts if p.end <= start and p.kind in _ARGUMENT][-_REACH:]
    behind = [p for p in reading.parts if p.start >= end and p.kind in _ARGUMENT][:_REACH]
    return _nouns(before), _nouns(behind)
