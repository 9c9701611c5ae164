"""Which recorded series a question means, by the words of its sensor, asset, quantity, file and column."""

from __future__ import annotations

import math
import re
import threading
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from app.answer.places import Site
from app.answer.question import STATISTIC_WORDS, Question
from retrieval.types import Coverage, Entity, EntityType, Interval, Layer

# words for what can be measured: when a question uses one, the series must be about it
QUANTITIES: Mapping[str, tuple[str, ...]] = {
    "temperature": ("temp", "temperature", "hot", "cold", "hottest", "coldest", "warm", "degrees"),
    "pressure": ("pressure", "bar", "psi"),
    "vibration": ("vibration", "vib", "shaking"),
    "flow": ("flow", "throughput"),
    "level": ("level", "full"),
    "power": ("power", "watt", "kw", "consumption"),
    "current": ("current", "amps", "amp", "ampere"),
    "speed": ("speed", "rpm", "fast"),
    "humidity": ("humidity",),
    "voltage": ("voltage", "volts"),
    "load": ("load", "loaded"),
    "latency": ("latency", "delay"),
    "efficiency": ("efficiency",),
    "tonnage": ("tonnage", "tons"),
    "cpu": ("cpu", "processor"),
    "noise": ("noise", "loud"),
    "ph": ("ph", "acidity"),
    "torque": ("torque",),
    "co2": ("co2",),
    "oxygen": ("oxygen", "o2"),
    "viscosity": ("viscosity",),
    "weight": ("weight",),
    "turbidity": ("turbidity",),
    "position": ("position",),
    "memory": ("memory", "ram"),
    "disk": ("disk", "storage"),
    "network": ("network", "bandwidth"),
    "travel": ("travel",),
}
_PIECES = re.compile(r"[^A-Za-z0-9%]+")
_PARTS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
_ENOUGH = 1.0
# of the words that say what is meant, this share must be the series' own
_SHARE = 0.4


class Series(NamedTuple):
    """A recorded series: where it is, what it is called, when it recorded. `interval_s` is seconds between samples."""

    subject: str
    source: str
    column: str | None
    name: str
    unit: str
    high: float | None
    tokens: frozenset[str]
    own: frozenset[str]
    entities: frozenset[str]
    recorded: tuple[Interval, ...]
    interval_s: float


_STEMMING = threading.Lock()


@lru_cache(maxsize=50_000)
def stem(word: str) -> str:
    """The stem of an English word (Snowball), lower case; what has a digit in it stays as it is."""
    low = word.lower().replace("isation", "ization")
    if any(c.isdigit() for c in low):
        return low
    # a stemmer holds the word it is working on: two threads at once give each other's stems
    with _STEMMING:
        return str(_stemmer().stemWord(low))


@lru_cache(maxsize=1)
def _stemmer() -> Any:
    from snowballstemmer import stemmer

    return stemmer("english")


def tokens_of(*texts: str) -> frozenset[str]:
    """The words of names, file names and column names: split at punctuation, case and digit borders."""
    return frozenset().union(*(_tokens(text) for text in texts))


@lru_cache(maxsize=4096)
def _tokens(text: str) -> frozenset[str]:
    """The same for one text: several steps of a question ask for those of the same evidence."""
    return frozenset().union(*(_words_of(piece) for piece in _PIECES.split(text)))


@lru_cache(maxsize=50_000)
def _words_of(piece: str) -> frozenset[str]:
    """The same for a text without punctuation, which is met again and again."""
    words = {piece.lower(), *(part.lower() for part in _PARTS.findall(piece))}
    return frozenset(stem(word) for word in words if word)


def directory(coverage: Iterable[Coverage], site: Site) -> list[Series]:
    """Every series that was recorded and read, from its coverage."""
    records: dict[tuple[str, str], list[Coverage]] = {}
    for record in coverage:
        records.setdefault((record.source, record.subject), []).append(record)
    found = [_series(source, subject, rows, site) for (source, subject), rows in records.items()]
    return [series for series in found if series is not None]


def _series(source: str, subject: str, rows: Sequence[Coverage], site: Site) -> Series | None:
    read = [c for c in rows if c.layer is Layer.EXAMINED and c.by.startswith("series")]
    if not read:
        return None
    sensor = site.entities.get(subject)
    # a sensor has one series, whatever its column is called; without a sensor the subject is "file#column"
    column = None if sensor else subject.rpartition("#")[2]
    assets = _assets(sensor, site)
    facts = dict(sensor.facts) if sensor else {}
    stem_ = PurePosixPath(source).stem
    named = (
        [sensor.id, sensor.name, *sensor.aliases, str(facts.get("quantity", ""))] if sensor else [stem_, str(column)]
    )
    names = [n for a in assets for n in (a.id, a.name, *a.aliases)]
    limits = facts.get("limits") or {}
    return Series(
        subject=subject,
        source=source,
        column=column,
        name=sensor.name if sensor else _plain_name(stem_, str(column)),
        unit=str(facts.get("unit", "")),
        high=float(limits["high"]) if limits.get("high") is not None else None,
        tokens=tokens_of(*named, *names),
        own=(tokens_of(*named) | _synonyms(tokens_of(*named))) - tokens_of(*names),
        entities=frozenset([subject, *(a.id for a in assets)]) if sensor else frozenset(),
        recorded=tuple(sorted(c.valid for c in rows if c.layer is Layer.RECORDED and c.valid)),
        interval_s=max((c.interval_s for c in read), default=60.0) or 60.0,
    )


def _plain_name(stem_: str, column: str) -> str:
    return stem_ if column.lower() in ("value", "values") else f"{column.replace('_', ' ')} ({stem_})"


def _assets(sensor: Entity | None, site: Site) -> list[Entity]:
    if sensor is None:
        return []
    ids = [sensor.facts.get("asset")] + [link.source for link in site.links if link.target == sensor.id]
    return site.of((str(i) for i in dict.fromkeys(ids) if i), EntityType.ASSET)


class Match(NamedTuple):
    series: Series
    score: float


def match(question: Question, all_series: Sequence[Series], site: Site) -> list[Match]:
    """Series that the question's words mean, best first; none when a quantity it names is measured by no such series."""
    words = _expanded(question)
    frequency = {w: sum(w in s.tokens | s.own for s in all_series) for w in words}
    named, things = site.of(question.entities, EntityType.ASSET, EntityType.SENSOR), _things(site)
    scored = []
    for series in all_series:
        if not _fits(question, series, words, named, things):
            continue
        hits = [w for w in words if w in series.tokens | series.own]
        if _spoken_of(question, series) < _SHARE:
            continue
        score = sum(math.log(1 + len(all_series) / frequency[w]) for w in hits)
        if series.subject in question.entities:
            score += 10.0
        elif series.entities & set(question.entities):
            score += 3.0
        # the name of its asset alone does not make a question one about the series
        told = series.own & set(hits) or series.subject in question.entities
        if score >= _ENOUGH and told:
            scored.append(Match(series, score))
    return sorted(scored, key=lambda m: (-m.score, m.series.subject))


def _spoken_of(question: Question, series: Series) -> float:
    """The share of the question's telling words that are the series' own, in [0, 1]."""
    known = series.tokens | series.own | {series.unit.lower()}
    telling = [w for w in question.words if w not in STATISTIC_WORDS and not re.fullmatch(r"[\d.,]+", w)]
    met = [w for w in telling if w in known or stem(w) in known or tokens_of(w) <= known]
    return len(met) / len(telling) if telling else 1.0


def _expanded(question: Question) -> list[str]:
    words = [stem(part) for w in question.words for part in (w, *tokens_of(w))]
    return list(dict.fromkeys(words))


def quantities(words: Iterable[str]) -> set[str]:
    """The quantities that words speak of."""
    stems = {stem(w) for w in words}
    return {q for q in QUANTITIES if stems & words_for(q)}


def _synonyms(tokens: frozenset[str]) -> frozenset[str]:
    return frozenset(w for q in quantities(tokens) for w in words_for(q))


@lru_cache(maxsize=100)
def words_for(quantity: str) -> frozenset[str]:
    """The stems of every word that speaks of a quantity."""
    return frozenset(stem(w) for w in QUANTITIES[quantity])


def _fits(
    question: Question,
    series: Series,
    words: Sequence[str],
    named: Sequence[Entity],
    things: Mapping[str, frozenset[str]],
) -> bool:
    """Whether the series can be meant: about the quantity asked, and of the entity asked."""
    asked = quantities(words)
    if asked and not asked & quantities(series.tokens):
        return False
    if not all(tokens_of(tag) <= series.tokens for tag in question.unknown_tags):
        return False
    if not named:
        return _of_such_a_thing(series, words, things)
    if series.entities:
        return bool(series.entities & set(question.entities))
    return any(tokens_of(name) <= series.tokens for e in named for name in (e.id, e.name, *e.aliases))


def _of_such_a_thing(series: Series, words: Sequence[str], things: Mapping[str, frozenset[str]]) -> bool:
    """Whether the series is of the kind of thing that is spoken of: "the tank" is no pump, even where no tank is measured."""
    own = {noun for id_ in series.entities for noun in things.get(id_, ())} | series.tokens | series.own
    spoken = set(words) & frozenset().union(*things.values())
    return all(word in own for word in spoken if word not in STATISTIC_WORDS and not quantities([word]))


def _things(site: Site) -> dict[str, frozenset[str]]:
    """What each asset is called as a kind of thing: the last plain word of its type, its name and each alias, as stems."""
    assets = (e for e in site.entities.values() if e.type is EntityType.ASSET)
    return {e.id: _nouns(str(e.facts.get("type", "")), e.name, *e.aliases) for e in assets}


@lru_cache(maxsize=50_000)
def _nouns(*texts: str) -> frozenset[str]:
    plain = ([w for w in re.split(r"[\s_]+", text) if re.fullmatch(r"[A-Za-z]{3,}", w)] for text in texts)
    return frozenset(stem(words[-1]) for words in plain if words)
