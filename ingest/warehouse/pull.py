"""Pulling: compare a table's blocks with what is held, read those that differ, and store each as one new revision of its source."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, groupby
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import msgspec
import structlog

from ingest.assemble import Assembler, Origin
from ingest.book import EntityBook
from ingest.masking import BatchMask
from ingest.ports import Batch, Draft, Item
from ingest.warehouse.blocks import Names, Place, Plan, Print, Standing, alike, grouped
from ingest.warehouse.layout import Layout, Span
from ingest.warehouse.mapping import WarehouseFile
from ingest.warehouse.port import Warehouse
from ingest.warehouse.telling import MEDIA_TYPE, Teller, Told
from retrieval.errors import SourceRejected, UpstreamError
from retrieval.ids import content_hash
from retrieval.ports import Blobs, CatalogWriter, Held, Projected, Receipt, Rejection, TextEncoder, Unit
from retrieval.types import Coverage, Entity, Evidence, Interval, Layer, Principal, RowKey

READER, VERSION = "warehouse", "1"
PULLS = "pulls"
# rows of one transaction: what a pull brings is stored together up to here, so that a row that moved to another block never stands twice
_TOGETHER, _TOGETHER_ENCODED = 5_000, 1_000
# a table that has lost more than half of so many rows is more likely being loaded anew
_WORTH_GUARDING = 1_000
_LETTERS = 100


class Book(CatalogWriter, Protocol):
    """The catalog as far as a pull needs it."""

    def held_below(self, tenant: str, start: str) -> dict[str, Held]: ...

    def projected(self, ids: Sequence[str]) -> list[Projected]: ...

    def rejections(self, principal: Principal) -> list[Rejection]: ...

    def record_rejection(self, tenant: str, source: str, code: str, reason: str, tried: str = "") -> None: ...

    def clear_rejection(self, tenant: str, source: str) -> None: ...


class Pulled(NamedTuple):
    """What a pull did. `rows` are in the table as counted, `read` of them were read; `added` and `closed` count evidence, `dead` rows
    that cannot be evidence, `refused` the letters that stand for such rows now, `blocks` all that were compared (a bucket that is
    held as it is counts as one, however it is cut) and `differed` those that were read or closed. `through` is the
    greatest watermark as the warehouse writes it ("" = none)."""

    mapping: str
    rows: int
    read: int
    added: int
    closed: int
    dead: int
    blocks: int
    differed: int
    through: str
    refused: int = 0
    notes: tuple[str, ...] = ()


class Dead(NamedTuple):
    """A row that cannot be evidence: a name of its own, a stable machine word, the reason, and the row as json."""

    name: str
    code: str
    reason: str
    body: bytes


class _Block(NamedTuple):
    """A block as it was read."""

    place: Place
    print: Print
    told: list[Told]
    dead: list[Dead]


class _Made(NamedTuple):
    """What is stored of a block, what of it is to be encoded, and the letters that stand for its dead rows."""

    unit: Unit
    pairs: list[tuple[Draft, str]]
    print: Print
    dead: list[Dead]


Progress = Callable[[str, int, int], None]
"""Called with (mapping, rows stored so far, rows to be read)."""


class Parts(NamedTuple):
    """What a puller is made of. `encoder` is None where nothing is encoded."""

    book: Book
    blobs: Blobs
    encoder: TextEncoder | None
    tenant: str
    mask: BatchMask | None = None


class Puller:
    """Pulls the mappings of a warehouse file. One pull at a time.

    Stopped at any point and started again it loses and doubles nothing: a block is stored whole, with the fingerprint of the rows that were
    read of it, or not at all. Raises BadSettings, StoreError, EncoderUnavailable and UpstreamError; what was stored before stays.
    """

    def __init__(self, parts: Parts, file: WarehouseFile, folder: Path) -> None:
        self._parts, self._file, self._folder = parts, file, folder

    def pull(
        self,
        name: str,
        warehouse: Warehouse,
        progress: Progress | None = None,
        thorough: bool = False,
        allow_loss: bool = False,
    ) -> Pulled:
        """One mapping. `thorough` compares every column, whatever the mapping says; `allow_loss` lets more than half of the rows go."""
        mapping = self._file.mappings[name]
        if thorough:
            mapping = msgspec.structs.replace(mapping, compare="all")
        layout = Layout(mapping, self._folder, warehouse)
        return _Pull(self._parts, self._file, name, layout, warehouse).run(progress or _silent, allow_loss)


class _Pull:
    """One mapping being pulled."""

    def __init__(self, parts: Parts, file: WarehouseFile, name: str, layout: Layout, warehouse: Warehouse) -> None:
        self._parts, self._name, self._layout, self._warehouse = parts, name, layout, warehouse
        self._log = structlog.get_logger(__name__)
        self._teller = Teller(name, layout, parts.tenant)
        self._names = Names(file.name, name, layout)
        encoder = parts.encoder if layout.mapping.vectors else None
        self._assembler = Assembler(parts.blobs, encoder, None)
        self._together = _TOGETHER if encoder is None else _TOGETHER_ENCODED
        masked = f" masked={parts.mask.name}" if parts.mask else ""
        shape = content_hash(self._teller.shaped())[:12]
        self._ingester = f"{READER}@{VERSION} text={encoder.space if encoder else 'off'}{masked} mapping={shape}"
        self._key = parts.book.tenant_key(parts.tenant)
        own = set(file.mappings)
        # names that no row told: what a text mentions must not hang on which row came first
        self._book = EntityBook(e for e in parts.book.site(parts.tenant)[0] if e.facts.get("found_in") not in own)
        self._through, self._rows = "", 0
        self._letters: set[str] = set()
        self._current: set[str] = set()

    def run(self, progress: Progress, allow_loss: bool) -> Pulled:
        found = self._census()
        held = self._parts.book.held_below(self._parts.tenant, self._names.prefix)
        standing = Standing(self._names, held, self._ingester)
        self._current = standing.current
        self._guard(standing.rows, allow_loss)
        plan = self._plan(found, standing)
        self._letters = self._dead_before()
        expected = sum(self._expected(span, found) for span in plan.spans)
        done = Pulled(self._name, self._rows, 0, 0, 0, 0, plan.same, 0, self._through, notes=self._notes())
        for together in self._together_of(plan):
            done = self._stored(done, together)
            progress(self._name, done.read, expected)
        return done._replace(blocks=done.blocks + done.differed, refused=len(self._dead_before()))

    def _together_of(self, plan: Plan) -> Iterator[list[_Made]]:
        """Blocks in the order they are read, those to be closed last, as many together as one transaction takes."""
        read = (self._made(block) for span in plan.spans for block in self._blocks(span))
        waiting, rows = list[_Made](), 0
        for made in chain(read, map(self._closing, plan.gone)):
            if waiting and rows + made.print.rows > self._together:
                yield waiting
                waiting, rows = [], 0
            waiting.append(made)
            rows += made.print.rows
        if waiting:
            yield waiting

    # --- comparing ---

    def _census(self) -> dict[int | None, Print]:
        found: dict[int | None, Print] = {}
        greatest: int | None = None
        for page in self._warehouse.pages(self._layout.census()):
            for bucket, rows, light, full, through in page:
                number = None if bucket is None else int(bucket)
                found[number] = Print(int(rows), int(light), int(full))
                self._rows += int(rows)
                if number is not None and (greatest is None or number > greatest):
                    greatest, self._through = number, through or ""
        return found

    def _guard(self, held: int, allow_loss: bool) -> None:
        if not allow_loss and held >= _WORTH_GUARDING and self._rows < held / 2:
            told = f"{self._name}: the table has {self._rows:,} rows where {held:,} are held; nothing was changed"
            raise UpstreamError(
                f"{told}. If they are gone for good, pull with --allow-loss; if it is being loaded, pull later"
            )

    def _plan(self, found: dict[int | None, Print], standing: Standing) -> Plan:
        light = self._layout.mapping.compare == "watermark"
        spans, gone, same = list[Span](), standing.without(found), 0
        whole: list[tuple[int | None, int]] = []
        for bucket in sorted(found, key=lambda number: (number is None, -(number or 0))):
            if standing.same(bucket, found[bucket], light):
                same += 1
                continue
            of = standing.of(bucket, found[bucket].rows)
            gone += standing.others(bucket, of)
            if of == 1:
                whole.append((bucket, found[bucket].rows))
            else:
                sliced = self._sliced(Span((bucket,), of), standing, light)
                spans, gone, same = spans + sliced.spans, gone + sliced.gone, same + sliced.same
        return Plan([Span(buckets) for buckets in grouped(whole)] + spans, gone, same)

    def _sliced(self, span: Span, standing: Standing, light: bool) -> Plan:
        """The slices of a bucket that differ."""
        (bucket,), parts = span.buckets, standing.parts(span.buckets[0])
        differing, seen = list[tuple[int | None, int]](), set[int]()
        for page in self._warehouse.pages(self._layout.slices(span)):
            for number, rows, light_sum, full_sum in page:
                seen.add(int(number))
                held, now = parts.get((span.of, int(number))), Print(int(rows), int(light_sum), int(full_sum))
                if held is None or not held.current or not alike(held.print, now, light):
                    differing.append((int(number), now.rows))
        gone = [self._names.source(Place(bucket, n, of)) for of, n in parts if of == span.of and n not in seen]
        groups = grouped(sorted(differing, key=lambda pair: pair[0] or 0))
        spans = [span._replace(slices=tuple(n for n in numbers if n is not None)) for numbers in groups]
        return Plan(spans, gone, len(seen) - len(differing))

    def _expected(self, span: Span, found: dict[int | None, Print]) -> int:
        whole = sum(found[bucket].rows for bucket in span.buckets)
        return whole * len(span.slices) // span.of if span.slices else whole

    # --- reading ---

    def _blocks(self, span: Span) -> Iterator[_Block]:
        """The blocks of a statement, each in one piece: a block is all that is in memory, with one page."""
        rows = chain.from_iterable(self._warehouse.pages(self._layout.rows(span)))
        for (bucket, number), together in groupby(rows, key=lambda row: (row[0], row[1])):
            yield self._block(Place(None if bucket is None else int(bucket), int(number), span.of), list(together))

    def _block(self, place: Place, rows: Sequence[Sequence[Any]]) -> _Block:
        whole, dead = Print(), list[Dead]()
        best: dict[str, tuple[int, Told, Sequence[Any]]] = {}
        for row in rows:
            light, full, values = int(row[2]), int(row[3]), row[4:]
            whole = whole.plus(Print(1, light, full))
            try:
                mine = (full, self._teller.told(values), values)
            except SourceRejected as problem:
                dead.append(_dead(values, problem))
                continue
            other = best.setdefault(mine[1].key, mine)
            if other is not mine:
                # by their hashes, so that it is the same one whatever order they come in
                best[mine[1].key], lesser = (mine, other) if full > other[0] else (other, mine)
                dead.append(_dead(lesser[2], _twice(mine[1].key)))
        return _Block(place, whole, [told for _, told, _ in best.values()], dead)

    def _made(self, block: _Block) -> _Made:
        source = self._names.source(block.place)
        coverage = self._examined(source, [each.draft for each in block.told])
        entities = {entity.id: entity for each in block.told for entity in each.entities}
        batch = Batch(
            [self._named(each.draft) for each in block.told], [coverage] if block.told else (), self._merged(entities)
        )
        batch = self._parts.mask(batch) if self._parts.mask else batch
        settled = self._book.settle(batch, self._teller.policy.labels, {}, learn=False)
        item = Item(Path(self._name), source, self._name, MEDIA_TYPE, block.print.told(), self._teller.policy)
        origin = Origin(item, self._parts.tenant, self._key, READER, VERSION)
        pieces = [(draft, self._assembler.evidence(draft, origin)) for draft in settled.drafts]
        unit = self._unit(source, block.print, [piece for _, piece in pieces])
        unit = unit._replace(coverage=batch.coverage, entities=settled.entities)
        pairs = self._unknown(source, [(draft, piece.id) for draft, piece in pieces])
        return _Made(unit, pairs, block.print, block.dead)

    def _named(self, draft: Draft) -> Draft:
        """Under a key without personal data: a digest under the tenant's key stands for one that has some, so that two rows stay two."""
        mask, row = self._parts.mask, draft.locator
        if mask is None or not isinstance(row, RowKey) or mask.text(row.key) == row.key:
            return draft
        hidden = hmac.new(self._key, row.key.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()
        return draft._replace(locator=msgspec.structs.replace(row, key=f"masked-{hidden[:32]}"))

    def _merged(self, entities: dict[str, Entity]) -> list[Entity]:
        return [entities[id_] for id_ in sorted(entities)]

    def _unit(self, source: str, print_: Print, evidence: Sequence[Evidence]) -> Unit:
        return Unit(self._parts.tenant, source, print_.told(), self._ingester, evidence)

    def _closing(self, source: str) -> _Made:
        return _Made(self._unit(source, Print(), ()), [], Print(), [])

    def _unknown(self, source: str, pairs: list[tuple[Draft, str]]) -> list[tuple[Draft, str]]:
        """Those that need a vector: what the same reading of a block holds already has its own."""
        if not self._layout.mapping.vectors or source not in self._current:
            return pairs if self._layout.mapping.vectors else []
        held = self._parts.book.projected([name for _, name in pairs])
        standing = {each.evidence.id for each in held if each.evidence.superseded_at is None}
        return [(draft, name) for draft, name in pairs if name not in standing]

    def _examined(self, source: str, drafts: Sequence[Draft]) -> Coverage:
        spans = [draft.valid for draft in drafts if draft.valid is not None]
        valid = Interval(min(s.t0 for s in spans), max(s.t1 for s in spans)) if spans else None
        return Coverage(
            source=source, subject=source, layer=Layer.EXAMINED, tenant=self._parts.tenant, valid=valid,
            by=f"{READER}@{VERSION}", able={self._teller.able: 0.0}, labels=self._teller.policy.labels,
        )  # fmt: skip

    # --- storing ---

    def _stored(self, done: Pulled, made: Sequence[_Made]) -> Pulled:
        """Store blocks together. Letters for dead rows come first: should this process die between, they are written again."""
        for each in made:
            self._bury(each)
        units = [each.unit._replace(embeddings=self._assembler.embeddings(each.pairs)) for each in made]
        receipts = self._parts.book.commit_all(units)
        refused = [(each, r) for each, r in zip(made, receipts, strict=True) if isinstance(r, SourceRejected)]
        for each, why in refused:
            self._record(each.unit.source, why.kind, why.reason, "")
        taken = [r for r in receipts if isinstance(r, Receipt)]
        return done._replace(
            read=done.read + sum(each.print.rows for each in made),
            added=done.added + sum(r.added for r in taken),
            closed=done.closed + sum(r.superseded for r in taken),
            dead=done.dead + sum(len(each.dead) for each in made) + sum(each.print.rows for each, _ in refused),
            differed=done.differed + len(made),
        )

    def _bury(self, made: _Made) -> None:
        """Write a letter for each dead row of a block, and take away those whose rows are mended or gone."""
        below = f"{made.unit.source}/~dead/"
        letters = {f"{below}{dead.name}": dead for dead in made.dead}
        for source, dead in list(letters.items())[:_LETTERS]:
            self._record(source, dead.code, self._reason(dead), dead.name)
        if len(letters) > _LETTERS:
            more = f"{len(letters) - _LETTERS:,} more rows of this block cannot be evidence; the first: {made.dead[0].reason}"
            letters[f"{below}more"] = made.dead[0]
            self._record(f"{below}more", "more", more, "")
        for source in self._letters:
            if source.startswith(below) and source not in letters:
                self._parts.book.clear_rejection(self._parts.tenant, source)

    def _reason(self, dead: Dead) -> str:
        """With the row's own bytes where they may be kept."""
        if self._parts.mask is not None:
            return self._parts.mask.text(dead.reason)
        return f"{dead.reason}; the row is kept as {self._parts.blobs.put(self._parts.tenant, dead.body, 'application/json')}"

    def _record(self, source: str, code: str, reason: str, tried: str) -> None:
        self._parts.book.record_rejection(self._parts.tenant, source, code, reason, tried)
        self._log.warning("row refused", source=source, code=code)

    def _dead_before(self) -> set[str]:
        known = self._parts.book.rejections(Principal(self._parts.tenant))
        return {rejection.source for rejection in known if rejection.source.startswith(self._names.prefix)}

    def _notes(self) -> tuple[str, ...]:
        left_out = self._layout.left_out
        return (f"columns of raw bytes or shapes, not read: {', '.join(left_out)}",) if left_out else ()


def _dead(values: Sequence[Any], problem: SourceRejected) -> Dead:
    body = msgspec.json.encode([str(value) if value is not None else None for value in values])
    return Dead(content_hash(body)[:32], problem.kind, problem.reason, body)


def _twice(key: str) -> SourceRejected:
    return SourceRejected(f"another row of the block has its key, {key!r}", kind="duplicate_key")


def _silent(mapping: str, done: int, expected: int) -> None:
    """Nobody watches."""
