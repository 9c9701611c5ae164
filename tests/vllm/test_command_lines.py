"""The command lines that Watchfloor prints, read by the parser of the installed vLLM; the page on serving says that they were."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest

from app.model.vllm import CommandLine, Machine, below_floor, command_line

pytestmark = pytest.mark.vllm

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "app" / "model" / "serving.md"
MACHINES = [Machine(24), Machine(48), Machine(80), Machine(24, 2), Machine(80, 4), Machine(80, 8), Machine(80, 8, 2)]


def read(vllm_python: Path, lines: list[list[str]]) -> list[dict[str, Any]]:
    """What vLLM's parser makes of the words after `vllm serve`; importing it takes most of a minute on a busy machine."""
    done = subprocess.run(
        [vllm_python, HERE / "parse_lines.py"], input=json.dumps(lines), capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-2000:]
    made: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return made


def made_for(machine: Machine) -> CommandLine:
    return command_line(machine, "10.0.0.5" if machine.machines > 1 else "127.0.0.1")


def test_every_line_means_to_vllm_what_it_means_to_us(vllm_python: Path) -> None:
    lines = [made_for(machine) for machine in MACHINES]
    assert all(line.words[:2] == ("vllm", "serve") for line in lines)
    for machine, line, told in zip(
        MACHINES, lines, read(vllm_python, [list(line.words[2:]) for line in lines]), strict=True
    ):
        given = dict(zip(line.words[2:], line.words[3:], strict=False))
        assert told["model"] == line.words[2] and told["host"] == given["--host"] and told["port"] == 8001
        assert told["quantization"] == told["kv_cache_dtype"] == "fp8" and told["enable_prefix_caching"] is True
        assert (told["max_model_len"], told["max_num_seqs"]) == (
            int(given["--max-model-len"]),
            int(given["--max-num-seqs"]),
        )
        assert told["limit_mm_per_prompt"] == {"image": 4, "video": 0}
        assert (told["backend"], told["terse"], told["generation_config"]) == ("xgrammar", True, "vllm")
        assert (told["tensor_parallel_size"], told["pipeline_parallel_size"]) == (machine.gpus, machine.machines)
        assert told["distributed_executor_backend"] == ("ray" if machine.machines > 1 else None)
        # what must not be open
        assert told["allowed_media_domains"] == ["none.invalid"] and not told["allowed_local_media_path"]
        assert not told["enable_prompt_embeds"] and not told["trust_remote_code"] and not told["api_key"]


def test_the_lines_of_the_page_are_read(vllm_python: Path) -> None:
    shown = re.findall(r"vllm serve (.*)", PAGE.read_text(encoding="utf-8"))
    assert len(shown) == 4
    told = read(vllm_python, [shlex.split(line) for line in shown])
    assert [one["model"].rsplit("-", 2)[1] for one in told] == ["7B", "32B", "72B", "72B"]


def test_the_parser_refuses_what_it_does_not_know(vllm_python: Path) -> None:
    with pytest.raises(AssertionError, match="unrecognized arguments"):
        read(vllm_python, [[*made_for(Machine(24)).words[2:], "--no-such-thing"]])


def test_the_installed_version_is_above_the_floor(vllm_python: Path) -> None:
    """Read as `watchfloor vllm --run` reads it."""
    told = subprocess.run(
        [vllm_python.with_name("vllm"), "--version"], capture_output=True, text=True, timeout=300, check=True
    )
    assert below_floor(told.stdout.split()[-1]) == ""
