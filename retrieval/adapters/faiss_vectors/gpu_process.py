"""A GPU in a process of its own: what it does there, ending included, leaves the one that asks unharmed.

Both ends of a socket pair speak length-prefixed msgpack: 8 bytes big-endian length, then an Order or a Reply; arrays cross as their bytes.
Nothing is unpickled. The child ends when its parent does, for then its socket does.
"""

from __future__ import annotations

import importlib
import os
import resource
import socket
import subprocess
import sys
import tempfile
import time
from typing import Any, TypeAlias

import msgspec
import numpy as np

from retrieval.adapters.faiss_vectors.gpu import Found, Gpu, GpuBusy, GpuFull, GpuLost, Hello, Positions, told_apart
from retrieval.types import Vector

FAISS = "retrieval.adapters.faiss_vectors.gpu_faiss:shelf"
_ENTRY = "import sys; from retrieval.adapters.faiss_vectors.gpu_process import serve; serve(*sys.argv[1:])"
_LENGTH = 8
# what a search waits for an answer that nobody stands for: longer, and the CPU has answered it
_LEAST_WAIT_S = 0.002
_ENDS_S = 0.5
_TAIL = 4096


class Patience(msgspec.Struct, frozen=True):
    """Seconds until a GPU counts as lost: from its start to its first word, for an answer, and for building an index."""

    start_s: float = 90.0
    answer_s: float = 2.0
    build_s: float = 1800.0


class _Put(msgspec.Struct, frozen=True, tag="put"):
    key: int
    dim: int
    vectors: memoryview


class _Settle(msgspec.Struct, frozen=True, tag="settle"):
    key: int


class _Drop(msgspec.Struct, frozen=True, tag="drop"):
    key: int


class _Search(msgspec.Struct, frozen=True, tag="search"):
    """`bits`: whether `positions` is one bit a row (little-endian) and not int64 numbers: what is shorter."""

    key: int
    dim: int
    queries: bytes
    k: int
    positions: bytes | None
    bits: bool


class _Rows(msgspec.Struct, frozen=True, tag="rows"):
    positions: bytes
    scores: bytes
    count: int


class _Done(msgspec.Struct, frozen=True, tag="done"):
    pass


class _Trouble(msgspec.Struct, frozen=True, tag="trouble"):
    full: bool
    why: str


class _Here(msgspec.Struct, frozen=True, tag="here"):
    hello: Hello


Order: TypeAlias = _Put | _Settle | _Drop | _Search
Reply: TypeAlias = _Rows | _Done | _Trouble | _Here
_ORDER: msgspec.msgpack.Decoder[Order] = msgspec.msgpack.Decoder(Order)
_REPLY: msgspec.msgpack.Decoder[Reply] = msgspec.msgpack.Decoder(Reply)


class GpuProcess:
    """The Gpu protocol over a child, in which `maker` ("module:callable") makes the GPU from `arguments` (plain JSON)."""

    def __init__(
        self, maker: str = FAISS, arguments: dict[str, Any] | None = None, patience: Patience | None = None
    ) -> None:
        self._patience = patience or Patience()
        self._hello: Hello | None = None
        # until when an answer is awaited that nobody waits for
        self._pending: float | None = time.monotonic() + self._patience.start_s
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        self._socket, theirs = socket.socketpair()
        with theirs:
            given = msgspec.json.encode(arguments or {}).decode()
            self._child = subprocess.Popen(
                [sys.executable, "-c", _ENTRY, str(theirs.fileno()), maker, given],
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=self._errors,
                stderr=self._errors,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._child.pid

    def hello(self) -> Hello | None:
        if self._hello is None:
            try:
                self._collect()
            except GpuBusy:
                return None
        return self._hello

    def put(self, key: int, vectors: Vector) -> None:
        rows = np.ascontiguousarray(vectors, np.float32)
        self._ask(_Put(key, rows.shape[1], rows.data.cast("B")))

    def settle(self, key: int) -> None:
        self._collect()
        self._send(_Settle(key))
        self._pending = time.monotonic() + self._patience.build_s

    def drop(self, key: int) -> None:
        self._ask(_Drop(key))

    def search(self, key: int, queries: Vector, k: int, positions: Positions | None = None) -> Found:
        rows = np.ascontiguousarray(queries, np.float32)
        chosen, bits = _packed(positions)
        found = self._ask(_Search(key, rows.shape[1], rows.tobytes(), k, chosen, bits))
        if not isinstance(found, _Rows):
            raise GpuLost(f"its process answers a search with {type(found).__name__}")
        shape = (len(rows), found.count)
        try:
            positions = np.frombuffer(found.positions, np.int64).reshape(shape)
            return Found(positions, np.frombuffer(found.scores, np.float32).reshape(shape))
        except ValueError as error:
            raise GpuLost(f"its process answers with something else than {shape} rows") from error

    def close(self) -> None:
        self._socket.close()
        if self._child.poll() is None:
            self._child.kill()
        self._child.wait()
        self._errors.close()

    def _ask(self, order: Order) -> Reply:
        self._collect()
        self._send(order)
        return self._receive(self._patience.answer_s)

    def _collect(self) -> None:
        """Take the answer that is still to come. Raises GpuBusy while it has not."""
        if self._pending is None:
            return
        try:
            reply = self._receive(_LEAST_WAIT_S, begin=True)
        except TimeoutError:
            if time.monotonic() > self._pending:
                raise GpuLost("it takes too long over what it was asked") from None
            raise GpuBusy("it is starting" if self._hello is None else "it builds an index") from None
        self._pending = None
        if isinstance(reply, _Here):
            self._hello = reply.hello

    def _send(self, order: Order) -> None:
        body = msgspec.msgpack.encode(order)
        self._socket.settimeout(self._patience.answer_s)
        try:
            self._socket.sendall(len(body).to_bytes(_LENGTH, "big"))
            self._socket.sendall(body)
        except OSError as error:
            raise self._death(error) from error

    def _receive(self, within_s: float, begin: bool = False) -> Reply:
        """The next reply. With `begin` a TimeoutError says that none has begun within that time."""
        self._socket.settimeout(within_s)
        try:
            first = self._socket.recv(_LENGTH, socket.MSG_PEEK)
        except TimeoutError as error:
            if begin:
                raise
            raise GpuLost(f"no answer within {within_s:g} s") from error
        except OSError as error:
            raise self._death(error) from error
        self._socket.settimeout(self._patience.answer_s)
        try:
            body = _taken(self._socket) if first else bytearray()
        except OSError as error:
            raise self._death(error) from error
        if not body:
            raise self._death(None)
        try:
            reply = _REPLY.decode(body)
        except msgspec.DecodeError as error:
            raise GpuLost(f"its process says what nobody understands: {error}") from error
        if isinstance(reply, _Trouble):
            raise (GpuFull if reply.full else GpuLost)(reply.why)
        return reply

    def _death(self, error: OSError | None) -> GpuLost:
        """What the child's last words were; faiss writes the CUDA error behind "details:" before it aborts."""
        try:
            ended = f"its process ended ({self._child.wait(timeout=_ENDS_S)})"
        except subprocess.TimeoutExpired:
            ended = f"its process does not answer ({error})" if error else "its process gave up"
        size = self._errors.seek(0, os.SEEK_END)
        self._errors.seek(max(0, size - _TAIL))
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        said = [line.partition("details: ")[2] for line in lines if "details: " in line] or lines[-1:]
        return GpuLost(f"{ended}{': ' + said[-1][-300:] if said else ''}")


def serve(descriptor: str, maker: str, arguments: str) -> None:
    """The child: one order after the other until the parent is gone."""
    # an image of its memory would be gigabytes, and its end as late as they are written
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with socket.socket(fileno=int(descriptor)) as parent:
        module, _, name = maker.partition(":")
        gpu: Gpu = getattr(importlib.import_module(module), name)(**msgspec.json.decode(arguments))
        hello = gpu.hello()
        assert hello is not None, "a GPU that lives in the child has started once it is made"
        reply: Reply = _Here(hello)
        while _told(parent, reply) and (order := _taken(parent)):
            reply = _obeyed(gpu, _ORDER.decode(order))


def _obeyed(gpu: Gpu, order: Order) -> Reply:
    try:
        with told_apart():
            return _done(gpu, order)
    except (GpuFull, GpuLost) as error:
        return _Trouble(isinstance(error, GpuFull), str(error))


def _done(gpu: Gpu, order: Order) -> Reply:
    match order:
        case _Put(key, dim, vectors):
            gpu.put(key, np.frombuffer(vectors, np.float32).reshape(-1, dim))
        case _Settle(key):
            gpu.settle(key)
        case _Drop(key):
            gpu.drop(key)
        case _Search(key, dim, queries, k, positions, bits):
            rows = np.frombuffer(queries, np.float32).reshape(-1, dim)
            found = gpu.search(key, rows, k, _unpacked(positions, bits))
            where, scores = (np.ascontiguousarray(part) for part in found)
            return _Rows(where.astype(np.int64).tobytes(), scores.astype(np.float32).tobytes(), where.shape[1])
    return _Done()


def _told(parent: socket.socket, reply: Reply) -> bool:
    """Whether the parent is still there to hear it."""
    body = msgspec.msgpack.encode(reply)
    try:
        parent.sendall(len(body).to_bytes(_LENGTH, "big") + body)
    except (BrokenPipeError, ConnectionResetError):
        return False
    return True


def _taken(end: socket.socket) -> bytearray:
    """The next message; empty once the other end is closed."""
    length = int.from_bytes(_exactly(end, _LENGTH), "big")
    return _exactly(end, length) if length else bytearray()


def _exactly(end: socket.socket, size: int) -> bytearray:
    """`size` bytes; none at all where the other end closes before."""
    parts = bytearray(size)
    view, at = memoryview(parts), 0
    while at < size:
        got = end.recv_into(view[at:])
        if not got:
            return bytearray()
        at += got
    return parts


def _packed(positions: Positions | None) -> tuple[bytes | None, bool]:
    """Ascending positions as numbers, or as bits where that is shorter."""
    if positions is None:
        return None, False
    top = int(positions[-1]) + 1 if positions.size else 0
    if positions.size * 64 <= top:
        return np.ascontiguousarray(positions, np.int64).tobytes(), False
    mask = np.zeros(top, np.bool_)
    mask[positions] = True
    return np.packbits(mask, bitorder="little").tobytes(), True


def _unpacked(positions: bytes | None, bits: bool) -> Positions | None:
    if positions is None:
        return None
    if not bits:
        return np.frombuffer(positions, np.int64)
    return np.flatnonzero(np.unpackbits(np.frombuffer(positions, np.uint8), bitorder="little"))
