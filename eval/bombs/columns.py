"""Parquet files whose few pages unpack to more than any machine holds (parquet.thrift of the format; thrift's compact protocol)."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any, NamedTuple

# thrift's compact types
_I32, _I64, _BYTES, _LIST, _STRUCT = 5, 6, 8, 9, 12
# parquet's: dictionary and data pages, encodings, physical types, codecs
_DATA, _DICTIONARY = 0, 2
_PLAIN, _RLE, _RLE_DICTIONARY = 0, 3, 8
_INT64, _BYTE_ARRAY, _UTF8 = 2, 6, 0
_BARE, _GZIP = 0, 2
Field = tuple[int, int, Any]


class _Claimed(NamedTuple):
    """What the footer says: `unpacked` is the size of the pages once decompressed."""

    rows: int
    unpacked: int


def parquet_of_a_trillion_rows() -> bytes:
    """One number and a run that says it stands a thousand million times, in a thousand row groups that share the page."""
    dictionary = _page(_DICTIONARY, 1, (7).to_bytes(8, "little"))
    data = _page(_DATA, 10**9, b"\x01" + _varint(10**9 << 1) + b"\0")
    return _file(_INT64, dictionary, data, _BARE, _Claimed(10**9, 100), groups=1000)


def parquet_of_one_great_word() -> bytes:
    """A dictionary of one word, 48 MB of one letter, that stands in each of 200,000 rows; the footer says that it is short."""
    word = b"a" * (48 << 20)
    dictionary = _page(_DICTIONARY, 1, len(word).to_bytes(4, "little") + word, packed=True)
    data = _page(_DATA, 200_000, b"\x01" + _varint(200_000 << 1) + b"\0", packed=True)
    return _file(_BYTE_ARRAY, dictionary, data, _GZIP, _Claimed(200_000, 1000))


def parquet_of_endless_depth() -> bytes:
    """A footer of structs in structs, 100,000 deep."""
    footer = bytes([0x1C]) * 100_000 + bytes(100_001)
    return b"PAR1" + footer + len(footer).to_bytes(4, "little") + b"PAR1"


def _file(kind: int, dictionary: bytes, data: bytes, codec: int, claimed: _Claimed, groups: int = 1) -> bytes:
    """One required column "v"; every row group points at the same two pages."""
    column: list[Field] = [
        (1, _I32, kind), (2, _LIST, (_I32, [_PLAIN, _RLE, _RLE_DICTIONARY])), (3, _LIST, (_BYTES, [b"v"])), (4, _I32, codec),
        (5, _I64, claimed.rows), (6, _I64, claimed.unpacked), (7, _I64, len(dictionary) + len(data)),
        (9, _I64, 4 + len(dictionary)), (11, _I64, 4),
    ]  # fmt: skip
    chunk: list[Field] = [(2, _I64, 4), (3, _STRUCT, column)]
    group: list[Field] = [
        (1, _LIST, (_STRUCT, [chunk])), (2, _I64, claimed.unpacked), (3, _I64, claimed.rows),
    ]  # fmt: skip
    leaf: list[Field] = [(1, _I32, kind), (3, _I32, 0), (4, _BYTES, b"v")]
    if kind == _BYTE_ARRAY:
        leaf.append((6, _I32, _UTF8))
    schema = [[(4, _BYTES, b"schema"), (5, _I32, 1)], leaf]
    footer = _struct(
        [
            (1, _I32, 1), (2, _LIST, (_STRUCT, schema)), (3, _I64, claimed.rows * groups),
            (4, _LIST, (_STRUCT, [group] * groups)),
        ]
    )  # fmt: skip
    return b"PAR1" + dictionary + data + footer + len(footer).to_bytes(4, "little") + b"PAR1"


def _page(kind: int, values: int, body: bytes, packed: bool = False) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    stored = packer.compress(body) + packer.flush() if packed else body
    data = [(1, _I32, values), (2, _I32, _RLE_DICTIONARY), (3, _I32, _RLE), (4, _I32, _RLE)]
    own = (7, _STRUCT, [(1, _I32, values), (2, _I32, _PLAIN)]) if kind == _DICTIONARY else (5, _STRUCT, data)
    return _struct([(1, _I32, kind), (2, _I32, len(body)), (3, _I32, len(stored)), own]) + stored


def _struct(fields: Sequence[Field]) -> bytes:
    made, last = b"", 0
    for number, kind, value in fields:
        made += bytes([(number - last) << 4 | kind]) + _value(kind, value)
        last = number
    return made + b"\0"


def _value(kind: int, value: Any) -> bytes:
    if kind in (_I32, _I64):
        return _varint((value << 1) ^ (value >> 63))
    if kind == _BYTES:
        return _varint(len(value)) + bytes(value)
    if kind == _STRUCT:
        return _struct(value)
    element, values = value
    size = len(values)
    head = bytes([size << 4 | element]) if size < 15 else bytes([0xF0 | element]) + _varint(size)
    return head + b"".join(_value(element, each) for each in values)


def _varint(value: int) -> bytes:
    made = bytearray()
    while value > 127:
        made.append(value & 127 | 128)
        value >>= 7
    return bytes([*made, value])
