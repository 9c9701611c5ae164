"""Governance in memory: what is erased is taken out of a dict, and its receipt is a real one."""

from __future__ import annotations

import hashlib
import math
import secrets
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable

import msgspec

from app.governance.port import Again, Retained
from app.governance.receipts import FORMAT, Receipt, Signed, by_kind, times
from retrieval.erasure import ed25519
from retrieval.erasure.needles import ID, needle, packed
from retrieval.erasure.values import Erasure, Hold, State, Tally, Target
from retrieval.errors import ErasureNotFound, LegalHold
from retrieval.ids import derived_from
from retrieval.types import Evidence, Interval, Principal

_SEED = bytes(ed25519.SEED_BYTES)


class MemoryGovernance:
    """The Governance port over a dict of evidence. There are no retention rules."""

    def __init__(self, evidence: dict[str, Evidence]) -> None:
        self._evidence = evidence
        self._erasures: dict[str, Erasure] = {}
        self._receipts: dict[str, Signed] = {}
        self._holds: dict[str, Hold] = {}
        self.allowed: list[Again] = []

    def count(self, target: Target, principal: Principal) -> Tally:
        target.check()
        return _tally(*self._chosen(target, principal))

    def erase(self, target: Target, principal: Principal) -> Erasure | None:
        counted = self.count(target, principal)
        gone, _ = self._chosen(target, principal)
        if not gone and counted.held:
            raise LegalHold(f"all of it is under a legal hold ({', '.join(counted.held)}); release that first")
        if not gone:
            return None
        for each in gone:
            del self._evidence[each.id]
        now = time.time_ns() // 1000
        made = Erasure(
            id=f"er_{secrets.token_hex(8)}",
            tenant=principal.tenant,
            subject=principal.subject,
            what=target.what,
            state=State.HIDDEN,
            sequence=len(self._erasures) + 1,
            tally=counted,
            hidden_at=now,
        )
        self._erasures[made.id] = made
        self._receipts[made.id] = _signed(made, gone, now)
        return made

    def erasures(self, principal: Principal, limit: int = 50) -> list[Erasure]:
        mine = [each for each in self._erasures.values() if each.tenant == principal.tenant]
        return mine[::-1][:limit]

    def erasure(self, id_: str, principal: Principal) -> Erasure:
        found = self._erasures.get(id_)
        if found is None or found.tenant != principal.tenant:
            raise ErasureNotFound(f"no erasure {id_[:40]!r} is yours")
        return found

    def receipt(self, id_: str, principal: Principal) -> Signed | None:
        state = self.erasure(id_, principal).state
        if state in (State.HIDDEN, State.PURGING):
            return None
        told = self._receipts[id_]
        self._receipts[id_] = msgspec.structs.replace(told, salt="")
        self._erasures[id_] = msgspec.structs.replace(self._erasures[id_], state=State.RECEIPTED)
        return told

    def public_key(self) -> str:
        return ed25519.public_key(_SEED).hex()

    def allow(self, again: Again, principal: Principal) -> int:
        self.allowed.append(again)
        return len(again.sources) + len(again.evidence) + len(again.entities)

    def hold(self, hold: Hold, principal: Principal) -> Hold:
        hold.check()
        who = {"id": f"hold_{secrets.token_hex(6)}", "tenant": principal.tenant, "subject": principal.subject}
        placed = msgspec.structs.replace(hold, **who, placed_at=time.time_ns() // 1000)
        kept = sum(e.tenant == principal.tenant and _keeps(placed, e) for e in self._evidence.values())
        self._holds[placed.id] = msgspec.structs.replace(placed, keeps=kept)
        return self._holds[placed.id]

    def release_hold(self, id_: str, principal: Principal) -> Hold:
        held = {each.id: each for each in self.holds(principal)}.get(id_)
        if held is None:
            raise ErasureNotFound(f"no hold {id_[:40]!r} of yours is in force")
        self._holds[id_] = msgspec.structs.replace(held, released_at=time.time_ns() // 1000)
        return self._holds[id_]

    def holds(self, principal: Principal, *, all_: bool = False) -> list[Hold]:
        mine = [each for each in self._holds.values() if each.tenant == principal.tenant]
        return [each for each in mine if all_ or each.released_at is None]

    def retain(self, principal: Principal) -> Retained:
        return Retained({}, 0, 0)

    def resume(self) -> list[Erasure]:
        waiting = [each for each in self._erasures.values() if each.state is State.HIDDEN]
        for each in waiting:
            done = msgspec.structs.replace(each, state=State.PURGED, purged_at=time.time_ns() // 1000)
            self._erasures[each.id] = done
        return [self._erasures[each.id] for each in waiting]

    def keep(self, stop: threading.Event) -> None:
        while not stop.wait(0.02):
            self.resume()

    def _chosen(self, target: Target, principal: Principal) -> tuple[list[Evidence], dict[str, int]]:
        """What goes, and hold → how many pieces it keeps."""
        every = [e for e in self._evidence.values() if e.tenant == principal.tenant]
        meant = {e.id for e in every if _meant(e, target)}
        families = {hold.id: {_family(e) for e in every if _keeps(hold, e)} for hold in self.holds(principal)}
        kept = set().union(*families.values())
        mine: list[Evidence] = []
        while len(mine) < len(found := [e for e in every if e.id in meant or _family(e) in meant]):
            mine = found
            # a rule of age goes by each state's own
            if target.before is None:
                meant |= _ended_with([e for e in mine if _family(e) not in kept], every)
        told = {hold: sum(_family(e) in named for e in mine) for hold, named in families.items()}
        return [e for e in mine if _family(e) not in kept], {hold: count for hold, count in told.items() if count}


def _ended_with(gone: Collection[Evidence], every: Iterable[Evidence]) -> set[str]:
    """Ids of the ended states that go too: those that labels of what goes kept from somebody, at its places, or anywhere in a source of
    which nothing is left that it tells today, or told last."""
    ids, by_source = {e.id for e in gone}, defaultdict[str, list[Evidence]](list)
    for each in every:
        by_source[each.source].append(each)
    found: set[str] = set()
    for source in {e.source for e in gone}:
        of, mine = by_source[source], [e for e in gone if e.source == source]
        last = max(_until(e) for e in of)
        latest = [e for e in of if _until(e) == last]
        told = [set(e.labels) for e in latest] if all(e.id in ids for e in latest) else []
        shut = set().union(*told) if all(told) else set()
        found |= {
            e.id
            for e in of
            if e.superseded_at is not None
            and (_wider(e, shut) or any(_wider(e, set(p.labels)) for p in mine if p.locator == e.locator))
        }
    return found


def _wider(evidence: Evidence, labels: set[str]) -> bool:
    """Whether somebody may see it who may not see what is under these labels."""
    own = set(evidence.labels)
    return bool(labels) and not (own and own <= labels)


def _until(evidence: Evidence) -> float:
    """When a state ended; never, where it stands."""
    return math.inf if evidence.superseded_at is None else evidence.superseded_at


def _family(evidence: Evidence) -> str:
    """The id of what a piece was made out of, or else its own: who holds one of a family holds all."""
    of = derived_from(evidence.source)
    return of[1] if of else evidence.id


def _meant(evidence: Evidence, target: Target) -> bool:
    things = {mention.entity for mention in evidence.entities}
    at = evidence.valid.t1 if target.by == "valid" and evidence.valid else evidence.recorded_at
    return (
        (not target.evidence or evidence.id in target.evidence)
        and (not target.sources or evidence.source in target.sources)
        and (not target.entities or not things.isdisjoint(target.entities))
        and (not target.subject or target.subject in {*things, *evidence.labels, evidence.data.get("subject")})
        and (target.before is None or at < target.before)
        and (not target.kinds or evidence.kind in target.kinds)
    )


def _keeps(hold: Hold, evidence: Evidence) -> bool:
    things = {mention.entity for mention in evidence.entities}
    when = evidence.valid or Interval(evidence.recorded_at, evidence.recorded_at)
    named = evidence.id in hold.evidence or evidence.source in hold.sources or not things.isdisjoint(hold.entities)
    return named or (hold.window is not None and when.overlaps(hold.window))


def _tally(gone: Iterable[Evidence], held: dict[str, int]) -> Tally:
    kinds = Counter(str(each.kind) for each in gone)
    count = sum(kinds.values())
    return Tally(evidence=count, revisions=count, by_kind=dict(sorted(kinds.items())), held=held)


def _signed(made: Erasure, gone: Iterable[Evidence], now: int) -> Signed:
    salt = secrets.token_bytes(32)
    needles = [told for each in gone if (told := needle(salt, ID, each.id.encode()))]
    receipt = Receipt(
        format=FORMAT,
        erasure=made.id,
        what=made.what,
        asked_by=made.subject,
        counts={"evidence": made.tally.evidence},
        commitments=packed(needles),
        salt_sha256=hashlib.sha256(salt).hexdigest(),
        looked={"files": 0, "bytes": 0},
        sought=by_kind(needles),
        shared=0,
        made_sure=("it was only in memory",),
        beyond=(),
        **times(made.hidden_at, now),
    )
    signature = ed25519.sign(_SEED, msgspec.json.encode(receipt, order="deterministic"))
    return Signed(receipt, signature.hex(), ed25519.public_key(_SEED).hex(), salt.hex())
