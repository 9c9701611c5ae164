from pathlib import Path

import pytest

from ingest.media_types import media_type
from ingest.ports import Item, SourcePolicy


@pytest.fixture
def item_of(tmp_path):
    """Write a file and hand it over as an Item."""

    def make(name, content, policy=SourcePolicy()):  # noqa: B008
        path = Path(tmp_path) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return Item(path, path.as_uri(), name, media_type(path), "hash", policy)

    return make
