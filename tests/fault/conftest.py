"""Fault tests share a store with everything that follows it (yard.py) and what must hold of it after any fault (invariants.py)."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pytest

# the children that are killed import the same modules
sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def seed(record_property: pytest.RecordProperty) -> int:
    """The seed of a random test: another at each run; what fails says it."""
    chosen = random.SystemRandom().randrange(10**6)
    record_property("seed", chosen)
    return chosen
