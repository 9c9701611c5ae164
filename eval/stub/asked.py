"""Reading what a request to the stub asks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

_SHOWN = re.compile(r"^(E\d+)\n<evidence>\n(.*?)\n</evidence>", re.S | re.M)


def prompt(body: dict[str, Any]) -> str:
    """All text of a request, one part a line."""
    return "\n".join(part["text"] for part in _parts(body) if part["type"] == "text")


def most_tokens(body: dict[str, Any]) -> int:
    """How many tokens the reply may have, by either of its names; 0 = it was not said."""
    return int(body.get("max_completion_tokens") or body.get("max_tokens") or 0)


def images(body: dict[str, Any]) -> int:
    """How many pictures are in a request."""
    return sum(part["type"] == "image_url" for part in _parts(body))


def shown(body: dict[str, Any]) -> dict[str, str]:
    """What stands under each label (E1…) in the prompt of a request."""
    return dict(labelled(body))


def labelled(body: dict[str, Any]) -> list[tuple[str, str]]:
    """The same in order; a label that stands there twice comes twice."""
    return _SHOWN.findall(prompt(body))


def _parts(body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for message in body["messages"]:
        content = message["content"]
        yield from [{"type": "text", "text": content}] if isinstance(content, str) else content
