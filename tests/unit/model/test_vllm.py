"""The command lines for vLLM: sized for the machine, private, and never of a version with known holes."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from app.cli.main import main
from app.cli.vllm import shell
from app.model.vllm import Machine, below_floor, command_line, private, profile
from retrieval.errors import BadSettings

PAGE = Path(__file__).parents[3] / "app" / "model" / "serving.md"
PROFILES = [
    (Machine(24), "127.0.0.1"),
    (Machine(80), "127.0.0.1"),
    (Machine(80, 4), "127.0.0.1"),
    (Machine(80, 8, 2), "10.0.0.5"),
]


@pytest.mark.parametrize(("machine", "host"), PROFILES)
def test_the_page_shows_what_is_printed(machine: Machine, host: str) -> None:
    assert shell(command_line(machine, host)) in PAGE.read_text(encoding="utf-8").splitlines()


@given(st.builds(Machine, st.integers(24, 300), st.sampled_from((1, 2, 4, 8)), st.integers(1, 4)))
def test_every_line_is_private_and_closed(machine: Machine) -> None:
    words = command_line(machine).words
    given_ = dict(itertools.pairwise(words))
    assert given_["--host"] == "127.0.0.1"
    assert given_["--allowed-media-domains"] == "none.invalid"
    assert json.loads(given_["--limit-mm-per-prompt"]) == {"image": 4, "video": 0}
    assert not {"--enable-prompt-embeds", "--trust-remote-code", "--api-key", "--allowed-local-media-path"} & set(words)
    assert "--enable-prefix-caching" in words and given_["--quantization"] == "fp8"
    assert ("ray" in words) is (machine.machines > 1)
    assert given_.get("--tensor-parallel-size", "1") == str(machine.gpus)
    assert profile(machine).model in words


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "10.1.2.3", "172.16.0.9", "192.168.1.2", "fd00::1", "localhost"])
def test_private_addresses_are_taken(host: str) -> None:
    assert private(host) in (host, "127.0.0.1")


@pytest.mark.parametrize(
    "host",
    [
        "0.0.0.0",
        "::",
        "8.8.8.8",
        "2001:4860:4860::8888",
        "169.254.169.254",
        "fe80::1",
        "example.com",
        "",
        # what ipaddress calls private beside what is
        "255.255.255.255",
        "203.0.113.5",
        "198.18.0.1",
        "240.1.1.1",
        "172.32.0.1",
        "2001:db8::1",
        "::ffff:8.8.8.8",
    ],
)
def test_other_addresses_are_refused(host: str) -> None:
    with pytest.raises(BadSettings):
        command_line(Machine(24), host)


def test_a_key_is_needed_where_others_can_connect_and_never_stands_on_the_line() -> None:
    made = command_line(Machine(24), "10.0.0.5")
    assert "VLLM_API_KEY" in made.environment and "VLLM_API_KEY" not in " ".join(made.words)
    assert "VLLM_API_KEY" not in command_line(Machine(24)).environment


@pytest.mark.parametrize("version", ["0.14.1", "0.32.0", "0.32.0+cpu", "1.0", "0.15.0rc1"])
def test_versions_from_the_floor_on_are_taken(version: str) -> None:
    assert below_floor(version) == ""


@pytest.mark.parametrize("version", ["0.14.0", "0.14.1rc1", "0.9.2", "0.8.3", "", "dev", "v"])
def test_older_and_unreadable_versions_are_refused_with_the_reason(version: str) -> None:
    assert "0.14.1" in below_floor(version)


# num_attention_heads and num_key_value_heads in the models' own config.json
HEADS = {"7B": (28, 4), "32B": (40, 8), "72B": (64, 8)}


@given(st.builds(Machine, st.integers(24, 300), st.integers(1, 16), st.integers(1, 4)))
def test_every_gpu_gets_as_many_heads_as_the_others(machine: Machine) -> None:
    chosen = profile(machine)
    heads, kv_heads = HEADS[chosen.model.split("-")[2]]
    if heads % machine.gpus or kv_heads % machine.gpus:
        with pytest.raises(BadSettings, match=f"over {machine.gpus} GPUs"):
            command_line(machine)
    else:
        assert chosen.model in command_line(machine).words


@pytest.mark.parametrize(("gpus", "able"), [(3, "1, 2, 4, 8"), (7, "1, 2, 4, 8"), (6, "1, 2, 4, 8")])
def test_gpus_that_cannot_share_a_model_are_refused_with_those_that_can(gpus: int, able: str) -> None:
    with pytest.raises(BadSettings, match=f"use {able} of them"):
        command_line(Machine(80, gpus))
    # of another model it is not known
    assert "acme/model" in command_line(Machine(80, gpus), model="acme/model").words


def test_small_machines_are_refused() -> None:
    with pytest.raises(BadSettings, match="too small"):
        command_line(Machine(8))


def test_the_verb_prints_for_people_and_machines() -> None:
    told = CliRunner().invoke(main, ["vllm", "--memory", "80"])
    assert told.exit_code == 0 and told.stdout.splitlines()[-1] == shell(command_line(Machine(80)))
    made = json.loads(CliRunner().invoke(main, ["vllm", "--json"]).stdout)
    assert made["command"][:2] == ["vllm", "serve"] and made["reasons"]
    assert CliRunner().invoke(main, ["vllm", "--host", "0.0.0.0"]).exit_code == 2
