"""A whole series → its flags, each with the figures that explain it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ingest.series.anomaly.detectors import Level
from ingest.series.anomaly.ensemble import Named, Verdict
from ingest.series.anomaly.standard import ensemble


class Account(NamedTuple):
    """What one detector says: `observed` lay `spreads` × `spread` from `expected`, which is the `against`; `tail` is how probable that is.

    `tail` is never below 1e-6: more cannot be told from ten thousand values.
    """

    detector: str
    against: str
    observed: float
    expected: float
    spread: float
    spreads: float
    tail: float


class Anomaly(NamedTuple):
    """A flag on sample `at`. `lead` is the account of the most surprised detector that looks at the value itself."""

    at: int
    surprise: float
    lead: Account
    accounts: tuple[Account, ...]

    @property
    def direction(self) -> str:
        return "above" if self.lead.observed > self.lead.expected else "below"


def flag(t: NDArray[np.int64], v: NDArray[np.float64]) -> list[Anomaly]:
    """The flags of a series in the standard configuration. `t` is UTC µs, `v` the values; both of shape (n,)."""
    stream = ensemble()
    verdicts = enumerate(stream.update(*sample) for sample in zip(t.tolist(), v.tolist(), strict=True))
    return [_explained(at, verdict) for at, verdict in verdicts if verdict.flagged]


def _explained(at: int, verdict: Verdict) -> Anomaly:
    accounts = tuple(_account(named) for named in verdict.readings)
    # two detectors agree on every flag, and only one of the four looks at anything but the value itself
    lead = min((one for one in accounts if one.detector != Level.name), key=lambda one: (one.tail, -one.spreads))
    return Anomaly(at, verdict.surprise, lead, accounts)


def _account(named: Named) -> Account:
    found = named.reading
    return Account(
        named.name, named.against, found.observed, found.expected, found.spread, found.spreads, 10**-found.surprise
    )
