"""Watchfloor for chains of one's own: a LangChain retriever and a runnable. LangChain's types stay in this package.

Whoever makes one fixes who asks: neither the question nor the configuration of a run can make it see more. Nothing else in
`app` imports this package, so LangChain is loaded by those who use it.
"""

from app.chain.answer import Told, WatchfloorAnswer
from app.chain.retriever import WatchfloorRetriever

__all__ = ["Told", "WatchfloorAnswer", "WatchfloorRetriever"]
