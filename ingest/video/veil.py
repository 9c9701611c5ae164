"""What a policy hides in the pictures of one source: filled in what is kept, left out of what was read, told in provenance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from PIL.Image import Image

from ingest.ports import SourcePolicy
from ingest.video.burnt_in import Line
from ingest.video.seen import Seen
from ingest.vision.redact import Redactor, plate_boxes


class Shown(NamedTuple):
    """What may be kept of a picture: its JPEG, its lines of text, and how many places of what were filled."""

    jpeg: bytes
    lines: Sequence[Line]
    blurred: dict[str, int]


class Veil:
    """Over the pictures of one camera or source. Nothing is hidden where its policy asks for nothing."""

    def __init__(self, redactor: Redactor | None, policy: SourcePolicy, camera: str | None) -> None:
        """Raises SourceRejected when something that must be hidden cannot be found."""
        self._redactor = redactor or Redactor({}, {})
        self._camera = camera
        self.wanted = policy.blurred(camera)
        self._redactor.refuse(self.wanted)

    def over(
        self, jpegs: Sequence[bytes], images: Sequence[Image], seen: Sequence[Seen], lines: Sequence[Sequence[Line]]
    ) -> list[Shown]:
        """One a picture. `seen` and `lines` are of the picture as it was: what reads like a number plate is hidden too."""
        if not self.wanted:
            return [Shown(jpeg, read, {}) for jpeg, read in zip(jpegs, lines, strict=True)]
        plates = [plate_boxes(read, found, self._camera) for read, found in zip(lines, seen, strict=True)]
        redacted = self._redactor.redact(images, self.wanted, plates)
        return [
            Shown(each.jpeg(), [line for line in read if not each.hides(line.box)], each.counts())
            for each, read in zip(redacted, lines, strict=True)
        ]

    @property
    def models(self) -> dict[str, str]:
        return {"blur": self._redactor.model(self.wanted)} if self.wanted else {}

    @property
    def notes(self) -> tuple[str, ...]:
        return self._redactor.notes(self.wanted) if self.wanted else ()

    @property
    def name(self) -> str:
        """For coverage; "" where nothing is hidden."""
        return f"blur of {self.models['blur']}" if self.wanted else ""

    @property
    def able(self) -> dict[str, float]:
        return self._redactor.able(self.wanted)
