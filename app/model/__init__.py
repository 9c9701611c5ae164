"""The chat model: the port, langchain-openai behind it, what it can do, and what keeps it from hurting anybody."""
