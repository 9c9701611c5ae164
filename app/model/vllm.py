"""Command lines that serve a vision-language model with vLLM, and what makes one safe.

The flags were checked against the argument parser of vLLM 0.32.0 (tests/vllm). Sizes are sums of weights and caches as serving.md gives
them; the lines for GPUs have not been run on one.
"""

from __future__ import annotations

import ipaddress
import json
from typing import NamedTuple

from packaging.version import InvalidVersion, Version

from retrieval.errors import BadSettings

# below it: CVE-2025-62164 and CVE-2026-24779, CVE-2026-22778 (all fixed by 0.14.1)
FLOOR = Version("0.14.1")
_HOLES = "CVE-2025-62164, CVE-2026-22778 and CVE-2026-24779"
# an empty list would allow every domain; this name belongs to nobody (RFC 6761), and we send pictures as bytes
_NO_DOMAIN = "none.invalid"
KEY_VARIABLE = "VLLM_API_KEY"
# loopback (RFC 1122, RFC 4291), RFC 1918 and RFC 4193; ipaddress's is_private holds benchmark and documentation nets too
_PRIVATE = tuple(
    map(ipaddress.ip_network, ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1/128", "fc00::/7"))
)
_SMALL, _LARGE = 24, 80


class Machine(NamedTuple):
    """What serves: GPUs a machine and their memory in GB, and how many machines."""

    memory_gb: int
    gpus: int = 1
    machines: int = 1


class Profile(NamedTuple):
    """A model with the sizes that fit a machine: longest prompt and reply in tokens, questions at once, and why.

    `heads` and `kv_heads` are its attention heads (num_attention_heads, num_key_value_heads of its config.json).
    """

    model: str
    context: int
    at_once: int
    heads: int
    kv_heads: int
    why: str

    @property
    def splits(self) -> tuple[int, ...]:
        """The GPUs its layers can be split over: tensor parallelism gives each the same number of heads of both kinds."""
        return tuple(n for n in range(1, self.kv_heads + 1) if self.heads % n == 0 and self.kv_heads % n == 0)


class CommandLine(NamedTuple):
    """What to run, what to set in its environment, and why each part is there."""

    words: tuple[str, ...]
    environment: dict[str, str]
    reasons: tuple[str, ...]


def profile(machine: Machine) -> Profile:
    """The largest model of the Qwen2.5-VL family that fits with FP8 weights. Raises BadSettings where none does."""
    if machine.memory_gb < _SMALL:
        raise BadSettings(f"a GPU of {machine.memory_gb} GB is too small; the smallest profile needs {_SMALL} GB")
    total = machine.memory_gb * machine.gpus * machine.machines
    if total >= 2 * _LARGE:
        why = "72B parameters, 73 GB of weights in FP8, split over the GPUs; the rest is cache"
        return Profile("Qwen/Qwen2.5-VL-72B-Instruct", 32768, 64, 64, 8, why)
    if total >= 2 * _SMALL:
        why = "33B parameters, 34 GB of weights in FP8; the rest is cache"
        return Profile("Qwen/Qwen2.5-VL-32B-Instruct", 32768 if total >= _LARGE else 8192, 32, 40, 8, why)
    why = "8.3B parameters, 9 GB of weights in FP8; 16384 tokens for each of 16 questions fit beside them"
    return Profile("Qwen/Qwen2.5-VL-7B-Instruct", 16384, 16, 28, 4, why)


def command_line(
    machine: Machine, host: str = "127.0.0.1", port: int = 8001, model: str | None = None, max_images: int = 4
) -> CommandLine:
    """`vllm serve …` for a machine. `model` names another than the one that fits; whether it can be split is then not known.

    Raises BadSettings for an address that is not private, a machine too small, or GPUs that the model cannot be split over.
    """
    chosen = profile(machine)
    if model is None and machine.gpus not in chosen.splits:
        able = ", ".join(map(str, chosen.splits))
        raise BadSettings(
            f"{chosen.model} cannot be split over {machine.gpus} GPUs; use {able} of them in each machine"
        )
    words = ["vllm", "serve", model or chosen.model, "--host", private(host), "--port", str(port)]
    words += ["--quantization", "fp8", "--kv-cache-dtype", "fp8", "--enable-prefix-caching"]
    words += ["--max-model-len", str(chosen.context), "--max-num-seqs", str(chosen.at_once)]
    words += ["--gpu-memory-utilization", "0.90", "--generation-config", "vllm"]
    words += ["--limit-mm-per-prompt", json.dumps({"image": max_images, "video": 0})]
    words += ["--structured-outputs-config", json.dumps({"backend": "xgrammar", "disable_any_whitespace": True})]
    words += ["--allowed-media-domains", _NO_DOMAIN, *_spread(machine)]
    return CommandLine(tuple(words), _environment(host), _reasons(chosen, machine, host))


def private(host: str) -> str:
    """The address itself. Raises BadSettings unless it is loopback, RFC 1918, or an IPv6 unique local address."""
    try:
        address = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
    except ValueError as error:
        raise BadSettings(f"{host} is no address; give the private address that vLLM shall listen on") from error
    if not any(address in network for network in _PRIVATE):
        raise BadSettings(f"{host} is not a private address; vLLM has no business on any other")
    return str(address)


def below_floor(version: str) -> str:
    """Why a vLLM of this version must not be used; "" when it may. A version that cannot be read is refused too."""
    try:
        found = Version(version)
    except InvalidVersion:
        return f"vLLM tells no version that can be read; at least {FLOOR} is needed"
    return f"vLLM {found} has known holes ({_HOLES}); upgrade to {FLOOR} or later" if found < FLOOR else ""


def _spread(machine: Machine) -> list[str]:
    """Tensor parallel inside a machine; pipeline parallel over Ray between machines, where the links are slower."""
    words = ["--tensor-parallel-size", str(machine.gpus)] if machine.gpus > 1 else []
    if machine.machines > 1:
        words += ["--pipeline-parallel-size", str(machine.machines), "--distributed-executor-backend", "ray"]
    return words


def _environment(host: str) -> dict[str, str]:
    given = {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}
    loopback = ipaddress.ip_address(private(host)).is_loopback
    # on the command line every user of the machine could read it
    return given if loopback else given | {KEY_VARIABLE: f"${{{KEY_VARIABLE}:?set a key first}}"}


def _reasons(chosen: Profile, machine: Machine, host: str) -> tuple[str, ...]:
    lines = [
        f"{chosen.model}: {chosen.why}",
        "prefix caching: rules and evidence come first in every prompt, so that follow-ups cost less",
        "pictures are sent as bytes; no domain may be fetched from, no video is taken, prompt embeddings stay off",
        f"vLLM below {FLOOR} is refused: {_HOLES}",
    ]
    if machine.machines > 1:
        lines.append(
            "start Ray on every machine first (ray start); run this on the head; keep Ray's ports on the private net"
        )
    if not ipaddress.ip_address(private(host)).is_loopback:
        lines.append(f"others can reach {host}: {KEY_VARIABLE} must be set, and WATCHFLOOR_MODEL__API_KEY to the same")
    return tuple(lines)
