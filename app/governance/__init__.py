"""Erasing, keeping and holding: what goes, when, who said so, and the proof that it is gone."""
