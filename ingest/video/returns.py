"""What is known of frames that were looked at before, for those that look like them (gallery.py says which and why)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

from PIL.Image import Image

from ingest.ports import Detector
from ingest.video import seen as eyes
from ingest.video.gallery import MOST
from ingest.video.messages import Kept
from ingest.video.seen import Seen
from retrieval.errors import SourceRejected


@dataclass(eq=False)
class Known:
    """A frame with a picture of its own: the JPEG as decoded, what was seen in it, and the picture of it that was stored."""

    jpeg: bytes
    seen: Seen = field(default_factory=dict)
    stored: bytes | None = None


class Returns:
    """The frames of one clip, in order. It forgets in step with the gallery: what that still names is still known here."""

    def __init__(self) -> None:
        self._known: OrderedDict[int, Known] = OrderedDict()

    def of(self, kept: Kept) -> Known:
        """The frame it looks like, else itself. Raises SourceRejected where it looks like one that never came: the child is not
        believed."""
        if kept.like_ms is None:
            known = Known(kept.jpeg)
            if kept.stands:
                self._known[kept.ms] = known
            if len(self._known) > MOST:
                self._known.popitem(last=False)
            return known
        if kept.like_ms not in self._known:
            raise SourceRejected("the decoder names a frame that it never gave")
        self._known.move_to_end(kept.like_ms)
        return self._known[kept.like_ms]


def look(detectors: Sequence[Detector], known: Sequence[Known], images: Sequence[Image], fresh: Sequence[bool]) -> None:
    """Let the detectors see the fresh ones of these frames; the others have been seen."""
    places = [place for place, new in enumerate(fresh) if new]
    found = eyes.look(detectors, [images[place] for place in places])
    for place, seen in zip(places, found, strict=True):
        known[place].seen = seen
