"""Request bodies in OpenAI's shape: whatever comes, a question or a failure that names a field."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.http.errors import Unfit
from app.http.openai.faults import fault_json
from app.http.openai.wanted import MODEL, Wanted, wanted_in
from retrieval.errors import WatchfloorError

NOW = 1_772_611_200_000_000
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
ROLE = st.sampled_from(["user", "assistant", "system", "developer", "tool"])
PART = st.sampled_from(
    [
        {"type": "text", "text": "pump"},
        {"type": "image_url", "image_url": {"url": "https://example.com"}},
        {"type": "input_audio"},
        {"type": "refusal", "refusal": "no"},
        {},
    ]
)
MESSAGE = st.fixed_dictionaries({"role": ROLE, "content": st.text(max_size=9) | st.lists(PART, max_size=3) | JSON})


def wanted(**fields: Any) -> Wanted:
    messages = [{"role": "user", "content": "pump"}]
    return wanted_in(json.dumps({"model": MODEL, "messages": messages, **fields}).encode(), NOW, 30.0)


def _read(content: bytes) -> Wanted | None:
    try:
        return wanted_in(content, NOW, 30.0)
    except (Unfit, WatchfloorError) as error:
        json.dumps(fault_json(error))
        return None


@given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_a_question_or_a_failure(content: bytes) -> None:
    assert _read(content) is None


@given(
    st.lists(MESSAGE, max_size=5),
    st.dictionaries(st.sampled_from(["n", "stream", "tools", "stop", "watchfloor"]), JSON),
)
def test_any_messages_are_a_question_or_a_failure(messages: list[Any], more: dict[str, Any]) -> None:
    found = _read(json.dumps({"model": MODEL, **more, "messages": messages}).encode())
    if found is not None:
        assert found.ask.question and messages[-1]["role"] == "user"
        assert all(turn.question for turn in found.ask.before)
        assert "\n" not in ", ".join(found.ignored) and ", ".join(found.ignored).isascii()


def test_defaults() -> None:
    found = wanted()
    assert found == Wanted(found.ask, False, False, ())
    assert (found.ask.question, found.ask.asked_at, found.ask.deadline_s) == ("pump", NOW, 30.0)
    assert found.ask.before == () and found.ask.conversation is None


def test_earlier_turns_are_cut_however_many_messages_a_turn_has() -> None:
    said = [{"role": "user", "content": "q" * 10**6}, *[{"role": "assistant", "content": "a" * 100}] * 20_000]
    (turn,) = wanted(messages=[*said, {"role": "user", "content": "why?"}]).ask.before
    assert len(turn.question) == len(turn.reply) == 10_000


def test_what_is_passed_over_is_named() -> None:
    more = {"temperature": 0, "stop": None, "tools": [], "max_tokens": 5, "num_ctx\r\nx: y": 1}
    assert wanted(**more).ignored == ("max_tokens", "temperature", "unknown fields")


def test_the_newest_turns_are_kept() -> None:
    talk = [{"role": "user" if n % 2 == 0 else "assistant", "content": str(n)} for n in range(101)]
    before = wanted(messages=talk).ask.before
    assert len(before) == 20 and (before[-1].question, before[-1].reply) == ("98", "99")


def test_wrong_times_are_refused() -> None:
    with pytest.raises(WatchfloorError, match="asked_at"):
        wanted(watchfloor={"asked_at": "yesterday"})


def test_every_field_openai_describes_is_known() -> None:
    """Fields of CreateChatCompletionRequest in OpenAI's description of its API, November 2026."""
    described = (
        "messages model metadata top_logprobs temperature top_p user safety_identifier prompt_cache_key service_tier modalities "
        "prompt_cache_retention prompt_cache_options verbosity reasoning_effort max_completion_tokens frequency_penalty "
        "presence_penalty web_search_options response_format audio store moderation stream stop logit_bias logprobs max_tokens n "
        "prediction seed stream_options tools tool_choice parallel_tool_calls function_call functions"
    ).split()
    for name in described:
        try:
            assert "unknown fields" not in wanted(**{name: 1}).ignored
        except Unfit as error:
            assert error.param == name
