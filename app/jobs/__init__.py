"""Ingests as jobs: recorded, worked off one by one, taken up by another worker when theirs dies, stopped and gone on with."""
