"""What a source looks like on its way in: an Item is found, a Reader turns it into Batches, the pipeline commits each as one unit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image

from retrieval.types import Box, Coverage, Entity, Interval, Kind, Link, Locator, Mention


def camera_key(name: str) -> str:
    """What is the same of a camera's name however it is written: "CAM-07" and "cam 07" → "cam07"."""
    return "".join(sign for sign in name.casefold() if sign.isalnum())


class SourcePolicy(msgspec.Struct, frozen=True, kw_only=True):
    """What the site description says of a source: defaults that its own content may not state.

    `timezone` (IANA) is used for times without a zone; `dates` is how a date like 03/04/2026 reads: "iso", "us" (month
    first) or "eu" (day first). `fixed` is whether a camera stands still (None = find out). `labels`: who may see it. `blur` is what must
    not be seen in pictures that are kept ("person", "face", "plate"). Where the description names no camera for the source, but the
    source itself may, `blur_by_camera` holds what each of the site's cameras asks for, by `camera_key` of its id, name and aliases.
    """

    timezone: str = "UTC"
    dates: str = "iso"
    camera: str | None = None
    sensor: str | None = None
    fixed: bool | None = None
    labels: tuple[str, ...] = ()
    blur: tuple[str, ...] = ()
    blur_by_camera: dict[str, tuple[str, ...]] = {}
    labels_by_camera: dict[str, tuple[str, ...]] = {}

    def labelled(self, camera: str | None) -> SourcePolicy:
        """The same with the labels of this camera, where it is one of the site's."""
        labels = self.labels_by_camera.get(camera_key(camera or ""), self.labels)
        return msgspec.structs.replace(self, labels=labels, labels_by_camera={})

    def blurred(self, camera: str | None) -> tuple[str, ...]:
        """What must be blurred in pictures of this camera, sorted; where it is none of the site's, what any of them asks for."""
        asked = self.blur_by_camera.get(camera_key(camera or ""))
        if asked is None:
            asked = tuple(name for names in self.blur_by_camera.values() for name in names)
        return tuple(sorted({*self.blur, *asked}))


class Item(NamedTuple):
    """One file to read. `uri` is its source name in the catalog; `name` its path below the ingested folder (posix)."""

    path: Path
    uri: str
    name: str
    media_type: str
    content_hash: str
    policy: SourcePolicy


class Draft(NamedTuple):
    """Evidence before it has an identity. `media` are the bytes to keep for playing back (a JPEG of a frame…).

    `mentions` are relations known from the source itself (the camera a frame comes from, the sensor a window measures);
    entities named in `text` are linked by the pipeline. `models` names what derived which text ("ocr": "rapidocr 3.10").
    `embed` is the text to encode when it differs from `text`; "" = do not encode (its words are still found). `looks` is a picture whose
    vector serves for `media` too: an earlier frame that looks the same.
    """

    kind: Kind
    locator: Locator
    text: str
    valid: Interval | None = None
    media: bytes | None = None
    media_type: str = ""
    mentions: tuple[Mention, ...] = ()
    data: dict[str, Any] = {}
    models: dict[str, str] = {}
    notes: tuple[str, ...] = ()
    embed: str | None = None
    looks: bytes | None = None


class Batch(NamedTuple):
    """What is committed together: a moment, a few pages, some rows."""

    drafts: Sequence[Draft] = ()
    coverage: Sequence[Coverage] = ()
    entities: Sequence[Entity] = ()
    links: Sequence[Link] = ()


class Reader(Protocol):
    """One family of formats. `version` changes whenever its output for the same bytes would."""

    name: str
    version: str

    def accepts(self, item: Item) -> bool:
        """Whether this reader takes the item, by media type, name and a peek at the head; cheap."""

    def read(self, item: Item, tenant: str) -> Iterator[Batch]:
        """Read the item. Raises SourceRejected with the reason; what was yielded before is then thrown away."""


class Detection(NamedTuple):
    """One thing seen in a picture. `box` is in fractions of the picture, or None for a whole-picture attribute.

    `track` is the same for the same thing in other frames of its clip; None where nothing was followed.
    """

    label: str
    score: float
    box: Box | None = None
    track: int | None = None


class Detector(Protocol):
    """Sees things in pictures: closed-set boxes, or whole-picture attributes of an image encoder.

    `able` maps every label it can report to its measured miss rate in [0, 1], 1.0 where none was measured; what is not in it, it
    cannot see. `weak` are labels it knows but sees too badly to report (with their average precision). `aliases` maps
    other words people use to those labels ("worker" → "person").
    """

    name: str
    able: dict[str, float]
    weak: dict[str, float]
    aliases: dict[str, str]

    def detect(self, images: Sequence[Image]) -> list[list[Detection]]:
        """One list a picture, best first."""


class TextReader(Protocol):
    """Reads text burnt into or standing in a picture."""

    name: str

    def lines(self, image: Image) -> list[tuple[str, Box]]:
        """Lines of text with their boxes in fractions of the picture, top to bottom."""


Samples = NDArray[np.float32]
"""Mono sound of shape (n,) at 16 kHz, in [-1, 1]."""


class Voiced(NamedTuple):
    """Samples [start, end) in which somebody speaks."""

    start: int
    end: int


class VoiceActivity(Protocol):
    """Tells where in sound there are voices."""

    name: str

    def spans(self, samples: Samples) -> list[Voiced]:
        """Where somebody speaks, in order and apart from each other; none in silence or noise."""


class Utterance(NamedTuple):
    """Words spoken in one go, in [start_ms, end_ms) of the samples given.

    `sure` is false where the transcriber's own figures say that the words may be wrong or nobody's; `measured` are those figures.
    `language` is an ISO 639-1 code, "" where it is not told.
    """

    start_ms: int
    end_ms: int
    text: str
    sure: bool
    measured: dict[str, float]
    language: str = ""


class Transcriber(Protocol):
    """Writes down what is said. `able` maps "speech" to the measured share of words that are missed or wrong, in [0, 1]."""

    name: str
    able: dict[str, float]

    def transcribe(self, samples: Samples) -> list[Utterance]:
        """What is said in at most 30 s of sound, in order of time. Raises EncoderUnavailable when it cannot be loaded."""
