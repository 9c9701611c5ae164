"""Vectors of one tenant and space: which way a search goes, and each of the ways."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path

import numpy as np

from retrieval.adapters.faiss_vectors.codes import Codes
from retrieval.adapters.faiss_vectors.device import Device
from retrieval.adapters.faiss_vectors.floats import Floats, Found, Positions
from retrieval.adapters.faiss_vectors.graph import Graph
from retrieval.adapters.faiss_vectors.library import library
from retrieval.adapters.faiss_vectors.places import Places
from retrieval.adapters.faiss_vectors.plan import Holdings, Plan, Thresholds, Way, fitting, plan
from retrieval.adapters.faiss_vectors.selection import Mask, Selection, Slots
from retrieval.types import Vector

# the share of all that must be dead before their room is given back, and the one that may be without a place in the graph
_DEAD, _LOOSE_SHARE = 0.25, 1000
# growth after which codes are taken about a new centre, and after which a graph that did not find enough is tried again
_RECENTRE, _RETRY = 4.0, 2.0
# growth after which codes and graphs are judged anew
JUDGE_AGAIN = 1.25
_KEPT = 8


class Allowed:
    """What may be compared: live positions of the slots that pass. `mask` is over all positions, the list is made when asked for."""

    def __init__(self, positions: Positions | None, mask: Mask | None, count: int) -> None:
        self._positions, self._mask, self.count = positions, mask, count

    @property
    def positions(self) -> Positions:
        """Ascending."""
        if self._positions is None:
            assert self._mask is not None
            self._positions = np.flatnonzero(self._mask)
        return self._positions

    def mask(self, size: int) -> Mask:
        """Over the first `size` positions."""
        if self._mask is not None:
            return self._mask[:size]
        mask = np.zeros(size, np.bool_)
        mask[self.positions[: int(np.searchsorted(self.positions, size))]] = True
        return mask

    def beyond(self, size: int) -> Positions:
        """Those from this position on."""
        if self._mask is not None:
            return size + np.flatnonzero(self._mask[size:])
        return self.positions[int(np.searchsorted(self.positions, size)) :]


class Store:
    """Vectors of one tenant and space, by slot.

    `generation` counts the times positions moved or were overwritten; `centred_at` and `unfit_at` how many vectors there were when codes
    were last taken about a new centre, and when a graph last did not find enough (0 = it did). `reach`: how many times plan.broad of the
    best by code must be compared exactly, which `reached_at` vectors were asked for; `blurred_at`: how many there were when codes last
    could not tell them apart (0 = they could), and so were not kept.
    """

    def __init__(self, dim: int, device: Device, at: Thresholds, folder: Path | None = None) -> None:
        self.dim, self.generation = dim, 0
        self._device, self._at, self._folder = device, at, folder
        self.floats, self.places = Floats(dim, folder), Places()
        self.codes: Codes | None = None
        self.graph: Graph | None = None
        self.centred_at = self.unfit_at = 0
        self.reach = self.reached_at = self.blurred_at = 0
        self._blank = 0  # dead ones whose bytes are overwritten
        self._kept: dict[Hashable, Allowed] = {}

    def __len__(self) -> int:
        return self.places.live

    # what the builder asks and does

    @property
    def wasteful(self) -> bool:
        """Whether so many are dead that their room is worth giving back."""
        dead = self.places.dead
        return dead > self._at.few_dead and dead > _DEAD * self.places.size

    @property
    def uncoded(self) -> bool:
        """Whether enough have no code yet."""
        if not self._device.selects or self._device.gpu or self.places.size < self._at.coded:
            return False
        if self.codes is None:
            return self.places.size >= _RETRY * self.blurred_at
        return self.recentre or self.unjudged or self.places.size - len(self.codes) >= self._at.loose

    @property
    def unjudged(self) -> bool:
        """Whether it is not known, or no more, how many of the best by code hold enough."""
        return self.codes is not None and len(self.codes) > JUDGE_AGAIN * self.reached_at

    @property
    def recentre(self) -> bool:
        return self.places.size > _RECENTRE * self.centred_at

    @property
    def unlinked(self) -> bool:
        """Whether enough have no place in the graph yet."""
        if self.codes is None or len(self.codes) < max(self._at.graphed, _RETRY * self.unfit_at):
            return False
        return self.graph is None or len(self.codes) - len(self.graph) >= max(
            self._at.loose, len(self.graph) // _LOOSE_SHARE
        )

    def empty(self) -> Floats:
        """Room for vectors like these."""
        return Floats(self.dim, self._folder)

    def move(self, kept: Positions, fresh: Floats) -> None:
        """Take `fresh`, which holds the rows of the `kept` positions, and what has come since; all that died is gone."""
        before = self.places.slot
        came = np.arange(int(kept[-1]) + 1 if kept.size else 0, before.size)
        came = came[before[came] >= 0]
        fresh.add(self.floats.rows[came])
        places, codes = Places(), self._codes_of(kept)
        # a slot that died meanwhile has no number any more: its row is dead from the start
        places.append(np.concatenate([before[kept], before[came]]).astype(np.int64))
        # nothing can fail from here on
        old, self.floats, self.places, self.codes = self.floats, fresh, places, codes
        self.graph, self.generation, self._blank = None, self.generation + 1, 0
        self._forget_derived()
        old.close()

    def coded_by(self, codes: Codes, reach: int) -> None:
        self.codes, self.centred_at = codes, len(codes)
        if self.graph is not None:
            self.graph.over(codes)
        self.reaching(reach)

    def reaching(self, reach: int) -> None:
        """Codes of which no number holds enough are not kept, nor is a graph that would go by them."""
        assert self.codes is not None
        self.reach, self.reached_at, self.blurred_at = reach, len(self.codes), 0
        if not reach:
            self.blurred_at = len(self.codes)
            self.codes = self.graph = None

    def linked_by(self, graph: Graph) -> None:
        """One that would not find enough is not kept."""
        assert self.codes is not None
        self.graph, self.unfit_at = (graph, 0) if graph.breadth else (None, len(self.codes))
        if self.graph is not None:
            self.graph.over(self.codes)

    # changes

    def put(self, slots: Slots, vectors: Vector) -> None:
        """Give slots these vectors, and no others. Shapes (n,) and (n, dim); a slot may come several times."""
        known = self.places.known(slots)
        if known.any():
            changed = self._changed(slots[known], vectors[known])
            self.forget(changed)
            same = known & ~np.isin(slots, changed)
            slots, vectors = slots[~same], vectors[~same]
        if slots.size:
            self.floats.add(vectors)
            self.places.append(slots)
            self._forget_derived()

    def forget(self, slots: Slots) -> None:
        """Mark the vectors of these slots dead. Their bytes stay until the room is given back."""
        if slots.size and self.places.drop(slots):
            self._forget_derived()

    def compact(self) -> None:
        """Overwrite the bytes of dead ones now. Positions stay, and with them the graph; the room is given back once it is worth it."""
        if self.places.dead == self._blank:
            return
        dead = np.flatnonzero(self.places.slot < 0)
        self.floats.rows[dead] = 0
        if self.codes is not None:
            self.codes.bytes[dead[dead < len(self.codes)]] = 0
        # what the builder has copied of them must not come back
        self._blank, self.generation = self.places.dead, self.generation + 1

    def close(self) -> None:
        """Nothing is searched here any more."""
        self.generation += 1
        self.floats.close()

    # searching

    def holdings(self) -> Holdings:
        graph, codes = self.graph, self.codes
        return Holdings(
            self.places.live,
            0 if codes is None else len(codes),
            0 if graph is None else len(graph),
            self.places.size,
            0 if graph is None else graph.breadth,
            0 if codes is None else self.reach,
        )

    def search(self, query: Vector, k: int, selection: Selection) -> tuple[Found, Plan]:
        """The k best slots of a selection, one score each (their best vector's), and how they were found."""
        held = self.holdings()
        tried = plan(min(selection.count, held.live), k, held, self._at)
        if tried.way is Way.GRAPH and not self._device.gpu:
            found = self._by_graph(query, k, selection, tried)
            if found is not None:
                return found, self._told(tried)
            held = held._replace(breadth=0)
        allowed = self._allowed(selection)
        chosen = plan(allowed.count, k, held, self._at)
        if tried.way is Way.GRAPH:
            chosen = chosen._replace(why=f"{chosen.why}; by graph too few of the nearest pass")
        found, used = self._answered(query, k, selection, allowed, chosen)
        return found, self._told(used)

    def canary(self, count: int, tolerance: float) -> list[str]:
        """What of `count` own vectors, evenly spread, does not come back as itself when searched for, in words."""
        alive = self.places.alive()
        lost = 0
        probes = alive[np.unique(np.linspace(0, alive.size - 1, min(count, alive.size)).astype(np.int64))]
        everything = Selection.listed(np.unique(self.places.slot[alive]).astype(np.int64))
        for vector in self.floats.rows[probes]:
            (_, scores), _ = self.search(vector, 1, everything)
            lost += not scores.size or float(scores[0]) < float(vector @ vector) - tolerance
        return [f"{lost} of {probes.size} of its own vectors are not found"] if lost else []

    def _told(self, chosen: Plan) -> Plan:
        """With how many vectors it compared exactly."""
        late = {Way.GRAPH: self.graph, Way.CODES: self.codes}.get(chosen.way)
        if late is None:
            return chosen._replace(compared=chosen.passing)
        return chosen._replace(compared=min(chosen.wanted + self.places.size - len(late), self.places.live))

    def _answered(
        self, query: Vector, k: int, selection: Selection, allowed: Allowed, chosen: Plan
    ) -> tuple[Found, Plan]:
        there = self._on_gpu(query, k, allowed)
        if there is not None:
            return there, chosen._replace(way=Way.GPU, why="a GPU compares all that passes")
        found = None
        if chosen.way is Way.GRAPH:
            found = self._by_graph(query, k, selection, chosen)
        elif chosen.way is Way.CODES:
            found = self._by_codes(query, k, allowed, chosen)
        else:
            return self._ranked(query, k, allowed), chosen
        if found is None:
            chosen = chosen._replace(way=Way.SCAN, why=f"the best by {chosen.way.value} are too few pieces")
            found = self._ranked(query, k, allowed)
        return found, chosen

    def _by_graph(self, query: Vector, k: int, selection: Selection, chosen: Plan) -> Found | None:
        """None where too few of the nearest pass for the k best to be surely among them."""
        assert self.graph is not None
        near = self.graph.search(query, chosen.wanted, self.graph.breadth)
        near = near[self._passes(near, selection)]
        linked = len(self.graph)
        if near.size < min(fitting(k), linked):
            return None
        if linked < self.places.size:
            late = np.arange(linked, self.places.size)
            near = np.concatenate([near, late[self._passes(late, selection)]])
        return self._best(query, k, near)

    def _by_codes(self, query: Vector, k: int, allowed: Allowed, chosen: Plan) -> Found | None:
        """None where the best belong to fewer than k slots."""
        assert self.codes is not None
        size = len(self.codes)
        whole = allowed.count == self.places.size
        near = self.codes.search(query, chosen.wanted, None if whole else allowed.mask(size))
        return self._best(query, k, np.concatenate([near, allowed.beyond(size)]))

    def _best(self, query: Vector, k: int, positions: Positions) -> Found | None:
        """The k best slots of those at these positions, compared exactly; None where they are of fewer than k slots."""
        slots, scores = self._pieces(self.floats.ranked(query, positions), k)
        return (slots, scores) if slots.size == k else None

    def _pieces(self, found: Found, k: int) -> Found:
        """The k best slots of ranked positions, each with the score of its best vector."""
        positions, scores = found
        slots = self.places.slot[positions].astype(np.int64)
        if self.places.straight:
            return slots[:k], scores[:k]
        first = np.sort(np.unique(slots, return_index=True)[1])[:k]
        return slots[first], scores[first]

    def _ranked(self, query: Vector, k: int, allowed: Allowed) -> Found:
        """By comparing all that is allowed."""
        want = min(k, allowed.count)
        while want:
            found = self._pieces(self._nearest(query, want, allowed), k)
            if found[0].size == k or want == allowed.count:
                return found
            want = min(want * 2, allowed.count)
        return np.zeros(0, np.int64), np.zeros(0, np.float32)

    def _on_gpu(self, query: Vector, k: int, allowed: Allowed) -> Found | None:
        want = min(k, allowed.count)
        while want and self._device.gpu:
            whole = allowed.count == self.places.size
            there = self._device.nearest(
                self.floats, self.floats.rows, query, want, None if whole else allowed.positions
            )
            if there is None:
                break
            found = self._pieces((there.positions, there.scores), k)
            if found[0].size == k or want == allowed.count:
                return found
            want = min(want * 2, allowed.count)
        return None

    def _nearest(self, query: Vector, want: int, allowed: Allowed) -> Found:
        faiss = library()
        total, whole = self.places.size, allowed.count == self.places.size
        if not (whole or self._device.selects):
            return self._gathered(query, want, allowed.positions)
        if whole:
            # one query without a selector goes through a parallel path that costs ten times this on a busy machine
            return self.floats.compare(query, want, faiss.IDSelectorAll())
        if allowed.count * self._at.listed < total:
            return self.floats.compare(query, want, faiss.IDSelectorArray(allowed.positions))
        bits = np.packbits(allowed.mask(total), bitorder="little")
        return self.floats.compare(query, want, faiss.IDSelectorBitmap(bits))

    def _gathered(self, query: Vector, want: int, positions: Positions) -> Found:
        """The same by copying the candidates out: exact wherever selectors cannot be trusted."""
        scores = self.floats.gathered(query, positions)
        best = np.argsort(-scores, kind="stable")[:want]
        return positions[best], scores[best]

    def _passes(self, positions: Positions, selection: Selection) -> Mask:
        """Which positions are alive and of slots that pass."""
        slots = self.places.slot[positions]
        passing: Mask = selection.passes(slots) & (slots >= 0)
        return passing

    def _allowed(self, selection: Selection) -> Allowed:
        """The positions of a selection; kept for one that will be asked for again."""
        kept = self._kept.get(selection.key) if selection.key is not None else None
        if kept is None:
            kept = self._made(selection)
            if selection.key is not None:
                if len(self._kept) >= _KEPT:
                    self._kept = {}
                self._kept[selection.key] = kept
        return kept

    def _made(self, selection: Selection) -> Allowed:
        size, mask = self.places.size, selection.mask
        if mask is None or (selection.count * self._at.listed < size and not self.places.straight):
            positions = self.places.of(selection.slots)
            return Allowed(positions, None, positions.size)
        slots = self.places.slot
        passing = mask[:size] if self.places.straight else mask[slots] & (slots >= 0)
        return Allowed(None, passing, int(np.count_nonzero(passing)))

    def _changed(self, slots: Slots, vectors: Vector) -> Slots:
        """Which of these known slots hold other vectors than these, or another number of them."""
        held = self.places.of(np.unique(slots))
        held = held[np.argsort(self.places.slot[held], kind="stable")]
        asked = np.argsort(slots, kind="stable")
        ours = self.places.slot[held].astype(np.int64)
        if not np.array_equal(ours, slots[asked]):
            return np.unique(slots)
        other = (self.floats.rows[held] != vectors[asked]).any(axis=1)
        return np.unique(ours[other])

    def _codes_of(self, kept: Positions) -> Codes | None:
        """The codes of these positions, as far as they have some, in their new order."""
        if self.codes is None:
            return None
        fresh = Codes(self.codes.centre)
        fresh.add(self.codes.bytes[kept[: int(np.searchsorted(kept, len(self.codes)))]])
        return fresh

    def _forget_derived(self) -> None:
        self._kept = {}
