"""Whether a claim says what must or will be, where the evidence says only what is or was."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from app.verify.statements import Statement

_OUGHT = re.compile(
    r"\b(?:will|shall|should|must|ought to|ha(?:s|ve|d) to|(?:is|are|was|were) (?:going|due|about|expected|likely|supposed|set) to|"
    r"needs? to|(?:is|are) to be|scheduled (?:to|for)|planned (?:to|for)|recommend\w*|advis(?:ed|es|able))\b",
    re.I,
)
# words by which a text gives a rule, a need or a plan
_RULES = re.compile(
    r"\b(?:will|shall|should|must|ought|ha(?:s|ve) to|need\w*|requir\w*|only|always|every|never|limit\w*|allow\w*|permit\w*|may|"
    r"forbid\w*|prohibit\w*|(?:is|are) to|due|plan\w*|schedul\w*|next|recommend\w*|advis\w*|until|muster\w*|keep|use|wear|"
    r"at most|at least)\b",
    re.I,
)


def presumed(text: str, statements: Sequence[Statement]) -> Iterator[str]:
    """Words of a claim that speak of duty or of the future, where nothing that is cited gives a rule or a plan."""
    found = list(dict.fromkeys(m[0].lower() for m in _OUGHT.finditer(text)))
    told = (s for s in statements if s.sort not in ("frame", "series"))
    # "Open the valve before the start" gives a rule as well
    if found and not any(_RULES.search(s.reading.text) or (s.sort == "sentence" and s.orders) for s in told):
        yield from found
