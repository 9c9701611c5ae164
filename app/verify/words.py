"""Which words of a claim stand in the evidence: by form, by stem, by their sense, as the noun of a name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from app.verify.lexicon import canonical, is_light
from app.verify.reading import Finder, Kind, Part, Reading

# two words are one when the longer is the shorter and an ending of inflection or derivation
_ROOT, _ENDING = 5, 3
_ENDINGS = frozenset(
    "a able age al an ance ant ary ate d e ed ee en ence ent er es est ess ful ia ial ian ic ical ies ing ion ise ish ism ist ity ive ize "
    "ly ment n ness or ors ous r rs ry s ship ty um ure us y".split()
)
_PARTICLES = frozenset("up out off down in over on away back".split())


def knows(word: str, vocabulary: frozenset[str]) -> bool:
    """Whether a canonical word stands in a vocabulary: itself, its pieces, or it with another ending."""
    if word in vocabulary:
        return True
    if "-" in word:
        pieces = [p for p in word.split("-") if p]
        # "start-up" is another thing than a start
        if pieces and pieces[-1] in _PARTICLES:
            return False
        return bool(pieces) and all(canonical(p) in vocabulary or p in vocabulary or is_light(p) for p in pieces)
    if len(word) < _ROOT:
        return False
    return any(
        word[:cut] in vocabulary and word[cut:] in _ENDINGS for cut in range(max(_ROOT, len(word) - _ENDING), len(word))
    ) or any(v.startswith(word) and v[len(word) :] in _ENDINGS for v in vocabulary if len(v) > len(word))


def unknown(claim: Reading, vocabulary: frozenset[str], names: Iterable[str], find: Finder) -> list[Part]:
    """The words of a claim that stand nowhere in the evidence, each once."""
    found: dict[str, Part] = {}
    for part in claim.of(Kind.WORD):
        if part.key not in found and not knows(part.key, vocabulary) and not _noun_of(part.text, names, find):
            found[part.key] = part
    return list(found.values())


def _noun_of(word: str, names: Iterable[str], find: Finder) -> bool:
    """Whether a word is the noun of an entity's name: "the pump" where the evidence is about P-101, called Pump P-101."""
    return any(start == 0 and entity == name for name in names for start, _, entity in find(f"{word} {name}"))


def unnamed(claim: Reading, names: frozenset[str], vocabulary: frozenset[str]) -> list[str]:
    """Names and tags of a claim that the evidence is not about."""
    places: dict[tuple[int, int], list[Part]] = {}
    for part in claim.of(Kind.NAME):
        places.setdefault((part.start, part.end), []).append(part)
    missing = [some[0].text for some in places.values() if not any(p.key in names for p in some)]
    known = vocabulary | {n.lower() for n in names}
    missing += [p.text for p in claim.of(Kind.TAG) if p.key not in known]
    return missing


def shared(claim: Reading, vocabulary: frozenset[str]) -> float:
    """The share of a claim's content words that stand in the evidence, in [0, 1]."""
    words: Sequence[str] = list({p.key for p in claim.of(Kind.WORD)})
    return sum(knows(w, vocabulary) for w in words) / len(words) if words else 0.0
