"""What providers' own prompt caches save, from their answers as they come over the wire to what a call costs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from contracts.chat import JsonObject, Usage
from contracts.specs import PriceSpec
from gateway.formats.chat_request import chat_request
from routing.engine.cost import cost_nanousd
from routing.providers.registry import adapter_for
from routing.published_prices import price_of
from tests.upstreams.direct import target_of

DOLLAR = 1_000_000_000
"""In nano-USD; prices are a million tokens'."""
PRICE = PriceSpec(input=2 * DOLLAR, output=10 * DOLLAR, cached_input=DOLLAR // 5, cache_write=5 * DOLLAR // 2)

OPENAI: JsonObject = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1_700_000_000,
    "model": "gpt-4o-2024-08-06",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}],
    "usage": {
        "prompt_tokens": 2_006,
        "completion_tokens": 300,
        "total_tokens": 2_306,
        "prompt_tokens_details": {"cached_tokens": 1_920, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    },
}
ANTHROPIC: JsonObject = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-sonnet-4-5-20250929",
    "content": [{"type": "text", "text": "Hi"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {
        "input_tokens": 50,
        "cache_creation_input_tokens": 248,
        "cache_read_input_tokens": 1_800,
        "cache_creation": {"ephemeral_5m_input_tokens": 248, "ephemeral_1h_input_tokens": 0},
        "output_tokens": 503,
    },
}
GEMINI: JsonObject = {
    "candidates": [{"content": {"role": "model", "parts": [{"text": "Hi"}]}, "finishReason": "STOP", "index": 0}],
    "usageMetadata": {
        "promptTokenCount": 2_152,
        "candidatesTokenCount": 100,
        "totalTokenCount": 2_252,
        "cachedContentTokenCount": 2_027,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 2_152}],
        "cacheTokensDetails": [{"modality": "TEXT", "tokenCount": 2_027}],
    },
    "modelVersion": "gemini-2.5-flash",
}
CASES = [
    # (kind, model, answer, plain, cached, written, output)
    ("openai", "gpt-4o", OPENAI, 86, 1_920, 0, 300),
    ("anthropic", "claude-sonnet-4-5", ANTHROPIC, 50, 1_800, 248, 503),
    ("gemini", "gemini-2.5-flash", GEMINI, 125, 2_027, 0, 100),
]


def usage_of(kind: str, model: str, answer: JsonObject) -> Usage:
    request = chat_request({"messages": [{"role": "user", "content": "Hello"}]})
    usage = adapter_for(kind).parse_chat(msgspec.json.encode(answer), request, target_of(kind, model)).usage
    assert usage is not None
    return usage


@pytest.mark.parametrize(("kind", "model", "answer", "plain", "cached", "written", "output"), CASES)
def test_each_kind_of_token_is_paid_at_its_own_price(
    kind: str, model: str, answer: Any, plain: int, cached: int, written: int, output: int
) -> None:
    usage = usage_of(kind, model, answer)
    assert (usage.cached_input_tokens, usage.cache_write_tokens) == (cached, written)
    assert usage.input_tokens == plain + cached + written
    dearer = plain * 2_000 + cached * 200 + written * 2_500 + output * 10_000
    assert cost_nanousd(usage, PRICE) == dearer


@pytest.mark.parametrize(("kind", "model", "answer", "plain", "cached", "written", "output"), CASES)
def test_published_prices_have_the_providers_discount(
    kind: str, model: str, answer: Any, plain: int, cached: int, written: int, output: int
) -> None:
    base_url = "https://api.openai.com/v1" if kind == "openai" else ""
    price = price_of(kind=kind, base_url=base_url, wire_name=model, at=datetime(2026, 6, 1, tzinfo=UTC))
    assert price is not None
    assert price.cached_input is not None
    assert price.cached_input < price.input
    if written:
        assert price.cache_write is not None
        assert price.cache_write > price.input
    usage = usage_of(kind, model, answer)
    uncached = Usage(input_tokens=usage.input_tokens, output_tokens=usage.output_tokens)
    paid, full = cost_nanousd(usage, price), cost_nanousd(uncached, price)
    assert paid is not None
    assert full is not None
    assert paid < full


def test_the_last_chunk_of_a_stream_counts_what_was_read_from_the_cache() -> None:
    request = chat_request({"messages": [{"role": "user", "content": "Hello"}], "stream": True})
    parser = adapter_for("anthropic").open_chat_stream(request, target_of("anthropic", "claude-sonnet-4-5"))
    message = {**ANTHROPIC, "content": [], "stop_reason": None, "usage": {**ANTHROPIC["usage"], "output_tokens": 1}}
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": message},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 503}},
        {"type": "message_stop"},
    ]
    chunks = []
    for event in events:
        chunks += parser.feed(f"event: {event['type']}\ndata: {msgspec.json.encode(event).decode()}\n\n".encode())
    usage = [chunk.usage for chunk in chunks if chunk.usage is not None][-1]
    assert cost_nanousd(usage, PRICE) == 50 * 2_000 + 1_800 * 200 + 248 * 2_500 + 503 * 10_000
