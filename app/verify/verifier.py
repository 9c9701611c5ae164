"""Judges one claim against the exhibits it cites, and against those alone. No model is trusted with that."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from app.verify.addresses import addresses
from app.verify.attributes import misattributed
from app.verify.binding import Bench, against, bind, candidates, denial_stands, missing
from app.verify.causes import uncaused
from app.verify.comparing import compare
from app.verify.counting import count
from app.verify.modality import presumed
from app.verify.negation import sweeps
from app.verify.port import Exhibit, Instruments, Judgement
from app.verify.quotes import misquoted
from app.verify.reading import read, without
from app.verify.roles import swapped
from app.verify.segments import Segment, segments
from app.verify.sequences import sequence
from app.verify.series import series_statements
from app.verify.statements import statements, texts
from app.verify.substance import insubstantial
from app.verify.words import knows, shared, unknown, unnamed
from retrieval.types import Support

_LONGEST_CLAIM = 4000
# of the words of one piece of a claim, one in so many may stand elsewhere in the evidence than the others
_APART = 3


class Failing(NamedTuple):
    """One thing of a claim that does not stand: which check says so, in words, and whether the evidence says the contrary."""

    check: str
    why: str
    contrary: bool = False


class ClaimVerifier:
    """The Verifier port by rules, with meaning from an encoder or an entailment model where there is one."""

    def __init__(self, instruments: Instruments) -> None:
        self._tools = instruments

    def judge(self, claim: str, exhibits: Sequence[Exhibit]) -> Judgement:
        """What a claim is worth; the same for the same input. Time is linear in the texts."""
        if not exhibits:
            return Judgement(Support.UNSUPPORTED, "it cites no evidence")
        if len(claim) > _LONGEST_CLAIM:
            return Judgement(Support.UNSUPPORTED, f"it is longer than {_LONGEST_CLAIM} characters")
        bench = self._bench(claim, exhibits)
        failing = list(self._failing(bench, exhibits))
        vocabulary = frozenset(k for s in bench.statements for k in s.vocabulary)
        words = shared(bench.claim, vocabulary)
        checks = {"words": words} | {f.check: 0.0 for f in failing}
        if not failing:
            computed = tuple(b.computed for s in segments(bench.claim) for b in bind(bench, s) if b.computed)
            return Judgement(Support.SUPPORTED, "", 0.5 + 0.5 * words, checks, tuple(dict.fromkeys(computed)))
        support = Support.CONTRADICTED if any(f.contrary for f in failing) else Support.UNSUPPORTED
        why = "; ".join(dict.fromkeys(f.why for f in failing[:3]))
        return Judgement(support, why, 0.5 * words / (1 + len(failing)), checks)

    def _bench(self, claim: str, exhibits: Sequence[Exhibit]) -> Bench:
        reading = read(claim, self._tools.find_entities)
        told = [s for n, e in enumerate(exhibits) for s in statements(n, e, self._tools)]
        told += series_statements(exhibits, reading, self._tools)
        return Bench(reading, tuple(told), self._tools.zone, knows)

    def _failing(self, bench: Bench, exhibits: Sequence[Exhibit]) -> Iterator[Failing]:
        """All that does not stand, the plainest first."""
        shown = texts(exhibits)
        vague = insubstantial(bench.claim)
        if vague:
            yield Failing("substance", vague)
            return
        for address in addresses(bench.claim.text):
            if address not in shown:
                yield Failing("addresses", f"the address {address} does not stand in what is cited")
        for quote in misquoted(bench.claim.text, shown):
            yield Failing("quotations", f"“{quote}” is quoted but does not stand so in what is cited")
        names = frozenset(n for s in bench.statements for n in (*s.names, *s.around))
        vocabulary = frozenset(k for s in bench.statements for k in s.vocabulary)
        for name in unnamed(bench.claim, names, vocabulary):
            yield Failing("names", f"the cited evidence is not about {name}")
        for part in unknown(bench.claim, vocabulary, names, self._tools.find_entities):
            yield Failing("words", f"“{part.text}” does not stand in what is cited")
        counted = count(bench, tuple(e.evidence.kind.value for e in exhibits))
        if counted is not None:
            if counted.why:
                yield Failing("figures", counted.why, True)
            return
        for word in presumed(bench.claim.text, bench.statements):
            yield Failing("modality", f"the evidence gives no rule and no plan, as “{word}” does")
        order, compared = sequence(bench), compare(bench)
        if order is not None and order.why:
            yield Failing("order", order.why, order.contrary)
        if compared is not None and compared.why:
            yield Failing("order", compared.why, True)
        settled = (order.settled if order else frozenset()) | (compared.settled if compared else frozenset())
        bench = bench._replace(claim=without(bench.claim, settled))
        yield from self._pieces(bench)
        yield from (Failing("causes", why) for why in uncaused(bench))
        yield from (Failing("roles", why, True) for why in swapped(bench))

    def _pieces(self, bench: Bench) -> Iterator[Failing]:
        for segment in segments(bench.claim):
            for bound in bind(bench, segment):
                if bound.why:
                    yield Failing("figures", bound.why)
            yield from _words_of(bench, segment)
            yield from (Failing("attributes", why, True) for why in misattributed(bench, segment))


def _words_of(bench: Bench, segment: Segment) -> Iterator[Failing]:
    found = candidates(bench, segment)
    apart = min((len(missing(bench, segment, s)) for _, s in found), default=1)
    if not found or apart > len(segment.words) // _APART:
        yield Failing("together", f"“{segment.text.strip()}” is not said in what is cited")
        return
    if segment.denies and not denial_stands(bench, segment):
        yield Failing("negation", f"“{segment.text.strip()}” denies what the evidence does not deny", True)
    for word in against(bench, segment):
        yield Failing("negation", f"the evidence says the contrary of “{word}”", True)
    told = " ".join(s.reading.text.lower() for c, s in found if c >= 0.5 and s.sort != "frame")
    for word in sweeps(segment.text):
        if word not in told and not (word.startswith("any") and segment.denies):
            yield Failing("universal", f"the evidence does not say “{word}”")
