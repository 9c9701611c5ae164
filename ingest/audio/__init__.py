"""Sound: what was said, when, and how sure that is; audio files and the tracks of videos."""
