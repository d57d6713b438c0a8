"""Requests of the right outline with anything in them: translated or refused, never an exception of ours."""

from __future__ import annotations

import contextlib
import copy
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.chat import JsonObject
from contracts.errors import GatewayError
from gateway.formats.messages import MessagesFormat
from gateway.formats.openai import OpenAIChatFormat
from routing.providers.registry import adapter_for
from tests.upstreams.direct import target_of

KEYS = [
    "type",
    "text",
    "url",
    "data",
    "source",
    "anthropic",
    "google",
    "blocks",
    "chars",
    "name",
    "input",
    "id",
    "parts",
]
PART_KINDS = ["text", "image_url", "file", "input_audio", "refusal", "document", "image", "tool_use", "tool_result"]
values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3),
    max_leaves=6,
)


def some_of(*names: str) -> Any:
    return dict.fromkeys(names, values)


parts = st.fixed_dictionaries(
    {"type": st.sampled_from(PART_KINDS)},
    optional=some_of("text", "image_url", "file", "input_audio", "source", "extra_content", "id", "input", "content"),
)
messages = st.fixed_dictionaries(
    {
        "role": st.sampled_from(["user", "assistant", "tool", "system"]),
        "content": st.text(max_size=3) | st.lists(parts, max_size=3),
    },
    optional={
        "extra_content": st.fixed_dictionaries({"anthropic": values, "google": values}),
        "tool_call_id": st.text(max_size=3),
    },
)
bodies = st.fixed_dictionaries(
    {"messages": st.lists(messages, min_size=1, max_size=3), "max_tokens": st.just(5)},
    optional=some_of("tools", "tool_choice", "response_format", "extra_content", "system", "thinking", "service_tier"),
)


@pytest.mark.parametrize("format_", [OpenAIChatFormat(), MessagesFormat()], ids=["openai", "messages"])
@pytest.mark.parametrize(
    ("kind", "model"), [("anthropic", "claude-opus-4-5"), ("gemini", "gemini-2.5-pro"), ("gemini", "gemini-3-pro")]
)
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(body=bodies)
def test_any_request_is_translated_or_refused(format_: Any, kind: str, model: str, body: JsonObject):
    adapter, target = adapter_for(kind), target_of(kind, model)

    with contextlib.suppress(GatewayError):
        request = format_.parse(copy.deepcopy(body))
        assert isinstance(adapter.unsupported_params(request, target), list)
        assert adapter.build_chat(request, target).method == "POST"
