"""A model's description of a picture is no proof, of a claim or against one, and is told as what it is."""

from __future__ import annotations

from typing import Any

import msgspec

from app.answer.modelled import judged
from app.answer.reply import Worded
from app.verify.described import DESCRIPTION, UNPROVEN, described
from app.verify.port import Exhibit
from app.verify.verifier import ClaimVerifier
from retrieval.ids import content_hash
from retrieval.types import CharSpan, Evidence, FrameAt, Interval, Kind, Provenance, Support

T0 = 1_772_588_460_000_000
CAPTION = "caption by some/model, not checked:\n\nA man carries a ladder past two drums. Objects: man, ladder, drum."


def piece(kind: Kind, text: str, **more: Any) -> Evidence:
    place = FrameAt(0, 1000) if kind is Kind.FRAME else CharSpan(0, 9)
    given: dict[str, Any] = {
        "source": "file:///site/a",
        "provenance": Provenance("test"),
        "valid": Interval(T0, T0 + 1),
    }
    return Evidence(
        id=f"ev_{content_hash(text)[:8]}", tenant="t", kind=kind, locator=place, text=text, **(given | more)
    )


def caption(text: str = CAPTION) -> Evidence:
    return piece(Kind.PASSAGE, text, provenance=Provenance("captions", models={"caption": "some/model"}))


def exhibits(*pieces: Evidence) -> list[Exhibit]:
    return [Exhibit(f"E{n}", e, f"{e.kind.value} of a; time\n{e.text}") for n, e in enumerate(pieces, 1)]


SAYS = "A man carries a ladder past two drums."
NOTE = piece(Kind.PASSAGE, "A man carries a ladder past two drums.")
FRAME = piece(Kind.FRAME, "CAM-07 sees: man, ladder", data={"counts": {"man": 1, "ladder": 1}})


def test_what_only_a_description_says_is_unproven(verifier: ClaimVerifier) -> None:
    # the words stand there: of a note they would be enough
    assert verifier.judge(SAYS, exhibits(NOTE)).support is Support.SUPPORTED
    judgement = verifier.judge(SAYS, exhibits(caption()))
    assert (judgement.support, judgement.why) == (Support.UNSUPPORTED, UNPROVEN)


def test_what_other_evidence_says_stands_by_itself(verifier: ClaimVerifier) -> None:
    assert verifier.judge(SAYS, exhibits(caption(), NOTE)) == verifier.judge(SAYS, exhibits(NOTE))
    wrong = verifier.judge(SAYS, exhibits(caption(), FRAME))
    assert (wrong.support, wrong.why) == (Support.UNSUPPORTED, UNPROVEN)


def test_what_not_even_a_description_says_is_told_as_any_other(verifier: ClaimVerifier) -> None:
    claim = "A woman drives a forklift."
    judgement = verifier.judge(claim, exhibits(caption()))
    assert judgement.support is Support.UNSUPPORTED and judgement.why not in ("", UNPROVEN)
    both = verifier.judge(claim, exhibits(caption(), NOTE))
    assert both == verifier.judge(claim, exhibits(NOTE))


def test_a_description_contradicts_nothing(verifier: ClaimVerifier) -> None:
    claim = "A man carries a ladder past five drums."
    against = verifier.judge(claim, exhibits(caption()))
    assert against.support is Support.UNSUPPORTED
    note = piece(Kind.PASSAGE, claim)
    assert verifier.judge(claim, exhibits(note, caption())).support is Support.SUPPORTED


def test_it_is_told_as_a_models_description(verifier: ClaimVerifier) -> None:
    claim, judgement = judged(Worded(SAYS, ["E1"]), exhibits(caption()), verifier)
    assert claim.text == f"{DESCRIPTION}: {SAYS}" and claim.why == judgement.why == UNPROVEN
    assert claim.support is Support.UNSUPPORTED and claim.citations[0].quote.startswith("caption by some/model, not")
    plain, _ = judged(Worded(SAYS, ["E1"]), exhibits(NOTE), verifier)
    assert plain.text == SAYS


def test_only_provenance_says_whose_words_they_are() -> None:
    assert described(caption("x")) and not described(piece(Kind.PASSAGE, CAPTION))
    assert not described(msgspec.structs.replace(FRAME, provenance=Provenance("video", models={"ocr": "rapidocr"})))
