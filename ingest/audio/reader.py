"""The Reader for audio files: wav, mp3, ogg, flac, m4a, and headerless telephone formats (gsm, µ-law, A-law)."""

from __future__ import annotations

from collections.abc import Iterator

from ingest.audio.listener import Ears, Listener
from ingest.media_types import AUDIO
from ingest.ports import Batch, Item
from ingest.sandbox import Limits
from ingest.video.reader import refuse_empty
from ingest.video.start import find_start

UNTIMED = "no start time known"


class AudioReader:
    """Reads recordings. Their time becomes UTC from a sidecar or the file name; else it stays unknown and notes say so.

    Without `ears` a recording is taken in as recorded and not examined, and read again once there are some.
    """

    name = "audio"

    def __init__(self, ears: Ears | None = None, limits: Limits | None = None) -> None:
        self._ears = ears
        self._limits = limits or Limits()
        self.version = f"1; {ears.name if ears else 'nothing listens'}"

    def accepts(self, item: Item) -> bool:
        return item.media_type in AUDIO

    def read(self, item: Item, tenant: str) -> Iterator[Batch]:
        """Raises SourceRejected: empty, no_sound, truncated, unreadable, too_large, timeout."""
        refuse_empty(item.path)
        start = find_start(item)
        if start.at is None:
            start = start._replace(notes=(*start.notes, UNTIMED))
        yield from Listener(item, tenant, start, self._ears, self._limits).file()
