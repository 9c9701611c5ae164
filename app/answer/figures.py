"""Questions that samples answer: the figure is recomputed from the samples of the cited windows, never read off a summary."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from app.answer.desk import Desk, Finding, claim
from app.answer.question import Statistic
from app.answer.series import Series, quantities
from app.answer.wording import duration, moment, number, stretch
from retrieval.resampling import breaks
from retrieval.types import Claim, CoverageNote, Evidence, Interval, Kind, SeriesWindow, Verdict

_CITED = 8
_LIMIT = re.compile(r"\b(?:limits?|allowed|permitted|permissible|allowable|thresholds?|set ?points?)\b", re.I)
# "above its limit" asks for what was measured, not for the limit
_BEYOND = re.compile(
    r"\b(?:above|over|exceed\w*|beyond|past|within|inside|outside|out of|below|under|near|close to|reach(?:ed|es)?|hits?|"
    r"cross\w*|pass(?:ed|es)?|breach\w*|violat\w*|compared? (?:to|with)|against)\s+(?:[\w'-]+\s+){0,4}?"
    + _LIMIT.pattern,
    re.I,
)
_UPPER = re.compile(r"\b(?:max\w*|high\w*|upper|hot|top)\b", re.I)
_LOWER = re.compile(r"\b(?:min\w*|low\w*|cold)\b", re.I)


class Samples(NamedTuple):
    """Samples in order of time: `t` int64 UTC microseconds and `v` float64, shape (n,); `window` maps each to its evidence."""

    t: NDArray[np.int64]
    v: NDArray[np.float64]
    window: NDArray[np.int64]
    windows: Sequence[Evidence]
    unit: str

    def at(self, i: int) -> Evidence:
        return self.windows[int(self.window[i])]


class _Stored(msgspec.Struct, frozen=True):
    series: str
    t: list[int]
    v: list[float | None]
    unit: str = ""


def read_samples(desk: Desk, series: Series, window: Interval | None) -> Samples:
    """The stored samples of a series inside the window; gaps (nulls) are left out."""
    windows = [e for e in _windows(desk, series, window) if e.media]
    t, v, which, unit = [], [], [], series.unit
    for index, evidence in enumerate(windows):
        stored = msgspec.json.decode(desk.tools.blobs.get(evidence.tenant, evidence.media or ""), type=_Stored)
        unit = unit or stored.unit
        for at, value in zip(stored.t, stored.v, strict=True):
            if value is not None and (window is None or window.t0 <= at < window.t1):
                t.append(at)
                v.append(value)
                which.append(index)
    return Samples(np.array(t, np.int64), np.array(v, np.float64), np.array(which, np.int64), windows, unit)


def _windows(desk: Desk, series: Series, window: Interval | None) -> list[Evidence]:
    found = desk.scan(5000, kinds=(Kind.WINDOW,), sources=(series.source,), window=window)
    return [e for e in found if isinstance(e.locator, SeriesWindow) and series.column in (None, e.locator.series)]


def limit_of(desk: Desk, series: Series) -> Finding | None:
    """The limits of a series, from its latest window; INSUFFICIENT when it has none such; None when no limit is asked for."""
    question = desk.question
    if not _LIMIT.search(question.text) or _BEYOND.search(question.text):
        return None
    if question.yes_no or question.asks_when or question.asks_count:
        return None
    windows = _windows(desk, series, None)
    limits = windows[-1].data.get("limits") or {} if windows else {}
    asked = {name: float(value) for name, value in limits.items() if _side(question.text, name)}
    if not asked:
        return Finding(Verdict.INSUFFICIENT)
    latest = windows[-1]
    unit = series.unit or str(latest.data.get("unit", ""))
    return Finding(
        Verdict.ANSWERED, tuple(_bound(series, latest, n, _value(v, unit)) for n, v in asked.items()), (latest,)
    )


def _side(question: str, name: str) -> bool:
    """Whether a limit of this name is on the side that is asked for, if a side is."""
    sides = [side for side in (_UPPER, _LOWER) if side.search(question)]
    return not sides or any(side.search(name.replace("_", " ")) for side in sides)


def _bound(series: Series, latest: Evidence, name: str, value: str) -> Claim:
    called = re.sub(r"\s*\blimit$", "", name.replace("_", " "), flags=re.I)
    return claim(
        f"The {called} limit of {series.name} is {value}.".replace("  ", " "), (latest, f"{called} limit: {value}")
    )


def _asked_window(desk: Desk, series: Series) -> Interval | None:
    when = desk.question.when
    return _widened(when.window, series) if when and when.instant else when.window if when else None


def measure(desk: Desk, series: Series, statistics: Sequence[Statistic]) -> Finding:
    """Answer with the statistics of one series in the question's window, or with its limit when that is asked for."""
    limit = limit_of(desk, series)
    if limit is not None:
        return limit
    when, window = desk.question.when, _asked_window(desk, series)
    samples = read_samples(desk, series, window)
    if not len(samples.t):
        return Finding(Verdict.NOT_RECORDED, (), (), _silence(desk, series, window))
    if when and when.instant:
        return _reading(desk, series, samples, when.window.t0)
    claims = [c for s in statistics for c in _STATISTICS.get(s, _at_once)(desk, series, samples)]
    cited = {c.evidence for one in claims for c in one.citations}
    used = tuple(e for e in samples.windows if e.id in cited)
    return Finding(Verdict.ANSWERED, tuple(claims), used, (_examined(desk, series, samples),))


def compare(desk: Desk, series: Sequence[Series], statistics: Sequence[Statistic]) -> Finding:
    """The extreme over several series, told first and against each other; PARTIAL when one of them was not recording.

    What has no common scale (other statistics, an instant, other units, a limit) is told of each series in turn.
    """
    when = desk.question.when
    extremes = [s for s in statistics if s in _PICKS]
    ranked = (
        len(extremes) == len(statistics) == 1 and not (when and when.instant) and not _LIMIT.search(desk.question.text)
    )
    if not ranked:
        return _together([measure(desk, one, statistics) for one in series])
    read = [(one, read_samples(desk, one, _asked_window(desk, one))) for one in series]
    known = [(one, samples) for one, samples in read if len(samples.t)]
    if len(known) < 2 or len({samples.unit for _, samples in known}) > 1:
        return _together([measure(desk, one, statistics) for one in series])
    silent = [n for one, samples in read if not len(samples.t) for n in _silence(desk, one, _asked_window(desk, one))]
    made, used = _ranking(desk, known, extremes[0])
    notes = (*(_examined(desk, *each) for each in known), *silent)
    return Finding(Verdict.PARTIAL if silent else Verdict.ANSWERED, (made,), used, notes)


def _ranking(
    desk: Desk, known: Sequence[tuple[Series, Samples]], statistic: Statistic
) -> tuple[Claim, tuple[Evidence, ...]]:
    word, verb, pick, sign = _PICKS[statistic]
    tops = [(one, samples, int(pick(samples.v))) for one, samples in known]
    tops.sort(key=lambda top: sign * float(top[1].v[top[2]]))
    (best, samples, i), *others = tops
    value, at = _value(samples.v[i], samples.unit), moment(int(samples.t[i]), desk.tools.zone)
    common = set.intersection(*(quantities(one.tokens) for one, _ in known))
    told = "; ".join(f"{one.name} {verb} {_value(s.v[j], s.unit)}" for one, s, j in others)
    text = f"The {word} {min(common, default='value')} was {value} at {at}, on {best.name}; {told}."
    return claim(text, *(_quoted(s, j, desk) for _, s, j in tops)), tuple(s.at(j) for _, s, j in tops)


def _together(findings: Sequence[Finding]) -> Finding:
    """Several findings as one: PARTIAL when only some of them answer."""
    verdicts = list(dict.fromkeys(f.verdict for f in findings)) or [Verdict.INSUFFICIENT]
    answered = {Verdict.ANSWERED, Verdict.PARTIAL} & set(verdicts)
    verdict = verdicts[0] if len(verdicts) == 1 or not answered else Verdict.PARTIAL
    claims = tuple(made for f in findings for made in f.claims)
    used = tuple(e for f in findings for e in f.used)
    return Finding(verdict, claims, used, tuple(note for f in findings for note in f.notes))


def _widened(window: Interval, series: Series) -> Interval:
    """An instant is answered by the nearest sample within one and a half steps."""
    reach = int(series.interval_s * 1.5e6)
    return Interval(window.t0 - reach, window.t0 + max(reach, 1))


def _reading(desk: Desk, series: Series, samples: Samples, at: int) -> Finding:
    i = int(np.argmin(np.abs(samples.t - at)))
    value = _value(samples.v[i], samples.unit)
    made = claim(
        f"{series.name} was {value} at {moment(int(samples.t[i]), desk.tools.zone)}.", _quoted(samples, i, desk)
    )
    return Finding(Verdict.ANSWERED, (made,), (samples.at(i),), (_examined(desk, series, samples),))


def _value(value: float, unit: str) -> str:
    return f"{number(float(value))} {unit}".strip()


def _quoted(samples: Samples, i: int, desk: Desk) -> tuple[Evidence, str]:
    return samples.at(i), f"{moment(int(samples.t[i]), desk.tools.zone)}: {_value(samples.v[i], samples.unit)}"


def _extreme(
    word: str, pick: Callable[[NDArray[np.float64]], np.intp]
) -> Callable[[Desk, Series, Samples], list[Claim]]:
    def compute(desk: Desk, series: Series, samples: Samples) -> list[Claim]:
        i = int(pick(samples.v))
        value, when = _value(samples.v[i], samples.unit), moment(int(samples.t[i]), desk.tools.zone)
        return [claim(f"The {word} of {series.name} was {value} at {when}.", _quoted(samples, i, desk))]

    return compute


def _aggregate(
    word: str, reduce: Callable[[NDArray[np.float64]], np.float64]
) -> Callable[[Desk, Series, Samples], list[Claim]]:
    def compute(desk: Desk, series: Series, samples: Samples) -> list[Claim]:
        value, span = _value(float(reduce(samples.v)), samples.unit), Interval(int(samples.t[0]), int(samples.t[-1]))
        text = (
            f"The {word} of {series.name} was {value} over {len(samples.v)} samples, {stretch(span, desk.tools.zone)}"
            f"{_hole(desk, series, samples)}."
        )
        return [claim(text, *_spread(samples))]

    return compute


def _hole(desk: Desk, series: Series, samples: Samples) -> str:
    """The longest time without samples among them, where there is a gap: no figure stands for it."""
    at = breaks(samples.t, int(series.interval_s * 1e6))
    if not series.interval_s or not len(at):
        return ""
    widest = int(at[np.argmax(samples.t[at + 1] - samples.t[at])])
    span = Interval(int(samples.t[widest]), int(samples.t[widest + 1]))
    more = f", the longest of {len(at)} gaps" if len(at) > 1 else ""
    return f"; no samples {stretch(span, desk.tools.zone)}{more}"


def _spread(samples: Samples) -> list[tuple[Evidence, str]]:
    """The windows a figure over many samples rests on, thinned evenly when there are many."""
    used = sorted(set(samples.window.tolist()))
    step = max(1, -(-len(used) // _CITED))
    return [(samples.windows[i], f"{int((samples.window == i).sum())} samples") for i in used[::step]]


def _range(desk: Desk, series: Series, samples: Samples) -> list[Claim]:
    return [
        *_extreme("minimum", np.argmin)(desk, series, samples),
        *_extreme("maximum", np.argmax)(desk, series, samples),
    ]


def _at_once(desk: Desk, series: Series, samples: Samples) -> list[Claim]:
    """A plain "what was it": one sample is said as it is, many as their range and mean."""
    if len(samples.v) == 1:
        return _extreme("value", np.argmax)(desk, series, samples)
    return [*_aggregate("mean", np.mean)(desk, series, samples), *_range(desk, series, samples)]


def _above(desk: Desk, series: Series, samples: Samples) -> list[Claim]:
    limit = _limit(desk, series)
    if limit is None:
        return _extreme("maximum", np.argmax)(desk, series, samples)
    over = samples.v > limit
    name, bound = series.name, _value(limit, samples.unit)
    if not over.any():
        i = int(np.argmax(samples.v))
        top = _value(samples.v[i], samples.unit)
        return [claim(f"{name} never exceeded {bound}; its maximum was {top}.", _quoted(samples, i, desk))]
    first, last = int(np.argmax(over)), len(over) - 1 - int(np.argmax(over[::-1]))
    seconds = float(over.sum()) * series.interval_s
    text = (
        f"{name} was above {bound} in {int(over.sum())} samples (about {duration(seconds)}), first at "
        f"{moment(int(samples.t[first]), desk.tools.zone)}, last at {moment(int(samples.t[last]), desk.tools.zone)}."
    )
    cited = [_quoted(samples, first, desk)]
    if samples.at(last).id != samples.at(first).id:
        cited.append(_quoted(samples, last, desk))
    return [claim(text, *cited), *_extreme("maximum", np.argmax)(desk, series, samples)]


def _limit(desk: Desk, series: Series) -> float | None:
    asked = re.search(
        r"\b(?:above|over|exceed(?:ed|s|ing)?|higher than|more than|beyond)\s+(\d+(?:[.,]\d+)?)",
        desk.question.text,
        re.I,
    )
    return float(asked[1].replace(",", ".")) if asked else series.high


def _anomalies(desk: Desk, series: Series, samples: Samples) -> list[Claim]:
    """The worst anomaly of each of the three worst windows. A window may reach beyond the time asked; its anomalies may not."""
    asked = _asked_window(desk, series)
    inside = [
        (e, [a for a in e.data.get("anomalies") or () if asked is None or asked.t0 <= int(a["t"]) < asked.t1])
        for e in samples.windows
    ]
    worst = [(e, max(found, key=lambda a: float(a["score"]))) for e, found in inside if found]
    worst = sorted(worst, key=lambda pair: -float(pair[1]["score"]))[:3]
    told = [(e, _told(desk, a, samples.unit)) for e, a in sorted(worst, key=lambda pair: int(pair[1]["t"]))]
    told += [(e, _jointly(desk, flag, samples.unit)) for e, flag in _joint(samples, asked)]
    return [claim(f"{series.name}: {text}.", (e, text)) for e, text in told] or _range(desk, series, samples)


def _joint(samples: Samples, asked: Interval | None) -> list[tuple[Evidence, Mapping[str, Any]]]:
    """The gravest time at which the series was unusual together with others, by how far beyond the limit it was."""
    found = [(e, flag) for e in samples.windows for flag in e.data.get("joint") or ()]
    inside = [(e, f) for e, f in found if asked is None or (int(f["t0"]) < asked.t1 and int(f["t1"]) >= asked.t0)]
    return sorted(inside, key=lambda pair: -float(pair[1]["statistic"]) / float(pair[1]["limit"]))[:1]


def _jointly(desk: Desk, flag: Mapping[str, Any], unit: str) -> str:
    own, zone = flag["own"], desk.tools.zone
    far = [
        f"{one['series']} ({float(one['spreads']):+.0f})" for one in flag["carriers"] if one["series"] != own["series"]
    ]
    span = Interval(int(flag["t0"]), int(flag["t1"]))
    return (
        f"unusual together with {', '.join(far) or 'the series beside it'}, {stretch(span, zone)}: "
        f"at {moment(int(flag['peak']), zone)} the statistic was {number(float(flag['statistic']))} against a limit of "
        f"{number(float(flag['limit']))}, the moving average {_value(float(own['average']), unit)}, {float(own['spreads']):+.0f} "
        f"spreads from the usual {_value(float(own['usual']), unit)}"
    )


def _told(desk: Desk, worst: Mapping[str, Any], unit: str) -> str:
    """An anomaly: what, when, how far from which baseline."""
    value, base = _value(float(worst["value"]), unit), _value(float(worst["baseline"]), unit)
    at = moment(int(worst["t"]), desk.tools.zone)
    text = f"anomaly at {at}: {value}, {float(worst['score']):.0f} spreads {worst['direction']}"
    # flags taken in before detectors were several say neither what they compared with nor how improbable they were
    text += f" the {worst.get('against', 'running median')} of {base}"
    return text + (f", tail probability {float(worst['tail']):.0e}" if "tail" in worst else "")


# how the extreme and the others are told, which sample it is, and the sign that sorts the extreme first
_PICKS: dict[Statistic, tuple[str, str, Callable[[NDArray[np.float64]], np.intp], int]] = {
    Statistic.MAX: ("highest", "reached", np.argmax, -1),
    Statistic.MIN: ("lowest", "fell to", np.argmin, 1),
}
_STATISTICS: dict[Statistic, Callable[[Desk, Series, Samples], list[Claim]]] = {
    Statistic.MAX: _extreme("maximum", np.argmax),
    Statistic.MIN: _extreme("minimum", np.argmin),
    Statistic.MEAN: _aggregate("mean", np.mean),
    Statistic.MEDIAN: _aggregate("median", np.median),
    Statistic.STD: _aggregate("standard deviation", np.std),
    Statistic.SUM: _aggregate("sum", np.sum),
    Statistic.RANGE: _range,
    Statistic.VALUE: _at_once,
    Statistic.ABOVE: _above,
    Statistic.ANOMALY: _anomalies,
}


def _silence(desk: Desk, series: Series, window: Interval | None) -> tuple[CoverageNote, ...]:
    told = [stretch(span, desk.tools.zone) for span in series.recorded[:3]]
    text = f"{series.name} was not recording then; it recorded {', '.join(told) if told else 'nothing'}"
    return (CoverageNote(series.subject, "gap", window, text),)


def _examined(desk: Desk, series: Series, samples: Samples) -> CoverageNote:
    span = Interval(int(samples.t[0]), int(samples.t[-1]))
    text = f"{series.name}: {len(samples.t)} samples read, one every {duration(series.interval_s)}"
    text += _hole(desk, series, samples)
    return CoverageNote(series.subject, "examined", span, text)
