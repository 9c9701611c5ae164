"""Events on a bus at a steady rate: how long until each can be found, whether that grows, and what broken messages cost.

The bus is librdkafka's own mock cluster, which lives in this process. What listens and what serves are the commands, each in a process of
its own over one store, as they would run.
"""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from eval.bench import machine
from eval.bench.stream_bus import Child, Topic, listening, mock_kafka, serving
from eval.bench.stream_events import OWN, broken, event, probe_word
from retrieval.errors import InputError

Progress = Callable[[int, int, str], None]
_GIVE_UP_S = 30.0
_POLL_S = 0.2
_TAIL_S = 60.0


class Sizes(NamedTuple):
    """Events a second for so many minutes; messages waiting in each round of the poison test; rounds of it."""

    rate: int = 200
    minutes: float = 10.0
    backlog: int = 6_000
    rounds: int = 3


class Found(NamedTuple):
    """A probe: when it was put on the bus, in seconds since the start, and how long until a search found it (None = never)."""

    at_s: float
    took_s: float | None


def run_bench(sizes: Sizes, folder: Path, tell: Progress) -> dict[str, Any]:
    """Everything, with its bars. `folder` must be empty. Raises InputError."""
    if folder.exists() and any(folder.iterdir()):
        raise InputError(f"{folder} is not empty; give a new folder")
    folder.mkdir(parents=True, exist_ok=True)
    before = machine.facts()
    flow = _flow(sizes, folder / "flow", tell)
    poison = _poison(sizes, folder, tell)
    beyond = flow["found_p95_s"] - flow["models_p50_s"]
    return {
        "machine": before,
        "sizes": sizes._asdict(),
        "flow": flow,
        "poison": poison,
        "bars": {
            "found after put on the bus, beyond the models, p95 s": _bar(1.0, beyond, beyond <= 1.0),
            "growth of that over the run, s": _bar(0.25, flow["growth_s"], flow["growth_s"] <= 0.25),
            "events lost or doubled": _bar(0, flow["wrong"], flow["wrong"] == 0),
            "throughput kept with 1 % poison": _bar(0.8, poison["kept"], poison["kept"] >= 0.8),
        },
    }


def _bar(bar: float, found: float, met: bool) -> dict[str, Any]:
    return {"bar": bar, "found": round(float(found), 4), "met": bool(met)}


def _flow(sizes: Sizes, folder: Path, tell: Progress) -> dict[str, Any]:
    """The steady rate. A probe with a word of its own goes with every second's events, and is searched for over HTTP until it is found."""
    store, total = folder / "store", int(sizes.rate * sizes.minutes * 60)
    folder.mkdir()
    models = _models_s(sizes.rate)
    with mock_kafka("events") as topic, listening(topic, store, folder) as ears, serving(store) as server:
        _settle(topic, server)
        lags = _Lags(ears)
        found = _probed(topic, server, sizes, tell)
        _until_stored(ears, total + 1)
        lags.stop()
    held = _held(store)
    took = [f.took_s for f in found if f.took_s is not None]
    return {
        "events": total,
        "texts_of_their_own": f"1 in {OWN}",
        "probes": len(found),
        "never_found": sum(f.took_s is None for f in found),
        "found_p50_s": round(statistics.median(took), 3),
        "found_p95_s": round(float(np.quantile(took, 0.95)), 3),
        "found_max_s": round(max(took), 3),
        "models_p50_s": round(models, 3),
        "growth_s": round(_growth(found), 3),
        "lag_s": lags.told(),
        "wrong": abs(held - total - 1) + sum(f.took_s is None for f in found),
    }


def _models_s(rate: int) -> float:
    """What the text encoder takes for a second's texts that are new and for one question, in seconds: the models' own time, alone."""
    from retrieval.adapters.minilm import SentenceTransformerEncoder

    encoder = SentenceTransformerEncoder(None, "cpu")
    texts = [event(n, "").decode() for n in range(0, rate, OWN)]
    encoder.encode(texts[:8])
    spent = []
    for _ in range(5):
        begun = time.perf_counter()
        encoder.encode(texts)
        encoder.encode(texts[:1])
        spent.append(time.perf_counter() - begun)
    return statistics.median(spent)


def _settle(topic: Topic, server: Child) -> None:
    """One event all the way through before the clock starts, so that nothing is loaded for the first time in it."""
    topic.put([event(-1, probe_word(-1))])
    if _search_until(server, probe_word(-1), 4 * _GIVE_UP_S) is None:
        raise InputError("the first event was never found: the listener or the server does not work here")


def _probed(topic: Topic, server: Child, sizes: Sizes, tell: Progress) -> list[Found]:
    """Puts the events of every second on the bus, spread over it, and looks for each second's probe beside that."""
    seconds, found = int(sizes.minutes * 60), list[Found]()
    begun = time.monotonic()
    seekers = []
    for second in range(seconds):
        at = _put_second(topic, sizes.rate, second, begun)
        seeker = threading.Thread(target=_sought, args=(server, second, at, begun, found), daemon=True)
        seeker.start()
        seekers.append(seeker)
        tell(second, seconds, "events")
    for seeker in seekers:
        seeker.join(_GIVE_UP_S)
    return sorted(found)


def _put_second(topic: Topic, rate: int, second: int, begun: float) -> float:
    """A second's events in ten bursts. Returns when its probe, the last of them, was handed to the bus (monotonic seconds)."""
    bursts = np.array_split(np.arange(second * rate, (second + 1) * rate), 10)
    for n, burst in enumerate(bursts):
        due = begun + second + n / 10
        time.sleep(max(0.0, due - time.monotonic()))
        last = int(burst[-1]) if n == len(bursts) - 1 else -1
        topic.put([event(int(i), probe_word(second) if int(i) == last else "") for i in burst])
    return time.monotonic()


def _sought(server: Child, second: int, at: float, begun: float, found: list[Found]) -> None:
    spent = _search_until(server, probe_word(second), _GIVE_UP_S)
    found.append(Found(at - begun, None if spent is None else time.monotonic() - at))


def _search_until(server: Child, word: str, most_s: float) -> float | None:
    """Seconds until a search for a word finds the event that holds it; None where it never does."""
    begun = time.monotonic()
    while time.monotonic() - begun < most_s:
        if any(word in hit["text"] for hit in server.search(word)):
            return time.monotonic() - begun
        time.sleep(_POLL_S)
    return None


def _growth(found: Sequence[Found]) -> float:
    """How much longer a probe took at the end than at the beginning, in seconds: the least-squares line over the whole run."""
    told = [(f.at_s, f.took_s) for f in found if f.took_s is not None]
    at, took = np.array([t for t, _ in told]), np.array([s for _, s in told])
    return float(np.polyfit(at, took, 1)[0] * (at[-1] - at[0])) if len(told) > 1 else 0.0


class _Lags:
    """What the listener itself tells of how far behind it is, line by line."""

    def __init__(self, ears: Child) -> None:
        self._ears, self._told = ears, list[float]()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        while not self._over.wait(1.0):
            line = self._ears.standing()
            if line.get("lag_s") is not None:
                self._told.append(line["lag_s"])

    def stop(self) -> None:
        self._over.set()
        self._thread.join()

    def told(self) -> dict[str, float]:
        if not self._told:
            return {}
        first, last = self._told[: len(self._told) // 10 or 1], self._told[-(len(self._told) // 10 or 1) :]
        return {
            "median": round(statistics.median(self._told), 3),
            "first_tenth": round(statistics.median(first), 3),
            "last_tenth": round(statistics.median(last), 3),
            "max": round(max(self._told), 3),
        }


def _until_stored(ears: Child, total: int) -> None:
    until = time.monotonic() + _TAIL_S
    while time.monotonic() < until:
        line = ears.standing()
        if line.get("stored", 0) >= total and not line.get("waiting", 1):
            return
        time.sleep(0.2)


def _held(store: Path) -> int:
    """How many pieces of evidence the catalog holds."""
    from retrieval.catalog import Catalog
    from retrieval.types import Principal

    catalog = Catalog(store / "catalog.sqlite3")
    try:
        return int(sum(catalog.stats(Principal("default"))["evidence_by_kind"].values()))
    finally:
        catalog.close()


def _poison(sizes: Sizes, folder: Path, tell: Progress) -> dict[str, Any]:
    """A backlog taken in with and without one broken message in a hundred; good messages a second, medians over interleaved rounds."""
    rates: dict[str, list[float]] = {"clean": [], "poisoned": []}
    for n in range(sizes.rounds):
        for name, every in (("clean", 0), ("poisoned", 100)):
            tell(2 * n + (every > 0), 2 * sizes.rounds, name)
            place = folder / f"{name}-{n}"
            place.mkdir()
            rates[name].append(_drained(sizes.backlog, every, place))
    clean, poisoned = statistics.median(rates["clean"]), statistics.median(rates["poisoned"])
    told = {name: [round(x, 1) for x in some] for name, some in rates.items()}
    return {"good_per_s": told, "kept": round(poisoned / clean, 4)}


def _drained(backlog: int, every: int, folder: Path) -> float:
    """Good messages a second, from the first that is stored to the last."""
    bodies, bad = list(_backlog(backlog, every)), backlog // every if every else 0
    with mock_kafka("events") as topic:
        topic.put(bodies)
        with listening(topic, folder / "store", folder) as ears:
            begun, seen = _first(ears)
            return (len(bodies) - bad - seen) / (_last(ears, len(bodies) - bad, bad) - begun)


def _backlog(count: int, every: int) -> Iterator[bytes]:
    for n in range(count):
        yield broken(n) if every and n % every == every - 1 else event(n, "")


def _first(ears: Child) -> tuple[float, int]:
    """When something was first told to be stored, and how much."""
    until = time.monotonic() + 4 * _GIVE_UP_S
    while time.monotonic() < until:
        if (stored := ears.standing().get("stored", 0)) > 0:
            return time.monotonic(), stored
        time.sleep(0.02)
    raise InputError("the listener stored nothing")


def _last(ears: Child, good: int, bad: int) -> float:
    until = time.monotonic() + 20 * _GIVE_UP_S
    while time.monotonic() < until:
        line = ears.standing()
        if line.get("stored", 0) >= good and line.get("dead", 0) >= bad:
            return time.monotonic()
        time.sleep(0.02)
    raise InputError(f"the listener stopped at {ears.standing()}")
