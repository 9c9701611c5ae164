"""Judges scripted claims with the product's own verifier, over exhibits laid out as a model is shown them."""

from __future__ import annotations

from collections.abc import Callable

from app.answer.wording import duration, moment, number, stretch
from app.verify.port import Exhibit, Verifier
from app.words import source_name
from eval.claims.store import Opened, instruments
from eval.claims.types import ScriptedClaim
from retrieval.types import Evidence, Kind, PageBox, Support


def product_judge(opened: Opened) -> Callable[[ScriptedClaim], tuple[bool, str]]:
    """A judge that asks the product's verifier, with the entailment model of the settings where one is named.

    A claim that cites what was not shown is not supported. Raises BadSettings.
    """
    from app.settings import load
    from app.verify.nli import CrossEncoderEntailment
    from app.verify.verifier import ClaimVerifier

    name = load().encoders.entailment
    entailment = CrossEncoderEntailment(name, "cpu") if name else None
    return judge_with(ClaimVerifier(instruments(opened)._replace(entailment=entailment)), opened)


def judge_with(verifier: Verifier, opened: Opened) -> Callable[[ScriptedClaim], tuple[bool, str]]:
    """A judge over a verifier."""

    def judge(claim: ScriptedClaim) -> tuple[bool, str]:
        cited = [opened.world.by_id.get(one) for one in claim.evidence]
        shown = [exhibit(e, f"E{n}", opened) for n, e in enumerate(cited, 1) if e is not None]
        if len(shown) < len(cited):
            return False, "it cites a label that was not given"
        found = verifier.judge(claim.text, shown)
        return (
            found.support is Support.SUPPORTED,
            f"{found.support.value} {found.score:.2f} {found.why} {_told(found.checks)}",
        )

    return judge


def _told(checks: dict[str, float]) -> str:
    return " ".join(f"{name}={value:.2f}" for name, value in checks.items())


def exhibit(evidence: Evidence, label: str, opened: Opened) -> Exhibit:
    """A piece as it stands under a label: where and when, its text, and what the brief computes of a window."""
    when = stretch(evidence.valid, opened.zone) if evidence.valid else "time unknown"
    page = f", page {evidence.locator.page}" if isinstance(evidence.locator, PageBox) else ""
    lines = [f"{evidence.kind.value} of {source_name(evidence.source)}{page}; {when}", evidence.text]
    if evidence.kind is Kind.WINDOW:
        lines += _computed(evidence, opened)
    return Exhibit(label, evidence, "\n".join(lines))


def _computed(window: Evidence, opened: Opened) -> list[str]:
    """What the brief computes of a window when it is asked for its maximum and its limit."""
    series, sensor = opened.world.samples(window), window.text.partition(" ")[0]
    name = opened.world.entities[sensor].name if sensor in opened.world.entities else sensor
    told = str(window.data["unit"])
    top, at = max(series.v), moment(series.t[series.v.index(max(series.v))], opened.zone)
    lines = [f"Computed: The highest value of {name} was {number(top)} {told} at {at}."]
    limit = (window.data.get("limits") or {}).get("high")
    if limit is not None and top <= limit:
        lines.append(f"Computed: {name} never exceeded {number(limit)} {told}; its maximum was {number(top)} {told}.")
    if limit is not None and top > limit:
        over = [t for t, v in zip(series.t, series.v, strict=True) if v > limit]
        spent = duration(len(over) * float(window.data["step_s"]))
        first, last = moment(over[0], opened.zone), moment(over[-1], opened.zone)
        lines.append(
            f"Computed: {name} was above {number(limit)} {told} in {len(over)} samples (about {spent}), "
            f"first at {first}, last at {last}."
        )
    return lines
