"""The one place where concrete parts are named and put together. Parts are made when first used: some take seconds to load."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from datetime import UTC, tzinfo
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from app.answer.brief import EvidenceBrief
from app.answer.context import Showing, prompts_in_force
from app.answer.desk import Tools
from app.answer.modelled import ModelAnswerer, Patience
from app.answer.outgoing import without_addresses
from app.answer.premises import Premises
from app.answer.sights import Sights
from app.budget import Allowance, Budget
from app.confidence.assessor import Assessor
from app.confidence.calibrator import OWN as OWN_CALIBRATION
from app.confidence.calibrator import load_calibrators
from app.conversation.memory import Conversations
from app.conversation.pointing import Around
from app.gallery import Gallery
from app.governance.office import Office
from app.jobs.room import JobRoom
from app.jobs.taking import ENCODER, ZONE
from app.model.guard import Guarded, stands
from app.model.openai_chat import OpenAIChat
from app.model.port import Course
from app.model.probe import Place, Wanted
from app.ports import Answerer, Check
from app.service import Caps, Watchfloor
from app.settings import Settings
from app.standing import upkeep_checks
from app.verify.nli import CrossEncoderEntailment
from app.verify.port import Instruments
from app.verify.verifier import ClaimVerifier
from app.wiring_follow import Objects
from app.wiring_governance import governance_check, office
from app.wiring_jobs import engine_of, job_room
from app.wiring_live import cameras_check
from app.wiring_quality import WatchRoom
from app.wiring_senses import Senses, has_eyes, spoken
from app.wiring_store import StoreRooms
from app.wiring_warehouse import pulls_check
from ingest.audio.listener import Ears
from ingest.audio.reader import AudioReader
from ingest.audio.voice import SileroVoice
from ingest.audio.whisper import FasterWhisper, packaged
from ingest.entities import EntityLinker
from ingest.images import ImageReader
from ingest.ocr import RapidText
from ingest.pipeline import Pipeline
from ingest.ports import Detector, Reader
from ingest.reports.reader import ReportReader
from ingest.sandbox import Limits
from ingest.tables.reader import TableReader
from ingest.video.attention import AlertAttention
from ingest.video.playback import Moments
from ingest.video.reader import VideoReader
from retrieval.adapters.conse import ConseEncoder
from retrieval.adapters.folder_blobs import FolderBlobs
from retrieval.adapters.late_interaction import LateInteraction
from retrieval.adapters.minilm import SentenceTransformerEncoder
from retrieval.adapters.openclip import OpenClipEncoder
from retrieval.catalog import Catalog, system_clock
from retrieval.errors import BadSettings, EncoderUnavailable
from retrieval.ports import ImageEncoder
from retrieval.search import Indexes, Likeness, Models, Searcher, load_weights
from retrieval.types import Micros, Principal
from retrieval.upkeep import Upkeep

_ASKED_S = 3.0
_DEAF = "nothing listens to sound: encoders.speech is off, or on auto the extra [speech] is not installed"
# times and names that are put into a follow-up
_UNDERSTOOD_CHARS = 1_000


def build(settings: Settings) -> Watchfloor:
    """A Watchfloor over its data directory, which is made when it is missing. Raises StoreError, BadSettings."""
    limits = settings.limits
    allowance = Allowance(limits.concurrent_asks, limits.total_asks, limits.asks_per_minute, limits.tokens_per_minute)
    return Watchfloor(Parts(settings), Budget(allowance), Caps(limits.deadline_s, limits.question_chars))


class Parts:
    """Every part, made when first used, closed together."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._dir = settings.data_dir.resolve()
        self._dir.mkdir(parents=True, exist_ok=True)
        self._principal = Principal(settings.tenant)
        self._linked: tuple[int, EntityLinker] | None = None

    # --- storing ---

    @cached_property
    def _rooms(self) -> StoreRooms:
        return StoreRooms(self._settings)

    @property
    def book(self) -> Catalog:
        return self._rooms.book

    @property
    def blobs(self) -> FolderBlobs:
        return self._rooms.blobs

    @property
    def keeper(self) -> Principal:
        return self._principal

    @property
    def follower(self) -> Upkeep:
        return self._rooms.follower

    @cached_property
    def governance(self) -> Office:
        return office(self, self._rooms, self._settings)

    # --- encoding ---

    @cached_property
    def _text(self) -> SentenceTransformerEncoder:
        return SentenceTransformerEncoder(self._settings.encoders.text, self._device)

    @property
    def _device(self) -> str | None:
        """None leaves the choice to the encoder: a GPU where there is one."""
        return None if self._settings.encoders.gpu else "cpu"

    @cached_property
    def _image(self) -> ImageEncoder | None:
        """The encoder that was asked for; on auto the site's own, else offline eyes, else none."""
        asked = self._settings.encoders.image
        if asked == "off":
            return None
        if asked != "auto":
            return OpenClipEncoder(asked, self._settings.encoders.image_pretrained, self._device)
        site = self.book.meta(self._settings.tenant, ENCODER)
        if site:
            return OpenClipEncoder(str(self._dir / "models" / site), device=self._device)
        return ConseEncoder(self._text) if has_eyes() else None

    @cached_property
    def _senses(self) -> Senses:
        return Senses(self._settings)

    @cached_property
    def _detectors(self) -> tuple[Detector, ...]:
        return self._senses.detectors(self._image)

    # --- finding and answering ---

    @cached_property
    def seeker(self) -> Searcher:
        models = Models(self._text, self._image, LateInteraction(self._text))
        indexes = Indexes(self.book, self._rooms.vectors, self._rooms.words, self._rooms.graph)

        def linked(text: str) -> list[str]:
            return [found[2] for found in self._find(text)]

        return Searcher(indexes, models, load_weights(), linked, self._rooms.follower.told)

    def _find(self, text: str) -> Sequence[tuple[int, int, str]]:
        """Entities named in a text. The linker is made anew when the log has moved."""
        sequence = self.book.sequence()
        if self._linked is None or self._linked[0] != sequence:
            self._linked = (sequence, EntityLinker(self.book.entities(self._principal)))
        return self._linked[1].find(text)

    @cached_property
    def answerer(self) -> Answerer:
        sights = Sights({word: label for one in self._detectors for word, label in spoken(one).items()})
        tools = Tools(self.book, self.seeker, self.blobs, self._text, self._find, sights, self._zone, self._premises)
        # conversations hold the asker's own words to the limit; what a follow-up is understood as holds the earlier question too
        longest = 2 * self._settings.limits.question_chars + _UNDERSTOOD_CHARS
        brief = EvidenceBrief(tools, system_clock, longest, assessor=self._assessor)
        model = self._model
        if model is None:
            return brief
        given = self._settings.model
        showing = Showing(self.gallery, prompts_in_force(), given.max_images, given.max_tokens)
        patience = Patience(min(given.timeout_s, self._settings.limits.deadline_s), given.looks)
        return ModelAnswerer(brief, model, showing, self._verifier, patience)

    @cached_property
    def _assessor(self) -> Assessor:
        return Assessor(load_calibrators(self._dir / OWN_CALIBRATION), self._settings.limits.abstain)

    @cached_property
    def _model(self) -> Guarded | None:
        """The model that words answers, behind its queue and its breaker; None where none is configured."""
        given = self._settings.model
        if not given.base_url:
            return None
        key = given.api_key.get_secret_value() if given.api_key else None
        wanted = Wanted(given.max_images, given.context, given.images, given.json_schema, given.logprobs)
        place = Place(given.base_url, given.name, key, given.probe_timeout_s)
        chat = OpenAIChat(place, wanted, given.max_tokens)
        return Guarded(chat, given.concurrency, given.queue, given.failures, given.cool_down_s)

    @cached_property
    def _verifier(self) -> ClaimVerifier:
        asked = self._settings.encoders.entailment
        entailment = CrossEncoderEntailment(asked, self._device) if asked else None
        return ClaimVerifier(Instruments(self._find, self.gallery.samples, self._zone, entailment))

    @cached_property
    def conversations(self) -> Conversations:
        return Conversations(self.book, self._around, self._settings.limits.question_chars)

    def _around(self, principal: Principal, as_of: Micros | None) -> Around:
        return Around(self._premises.of(principal, as_of).site, self._find, self._zone)

    @cached_property
    def _premises(self) -> Premises:
        return Premises(self.book)

    @cached_property
    def gallery(self) -> Gallery:
        return Gallery(self.blobs, self._dir / "cache" / "charts")

    @cached_property
    def moments(self) -> Moments:
        alike = Likeness(self._rooms.vectors, self._image, self.book)
        return Moments(self.book, self.blobs, self._dir / "cache" / "clips", self.book.state, alike, self.objects.file)

    @cached_property
    def objects(self) -> Objects:
        return Objects(self, self._settings)

    @property
    def _zone(self) -> tzinfo:
        asked = self._settings.timezone
        name = self.book.meta(self._settings.tenant, ZONE) if asked == "auto" else asked
        try:
            return ZoneInfo(name) if name else UTC
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise BadSettings(f"timezone {name!r} is not known; use an IANA name such as Europe/Madrid") from error

    # --- taking in ---

    @cached_property
    def ingester(self) -> JobRoom:
        return job_room(self, self._settings)

    def _pipeline(self) -> Pipeline:
        kept, clock, engine = (self.book, self.blobs), system_clock, engine_of(self._settings)
        return Pipeline(*kept, self.readers(), self._text, self._image, clock, engine)

    def readers(self) -> Sequence[Reader]:
        """What reads sources: footage, sound, pictures, documents, tables."""
        limits = self._settings.limits
        caps = Limits(memory_bytes=limits.decode_mb * 2**20, wall_s=limits.decode_s)
        attention, veil = AlertAttention(self.book.scan, self.book.site), self._senses.redactor
        readers: Sequence[Reader] = (
            VideoReader(self._detectors, self._ocr, caps, ears=self._ears, redactor=veil, attention=attention),
            AudioReader(self._ears, caps),
            ImageReader(self._detectors, self._ocr, caps, redactor=veil),
            ReportReader(self._ocr, self._senses.redactor),
            TableReader(self.book.site),
        )
        return self._senses.masked(readers)

    @cached_property
    def _ocr(self) -> RapidText:
        return RapidText()

    @cached_property
    def _ears(self) -> Ears | None:
        """The model that was asked for; on auto the packaged one where it is installed, else nothing listens."""
        asked = self._settings.encoders.speech
        if asked == "off" or (asked == "auto" and not packaged()):
            return None
        return Ears(SileroVoice(), FasterWhisper(None if asked == "auto" else asked))

    def renew(self) -> None:
        """A site brought another encoder or zone along: what depends on them is made anew when next used."""
        searcher = self.__dict__.pop("seeker", None)
        if searcher is not None:
            searcher.close()
        for name in ("_image", "_detectors", "answerer", "_verifier"):
            self.__dict__.pop(name, None)

    def eyes(self) -> str:
        """Which eyes look at pictures, in one line."""
        names = [d.name for d in self._detectors]
        space = self._image.space if self._image else "no image space"
        told = [", ".join(names) or "nothing looks for things in pictures", space, self._ocr.name, self._senses.told()]
        return f"eyes: {'; '.join(part for part in told if part)}"

    def ears(self) -> str:
        """What listens to sound, in one line."""
        return f"ears: {self._ears.name if self._ears else _DEAF}"

    @cached_property
    def watch(self) -> WatchRoom:
        return WatchRoom(self.book, self._settings)

    # --- being well ---

    def checks(self) -> list[Check]:
        """Every part and how it is, in the order a reader would mend them."""
        return [
            self._tried("store", lambda: f"{self._rooms.place()}, sequence {self.book.sequence()}, {self._counted()}"),
            *upkeep_checks(lambda: self._rooms.follower, self._rooms.damaged),
            self._searching(),
            self._tried("words", lambda: self._rooms.words.told()),
            self._tried("graph", self._rooms.graph_told),
            self._tried("text encoder", lambda: self._text.space),
            self._eyes(),
            *self._senses.checks(lambda: self._detectors, self.book.entities(self._principal)),
            Check("ocr", "ok", self._ocr.name),
            self._hearing(),
            self.model_check(),
            self._tried("jobs", lambda: self.ingester.told()),
            self._tried("confidence", self._calibrated),
            self._slack(),
            cameras_check(self._dir),
            self.objects.check(),
            *pulls_check(self.book, self._settings.tenant),
            self.watch.check(),
            governance_check(self),
            self._disk(),
        ]

    def _tried(self, name: str, look: Callable[[], str]) -> Check:
        from retrieval.errors import WatchfloorError

        try:
            return Check(name, "ok", look())
        except WatchfloorError as error:
            return Check(name, "failed", str(error))

    def _searching(self) -> Check:
        """A GPU that is lost is a slower answer, not a failed service: the CPU searches."""
        vectors = self._rooms.vectors
        told = f"FAISS on {vectors.device}, vectors in {vectors.storage}"
        return (
            Check("vectors", "degraded", f"{told}; {vectors.trouble}")
            if vectors.trouble
            else Check("vectors", "ok", told)
        )

    def _counted(self) -> str:
        kinds = self.book.stats(self._principal).get("evidence_by_kind", {})
        return ", ".join(f"{n} {kind}" for kind, n in kinds.items()) or "no evidence yet"

    def _eyes(self) -> Check:
        try:
            image = self._image
        except EncoderUnavailable as error:
            return Check("image encoder", "failed", str(error))
        if image is None:
            return Check(
                "image encoder", "off", "no CLIP weights and no offline eyes; set encoders.image or install [eyes]"
            )
        return Check("image encoder", "ok", image.space)

    def _hearing(self) -> Check:
        try:
            name = self._ears.name if self._ears else ""
        except EncoderUnavailable as error:
            return Check("speech", "failed", str(error))
        return Check("speech", "ok" if name else "off", name or _DEAF)

    def model_check(self) -> Check:
        """A model that fails is a degraded answer, not a failed service: the brief answers."""
        if self._model is None:
            return Check("model", "off", "no model is configured; the evidence brief answers")
        standing = stands(self._model, Course(time.monotonic() + _ASKED_S))
        # its names and versions come from the endpoint
        return Check("model", standing.level, without_addresses(standing.why))

    def _calibrated(self) -> str:
        names = [EvidenceBrief.name] + ([self._model.name] if self._model else [])
        return self._assessor.describe(names)

    def _slack(self) -> Check:
        slack = self._settings.slack
        if not slack.bot_token:
            return Check("slack", "off", "no bot token")
        return Check("slack", "ok", f"{len(slack.teams)} workspaces and {len(slack.channels)} channels allowed")

    def _disk(self) -> Check:
        free = shutil.disk_usage(self._dir).free / 2**30
        return Check("disk", "ok" if free > 1 else "degraded", f"{free:.1f} GiB free")

    def close(self) -> None:
        for name in ("governance", "ingester", "seeker", "_model", "_rooms"):
            part: Any = self.__dict__.pop(name, None)
            if part is not None:
                part.close()
