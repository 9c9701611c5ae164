"""Who did what to whom: whether the arguments of a verb or a relation stand in the claim as they stand in the evidence."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from app.verify.binding import Bench
from app.verify.reading import Kind, Part, Reading

_PREPOSITIONS = frozenset(
    "behind in_front_of ahead_of left_of right_of on_top_of under beneath beside into onto from to with by through towards "
    "for of in at on about near after before during without within between against around over above below".split()
)
_BE = frozenset("is are was were be been being got gets".split())
_CLAUSE = frozenset("and but which who while when whereas because so then or that".split())
_ARTICLES = frozenset("a an the its his her their this that".split())
_ARGUMENT = (Kind.WORD, Kind.NAME, Kind.TAG)
_IRREGULAR = frozenset(
    "hit struck fed sent took gave drove ran left built rewound found sold bought led told met saw held cut drew threw caught "
    "brought taught won beat paid lent wrote sang ate fought kept put set shut broke hurt taken given driven written broken".split()
)
# moving a word from one of these slots to the other turns a statement round
_CONTRARY = tuple(
    frozenset(pair.split())
    for pair in ("agent patient", "patient with", "from to", "from into", "agent by", "after before")
)
# who found a thing, and where, is not what was found
_FINDING = frozenset(["find", "notice"])
_REACH = 5


class Relation(NamedTuple):
    """A verb and what stands in its slots: "agent", "patient", "subject" (one of the two), or a preposition's name."""

    word: str
    slots: dict[str, frozenset[str]]

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
    for clause, joined in _clauses(reading):
        if not joined:
            agent, passive = frozenset(), False
        for at, part in enumerate(clause):
            if part.kind is Kind.WORD and _verb_like(clause, at):
                passive = _passive(clause, at) or (passive and joined and not _nouns(clause[at + 1 :]))
                made = _relation(clause, at, agent, passive)
                agent = made.agent or agent
                # "refitted and tensioned the chain": both are done to the chain
                if joined and at == 0 and bare is not None and "patient" in made.slots and not passive:
                    found[bare] = _with_object(found[bare], made.slots["patient"])
                found.append(made)
                bare = len(found) - 1 if at == len(clause) - 1 and not passive else None
    return found


def _with_object(relation: Relation, patient: frozenset[str]) -> Relation:
    slots = {name: words for name, words in relation.slots.items() if name != "subject"}
    return Relation(relation.word, {**slots, "agent": relation.slots.get("subject", frozenset()), "patient": patient})


def _clauses(reading: Reading) -> Iterator[tuple[list[Part], bool]]:
    """The clauses of a text, and whether each is joined to the one before by a word rather than by a full stop."""
    held: list[Part] = []
    joined = False
    for part in reading.parts:
        stop = part.kind is Kind.QUOTE or (part.kind is Kind.BREAK and part.key in ".!?;:\n")
        if stop or part.key == "," or part.text.lower() in _CLAUSE:
            yield held, joined
            held, joined = [], not stop
        elif part.kind is not Kind.BREAK:
            held.append(part)
    yield held, joined


def _verb_like(clause: Sequence[Part], at: int) -> bool:
    low = clause[at].text.lower()
    if low.endswith("ing"):
        return any(p.text.lower() in _BE for p in clause[max(0, at - 2) : at])
    if low.endswith("ed") or low in _IRREGULAR:
        return at == 0 or not _describes(clause, at)
    if at == 0 and _commands(clause):
        return True
    return low.endswith("s") and at > 0 and at + 1 < len(clause) and clause[at - 1].kind in (Kind.NAME, Kind.TAG)


def _commands(clause: Sequence[Part]) -> bool:
    """Whether a clause begins as an order does: a bare verb and what it is done to ("Realign coupling on P-101")."""
    if len(clause) < 2 or clause[1].kind not in _ARGUMENT or clause[0].text.lower().endswith(("s", "ly")):
        return False
    # "Maintenance booked …" begins with who did it
    return not any(p.text.lower().endswith("ed") or p.text.lower() in _IRREGULAR | _BE for p in clause[1:4])


def _describes(clause: Sequence[Part], at: int) -> bool:
    """Whether a participle says what the next noun is like: "a welded relay", "are knitted garments", "of stained glass"."""
    before = clause[at - 1].text.lower()
    if before in _ARTICLES:
        return True
    noun = at + 1 < len(clause) and clause[at + 1].kind is Kind.WORD and not clause[at + 1].text.lower().endswith("ly")
    return noun and (before in _BE or before in _PREPOSITIONS) and not any(p.text.lower() == "by" for p in clause[at:])


def _passive(clause: Sequence[Part], at: int) -> bool:
    if clause[at].text.lower().endswith("ing"):
        return False
    by = at + 1 < len(clause) and clause[at + 1].text.lower() == "by"
    return by or any(p.text.lower() in _BE for p in clause[max(0, at - 3) : at])


def _relation(clause: Sequence[Part], at: int, agent: frozenset[str], passive: bool) -> Relation:
    left = _subject(clause[:at])
    direct, slots = _behind(clause[at + 1 :])
    if passive:
        by = slots.pop("by", frozenset())
        return Relation(clause[at].key, {**slots, "agent": by, "patient": left, "complement": direct})
    if direct:
        return Relation(clause[at].key, {**slots, "agent": left or agent, "patient": direct})
    return Relation(clause[at].key, {**slots, "subject": left})


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


def _behind(parts: Sequence[Part]) -> tuple[frozenset[str], dict[str, frozenset[str]]]:
    """The words behind a verb: those before the first preposition, and those behind each preposition."""
    direct: set[str] = set()
    slots: dict[str, set[str]] = {}
    held = direct
    for part in parts:
        low = re.sub(r"\s+", "_", part.text.lower())
        if low in _PREPOSITIONS:
            held = slots.setdefault(low, set())
        elif part.kind in _ARGUMENT:
            held.add(part.key)
    return frozenset(direct), {name: frozenset(words) for name, words in slots.items()}


def swapped(bench: Bench) -> Iterator[str]:
    """Why the arguments of a verb or relation are exchanged against the evidence; nothing when they are not."""
    known = [r for s in bench.statements if s.sort in ("sentence", "computed", "record") for r in relations(s.reading)]
    for mine in relations(bench.claim):
        same = [r for r in known if r.word == mine.word]
        if same and all(_crossed(mine, r) for r in same):
            yield f"who and whom of “{mine.word}” are exchanged"
        elif same and mine.word not in _FINDING and _misbound(bench, mine, same, known):
            yield f"“{mine.word}” is said of something else in what is cited"
    yield from _out_of_place(bench)


def _crossed(mine: Relation, theirs: Relation) -> bool:
    """Whether a word moved to the contrary slot, or two words changed places."""
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


def _misbound(bench: Bench, mine: Relation, same: Sequence[Relation], known: Sequence[Relation]) -> bool:
    """Whether a verb is said of something, or by somebody, of whom the evidence says another verb."""
    others = [r for r in known if r.word != mine.word]
    themes = [r.theme and r.theme | r.slots.get("complement", frozenset()) for r in same]
    elsewhere = bool(mine.theme) and all(t and not _meet(bench, mine.theme, t) for t in themes)
    if elsewhere and any(_meet(bench, mine.theme, r.theme) for r in others):
        return True
    if not mine.agent or any(_meet(bench, mine.agent, r.agent | r.slots.get("subject", frozenset())) for r in same):
        return False
    return any(_meet(bench, mine.agent, r.agent) for r in others)


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
