"""Detectors: what can be seen in a picture, and how well."""

from ingest.vision.coco import SsdCoco
from ingest.vision.words import counts, detections_text
from ingest.vision.zero_shot import ZeroShotTagger

__all__ = ["SsdCoco", "ZeroShotTagger", "counts", "detections_text"]
