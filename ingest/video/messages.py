"""What the decoding child is told and what it answers. Times are milliseconds of media time from the first frame."""

from __future__ import annotations

import msgspec


class Sampling(msgspec.Struct, frozen=True, kw_only=True):
    """How densely a clip is looked at.

    A fixed camera is looked at every `step_ms` and keeps at least one frame every `floor_ms`. Cut footage is looked at on scene
    changes, on keyframes at most every `step_ms`, and at least every `floor_ms`. A short clip is looked at `short_looks` times.
    Where keyframes stand no more than `brief_ms` apart, they alone are decoded, `step_ms` apart or more; where something begins
    after stillness, and within the spans of an order's `focus`, frames `fine_ms` apart are looked at too; beginnings are looked for
    in at most `onset_share` of the clip.
    Frames are compared at `work_height` lines: a change of 2 % of the height is then 7 lines.
    """

    step_ms: int = 1000
    floor_ms: int = 5000
    short_looks: int = 20
    brief_ms: int = 2000
    fine_ms: int = 200
    onset_share: float = 0.25
    work_height: int = 360
    jpeg_quality: int = 85
    long_side: int = 1280
    max_pixels: int = 40_000_000
    moment_ms: int = 30_000


class Order(msgspec.Struct, frozen=True):
    """The child's task. `fixed` None = find out whether the camera stands still. `focus` are spans of media time, in ms and in order, to
    look at closely: an alert was raised in them. `demuxer` is the only FFmpeg format it may be read as; "" where it is known what it is.
    """

    path: str
    fixed: bool | None
    sampling: Sampling
    focus: tuple[tuple[int, int], ...] = ()
    demuxer: str = ""


class Opened(msgspec.Struct, frozen=True, tag="opened"):
    """The clip could be opened. `announced_ms` is the length its container states (0 = none), `made` its creation time (or "");
    `sound` is whether it has a track of sound; `keys` whether keyframes alone are decoded."""

    width: int
    height: int
    announced_ms: int
    step_ms: int
    fixed: bool
    codec: str
    made: str
    sound: bool = False
    keys: bool = False


class Kept(msgspec.Struct, tag="kept"):
    """A frame that survives; it stands for [ms, end_ms).

    `like_ms` is the time of an earlier frame with a picture of its own that this one looks like, but for a burnt-in clock; `jpeg` is empty
    where not even that differs, and the earlier picture stands for this one. Those that `stands` says may be named so later.

    `why` is first, change, onset, focus, floor, cut or key. `changed` is the share of the picture that differs from the last kept frame,
    `brightness` the mean luma and `sharpness` the standard deviation of its Laplacian at the work size, both in 0–255 units.
    """

    ms: int
    end_ms: int
    jpeg: bytes
    moment: int
    why: str
    changed: float
    brightness: float
    sharpness: float
    like_ms: int | None = None
    stands: bool = False


class Closed(msgspec.Struct, frozen=True, tag="closed"):
    """The end of the clip: its length, what was decoded, looked at and damaged, and the longest time between two looks."""

    length_ms: int
    decoded: int
    looks: int
    longest_ms: int
    damaged: int


Message = Opened | Kept | Closed
