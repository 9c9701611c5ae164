"""What is kept of one that delivers: small, bounded, and brought up to date arrival by arrival."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from ingest.video.skew import ClipSkew
from ingest.watchfulness.sketch import Sketch
from retrieval.types import Interval, Micros

SECOND: Micros = 1_000_000
HOUR: Micros = 3_600 * SECOND
DAY: Micros = 24 * HOUR
# arrivals within this are one round: what is stored together came together
ROUND: Micros = SECOND
HOURS_KEPT, DAYS_KEPT = 7 * 24, 35
_TAGS, _CLIPS, _ALARMS = 50, 50, 20


class Way(StrEnum):
    """How things are delivered."""

    FEED = "feed"
    FOLDER = "folder"
    CAMERA = "camera"
    SERIES = "series"
    MAPPING = "mapping"
    OTHER = "other"


class Hour(msgspec.Struct, array_like=True):
    """Pieces stored in an hour, and the longest time from when one happened until it was stored (µs)."""

    pieces: int = 0
    lag: Micros = 0


class Day(msgspec.Struct, array_like=True):
    """A day's pieces, their lags and the longest of these, the longest time without a round that ended on it (µs), how often the same
    was brought again, and how many pieces are dated after they were stored."""

    pieces: int = 0
    lags: Sketch = msgspec.field(default_factory=lambda: Sketch({}))
    lag: Micros = 0
    longest: Micros = 0
    repeated: int = 0
    future: int = 0


class Alarm(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A silence: `start` is when the source was last heard of, `heard_at` when that was stored, `every` how often it usually comes or is
    said to, `allowed` how long it may be silent (µs), `end` when it was heard again (None: not yet). `told`: 1 once the catalog holds it as
    open, 2 once as ended."""

    start: Micros
    heard_at: Micros
    raised_at: Micros
    every: Micros
    allowed: Micros
    declared: bool = False
    end: Micros | None = None
    told: int = 0


class Record(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One that delivers. Times are UTC µs, 0 where there is none yet; `last_event` is when the latest of what it told happened.

    `labels`: who may see it (None: nothing is known of it yet). `gaps` are the times between rounds. `unknown` counts tags that name no
    known thing, the commonest few, `unknown_pieces` how often any was met. `expected` is how often something is said to come (µs, 0: not
    said), `declared_at` since when. `watched_since`: from when on silence counts, as nobody looked before. `attended` is the time listened
    to it, where somebody must.
    """

    way: Way
    subject: str = ""
    labels: tuple[str, ...] | None = None
    first_at: Micros = 0
    last_at: Micros = 0
    round_at: Micros = 0
    last_event: Micros = 0
    rounds: int = 0
    pieces: int = 0
    gaps: Sketch = msgspec.field(default_factory=lambda: Sketch({}))
    hours: dict[int, Hour] = {}
    days: dict[int, Day] = {}
    unknown: dict[str, int] = {}
    unknown_pieces: int = 0
    clips: list[ClipSkew] = []
    expected: Micros = 0
    declared_at: Micros = 0
    watched_since: Micros = 0
    attended: tuple[Micros, Micros] | None = None
    alarms: list[Alarm] = []

    def hear(self, at: Micros, valid: Interval | None) -> None:
        """A piece was stored at `at`, of what happened in `valid` (None: unknown). In the order of storing."""
        self.sign_of_life(at)
        self.pieces += 1
        hour, day = self._hour(at), self.day(at)
        hour.pieces += 1
        day.pieces += 1
        if valid is None:
            return
        self.last_event = max(self.last_event, min(valid.t1, at))
        day.future += valid.t0 > at
        lag = max(0, at - valid.t1)
        day.lags.add(lag)
        day.lag, hour.lag = max(day.lag, lag), max(hour.lag, lag)

    def sign_of_life(self, at: Micros) -> None:
        """It was heard, whether or not it told anything new."""
        self.first_at = self.first_at or at
        self.last_at = max(self.last_at, at)
        for alarm in self.alarms:
            if alarm.end is None:
                alarm.end = at
        if not self.round_at:
            self.round_at, self.rounds = at, 1
        elif (gap := at - self.round_at) >= ROUND:
            self.gaps.add(gap)
            self.day(at).longest = max(self.day(at).longest, gap)
            self.round_at, self.rounds = at, self.rounds + 1

    def unnamed(self, tag: str) -> None:
        """A tag was met that names no known thing."""
        self.unknown_pieces += 1
        if tag in self.unknown or len(self.unknown) < _TAGS:
            self.unknown[tag] = self.unknown.get(tag, 0) + 1

    def skewed(self, clip: ClipSkew) -> None:
        """What a frame tells of its camera's clock; the latest of a clip counts."""
        self.clips = [*(each for each in self.clips if each.source != clip.source), clip][-_CLIPS:]

    def seen_by(self, labels: tuple[str, ...]) -> None:
        """Whoever may see a piece may see how it was delivered."""
        if self.labels is None or not labels:
            self.labels = tuple(sorted(labels))
        elif self.labels:
            self.labels = tuple(sorted({*self.labels, *labels}))

    @property
    def heard(self) -> Micros:
        """When it was last heard of: of what records by itself the end of what it recorded, else when something was stored."""
        own = self.way in (Way.CAMERA, Way.SERIES) and self.last_event
        return min(self.last_event, self.last_at) if own else self.last_at

    @property
    def alarm(self) -> Alarm | None:
        """The alarm that is open."""
        return next((each for each in self.alarms if each.end is None), None)

    def raise_alarm(self, alarm: Alarm) -> None:
        self.alarms = [*self.alarms, alarm][-_ALARMS:]

    def _hour(self, at: Micros) -> Hour:
        number = at // HOUR
        if number not in self.hours:
            self.hours = {n: hour for n, hour in self.hours.items() if n > number - HOURS_KEPT}
            self.hours[number] = Hour()
        return self.hours[number]

    def day(self, at: Micros) -> Day:
        number = at // DAY
        if number not in self.days:
            self.days = {n: day for n, day in self.days.items() if n > number - DAYS_KEPT}
            self.days[number] = Day()
        return self.days[number]
