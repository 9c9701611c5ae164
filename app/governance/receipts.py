"""Receipts of erasures: what went, how it was made sure, signed with the store's own key; and verifying them later.

A receipt names nothing: where somebody asked for the erasure it holds commitments made with a salt of its own. Whoever is handed the
receipt is handed the salt, once, and the store forgets it; with both, anybody who may read the store can look whether any of it has come
back.

Where a retention rule erased, nobody is handed a salt, and without one commitments say nothing: such a receipt holds none. Its signature
proves what this store attested: by which rule, how much went and when, and that so many ids, vectors and words (`sought`) were then looked
for in every file and found in none. That none of it has come back since, it cannot prove, and verifying it says so.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import msgspec

from retrieval.disk import sync_folder
from retrieval.erasure import ed25519
from retrieval.erasure.needles import Finder, Look, Needle, look_through, unpacked
from retrieval.errors import BadQuery, StoreError
from retrieval.times import iso

# 2 tells what was looked for
FORMAT = 2
_READ = (1, FORMAT)
KEY_FILE = "receipts.key"
_encoder = msgspec.json.Encoder(order="deterministic")


class Receipt(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What is signed. `what` is the sort of target, or the rule; `counts` are what went; `commitments` are needles
    (retrieval.erasure.needles) as text, `salt_sha256` (hex) is that of the salt they were made with, both "" where there are none. `looked`
    is {files, bytes} that were searched, `sought` (since format 2) for how much of each sort; `shared` counts what was not looked for
    because evidence that stays has the same bytes; `made_sure` and `beyond` say in words what was done, and what could not be.
    """

    format: int
    erasure: str
    what: str
    asked_by: str
    hidden_at: str
    purged_at: str
    counts: dict[str, int]
    commitments: str
    salt_sha256: str
    looked: dict[str, int]
    shared: int
    made_sure: tuple[str, ...]
    beyond: tuple[str, ...]
    # left out where empty: what was signed before it was told still verifies
    sought: dict[str, int] = {}


class Signed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A receipt with its signature (Ed25519 over its JSON, keys sorted) and the key that verifies it, in hex. `salt` (hex) stands beside
    what is signed: "" in what the store keeps."""

    receipt: Receipt
    signature: str
    key: str
    salt: str = ""


class Verdict(msgspec.Struct, frozen=True):
    """What verifying found. `signed`: the signature is right; `own`: by this store's key. `looked`: whether the bytes were looked for,
    in how many `files` and `bytes`; `found` are the places, as "file: what at byte n"; `unread` files that could not be read. `attested` is
    what was looked for when it was signed, of a receipt that nothing can be looked for by; {} of others."""

    signed: bool
    own: bool
    looked: bool
    files: int
    bytes: int
    needles: dict[str, int]
    found: tuple[str, ...]
    unread: tuple[str, ...]
    attested: dict[str, int] = {}

    @property
    def absent(self) -> bool:
        """Whether it is proven: rightly signed by this store, looked for everywhere, and found nowhere."""
        return self.signed and self.own and self.looked and not self.found and not self.unread


class Seal:
    """The store's key, made at first use: a file that only its owner may read. Raises StoreError where it cannot be read or written."""

    def __init__(self, data_dir: Path) -> None:
        self._file = data_dir / KEY_FILE

    def sign(self, receipt: Receipt) -> Signed:
        seed = self._seed()
        return Signed(receipt, ed25519.sign(seed, _encoder.encode(receipt)).hex(), ed25519.public_key(seed).hex())

    def known(self) -> str:
        """The public key in hex; "" where none was made yet."""
        return self.public() if self._file.exists() else ""

    def public(self) -> str:
        """In hex."""
        return ed25519.public_key(self._seed()).hex()

    def _seed(self) -> bytes:
        try:
            if not self._file.exists():
                self._make()
            seed = bytes.fromhex(self._file.read_text().strip())
        except (OSError, ValueError) as error:
            raise StoreError(f"the key for receipts, {self._file}, cannot be used: {error}") from error
        if len(seed) != ed25519.SEED_BYTES:
            raise StoreError(f"the key for receipts, {self._file}, is not whole; put it back from a copy")
        return seed

    def _make(self) -> None:
        """Whole under its name or not at all; of two that make it at once the first one's counts."""
        fresh = self._file.with_name(f".{KEY_FILE}.{os.getpid()}.{secrets.token_hex(4)}")
        handle = os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        try:
            with os.fdopen(handle, "w") as file:
                file.write(secrets.token_hex(ed25519.SEED_BYTES))
                file.flush()
                os.fsync(file.fileno())
            if not self._file.exists():
                os.link(fresh, self._file)
        except FileExistsError:
            pass
        finally:
            fresh.unlink(missing_ok=True)
        sync_folder(self._file.parent)


def encoded(signed: Signed) -> str:
    """As JSON with sorted keys."""
    return _encoder.encode(signed).decode()


def decoded(text: str | bytes) -> Signed:
    """Raises BadQuery for what is no receipt."""
    try:
        told = msgspec.json.decode(text, type=Signed)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadQuery(f"this is no receipt of an erasure: {error}") from error
    if told.receipt.format not in _READ:
        raise BadQuery(f"this receipt has format {told.receipt.format}; this Watchfloor reads up to {FORMAT}")
    return told


def salt_of(signed: Signed) -> bytes | None:
    """The salt that came with it; None where none did, or nothing was made with it. Raises BadQuery for another one."""
    if not (signed.salt and signed.receipt.salt_sha256):
        return None
    try:
        salt = bytes.fromhex(signed.salt)
    except ValueError as error:
        raise BadQuery("the salt beside this receipt is no hex") from error
    if hashlib.sha256(salt).hexdigest() != signed.receipt.salt_sha256:
        raise BadQuery("the salt beside this receipt is not the one that its commitments were made with")
    return salt


def verify(signed: Signed, data_dir: Path, own: str) -> Verdict:
    """Check the signature and look for what was erased in every file below the data directory. `own` is the store's public key.

    Raises BadQuery for a salt or commitments that are not the receipt's.
    """
    rightly = _signed_rightly(signed)
    salt = salt_of(signed)
    try:
        needles = unpacked(signed.receipt.commitments)
    except ValueError as error:
        raise BadQuery(str(error)) from error
    kinds = by_kind(needles)
    if salt is None or not rightly:
        attested = signed.receipt.sought if rightly and not needles else {}
        return Verdict(rightly, signed.key == own, False, 0, 0, kinds, (), (), attested)
    look = look_through(data_dir, Finder(salt, needles))
    return Verdict(
        rightly, signed.key == own, True, look.files, look.size, kinds, told_places(look, data_dir), look.unread
    )


def by_kind(needles: Iterable[Needle]) -> dict[str, int]:
    return dict(sorted(Counter(each.kind for each in needles).items()))


def told_places(look: Look, folder: Path) -> tuple[str, ...]:
    """Where something was found, in words that do not name it."""
    words = {"id": "an evidence id", "vector": "a vector", "word": "a word"}
    return tuple(f"{path.relative_to(folder)}: {words[at.needle.kind]} at byte {at.offset}" for path, at in look.found)


def _signed_rightly(signed: Signed) -> bool:
    try:
        key, signature = bytes.fromhex(signed.key), bytes.fromhex(signed.signature)
    except ValueError:
        return False
    return ed25519.verifies(key, _encoder.encode(signed.receipt), signature)


def times(hidden_at: int, purged_at: int) -> dict[str, str]:
    """UTC µs → the receipt's two times, ISO 8601."""
    return {"hidden_at": iso(hidden_at), "purged_at": iso(purged_at)}
