"""What evidence states, piece by piece: a record, a sentence, a computed line, what a frame shows, a statistic of a series."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, tzinfo
from typing import NamedTuple

from app.answer.series import stem
from app.verify.amounts import Amount
from app.verify.calendar import calendar_words
from app.verify.cues import amount_role, moment_role
from app.verify.lexicon import canonical
from app.verify.negation import Polarity, polarity
from app.verify.orders import heard, ordered, plain
from app.verify.port import Exhibit, Instruments
from app.verify.reading import Kind as Part_
from app.verify.reading import Reading, read
from app.verify.times import Day, Instant, instant, moments
from retrieval.times import to_datetime
from retrieval.types import Interval, Kind

_COMPUTED = "Computed: "
# what the shape of a record says beside its words
_OF_START = frozenset(["raise", "begin", "start", "trigger"])
_OF_END = frozenset(["clear", "end"])
_OF_BOTH = frozenset(["endure", "long", "duration", "activ"])
_SHAPE = {Kind.ALERT: frozenset(["alarm", "sever", "severity"]), Kind.ROW: frozenset(["record"])}
_ENTRY = re.compile(r"\s*(?:[-*•]\s*)?\d{1,2}:\d{2}\b")
# "10:31 AL-20 on Pump P-1: …" enters an event at its time
_EVENT = re.compile(r"\s*(?:[-*•]\s*)?\d{1,2}:\d{2}\s+(?!WO\b)[A-Z]{1,5}-\d+\b")
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[\"'“(]?[A-Z0-9])|(?<=[.!?][\"'”)])\s+(?=[A-Z0-9])")
_JOINED = re.compile(r"[a-z][A-Z]")
_PIECE = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_BLANK = re.compile(r"\n[ \t]*\n")
_LOCAL = re.compile(r"\btimes? (?:are|is) (?:in )?local\b|\blocal time\b", re.I)
_DAY_US = 86_400_000_000


class Fact(NamedTuple):
    """A figure that evidence states, and what it is said to be (see cues.py). `computed`: not read but found by computing.

    `span` is the stretch that a moment stands for where it is no point; `told` says in words how it was computed.
    """

    role: str
    amount: Amount | None = None
    instant: Instant | None = None
    computed: bool = False
    span: Interval | None = None
    told: str = ""
    counted: frozenset[str] = frozenset()


class Statement(NamedTuple):
    """One thing that evidence states. `keys` are its own words and tags, `context` those it stands under.

    `names` are the entities it is about: those it names, else those of what it stands in; `around` those of the evidence it
    stands in. `fields` are a record's one-word fields (severity, status). `orders` are verbs it orders, `done` those of them
    that it says were done. `sort` is record, sentence, computed,
    frame or series.
    """

    exhibit: int
    sort: str
    reading: Reading
    keys: frozenset[str]
    context: frozenset[str]
    names: frozenset[str]
    around: frozenset[str]
    facts: tuple[Fact, ...]
    polarity: Polarity
    fields: tuple[tuple[str, str], ...] = ()
    orders: frozenset[str] = frozenset()
    done: frozenset[str] = frozenset()

    @property
    def vocabulary(self) -> frozenset[str]:
        return self.keys | self.context


def statements(number: int, exhibit: Exhibit, tools: Instruments) -> list[Statement]:
    """All that one exhibit states, but what is computed from its samples."""
    head, body, computed = _laid_out(exhibit)
    entities = frozenset(m.entity for m in exhibit.evidence.entities)
    frame = _Context(number, tools, _day(exhibit, tools.zone), _zone(exhibit, body, tools.zone), entities)
    made = list(_bodies(exhibit, head, body, frame))
    for line in computed:
        made.append(_statement(frame, "computed", line, _Around(keys_of(read(head, tools.find_entities)), entities)))
    return made


class _Context(NamedTuple):
    number: int
    tools: Instruments
    day: Day | None
    zone: tzinfo
    entities: frozenset[str]


class _Around(NamedTuple):
    """What a statement stands under: words, names, figures."""

    keys: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    facts: tuple[Fact, ...] = ()


def _laid_out(exhibit: Exhibit) -> tuple[str, str, list[str]]:
    """The head line, the evidence's own text, and the computed lines of an exhibit."""
    lines = exhibit.text.split("\n")
    head = ""
    if lines and lines[0].startswith(f"{exhibit.evidence.kind.value} of "):
        head, lines = lines[0], lines[1:]
    computed = [line.removeprefix(_COMPUTED) for line in lines if line.startswith(_COMPUTED)]
    return head, "\n".join(line for line in lines if not line.startswith(_COMPUTED)), computed


def _day(exhibit: Exhibit, zone: tzinfo) -> Day | None:
    """The day of an exhibit, where it is of one day."""
    told = [m.day for m in moments(exhibit.text[:200]) if m.day and m.day[0]]
    valid = exhibit.evidence.valid
    if valid is not None and valid.t1 - valid.t0 <= 1.5 * _DAY_US:
        at = to_datetime(valid.t0, zone)
        return at.year, at.month, at.day
    return told[0] if told else None


def _zone(exhibit: Exhibit, body: str, zone: tzinfo) -> tzinfo:
    """The zone of times without one: that of the others in the text, else the site's."""
    told = {m.zone for m in moments(body) if m.zone}
    return UTC if told == {"UTC"} and not _LOCAL.search(body) else zone


def _bodies(exhibit: Exhibit, head: str, body: str, context: _Context) -> Iterator[Statement]:
    kind = exhibit.evidence.kind
    header = read(head, context.tools.find_entities)
    words = keys_of(header)
    if kind in (Kind.PASSAGE, Kind.TRANSCRIPT):
        yield from _sentences(body, context, words)
    elif kind is Kind.FRAME:
        facts = _frame_facts(exhibit, header, context)
        made = _statement(context, "frame", body, _Around(words, context.entities, facts))
        # a picture of the night is dark; that it was taken at night says nothing of what it shows
        yield made._replace(keys=made.keys | {"dark"}) if "night" in made.keys else made
    else:
        # the head line is ours: its times are the site's, whatever the record's own are
        facts = _facts(header, context._replace(zone=context.tools.zone)) if kind is not Kind.WINDOW else ()
        sort = "record" if kind is not Kind.WINDOW else "series"
        words |= _SHAPE.get(kind, frozenset()) | {canonical(str(f)) for f in exhibit.evidence.data.get("fields") or ()}
        # what a window's own text says of its samples is computed anew
        made = _statement(context, sort, body, _Around(words, context.entities, facts))
        recomputed = kind is Kind.WINDOW and context.tools.samples(exhibit.evidence) is not None
        made = made._replace(fields=_fields(exhibit))
        yield made._replace(facts=()) if recomputed else _lasting(made, kind)


def _fields(exhibit: Exhibit) -> tuple[tuple[str, str], ...]:
    """The fields of a record that hold one word: severity, status, priority."""
    fields = exhibit.evidence.data.get("fields") or {}
    return tuple((canonical(k), canonical(v)) for k, v in fields.items() if isinstance(v, str) and v.isalpha())


def _frame_facts(exhibit: Exhibit, header: Reading, context: _Context) -> tuple[Fact, ...]:
    valid = exhibit.evidence.valid
    counts = exhibit.evidence.data.get("counts") or {}
    told = [f if f.role == "year" else f._replace(role="") for f in _facts(header, context)]
    if valid is not None:
        told = [f._replace(span=valid) for f in told]
    for label, n in counts.items():
        counted = keys_of(read(str(label), context.tools.find_entities))
        told.append(Fact("count", Amount(float(n), None, 1.0, False, 0, 0), counted=counted))
    return tuple(told)


def _sentences(body: str, context: _Context, head: frozenset[str]) -> Iterator[Statement]:
    """The sentences of prose. A dated entry's head goes with all its sentences, a heading with all that follows."""
    heading = _Around(head, context.entities)
    for paragraph in _BLANK.split(body):
        text = re.sub(r"\s*\n\s*", " ", paragraph).strip()
        if not text:
            continue
        entry: Statement | None = None
        before: frozenset[str] = frozenset()
        tags: frozenset[str] = frozenset()
        for sentence in _SENTENCE.split(text):
            made = _statement(context, "sentence", sentence, _under(heading, entry, before))
            own = frozenset(p.key for p in made.reading.of(Part_.TAG))
            # "Nobody was hurt." goes on about the alarm of the sentence before
            made = made if own or not made.names <= before else made._replace(context=made.context | tags)
            tags = own or tags
            yield made
            before = made.names or before
            if entry is None and _ENTRY.match(text):
                entry = made
        if text.startswith("#") or (len(text) < 120 and text[-1] not in ".!?:;"):
            heading = _Around(heading.keys | keys_of(read(text, context.tools.find_entities)), heading.names)


def _under(heading: _Around, entry: Statement | None, before: frozenset[str]) -> _Around:
    if entry is None:
        return _Around(heading.keys, before or heading.names)
    facts = tuple(f for f in entry.facts if f.instant)
    raised = _OF_START | {"alarm"} if _EVENT.match(entry.reading.text) else frozenset()
    return _Around(heading.keys | entry.keys | raised, entry.names, facts)


def _statement(context: _Context, sort: str, text: str, around: _Around) -> Statement:
    reading = read(heard(text) if sort == "sentence" else text, context.tools.find_entities)
    orders = ordered(reading) if sort in ("sentence", "record") else frozenset()
    named = frozenset(p.key for p in reading.of(Part_.NAME))
    facts = (*_facts(reading, context), *around.facts)
    names = named | around.names if sort != "sentence" else named or around.names
    # a log speaks of many things: an entry is about what it names, and about nothing else of the log
    if sort == "sentence" and _EVENT.match(text):
        around = around._replace(keys=around.keys | _OF_START | {"alarm"})
    about = names | around.names if around.facts and sort == "sentence" else context.entities
    instants = [f.instant for f in facts if f.instant] or [Instant(None, None, context.day, 86400)]
    under = around.keys | calendar_words(instants, context.tools.zone)
    return Statement(
        context.number, sort, reading, keys_of(reading) | (orders & {"open_event"}), under, names, about, facts, polarity(reading),
        orders=orders, done=plain(reading, orders),
    )  # fmt: skip


def _facts(reading: Reading, context: _Context) -> tuple[Fact, ...]:
    """The figures of a text, with their roles."""
    found = []
    day = next(
        (m.moment.day for m in reading.of(Part_.MOMENT) if m.moment and m.moment.day and m.moment.day[0]), context.day
    )
    zone = UTC if {p.moment.zone for p in reading.parts if p.moment and p.moment.zone} == {"UTC"} else context.zone
    for at, part in enumerate(reading.parts):
        if part.amount:
            found.append(Fact(amount_role(reading, at), part.amount, counted=counted(reading, at)))
        elif part.moment:
            role = moment_role(reading, at)
            found.append(Fact(role, instant=instant(part.moment, day, context.tools.zone, zone)))
            if part.moment.day and part.moment.day[0]:
                found.append(Fact("year", Amount(float(part.moment.day[0]), None, 1.0, False, 0, 0)))
    return tuple(found)


def counted(reading: Reading, at: int) -> frozenset[str]:
    """The words a bare number counts: the nearest ones behind it, or before it for "×2"."""
    part = reading.parts[at]
    if part.text[:1] in "×x" and part.text[1:].isdigit():
        before = [p.key for p in reading.parts[max(0, at - 2) : at] if p.kind is Part_.WORD]
        return frozenset(before)
    words: list[str] = []
    for after in reading.parts[at + 1 : at + 6]:
        if after.kind in (Part_.BREAK, Part_.AMOUNT, Part_.MOMENT) or after.text.lower() in (
            "and",
            "or",
            "with",
            "but",
        ):
            break
        if after.kind in (Part_.WORD, Part_.NAME):
            words.append(after.key)
    return frozenset(words[:3])


def _lasting(statement: Statement, kind: Kind) -> Statement:
    """A record that began and ended lasted so long; what it says by its shape stands in its context."""
    starts = [f.instant.at for f in statement.facts if f.role == "start" and f.instant and f.instant.at is not None]
    ends = [f.instant.at for f in statement.facts if f.role == "end" and f.instant and f.instant.at is not None]
    if kind is Kind.ALERT:
        shape = (_OF_START if starts else frozenset()) | (_OF_END if ends else frozenset())
        statement = statement._replace(context=statement.context | shape)
    if kind is Kind.ROW and ends and "close" in dict(statement.fields).values():
        statement = statement._replace(context=statement.context | {"end"})
    if statement.sort != "record" or not starts or not ends or max(ends) <= min(starts):
        return statement
    seconds = (max(ends) - min(starts)) / 1e6
    told = f"{seconds / 60:.1f} min from start to end"
    lasted = Fact("duration", Amount(seconds, "s", 1.0, False, 0, 0), computed=True, told=told)
    return statement._replace(facts=(*statement.facts, lasted), context=statement.context | _OF_BOTH)


def keys_of(reading: Reading) -> frozenset[str]:
    """The words, tags and names of a text as keys; a compound counts with its pieces."""
    keys = {p.key for p in reading.of(Part_.WORD, Part_.TAG, Part_.LIGHT) if p.key}
    keys |= {f"@{p.key}" for p in reading.of(Part_.NAME)}
    keys |= {word.lower() for p in reading.of(Part_.NAME) for word in re.findall(r"[A-Za-z]{3,}", p.text)}
    keys |= {stem(w) for p in reading.of(Part_.TAG) for w in re.findall(r"[A-Za-z]{3,}", p.text)}
    keys |= {piece for p in reading.of(Part_.WORD) for piece in p.key.split("-") if len(piece) > 2}
    # names of fields are written together: "workOrder"
    joined = (p.text for p in reading.of(Part_.WORD) if _JOINED.search(p.text))
    keys |= {canonical(word) for text in joined for word in _PIECE.findall(text)}
    return frozenset(keys)


def texts(exhibits: Sequence[Exhibit]) -> str:
    """All that stood under the cited labels."""
    return "\n".join(e.text for e in exhibits)
