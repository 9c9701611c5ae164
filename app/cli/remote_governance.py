"""Erasing, holds and retention, spoken of to a running server."""

from __future__ import annotations

import re
import threading
from typing import Any, TypeVar

import msgspec

from app.cli.remote_jobs import Call
from app.governance.port import Again, Retained
from app.governance.receipts import Signed
from app.governance.wire import WireErasure, WireHold, erasure_in, hold_in, hold_out, target_out
from retrieval.erasure.values import Erasure, Hold, Tally, Target
from retrieval.errors import ErasureNotFound
from retrieval.types import Principal

T = TypeVar("T")


class _Erased(msgspec.Struct):
    erasure: WireErasure | None


class _Listed(msgspec.Struct):
    erasures: list[WireErasure]
    key: str


class _Receipted(msgspec.Struct):
    receipt: Signed | None


class RemoteGovernance:
    """The Governance of a running server, which removes what is hidden by itself."""

    def __init__(self, call: Call) -> None:
        self._call = call

    def count(self, target: Target, principal: Principal) -> Tally:
        return self._post("/v1/erasures/count", Tally, _plain(target_out(target)))

    def erase(self, target: Target, principal: Principal) -> Erasure | None:
        made = self._post("/v1/erasures", _Erased, _plain(target_out(target))).erasure
        return None if made is None else erasure_in(made, principal.tenant)

    def erasures(self, principal: Principal, limit: int = 50) -> list[Erasure]:
        told = self._call("GET", f"/v1/erasures?limit={limit}", _Listed)
        return [erasure_in(each, principal.tenant) for each in told.erasures]

    def erasure(self, id_: str, principal: Principal) -> Erasure:
        return erasure_in(self._call("GET", f"/v1/erasures/{_safe(id_)}", WireErasure), principal.tenant)

    def receipt(self, id_: str, principal: Principal) -> Signed | None:
        return self._post(f"/v1/erasures/{_safe(id_)}/receipt", _Receipted, {}).receipt

    def public_key(self) -> str:
        return self._call("GET", "/v1/erasures?limit=1", _Listed).key

    def allow(self, again: Again, principal: Principal) -> int:
        body = {name: list(given) for name, given in again._asdict().items()}
        return self._post("/v1/erasures/again", dict[str, int], body)["allowed"]

    def hold(self, hold: Hold, principal: Principal) -> Hold:
        return hold_in(self._post("/v1/holds", WireHold, _plain(hold_out(hold))), principal.tenant)

    def release_hold(self, id_: str, principal: Principal) -> Hold:
        told = self._call("DELETE", f"/v1/holds/{_safe(id_)}", WireHold, signed=True)
        return hold_in(told, principal.tenant)

    def holds(self, principal: Principal, *, all_: bool = False) -> list[Hold]:
        told = self._call("GET", f"/v1/holds?released={str(all_).lower()}", dict[str, list[WireHold]])
        return [hold_in(each, principal.tenant) for each in told["holds"]]

    def retain(self, principal: Principal) -> Retained:
        return self._post("/v1/retention", Retained, {})

    def resume(self) -> list[Erasure]:
        """Nothing: the server does it."""
        return []

    def keep(self, stop: threading.Event) -> None:
        """Nothing: the server does it."""

    def _post(self, path: str, kind: type[T], body: Any) -> T:
        return self._call("POST", path, kind, json=body, signed=True)


def _plain(value: Any) -> Any:
    return msgspec.to_builtins(value)


def _safe(id_: str) -> str:
    if re.fullmatch(r"[\w-]{1,200}", id_, re.ASCII) is None:
        raise ErasureNotFound(f"no erasure or hold {id_[:40]!r} is yours")
    return id_
