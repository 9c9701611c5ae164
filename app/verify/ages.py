"""Which of two records is the older or the longer, as a claim says: "WO-1 is the older of the two jobs, WO-2 the newer"."""

from __future__ import annotations

import re

from app.verify.bench import Bench
from app.verify.contrasts import Contrast
from app.verify.reading import Kind

_AGE = re.compile(
    r"\bthe (?:(?P<old>older|earlier)|(?P<new>newer|later|younger|more recent)|(?P<long>longer)|(?P<short>shorter))\b"
    r"(?= (?:of|one|alarm|alert|order|work order|job|ticket|record|entry|lasting)|[\s,.;]*$)",
    re.I,
)
_TWO = 2
_SAID = frozenset("older earlier newer later younger recent preceded followed two one longer shorter".split())


def aged(bench: Bench) -> Contrast | None:
    """Hold the age or length that a claim gives one of two records against its other; None where it gives none."""
    word = _AGE.search(bench.claim.text)
    tags = list(dict.fromkeys(p.key for p in bench.claim.of(Kind.TAG)))
    before = [p.key for p in bench.claim.of(Kind.TAG) if word and p.end <= word.start()]
    if word is None or not tags or len(tags) > _TWO or not before:
        return None
    first = before[-1]
    told = word["long"] or word["short"]
    one, two = _measure(bench, first, bool(told), True), _measure(bench, first, bool(told), False)
    if one is None or two is None or one == two:
        return None
    stands = one < two if word["old"] or word["short"] else one > two
    # every other word of age must say the same of the other record
    behind = _AGE.search(bench.claim.text, word.end())
    alike = behind is not None and behind.lastgroup == word.lastgroup
    settled = frozenset(i for i, p in enumerate(bench.claim.parts) if p.text.lower() in _SAID)
    return Contrast("" if stands and not alike else f"“{word[0]}” does not stand: it is the other way round", settled)


def _measure(bench: Bench, tag: str, lasted: bool, own: bool) -> float | None:
    """When the record of a tag began, or how long it lasted; of the one other record that is cited where it is not its `own`."""
    records = {s.exhibit: s for s in bench.statements if s.sort == "record" and (tag in s.keys) is own}
    if len(records) != 1:
        return None
    facts = [f for s in records.values() for f in s.facts]
    if lasted:
        return next((f.amount.value for f in facts if f.role == "duration" and f.amount), None)
    return next((float(f.instant.at) for f in facts if f.role == "start" and f.instant and f.instant.at), None)
