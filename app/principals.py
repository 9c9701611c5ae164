"""Who asks, where no access control is configured yet: the person at this machine, in the configured tenant."""

from __future__ import annotations

from typing import TYPE_CHECKING

from retrieval.types import Principal

if TYPE_CHECKING:
    from app.settings import Settings


def local_principal(settings: Settings) -> Principal:
    """The local user of the tenant: sees what has no labels."""
    return Principal(tenant=settings.tenant)
