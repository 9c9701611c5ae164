"""`watchfloor bench answer`: what answering costs beside the models, against a flat scan and against the model's own speed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np

from eval.bench.control import FlatScan
from eval.bench.machine import facts
from eval.bench.path import Arrivals, Timed, ask_all
from eval.bench.plant import ASSETS, CAMERAS, ZONES, Plant
from eval.bench.proxy import AT_ONCE, PIECES, RATE, FirstToken, Speaker, Throughput, first_tokens, throughput
from eval.bench.questions import questions
from eval.bench.sources import plant_for
from eval.bench.store import ready
from eval.bench.talking import Served, serving
from eval.stub import StubModel

Progress = Callable[[int, int, str], None]
BARS = {"path_p95_over_scan_p50": 1.0, "throughput_kept": 0.95, "first_token_added_ms": 20.0}
# rounds of questions nobody counts: what is made once (statements, the site, the model's abilities) is made in them
_WARM = 1000
# questions each client asks for throughput, and questions a round for the first token
_A_CLIENT, _FEW = 2, 18


class Sizes(NamedTuple):
    """How much is measured."""

    n: int = 200_000
    rounds: int = 5
    images: int = 4


def run(sizes: Sizes, folder: Path, progress: Progress) -> dict[str, Any]:
    """All three ratios, round by round, with what they were measured on. Raises InputError where `folder` holds something else."""
    built, plant = ready(folder, sizes.n, progress), plant_for(sizes.n)
    arrivals, scan = Arrivals(), FlatScan(sizes.n)
    with StubModel(arrivals, images=sizes.images) as stub:
        if sizes.images:
            # charts that are not on disk yet are drawn here, by a server whose memory is gone when the rounds begin
            _draw(sizes, folder, plant, stub.url, progress)
        with serving(folder, stub.url) as served:
            path = _path(sizes, served, plant, (arrivals, scan), progress)
            proxy = _proxy(sizes, _Sides(stub, served.url), plant, progress)
    bars = {
        "path_p95_over_scan_p50": path["ratio"]["median"],
        "throughput_kept": proxy["throughput_kept"]["median"],
        "first_token_added_ms": max(proxy["first_token_added_ms"][way]["median"] for way in ("native", "openai")),
    }
    return {
        "bench": "answer",
        "machine": facts(),
        "store": msgspec.to_builtins(built)
        | {"zones": ZONES, "assets": ASSETS, "cameras": CAMERAS, "sensors": len(plant.sensors)},
        "sizes": sizes._asdict(),
        "path": path,
        "proxy": proxy,
        "bars": {name: {"bar": bar, "found": bars[name], "met": _met(name, bars[name])} for name, bar in BARS.items()},
    }


def _met(name: str, found: float) -> bool:
    return found >= BARS[name] if name == "throughput_kept" else found <= BARS[name]


class _Sides(NamedTuple):
    """The model's stub, and where the measured service listens."""

    stub: StubModel
    url: str


class _Round(NamedTuple):
    """One round: its scans (ms), its questions, and processor ms of one question and of one scan."""

    scans: Sequence[float]
    timed: Sequence[Timed]
    cpu_ms: float
    scan_cpu_ms: float


def _path(
    sizes: Sizes, served: Served, plant: Plant, clocks: tuple[Arrivals, FlatScan], progress: Progress
) -> dict[str, Any]:
    arrivals, scan = clocks
    rounds: list[_Round] = []
    ask_all(served.url, arrivals, questions(plant, _WARM), progress)
    for n in range(sizes.rounds):
        before, used = scan.times_ms(), served.cpu_s()
        timed = ask_all(served.url, arrivals, questions(plant, n), progress)
        cpu_ms = (served.cpu_s() - used) * 1e3 / len(timed)
        rounds.append(_Round(before + scan.times_ms(), timed, cpu_ms, scan.cpu_ms()))
    return _path_summary(rounds)


def _draw(sizes: Sizes, folder: Path, plant: Plant, stub_url: str, progress: Progress) -> None:
    with serving(folder, stub_url) as served:
        for n in range(sizes.rounds):
            ask_all(served.url, Arrivals(), questions(plant, n), progress)


def _path_summary(rounds: Sequence[_Round]) -> dict[str, Any]:
    """`ratio`: p95 of all questions of a round over the p50 of its scans.

    Beside it, for a machine that is shared: processor time of the service a question, whole answer included, and of one scan.
    """
    everything = [one for each in rounds for one in each.timed]
    kinds = sorted({one.asked.kind for one in everything})
    scans = [percentile(each.scans, 50) for each in rounds]
    p50 = [percentile([one.ms for one in each.timed], 50) for each in rounds]
    p95 = [percentile([one.ms for one in each.timed], 95) for each in rounds]
    return {
        "questions": len(everything),
        "scan_p50_ms": spread(scans, worst=max),
        "p50_ms": spread(p50, worst=max),
        "p95_ms": spread(p95, worst=max),
        "ratio": spread([p / s for p, s in zip(p95, scans, strict=True)], worst=max),
        "p50_ratio": spread([p / s for p, s in zip(p50, scans, strict=True)], worst=max),
        "cpu_ms_a_question": spread([each.cpu_ms for each in rounds], worst=max),
        "cpu_ms_a_scan": spread([each.scan_cpu_ms for each in rounds], worst=max),
        "by_kind": {kind: _of_kind([one for one in everything if one.asked.kind == kind]) for kind in kinds},
    }


def _of_kind(timed: Sequence[Timed]) -> dict[str, Any]:
    verdicts = [one.verdict for one in timed]
    return {
        "n": len(timed),
        "asked_the_model": sum(one.modelled for one in timed),
        "degraded": sum(one.degraded for one in timed),
        "p50_ms": percentile([one.ms for one in timed], 50),
        "p95_ms": percentile([one.ms for one in timed], 95),
        "verdicts": {verdict: verdicts.count(verdict) for verdict in sorted(set(verdicts))},
    }


def _proxy(sizes: Sizes, sides: _Sides, plant: Plant, progress: Progress) -> dict[str, Any]:
    speaker, (stub, url) = Speaker(), sides
    stub.script, stub.rate = speaker, RATE
    rates: list[Throughput] = []
    firsts: list[list[FirstToken]] = []
    first_tokens(stub.url, url, speaker, questions(plant, _WARM, 1))
    for n in range(sizes.rounds):
        asked = [one for one in questions(plant, n) if one.kind in _WORDED]
        progress(2 * n, 2 * sizes.rounds, "first token")
        firsts.append(first_tokens(stub.url, url, speaker, asked[:_FEW]))
        progress(2 * n + 1, 2 * sizes.rounds, "throughput")
        rates.append(throughput(stub.url, url, speaker, (asked * 2)[: _A_CLIENT * AT_ONCE]))
    return _proxy_summary(rates, firsts)


# kinds that always reach the model: the others would make the stub's speed look like ours
_WORDED = ("alert", "work order", "passage", "event")


def _proxy_summary(rates: Sequence[Throughput], firsts: Sequence[Sequence[FirstToken]]) -> dict[str, Any]:
    added = {
        "native": [percentile([one.native - one.direct for one in found], 50) for found in firsts],
        "openai": [percentile([one.openai - one.direct for one in found], 50) for found in firsts],
    }
    return {
        "at_once": AT_ONCE,
        "pieces": PIECES,
        "rate": RATE,
        "questions": sum(len(found) for found in firsts),
        "direct_per_s": spread([rate.direct for rate in rates], worst=min),
        "ours_per_s": spread([rate.ours for rate in rates], worst=min),
        "throughput_kept": spread([rate.ours / rate.direct for rate in rates], worst=min),
        "first_token_direct_ms": spread([percentile([o.direct for o in found], 50) for found in firsts], worst=max),
        "first_token_added_ms": {way: spread(values, worst=max) for way, values in added.items()},
    }


def spread(values: Sequence[float], worst: Callable[[Sequence[float]], float]) -> dict[str, float]:
    """Median and worst of the rounds."""
    return {"median": round(percentile(values, 50), 4), "worst": round(worst(values), 4)}


def percentile(values: Sequence[float], q: float) -> float:
    """With linear interpolation; NaN of nothing."""
    return float(np.percentile(values, q)) if len(values) else float("nan")
