"""The one-minute series of a story: a daily pattern, noise, and what the incidents do to them.

Series run from the first day's midnight in the site's zone to 06:00 after the last day. Values are rounded to the two
decimals that are written, so that a figure computed here is the figure in the file.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

import numpy as np

from eval.site.incidents import Incident
from eval.site.story import Story
from eval.site.world import Sensor, local, rng_for

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Series:
    """A sensor's values, one a minute from `start` (aware UTC); `gap` is a span of minutes that are missing."""

    sensor: Sensor
    start: datetime
    values: tuple[float, ...]
    gap: tuple[int, int]

    def rows(self) -> Iterable[tuple[datetime, float]]:
        """The samples that exist, as (aware UTC time, value)."""
        for index, value in enumerate(self.values):
            if not self.gap[0] <= index < self.gap[1]:
                yield self.start + index * MINUTE, value

    def between(self, start: datetime, end: datetime) -> list[tuple[datetime, float]]:
        """The samples with start <= time < end."""
        return [(when, value) for when, value in self.rows() if start <= when < end]


def build_series(story: Story) -> dict[str, Series]:
    """Every series of the story, by sensor id."""
    return {sensor.id: _series(story, sensor) for sensor in story.world.sensors}


def _series(story: Story, sensor: Sensor) -> Series:
    world = story.world
    rng = rng_for(world.seed, f"series {sensor.id}")
    start = local(world.first, time(0)).astimezone(UTC)
    count = int((local(world.day(world.days), time(6)) - start) / MINUTE)
    minutes = np.arange(count)
    values = sensor.base + sensor.swing * np.sin(2 * math.pi * (minutes - rng.uniform(0, 400)) / 1440)
    values += np.random.default_rng(rng.getrandbits(32)).normal(0, sensor.noise, count)
    for incident in story.incidents:
        if incident.asset.id == sensor.asset.id:
            _disturb(values, sensor, incident, start)
    gap_at = rng.randrange(count // 4, count // 2)
    gap = (gap_at, gap_at + rng.randrange(12, 30))
    if any(_clashes(incident, start, gap) for incident in story.incidents):
        gap = (0, 0)
    return Series(sensor, start, tuple(round(float(value), 2) for value in np.maximum(values, 0.0)), gap)


def _clashes(incident: Incident, start: datetime, gap: tuple[int, int]) -> bool:
    begin, end = ((moment - start) / MINUTE for moment in (incident.begins, incident.cleared))
    return begin - 60 < gap[1] and gap[0] < end + 180


def _disturb(
    values: np.ndarray[tuple[int], np.dtype[np.float64]], sensor: Sensor, incident: Incident, start: datetime
) -> None:
    """Ramp to the peak, cross the limit as the alarm is raised, hold, and return by the time it clears."""
    begin, raised, cleared = (
        int((moment - start) / MINUTE) for moment in (incident.begins, incident.raised, incident.cleared)
    )
    if incident.sensor is None or incident.sensor.id != sensor.id or incident.peak is None:
        if sensor.quantity == "temperature" and incident.plot.kind == "bearing":
            values[begin : cleared + 30] += 9.0
        return
    usual = sensor.base + sensor.swing * 0.5
    level = sensor.limit if sensor.limit is not None else incident.peak * 0.4 + usual * 0.6
    top = raised + 6
    for index in range(begin, min(cleared, len(values))):
        if index <= raised:
            share = ((index - begin) / max(1, raised - begin)) ** 2
            values[index] = values[index] * (1 - share) + level * (0.985 if index < raised else 1.004) * share
        elif index <= top:
            share = (index - raised) / (top - raised)
            values[index] = level * 1.01 + (incident.peak - level * 1.01) * share
        else:
            share = (index - top) / max(1, cleared - top)
            values[index] = incident.peak + (level * 0.9 - incident.peak) * share if sensor.limit else incident.peak
    if sensor.limit is None:  # a tank that leaked stays low until it is filled again
        _refill(values, incident.peak, cleared)


def _refill(values: np.ndarray[tuple[int], np.dtype[np.float64]], low: float, cleared: int) -> None:
    reach = min(180, len(values) - cleared)
    for index in range(max(0, reach)):
        values[cleared + index] = low + (values[cleared + index] - low) * index / 180
