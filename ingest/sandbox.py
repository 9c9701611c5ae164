"""Run a decoder in a child process that can crash, hang or eat memory without harm to the one that asked.

    for packet in run("ingest.video.decode:frames", {"path": "…"}, Limits(memory_bytes=2 << 30)): ...

The worker is named "package.module:function". The function takes the decoded arguments (plain msgpack: dict, list, str, int,
bytes…) and yields `bytes` or msgspec Structs; Structs cross as msgpack and `run_as` decodes them again. Nothing is ever
unpickled. The child is a fresh interpreter (no fork of a threaded parent); it imports only what the worker's module imports, it
inherits no environment (so no secrets) and no file handles, and it ends when its parent does. `ingest.warm` keeps such a child for
many small files.

Wire format on the child's stdout, length-prefixed: 4 bytes big-endian length, 1 byte tag, body. Tags: D data, E error
(msgpack [kind, reason]), Z the end. A stream without Z is a death. A child that serves (started with the seconds it waits for an
order) begins each answer with B.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Iterator
from contextlib import closing
from queue import Empty, SimpleQueue
from typing import IO, Any, TypeVar

import msgspec

from retrieval.errors import SourceRejected

HEADER = 5
_MAX_FRAME = 256 << 20
_STDERR_CAP = 1 << 20
T = TypeVar("T")


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What a child may use. `wall_s` counts the seconds the parent waits for it, not those in which the parent is busy.

    `memory_bytes` is the address space (RLIMIT_AS), which is larger than what is resident: the interpreter with av, numpy
    and cv2 takes about 0.4 GB of it. `output_bytes` caps all that comes back together.
    """

    wall_s: float = 600.0
    cpu_s: int = 1800
    memory_bytes: int = 2 << 30
    output_bytes: int = 4 << 30


def run(worker: str, args: Any, limits: Limits | None = None) -> Generator[bytes, None, None]:
    """Yield what the worker yields. Closing the iterator ends the child.

    Raises SourceRejected: kind "timeout" (wall or CPU), "too_large" (memory or output), "unreadable" (it crashed, or the worker
    raised anything but SourceRejected), or the worker's own kind and reason.
    """
    limits = limits or Limits()
    with tempfile.TemporaryFile() as errors:
        child = start(errors)
        try:
            if not give(child, msgspec.msgpack.encode([worker, args, limits])):
                raise death(child, limits, errors)
            yield from replies(Pipe(child, limits), child, limits, errors)
        finally:
            end(child)


def run_as(kind: type[T], worker: str, args: Any, limits: Limits | None = None) -> Generator[T, None, None]:
    """The same, each message decoded as `kind` (a Struct or a tagged union of Structs)."""
    decoder = msgspec.msgpack.Decoder(kind)
    with closing(run(worker, args, limits)) as bodies:
        for body in bodies:
            yield decoder.decode(body)


# --- the parent -----------------------------------------------------------------------------------------------------


def start(errors: IO[bytes], *arguments: str) -> subprocess.Popen[bytes]:
    """A child that waits for its order; `errors` takes what it says of itself."""
    environment = {
        "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry),
        "PYTHONUTF8": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "MALLOC_ARENA_MAX": "2",
    }
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "ingest.sandbox", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        env=environment,
        bufsize=0,
        start_new_session=True,
    )


def end(child: subprocess.Popen[bytes]) -> None:
    """Kill it, whatever it does."""
    child.kill()
    child.wait()
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            pipe.close()


def give(child: subprocess.Popen[bytes], order: bytes) -> bool:
    """Whether the child took the order; it does not when it has ended."""
    assert child.stdin is not None
    try:
        child.stdin.write(len(order).to_bytes(4, "big") + order)
    except BrokenPipeError:
        return False
    return True


def replies(pipe: Pipe, child: subprocess.Popen[bytes], limits: Limits, errors: IO[bytes]) -> Iterator[bytes]:
    """What the child sends until it says that it is done. Raises SourceRejected as `run` does."""
    total = 0
    while True:
        header = pipe.take(HEADER)
        length, tag = int.from_bytes(header[:4], "big"), header[4:]
        total += length
        if length > _MAX_FRAME or total > limits.output_bytes:
            raise SourceRejected("decoding gives more data than is allowed", kind="too_large")
        body = pipe.take(length) if len(header) == HEADER else b""
        if len(header) < HEADER or len(body) < length:
            raise death(child, limits, errors)
        if tag == b"Z":
            return
        if tag == b"E":
            kind, reason = msgspec.msgpack.decode(body, type=tuple[str, str])
            raise SourceRejected(reason, kind=kind)
        yield body


class Pipe:
    """The child's stdout, read with the wall clock running only while we wait."""

    def __init__(self, child: subprocess.Popen[bytes], limits: Limits) -> None:
        assert child.stdout is not None
        self._fd = child.stdout.fileno()
        self._left = limits.wall_s
        self._wall = limits.wall_s
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._fd, selectors.EVENT_READ)

    def take(self, size: int) -> bytes:
        """`size` bytes; fewer when the child has closed its end."""
        parts = bytearray()
        while len(parts) < size:
            began = time.monotonic()
            if not self._selector.select(max(0.0, self._left)):
                raise SourceRejected(f"decoding took longer than {self._wall:g} s", kind="timeout")
            self._left -= time.monotonic() - began
            chunk = os.read(self._fd, min(1 << 20, size - len(parts)))
            if not chunk:
                break
            parts += chunk
        return bytes(parts)


def death(child: subprocess.Popen[bytes], limits: Limits, errors: IO[bytes]) -> SourceRejected:
    """What to say of a child that ended without saying so itself."""
    try:
        code = child.wait(timeout=5)
    except subprocess.TimeoutExpired:
        return SourceRejected("the decoder closed its output and went on running", kind="timeout")
    errors.seek(0)
    tail = errors.read(_STDERR_CAP)
    if code == -signal.SIGXCPU:
        return SourceRejected(f"decoding took more than {limits.cpu_s} s of processor time", kind="timeout")
    if b"bad_alloc" in tail or b"annot allocate memory" in tail or b"MemoryError" in tail or code == -signal.SIGKILL:
        return SourceRejected(f"decoding needs more than {limits.memory_bytes >> 20} MB of memory", kind="too_large")
    name = signal.Signals(-code).name if code < 0 else f"exit {code}"
    return SourceRejected(f"the decoder crashed ({name})", kind="unreadable")


# --- the child ------------------------------------------------------------------------------------------------------


def _main() -> None:
    """Entry of the child: do the one order that comes, or, as a server, each that comes within the seconds it was given."""
    output = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # what a library prints must not land in the stream
    orders = _orders(os.fdopen(os.dup(0), "rb", buffering=0))
    if len(sys.argv) > 1:
        _serve(orders, output, float(sys.argv[1]))
    else:
        _work(orders.get(), output, serving=False)
    os._exit(0)  # skip the clean-up of half-broken libraries


def _serve(orders: SimpleQueue[bytes], output: IO[bytes], idle_s: float) -> None:
    while True:
        try:
            order = orders.get(timeout=idle_s)
        except Empty:
            return
        _send(output, b"B", b"")
        _work(order, output, serving=True)


def _work(order: bytes, output: IO[bytes], serving: bool) -> None:
    """Set the order's limits, run its worker, write what that yields."""
    worker, args, limits = msgspec.msgpack.decode(order, type=tuple[str, Any, Limits])
    _limit(limits, serving)
    try:
        for message in _load(worker)(args):
            _send(output, b"D", message if isinstance(message, bytes) else msgspec.msgpack.encode(message))
        _send(output, b"Z", b"")
    except SourceRejected as error:
        _send(output, b"E", msgspec.msgpack.encode([error.kind, error.reason]))
    except MemoryError:
        reason = f"decoding needs more than {limits.memory_bytes >> 20} MB of memory"
        _send(output, b"E", msgspec.msgpack.encode(["too_large", reason]))
    except Exception as error:  # noqa: BLE001 - the edge of the process
        reason = f"{type(error).__name__}: {error}".splitlines()[0][:300]
        _send(output, b"E", msgspec.msgpack.encode(["unreadable", reason]))


def _exactly(source: IO[bytes], size: int) -> bytes:
    data = b""
    while len(data) < size:
        chunk = source.read(size - len(data))
        if not chunk:
            os._exit(3)
        data += chunk
    return data


def _send(output: IO[bytes], tag: bytes, body: bytes) -> None:
    view = memoryview(len(body).to_bytes(4, "big") + tag + body)
    while view:
        view = view[output.write(view) :]


def _orders(source: IO[bytes]) -> SimpleQueue[bytes]:
    """The orders as they come. This process ends when the parent has gone: its end of our stdin closes then."""
    import threading

    found: SimpleQueue[bytes] = SimpleQueue()

    def wait() -> None:
        while True:
            found.put(_exactly(source, int.from_bytes(_exactly(source, 4), "big")))

    threading.Thread(target=wait, daemon=True).start()
    return found


def _limit(limits: Limits, serving: bool) -> None:
    import resource

    _cap(resource.RLIMIT_AS, limits.memory_bytes)
    _cap(resource.RLIMIT_CORE, 0)
    _cap(resource.RLIMIT_FSIZE, _STDERR_CAP)
    soft = max(1, limits.cpu_s)
    if serving:  # what earlier orders took is not this one's; the next must be able to set its own
        _, ceiling = resource.getrlimit(resource.RLIMIT_CPU)
        _cap(resource.RLIMIT_CPU, int(time.process_time()) + 1 + soft, ceiling)
    else:
        _cap(resource.RLIMIT_CPU, soft, soft + 5)


def _cap(resource_id: int, soft: int, hard: int | None = None) -> None:
    """Lower a limit; never above what the administrator has set."""
    import resource

    _, ceiling = resource.getrlimit(resource_id)
    wanted = hard if hard is not None else soft
    if ceiling != resource.RLIM_INFINITY:
        soft, wanted = min(soft, ceiling), min(wanted, ceiling)
    resource.setrlimit(resource_id, (soft, wanted))


def _load(worker: str) -> Any:
    from importlib import import_module

    module, _, function = worker.partition(":")
    return getattr(import_module(module), function)


if __name__ == "__main__":
    _main()
