"""An OpenAI-compatible chat server on loopback that does what a script says: to test, to break and to time what talks to it."""

from eval.stub.asked import images, most_tokens, prompt, shown
from eval.stub.said import Cut, Fail, Finish, Script, Sent
from eval.stub.scripts import (
    claims,
    cutting,
    dripping,
    endless,
    garbage,
    gigabyte,
    hanging,
    invalid_json,
    obedient,
    other_schema,
    saying,
)
from eval.stub.server import NAME, StubModel

__all__ = [
    "NAME",
    "Cut",
    "Fail",
    "Finish",
    "Script",
    "Sent",
    "StubModel",
    "claims",
    "cutting",
    "dripping",
    "endless",
    "garbage",
    "gigabyte",
    "hanging",
    "images",
    "invalid_json",
    "most_tokens",
    "obedient",
    "other_schema",
    "prompt",
    "saying",
    "shown",
]
