"""Writes small ONNX files: constants that may grow with the brightest value of the input. ONNX is protobuf; onnx.proto has the numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
_FLOAT, _INT, _INTS = 1, 2, 7


def write(
    path: Path, size: tuple[int | str, int, int], outputs: Sequence[tuple[Array, Array]], **metadata: str
) -> Path:
    """A model of one input (n, 3, h, w) and, for each (fixed, grows) of shape (a, b), one output (n, a, b) = fixed + grows × the
    picture's greatest value. `size` is (n or its name, h, w)."""
    nodes = [
        _node("ReduceMax", ["x"], ["top"], {"axes": [1, 2, 3], "keepdims": 1}),
        _node("Squeeze", ["top"], ["m"], {"axes": [1]}),
    ]
    tensors, made = [], []
    for at, (fixed, grows) in enumerate(outputs):
        nodes += [_node("Mul", [f"g{at}", "m"], [f"p{at}"]), _node("Add", [f"f{at}", f"p{at}"], [f"out{at}"])]
        tensors += [_tensor(f"f{at}", fixed[None]), _tensor(f"g{at}", grows[None])]
        made.append(_value(f"out{at}", (size[0], *fixed.shape)))
    graph = b"".join(
        [*(_bytes(1, node) for node in nodes), _bytes(2, b"g"), *(_bytes(5, tensor) for tensor in tensors),
         _bytes(11, _value("x", (size[0], 3, size[1], size[2]))), *(_bytes(12, value) for value in made)]
    )  # fmt: skip
    told = b"".join(_bytes(14, _bytes(1, key.encode()) + _bytes(2, value.encode())) for key, value in metadata.items())
    path.write_bytes(_number(1, 6) + _bytes(7, graph) + _bytes(8, _bytes(1, b"") + _number(2, 11)) + told)
    return path


def _node(kind: str, inputs: Sequence[str], outputs: Sequence[str], given: Mapping[str, int | list[int]] = {}) -> bytes:
    attributes = [_bytes(5, _attribute(name, value)) for name, value in given.items()]
    named = [*(_bytes(1, each.encode()) for each in inputs), *(_bytes(2, each.encode()) for each in outputs)]
    return b"".join([*named, _bytes(4, kind.encode()), *attributes])


def _attribute(name: str, value: int | list[int]) -> bytes:
    if isinstance(value, int):
        return _bytes(1, name.encode()) + _number(3, value) + _number(20, _INT)
    return _bytes(1, name.encode()) + b"".join(_number(8, each) for each in value) + _number(20, _INTS)


def _tensor(name: str, values: Array) -> bytes:
    dims = b"".join(_number(1, side) for side in values.shape)
    return dims + _number(2, _FLOAT) + _bytes(8, name.encode()) + _bytes(9, values.astype("<f4").tobytes())


def _value(name: str, shape: Sequence[int | str]) -> bytes:
    dims = [_number(1, side) if isinstance(side, int) else _bytes(2, side.encode()) for side in shape]
    tensor = _number(1, _FLOAT) + _bytes(2, b"".join(_bytes(1, dim) for dim in dims))
    return _bytes(1, name.encode()) + _bytes(2, _bytes(1, tensor))


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    made = bytearray()
    while value > 0x7F:
        made.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*made, value])
