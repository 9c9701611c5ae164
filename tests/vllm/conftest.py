"""The real vLLM server on the CPUs of this machine, with a tiny model whose weights are random: what it says is noise, the rest is real.

Everything here is skipped unless WATCHFLOOR_VLLM_PYTHON names the Python of an environment that scripts/vllm-env has made;
`make test-vllm` makes one and runs this folder. The server's log is out/vllm/server.log.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.http.serve import free_port
from app.model.openai_chat import OpenAIChat
from app.model.probe import Place, Wanted
from app.model.vllm import KEY_VARIABLE, Machine, command_line

VARIABLE = "WATCHFLOOR_VLLM_PYTHON"
KEY = "sk-of-this-test-alone"
CONTEXT, IMAGES, AT_ONCE = 2048, 2, 4
# two cores that others use too took two minutes
_START_S = 500.0
# of a command line for a GPU, what a CPU cannot do
_GPU_ONLY = ("--quantization", "--kv-cache-dtype")
_OFFLINE = {"HF_HUB_OFFLINE": "1", "VLLM_CPU_KVCACHE_SPACE": "1"}


class Server:
    """`vllm serve` with the command line that Watchfloor prints for a GPU, as far as a CPU can follow it, and a key.

    `name` is the model as it is listed, `url` its address up to /v1. At most 4 requests run at once, more wait; 2 pictures a prompt,
    2048 tokens.
    """

    name, key, context, images, at_once = "tiny-vlm", KEY, CONTEXT, IMAGES, AT_ONCE

    def __init__(self, python: Path, log: Path) -> None:
        self.python = python
        self._model, self._log = python.parents[1] / self.name, log
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port("127.0.0.1")
        self.url = f"http://127.0.0.1:{self.port}/v1"
        # making a client for every look would take longer than looking
        self._http = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=30, trust_env=False)

    @property
    def version(self) -> str:
        return str(self._http.get("/version").json()["version"])

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> float:
        """Start it on its port and wait until it has answered a first question; the seconds that took."""
        begun = time.monotonic()
        made = command_line(Machine(24), port=self.port, model=str(self._model), max_images=IMAGES)
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [str(self.python.with_name("vllm")), *_on_cpu(made.words[1:])],
                env=os.environ | made.environment | _OFFLINE | {KEY_VARIABLE: KEY},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._wait(begun + _START_S)
        self._warm()
        return time.monotonic() - begun

    def kill(self) -> None:
        """SIGKILL for all of its processes, as when a machine's memory runs out."""
        self._signal(signal.SIGKILL)

    def stop(self) -> None:
        """End all of its processes: the engine's own may outlive the one that was started."""
        self._http.close()
        if self._process is None:
            return
        self._signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(30)
        self._signal(signal.SIGKILL)

    def metric(self, *names: str) -> float:
        """The sum of some of its metrics over all labels, told at one moment."""
        told = self._http.get("/metrics").text
        values = [re.findall(rf"^vllm:{name}(?:_total)?\{{.*\}} (\S+)$", told, re.M) for name in names]
        assert all(values), f"vLLM does not tell {names}"
        return sum(float(value) for one in values for value in one)

    def busy(self) -> float:
        """Requests that run or wait there."""
        return self.metric("num_requests_running", "num_requests_waiting")

    def until(self, well: Callable[[], bool], seconds: float) -> float:
        """The seconds until it is so; fails after so many."""
        begun = time.monotonic()
        while not well():
            assert time.monotonic() - begun < seconds, f"not within {seconds} s"
            time.sleep(0.01)
        return time.monotonic() - begun

    def chat(self, max_tokens: int = 256, **place: Any) -> OpenAIChat:
        """A client of its own; a slow machine's first probe may take longer than by default."""
        given = {"base_url": self.url, "name": self.name, "api_key": KEY, "probe_s": 30.0} | place
        return OpenAIChat(Place(**given), Wanted(max_images=4), max_tokens)

    def _wait(self, until: float) -> None:
        while True:
            assert self.alive, f"vLLM ended by itself; see {self._log}"
            assert time.monotonic() < until, f"vLLM does not come up; see {self._log}"
            try:
                if self._http.get("/health").status_code == httpx.codes.OK:
                    return
            except httpx.TransportError:
                time.sleep(0.2)

    def _warm(self) -> None:
        """The first grammar and the first picture take seconds longer than those that follow."""
        self.chat(probe_s=120.0).capabilities()

    def _signal(self, number: int) -> None:
        assert self._process is not None
        try:
            os.killpg(self._process.pid, number)
        except ProcessLookupError:
            return
        if number == signal.SIGKILL:
            self._process.wait()


def _on_cpu(words: tuple[str, ...]) -> list[str]:
    """The words without what needs a GPU; of an option given twice, the last counts."""
    kept = list(words)
    for option in _GPU_ONLY:
        at = kept.index(option)
        del kept[at : at + 2]
    smaller = {"--max-model-len": CONTEXT, "--max-num-seqs": AT_ONCE, "--gpu-memory-utilization": 0.3}
    for option, value in smaller.items():
        kept[kept.index(option) + 1] = str(value)
    return [*kept, "--served-model-name", Server.name, "--enforce-eager"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without vLLM its tests are skipped; here, so that most are told in one line a file."""
    if not os.environ.get(VARIABLE):
        why = pytest.mark.skip(reason=f"{VARIABLE} is not set: make test-vllm sets it")
        for item in items:
            if item.get_closest_marker("vllm"):
                item.add_marker(why)


@pytest.fixture(scope="session")
def vllm_python() -> Path:
    """The Python of vLLM's own environment."""
    return Path(os.environ[VARIABLE]).absolute()


@pytest.fixture(scope="session")
def _server(vllm_python: Path, request: pytest.FixtureRequest) -> Iterator[Server]:
    log = request.config.rootpath / "out" / "vllm" / "server.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.unlink(missing_ok=True)
    server = Server(vllm_python, log)
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def server(_server: Server, record_property: Callable[[str, object], None]) -> Server:
    """The one server of the run; started by the first test that asks for it, and anew after one that killed it."""
    if not _server.alive:
        record_property("seconds until vLLM answered", round(_server.start(), 1))
    _server.until(lambda: _server.busy() == 0, 30)
    return _server


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """What was measured, beside what passed."""
    told = [
        (r.nodeid.rpartition("::")[2], *p) for r in terminalreporter.getreports("passed") for p in r.user_properties
    ]
    if told:
        terminalreporter.section("measured on the real vLLM")
    for test, name, value in told:
        terminalreporter.write_line(f"{test}: {name}: {value}")
