"""Cameras that are watched as they run: recorded into a ring of short clips, examined as far as time allows, and both told as coverage."""
