"""What the surfaces may ask of erasure, retention and legal holds."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import msgspec

from app.governance.receipts import Signed
from retrieval.erasure.values import Erasure, Hold, Tally, Target
from retrieval.types import Principal


class Retained(msgspec.Struct, frozen=True):
    """What a run of the retention rules did: pieces erased by kind, records of superseded coverage dropped, and pieces that legal holds
    kept."""

    erased: dict[str, int]
    coverage: int
    held: int


class Again(NamedTuple):
    """What may be taken in again: sources by uri, pieces by evidence id, persons by the id of their entity."""

    sources: Sequence[str] = ()
    evidence: Sequence[str] = ()
    entities: Sequence[str] = ()


class Governance(Protocol):
    """Erasures, holds and retention of the asker's tenant; what is another's is as unknown as what there is not."""

    def count(self, target: Target, principal: Principal) -> Tally:
        """What would go, and what is held; nothing changes. Raises BadQuery for a target that names nothing."""

    def erase(self, target: Target, principal: Principal) -> Erasure | None:
        """Hide it now: whoever asks after this returns finds none of it. None where there was nothing.

        Its bytes are removed by whoever keeps the store (`resume`). Raises BadQuery, LegalHold where all of it is held.
        """

    def erasures(self, principal: Principal, limit: int = 50) -> list[Erasure]:
        """The newest first."""

    def erasure(self, id_: str, principal: Principal) -> Erasure:
        """Raises ErasureNotFound."""

    def receipt(self, id_: str, principal: Principal) -> Signed | None:
        """The signed receipt; None while the bytes are not gone. The first who fetches it gets its salt too, which is then forgotten
        here. Raises ErasureNotFound."""

    def public_key(self) -> str:
        """The key that verifies this store's receipts, in hex."""

    def allow(self, again: Again, principal: Principal) -> int:
        """Let what was erased be taken in again; how many marks against it went."""

    def hold(self, hold: Hold, principal: Principal) -> Hold:
        """Place a legal hold; its id, owner and time are given here. Raises BadQuery."""

    def release_hold(self, id_: str, principal: Principal) -> Hold:
        """Raises ErasureNotFound."""

    def holds(self, principal: Principal, *, all_: bool = False) -> list[Hold]:
        """Those in force, the oldest first; `all_` those released too."""

    def retain(self, principal: Principal) -> Retained:
        """Apply the retention rules now."""

    def resume(self) -> list[Erasure]:
        """Go on with every erasure whose bytes are not gone yet; how those stand now. What is in the way is in their `trouble`."""

    def keep(self, stop: threading.Event) -> None:
        """Remove what is hidden, and apply the rules when it is time, until told to stop. Raises StoreError: to be called again."""
