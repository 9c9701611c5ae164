"""What must be said of a file that is played goes with it."""

from __future__ import annotations

from pathlib import Path

from app.http.media import NOTE, media_response
from app.ports import Media
from ingest.video.playback import GONE


def test_a_clip_made_of_kept_frames_says_so_in_a_header(tmp_path: Path) -> None:
    file = tmp_path / "clip.webm"
    file.write_bytes(b"x")
    assert media_response(Media(file, "video/webm", GONE), {}).headers[NOTE] == GONE
    assert NOTE not in media_response(Media(file, "video/webm"), {}).headers
    # headers are Latin-1 at most
    assert GONE.isascii()
