"""Which looks are kept, and which moment each belongs to. Pure bookkeeping on media time; pictures stay outside."""

from __future__ import annotations

from typing import NamedTuple

from ingest.video.change import Change
from ingest.video.messages import Sampling

OTHER_PICTURE = 0.5


class Choice(NamedTuple):
    """Keep the look: `why` and its moment. `settles`: the last kept frame belongs to this moment too (motion has come to rest)."""

    why: str
    moment: int
    settles: bool = False


class Keeper:
    """Decides look by look. A moment is a run of like frames: a still scene, or one stretch of motion."""

    def __init__(self, sampling: Sampling, fixed: bool, step_ms: int) -> None:
        self._sampling = sampling
        self._fixed = fixed
        self._step = step_ms
        self._last = -1
        self._moment = 0
        self._moment_began = 0
        self._frames_in_moment = 0
        self._moving = False

    def decide(
        self, ms: int, change: Change, *, cut: bool = False, key: bool = False, rests: bool = True
    ) -> Choice | None:
        """None = a near-duplicate of the last kept frame, which stands for it. `rests` false: only a change is a reason to keep it."""
        if self._last < 0:
            return self._kept("first", ms, new=True)
        if cut:
            return self._kept("cut", ms, new=True)
        if change.share > 0:
            choice = self._kept("key" if key else "change", ms, new=self._begins(ms, change))
            self._moving = change.apart > 0
            return choice
        if rests and self._fixed and ms - self._last >= self._sampling.floor_ms:
            return self._at_rest(ms)
        return None

    def _begins(self, ms: int, change: Change) -> bool:
        """Whether a changed frame begins a moment: unless the motion is one and the same, or only a clock moved on."""
        if change.share > OTHER_PICTURE:
            return True
        if not self._fixed or change.apart == 0:
            return False
        moving_on = (
            self._moving and ms - self._last <= 2 * self._step and ms - self._moment_began < self._sampling.moment_ms
        )
        return not moving_on

    def _at_rest(self, ms: int) -> Choice:
        settles = self._frames_in_moment > 1 and self._moving
        return self._kept("floor", ms, new=settles, settles=settles)

    def _kept(self, why: str, ms: int, *, new: bool, settles: bool = False) -> Choice:
        if new:
            self._moment += 1
            self._moment_began = self._last if settles else ms
            self._frames_in_moment = 1 if settles else 0
        self._frames_in_moment += 1
        self._moving = False
        self._last = ms
        return Choice(why, self._moment, settles)
