from __future__ import annotations

import msgspec
import pytest

from contracts.chat import ChatRequest, EmbeddingRequest, JsonSchemaFormat, Message, ResponseFormat, Tool
from contracts.errors import ContextTooLong, UnsupportedParameter
from contracts.events import SkippedTarget
from contracts.specs import Capability, TargetSpec
from routing.engine.capabilities import exclusion, needs_of, refusal
from tests.routing.engine.spec_factory import FaultyAdapter, chat, target


def holding(*parts: dict[str, str]) -> ChatRequest:
    return ChatRequest(messages=[Message(role="user", content=list(parts))])


@pytest.mark.parametrize(
    ("request_", "extra"),
    [
        (chat(), set()),
        (chat(stream=True), {Capability.STREAMING}),
        (chat(tools=[Tool(type="function")]), {Capability.TOOLS}),
        (chat(response_format=ResponseFormat("json_schema", JsonSchemaFormat("x"))), {Capability.JSON_SCHEMA}),
        (chat(response_format=ResponseFormat("json_object")), set()),
        (chat(reasoning_effort="low"), {Capability.REASONING}),
        (chat(reasoning_effort="none"), set()),
        (holding({"type": "image_url"}, {"type": "text"}), {Capability.VISION}),
        (holding({"type": "input_audio"}), {Capability.AUDIO}),
    ],
)
def test_a_request_needs_what_it_uses(request_: ChatRequest, extra: set[Capability]):
    assert needs_of(request_) == {Capability.CHAT} | extra


def test_embeddings_need_their_own_capability():
    assert needs_of(EmbeddingRequest(input="x")) == {Capability.EMBEDDINGS}


def why(request: ChatRequest | EmbeddingRequest, where: TargetSpec, tokens: int = 10) -> str | None:
    return exclusion(request, needs_of(request), where, FaultyAdapter(), tokens)


def test_a_missing_capability_rules_a_target_out():
    assert why(chat(reasoning_effort="low"), target()) == "lacks:reasoning"
    assert why(chat(), target()) is None


def test_a_parameter_that_may_be_dropped_does_not():
    lenient = msgspec.structs.replace(target(), drop_params=frozenset({"reasoning_effort"}))
    assert why(chat(reasoning_effort="low"), lenient) is None


def test_a_window_that_is_surely_too_small_rules_a_target_out():
    model = msgspec.structs.replace(target().model, context_window=1000)
    small = msgspec.structs.replace(target(), model=model)
    assert why(chat(), small, tokens=3000) == "context_window"
    assert why(chat(), small, tokens=1500) is None
    assert why(chat(max_tokens=900), small, tokens=300) == "context_window"


def test_what_the_request_asks_too_much_is_its_own_fault():
    error = refusal([SkippedTarget("a/m", "lacks:vision"), SkippedTarget("b/m", "unsupported:logprobs")])
    assert isinstance(error, UnsupportedParameter)
    assert error.param == "messages"
    assert "a/m" in error.message
    assert "logprobs" in error.message


def test_a_prompt_too_long_for_all_is_told_so():
    assert isinstance(refusal([SkippedTarget("a/m", "context_window")]), ContextTooLong)


def test_a_target_that_is_only_down_is_nobodys_fault():
    assert refusal([SkippedTarget("a/m", "lacks:vision"), SkippedTarget("b/m", "breaker_open")]) is None
