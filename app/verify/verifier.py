"""Judges one claim against the exhibits it cites, and against those alone. No model is trusted with that."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import structlog

from app.verify.addresses import addresses
from app.verify.agents import unassuming
from app.verify.attributes import misattributed, misdescribed, misnamed, outlived, unlisted
from app.verify.bench import Bench, candidates, cover, lacking
from app.verify.binding import bind
from app.verify.causes import uncaused
from app.verify.codes import misspelt, unlike
from app.verify.comparing import Compared, compare
from app.verify.contradiction import against, denial_stands
from app.verify.counting import count
from app.verify.denials import accounted
from app.verify.described import apart as beside_descriptions
from app.verify.exact import inexact
from app.verify.idioms import loosened, turned
from app.verify.limits import strayed
from app.verify.meaning import Meaning, meaning
from app.verify.modality import presumed
from app.verify.negation import sweeps
from app.verify.orders import unheeded
from app.verify.overlap import apart
from app.verify.port import Exhibit, Instruments, Judgement
from app.verify.quantities import mismeasured
from app.verify.quotes import misquoted
from app.verify.reading import Kind, read, without
from app.verify.remedies import undone
from app.verify.roles import swapped
from app.verify.scenes import embellished, scattered
from app.verify.segments import Segment, entire, segments
from app.verify.sequences import Sequenced, sequence
from app.verify.series import series_statements
from app.verify.sources import miscredited, misplaced
from app.verify.statements import Statement, statements, texts
from app.verify.substance import insubstantial
from app.verify.trends import against_itself
from app.verify.words import knows, shared, unknown, unnamed
from retrieval.errors import EncoderUnavailable
from retrieval.types import Support

_LONGEST_CLAIM = 4000
# every figure is held against every statement, and against every other
_MOST_FIGURES = 40
# the checks of how a thing is worded: an entailment model may know better; figures, names and denials are not its to judge
_WORDING = frozenset(["words", "together"])
# what a piece says of how many is held against statements that share this much of it
_HALF = 0.5
_KEPT = 64
_log = structlog.get_logger("watchfloor.verify")


class Failing(NamedTuple):
    """One thing of a claim that does not stand: which check says so, in words, and whether the evidence says the contrary."""

    check: str
    why: str
    contrary: bool = False


class ClaimVerifier:
    """The Verifier port by rules; where an entailment model is configured it may lift a wording and may take support away."""

    def __init__(self, instruments: Instruments) -> None:
        self._tools = instruments
        self._entailment = instruments.entailment
        self._kept: OrderedDict[tuple[int, str, int, str], list[Statement]] = OrderedDict()
        self._lock = threading.Lock()

    def judge(self, claim: str, exhibits: Sequence[Exhibit]) -> Judgement:
        """What a claim is worth; the same for the same input. Time is linear in the evidence."""
        if not exhibits:
            return Judgement(Support.UNSUPPORTED, "it cites no evidence")
        if len(claim) > _LONGEST_CLAIM:
            return Judgement(Support.UNSUPPORTED, f"it is longer than {_LONGEST_CLAIM} characters")
        return beside_descriptions(claim, exhibits, self._judge)

    def _judge(self, claim: str, exhibits: Sequence[Exhibit]) -> Judgement:
        """The same where every exhibit counts."""
        bench = self._bench(claim, exhibits)
        if len([*bench.claim.of(Kind.AMOUNT), *bench.claim.of(Kind.MOMENT)]) > _MOST_FIGURES:
            return Judgement(Support.UNSUPPORTED, f"it gives more than {_MOST_FIGURES} figures and times")
        failing = list(self._failing(bench, exhibits))
        said = self._said(bench, failing)
        plain = not bench.claim.of(Kind.NOT) and not sweeps(claim)
        if said is not None and said.lifts and plain and all(f.check in _WORDING for f in failing):
            failing = []
        elif said is not None and said.denies and not failing:
            failing = [Failing("entailment", "an entailment model reads the contrary in what is cited", True)]
        return _judgement(bench, failing, said)

    def _bench(self, claim: str, exhibits: Sequence[Exhibit]) -> Bench:
        reading = read(claim, self._tools.find_entities)
        told = [s for n, e in enumerate(exhibits) for s in self._stated(n, e)]
        told += series_statements(exhibits, reading, self._tools)
        return Bench(reading, tuple(told), self._tools.zone, knows)

    def _stated(self, number: int, exhibit: Exhibit) -> list[Statement]:
        """What an exhibit states; kept, since the claims of one answer rest on the same few exhibits."""
        key = (number, exhibit.evidence.id, exhibit.evidence.revision, exhibit.text)
        with self._lock:
            found = self._kept.get(key)
        if found is None:
            found = statements(number, exhibit, self._tools)
            with self._lock:
                self._kept[key] = found
                while len(self._kept) > _KEPT:
                    self._kept.popitem(last=False)
        return found

    def _said(self, bench: Bench, failing: Sequence[Failing]) -> Meaning | None:
        """What the entailment model says, where it could change the verdict. One that cannot be had is said so, once, and left out."""
        if self._entailment is None or any(f.check not in _WORDING for f in failing):
            return None
        ranked = sorted(bench.statements, key=lambda s: -cover(bench, entire(bench.claim), s))
        try:
            return meaning(self._entailment, bench.claim.text, ranked)
        except EncoderUnavailable as error:
            _log.warning("verify.entailment_unavailable", model=self._entailment.name, reason=str(error))
            self._entailment = None
            return None

    def _failing(self, bench: Bench, exhibits: Sequence[Exhibit]) -> Iterator[Failing]:
        """All that does not stand, the plainest first."""
        vague = insubstantial(bench.claim)
        if vague:
            yield Failing("substance", vague)
            return
        # what is accounted for of a bound is held against the samples all the same
        yield from (Failing("figures", why, True) for why in strayed(bench))
        bench = bench._replace(claim=without(bench.claim, accounted(bench) | unassuming(bench)))
        compared = compare(bench)
        settled = compared.settled if compared else frozenset()
        shown = texts(exhibits)
        yield from _letters(bench.claim.text, shown)
        for code in self._miscoded(bench.claim.text, shown):
            yield Failing("names", f"the cited evidence is not about {code}")
        yield from self._words(bench._replace(claim=without(bench.claim, settled)))
        for word in unheeded(bench.claim, _only_ordered(bench.statements)):
            yield Failing("modality", f"the evidence orders what “{word}” says was done")
        yield from (Failing("causes", why) for why in uncaused(bench))
        yield from (Failing("together", why) for check in (scattered, embellished) for why in check(bench))
        yield from (Failing("figures", why, True) for why in against_itself(bench))
        yield from (Failing("roles", why, True) for why in undone(bench))
        yield from (Failing("together", why, True) for why in loosened(bench))
        yield from (Failing("negation", why) for why in turned(bench.claim.text, shown))
        yield from (Failing("figures", why) for why in inexact(bench.claim.text, shown, bench.statements))
        yield from (Failing("attributes", why, True) for why in misnamed(bench))
        yield from (Failing("figures", why, True) for why in misplaced(bench, exhibits))
        yield from (Failing("sources", why) for why in miscredited(bench.claim.text, exhibits))
        counted = count(bench, tuple(e.evidence.kind.value for e in exhibits))
        if counted is not None:
            # what is counted is held against every record by itself
            yield from [Failing("figures", counted.why, True)] if counted.why else []
            return
        order = sequence(bench)
        yield from _times(bench, order, compared)
        settled |= order.settled if order else frozenset()
        yield from _pieces(bench._replace(claim=without(bench.claim, settled)))
        yield from (Failing("roles", why, True) for why in swapped(bench))

    def _miscoded(self, claim: str, shown: str) -> Iterator[str]:
        yield from unlike(claim, shown, self._tools.find_entities)
        yield from misspelt(claim, shown, self._tools.find_entities)

    def _words(self, bench: Bench) -> Iterator[Failing]:
        """Names, words, duties and plans of a claim that stand nowhere in what is cited."""
        names = frozenset(n for s in bench.statements for n in (*s.names, *s.around))
        vocabulary = frozenset(k for s in bench.statements for k in s.vocabulary)
        for name in unnamed(bench.claim, names, vocabulary):
            yield Failing("names", f"the cited evidence is not about {name}")
        for part in unknown(bench.claim, vocabulary, names, self._tools.find_entities):
            yield Failing("words", f"“{part.text}” does not stand in what is cited")
        for word in presumed(bench.claim.text, bench.statements):
            yield Failing("modality", f"the evidence gives no rule and no plan, as “{word}” does")


def _only_ordered(told: Sequence[Statement]) -> frozenset[str]:
    """The verbs that what is cited orders and nowhere says were done; a closed record's order was carried out."""
    orders = frozenset(w for s in told if "close" not in dict(s.fields).values() for w in s.orders)
    return frozenset(w for w in orders if not any(w in s.done or (w in s.keys and w not in s.orders) for s in told))


def _letters(claim: str, shown: str) -> Iterator[Failing]:
    """What must stand letter by letter: addresses and quotations."""
    for address in addresses(claim):
        if address not in shown:
            yield Failing("addresses", f"the address {address} does not stand in what is cited")
    for quote in misquoted(claim, shown):
        yield Failing("quotations", f"“{quote}” is quoted but does not stand so in what is cited")


def _times(bench: Bench, order: Sequenced | None, compared: Compared | None) -> Iterator[Failing]:
    """What a claim puts in order, at one time, or above another."""
    if order is not None and order.why:
        yield Failing("order", order.why, order.contrary)
    if compared is not None and compared.why:
        yield Failing("order", compared.why, True)
    together = apart(bench)
    if together:
        yield Failing("order", together, True)


def _pieces(bench: Bench) -> Iterator[Failing]:
    """What of each piece of a claim does not stand in one statement of the evidence."""
    for segment in segments(bench.claim):
        yield from (Failing("figures", bound.why) for bound in bind(bench, segment) if bound.why)
        yield from (Failing("figures", why, True) for why in mismeasured(bench, segment))
        yield from _words_of(bench, segment)
        yield from (Failing("attributes", why, True) for why in misattributed(bench, segment))
        yield from (Failing("attributes", why, True) for why in misdescribed(bench, segment))
        yield from (Failing("attributes", why) for why in unlisted(bench, segment))
        yield from (Failing("attributes", why, True) for why in outlived(bench, segment))


def _judgement(bench: Bench, failing: Sequence[Failing], said: Meaning | None) -> Judgement:
    words = shared(bench.claim, frozenset(k for s in bench.statements for k in s.vocabulary))
    checks = {"words": words} | {f.check: 0.0 for f in failing}
    if said is not None:
        checks["entailment"] = said.entails
    if not failing:
        computed = (b.computed for s in segments(bench.claim) for b in bind(bench, s) if b.computed)
        return Judgement(Support.SUPPORTED, "", 0.5 + 0.5 * words, checks, tuple(dict.fromkeys(computed)))
    support = Support.CONTRADICTED if any(f.contrary for f in failing) else Support.UNSUPPORTED
    why = "; ".join(dict.fromkeys(f.why for f in failing[:3]))
    return Judgement(support, why, 0.5 * words / (1 + len(failing)), checks)


def _words_of(bench: Bench, segment: Segment) -> Iterator[Failing]:
    found = candidates(bench, segment)
    if lacking(bench, segment, [s for _, s in found]):
        yield Failing("together", f"“{segment.text.strip()}” is not said in what is cited")
        return
    if segment.denies and not denial_stands(bench, segment):
        yield Failing("negation", f"“{segment.text.strip()}” denies what the evidence does not deny", True)
    for word in against(bench, segment):
        yield Failing("negation", f"the evidence says the contrary of “{word}”", True)
    told = {word for c, s in found if c >= _HALF and s.sort != "frame" for word in sweeps(s.reading.text)}
    for word in sweeps(segment.text):
        every = word == "any" and "all" in told
        if word not in told and not every and not (word.startswith("any") and segment.denies):
            yield Failing("universal", f"the evidence does not say “{word}”")
