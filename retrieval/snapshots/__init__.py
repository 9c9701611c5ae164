"""Snapshots of a projection: so that a start need not read the whole catalog again."""

from retrieval.snapshots.keeping import Loaded, Snapshots, Snapshotted
from retrieval.snapshots.manifest import Manifest

__all__ = ["Loaded", "Manifest", "Snapshots", "Snapshotted"]
