"""The process that serves: granian in this process, one worker, on loopback only.

While it runs, `<data_dir>/serve.json` (readable by its owner alone) tells the command line where it is and carries the
token for ingesting files of this machine.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import ipaddress
import os
import secrets
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import psutil

from retrieval.errors import BadSettings, StoreBusy

if TYPE_CHECKING:
    from litestar import Litestar

    from app.settings import Settings

SERVE_FILE = "serve.json"
# new objects that may stand before the young are looked through, and how many such rounds before the older ones, and all, are
_COLLECT = (20_000, 20, 50)
# threads beyond those that the budget lets through, to refuse the others in
_SPARE_WORKERS = 8


class Serving(msgspec.Struct, frozen=True):
    """What serve.json holds. `started` (seconds since 1970) tells the process from a later one with the same number."""

    pid: int
    started: float
    url: str
    instance: str
    token: str


def loopback(host: str) -> str:
    """The address to bind. Raises BadSettings for anything but this machine's own."""
    address = "127.0.0.1" if host == "localhost" else host
    try:
        allowed = ipaddress.ip_address(address).is_loopback
    except ValueError:
        allowed = False
    if not allowed:
        raise BadSettings(
            f"refusing to listen on {host}; access control is not configured, so only this machine may connect; "
            "use 127.0.0.1"
        )
    return address


def free_port(host: str, port: int = 0) -> int:
    """The port if it can be bound, or any free one for 0. Raises BadSettings when it is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise BadSettings(
                f"port {port} on {host} cannot be used ({error.strerror}); choose another --port"
            ) from error
        return int(probe.getsockname()[1])


class Listener:
    """A granian server for one application, in the running event loop."""

    def __init__(self, app: Litestar, host: str, port: int) -> None:
        from granian.constants import Interfaces
        from granian.log import LogLevels
        from granian.server.embed import Server

        self._address = (host, port)
        self._app = app
        self._server: Any = Server(
            app, address=host, port=port, interface=Interfaces.ASGI, websockets=False, log_level=LogLevels.error
        )
        self._loop: asyncio.AbstractEventLoop | None = None

    async def serve(self) -> None:
        """Serve until stopped."""
        self._loop = asyncio.get_running_loop()
        await self._server.serve()

    def stop(self) -> None:
        """End serving; safe from any thread and from a signal handler. Questions under way are told to end."""
        from app.http.context import context_in

        # granian waits for the requests under way before the application's own shutdown begins
        context_in(self._app).workers.dismiss()
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._server.stop)

    def listening(self) -> bool:
        """Whether a connection is taken now."""
        with contextlib.suppress(OSError), socket.create_connection(self._address, timeout=1):
            return True
        return False

    def wait(self, seconds: float) -> None:
        """Wait until connections are taken. Raises TimeoutError."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.listening():
                return
            time.sleep(0.02)
        raise TimeoutError(f"nothing listens on {self._address}")


def serve_file(instance: str) -> str:
    """The name of its file, for a server that shares its data directory with others."""
    return SERVE_FILE if instance == "local" else f"serve-{instance}.json"


def read_serving(data_dir: Path, instance: str = "local") -> Serving | None:
    """serve.json, when there is one and its process lives."""
    try:
        found = msgspec.json.decode((data_dir / serve_file(instance)).read_bytes(), type=Serving)
        alive = psutil.Process(found.pid).create_time() == found.started
    except (FileNotFoundError, msgspec.DecodeError, psutil.NoSuchProcess):
        return None
    return found if alive else None


@contextmanager
def announced(data_dir: Path, url: str, instance: str = "local") -> Iterator[Serving]:
    """Write serve.json, and remove it at the end. Raises StoreBusy when another server announces itself there."""
    other = read_serving(data_dir, instance)
    if other is not None and other.pid != os.getpid():
        raise StoreBusy(f"a server already runs on {data_dir} (process {other.pid}, {other.url}); stop it first")
    data_dir.mkdir(parents=True, exist_ok=True)
    serving = Serving(os.getpid(), psutil.Process().create_time(), url, secrets.token_hex(8), secrets.token_urlsafe(32))
    path, fresh = data_dir / serve_file(instance), data_dir / f".{SERVE_FILE}.{os.getpid()}"
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.encode(serving))
    fresh.replace(path)
    try:
        yield serving
    finally:
        path.unlink(missing_ok=True)


def run(settings: Settings, host: str | None, port: int | None, announce: Callable[[dict[str, Any]], None]) -> None:
    """Serve until SIGTERM or SIGINT; `announce` is told {"url", "pid"} when it begins.

    Raises BadSettings for an address that is not loopback or a port that is taken, StoreBusy when a server runs already.
    """
    address = loopback(host or settings.host)
    chosen = free_port(address, settings.port if port is None else port)
    url = f"http://[{address}]:{chosen}" if ":" in address else f"http://{address}:{chosen}"
    with announced(settings.data_dir, url, settings.instance) as serving:
        from app.wiring import build

        one_blas_thread()
        collect_rarely()
        service = build(settings)
        try:
            app = _application(settings, service, serving)
            asyncio.run(_serve(Listener(app, address, chosen), lambda: announce({"url": url, "pid": serving.pid})))
        finally:
            service.close()


def one_blas_thread() -> None:
    """Keep numpy's products on the thread that asks for them.

    Those of one question are small: more threads end none of them sooner, and while they wait for one another they spin on
    the cores that other questions need (measured: twice the processor time a question).
    """
    import numpy  # noqa: F401 - only what is loaded can be limited
    from threadpoolctl import threadpool_limits

    threadpool_limits(1, user_api="blas")


def collect_rarely() -> None:
    """Look for garbage in cycles less often, and never again among what has been loaded so far.

    Nearly everything a question makes goes when its last reference does. Python's own thresholds suit a small program: here a full
    search through what lives as long as the process held every thread up for 0.1 to 0.6 s, and found nothing (measured).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECT)


async def _serve(listener: Listener, announce: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, listener.stop)
    serving = asyncio.create_task(listener.serve())
    while not serving.done() and not await asyncio.to_thread(listener.listening):
        await asyncio.sleep(0.02)
    if not serving.done():
        announce()
    await serving


def _application(settings: Settings, service: Any, serving: Serving) -> Litestar:
    from app.http.app import create_app
    from app.http.context import Options
    from app.http.governance import governing
    from app.http.indexes import keeping_well
    from app.http.jobs import working_off
    from app.http.quality import watching_over
    from app.principals import local_principal
    from app.slack.mount import mounted

    handlers, lifespan = mounted(settings, service, serving.url)
    options = Options(
        data_dir=settings.data_dir,
        max_upload_bytes=settings.limits.upload_mb * 2**20,
        deadline_s=settings.limits.deadline_s,
        token=serving.token,
        instance=serving.instance,
        handlers=handlers,
        lifespan=[*lifespan, working_off(service), watching_over(service), governing(service), keeping_well(service)],
        workers=settings.limits.total_asks + _SPARE_WORKERS,
    )
    return create_app(service, local_principal(settings), options)
