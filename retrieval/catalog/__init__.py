"""The one truth: a SQL store of evidence, vectors, coverage, the site, the log, and what was asked and answered."""

from retrieval.catalog.clock import Clock, system_clock
from retrieval.catalog.store import Catalog

__all__ = ["Catalog", "Clock", "system_clock"]
