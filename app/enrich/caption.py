"""A caption: what the model is asked for, what it answers, and the evidence that becomes of it."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from app.verify.described import CAPTION
from app.words import one_line
from prompts import Prompt
from retrieval.errors import ModelUnavailable
from retrieval.ids import content_hash, derived_source, evidence_id
from retrieval.types import Evidence, Kind, Provenance

READER, VERSION = "captions", "1"
_CAPTION_CHARS, _TEXT_CHARS = 600, 300
_OBJECTS, _OBJECT_CHARS = 12, 40
_NOTE = "a model's description of one frame; nobody has checked it"


class Caption(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the model says of a frame. `readable_text` is what it reads in it; `sure` whether it is clear enough to say all that."""

    caption: str
    objects: list[str]
    readable_text: str
    sure: bool


class By(msgspec.Struct, frozen=True):
    """Who describes: the model as it is listed, the prompt, and the space of the vectors."""

    model: str
    prompt: Prompt
    space: str

    @property
    def asked(self) -> str:
        """What decides which words come out: with any of it changed, a frame is captioned anew."""
        return f"{READER}@{VERSION} caption={self.model} prompt={self.prompt.id}"

    @property
    def ingester(self) -> str:
        """The same with what the words are embedded by."""
        return f"{self.asked} text={self.space}"

    def worded(self, ingester: str) -> bool:
        """Whether a caption by this ingester has the words that would come out now."""
        return ingester.partition(" text=")[0] == self.asked


def caption_of(text: str) -> Caption:
    """The model's reply, alone or inside other words, bounded. Raises ModelUnavailable for what does not fit or is empty."""
    found = re.search(r"\{.*\}", text, re.S)
    try:
        said = msgspec.json.decode(found[0] if found else text, type=Caption)
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise ModelUnavailable("the model's caption does not fit the schema") from error
    objects = dict.fromkeys(_plain(name, _OBJECT_CHARS) for name in said.objects[: 4 * _OBJECTS])
    kept = Caption(
        _plain(said.caption, _CAPTION_CHARS),
        [name for name in objects if name][:_OBJECTS],
        _plain(said.readable_text, _TEXT_CHARS),
        said.sure,
    )
    if not kept.caption:
        raise ModelUnavailable("the model's caption is empty")
    return kept


def source_of(frame: Evidence) -> str:
    """The source of a frame's caption: one of its own, so that each caption is stored whole and by itself."""
    return derived_source(frame.source, frame.id, "captions")


def made_from(frame: Evidence) -> str:
    """The content that a caption is made from: this very record of the frame."""
    return content_hash(frame.id, str(frame.revision), str(frame.recorded_at))


def evidence_of(said: Caption, frame: Evidence, by: By, key: bytes) -> Evidence:
    """A caption as evidence: at the frame's place and time, seen by whom the frame is seen by, and played back as the frame."""
    text, source = in_words(said, by.model), source_of(frame)
    data: dict[str, Any] = {**msgspec.to_builtins(said), "frame": frame.id}
    told = msgspec.json.encode([data, frame.valid, frame.entities, sorted(frame.labels)], order="sorted")
    digest = content_hash(text, by.prompt.id, frame.media or "", told)
    # what was hidden in the picture was hidden from the model too
    hidden = {name: model for name, model in frame.provenance.models.items() if name == "blur"}
    return Evidence(
        id=evidence_id(key, source, frame.locator, digest),
        tenant=frame.tenant,
        source=source,
        kind=Kind.PASSAGE,
        locator=frame.locator,
        text=text,
        provenance=Provenance(READER, VERSION, {CAPTION: by.model, "prompt": by.prompt.id, **hidden}, (_NOTE,)),
        media=frame.media,
        valid=frame.valid,
        entities=frame.entities,
        labels=frame.labels,
        data=data,
    )


def said_in(piece: Evidence) -> Caption:
    """What the model said, of a caption that is stored."""
    return msgspec.convert({name: piece.data[name] for name in Caption.__struct_fields__}, Caption)


def in_words(said: Caption, model: str) -> str:
    """The text of a caption: first whose words they are, then what the model says."""
    sure = "" if said.sure else " (unsure)"
    return f"caption by {_plain(model, _TEXT_CHARS)}, not checked{sure}:\n\n{content_of(said)}"


def content_of(said: Caption) -> str:
    """What the model says, without whose words they are: what is embedded."""
    parts = [said.caption if said.caption[-1] in ".!?" else f"{said.caption}."]
    if said.objects:
        parts.append(f"Objects: {', '.join(said.objects)}.")
    if said.readable_text:
        parts.append(f"Text in the picture: “{said.readable_text}”.")
    return " ".join(parts)


def _plain(text: str, most: int) -> str:
    """One line of what can be printed."""
    return one_line("".join(sign if sign.isprintable() else " " for sign in text), most)
