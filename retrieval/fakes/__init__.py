"""In-memory implementations of retrieval's ports: behaviour, no files, no drivers. Each passes its port's contract suite."""

from retrieval.fakes.encoders import HashImageEncoder, HashTextEncoder
from retrieval.fakes.graph import MemoryGraph
from retrieval.fakes.log import MemoryLog
from retrieval.fakes.vectors import MemoryVectors
from retrieval.fakes.words import MemoryWords

__all__ = ["HashImageEncoder", "HashTextEncoder", "MemoryGraph", "MemoryLog", "MemoryVectors", "MemoryWords"]
