"""Conversations: what was said before, and how a question that leans on it is understood."""
